//! `studioconnect load nodes`: several nodes with calls on them, of which one dies, all are restarted one after the other, or
//! the database stops answering. Does every call go on, how soon, and with all that its caller had told?
//!
//! The nodes are processes of the program itself on one PostgreSQL (and one Redis, when `redis.url` is set), behind a
//! load balancer of this process, which also plays the callers and the speech-to-speech model.

mod calls;
mod freeze;
mod kill;
mod node;
mod records;
mod restart;
mod stage;

use std::time::Duration;

use serde::Serialize;

use crate::cli::{LoadNodes, NodesFault};
use crate::config::Config;
use crate::exit::Exit;

/// Runs it and prints a table.
///
/// # Errors
/// When nodes can't be started, or calls don't come about.
pub(super) async fn run(
    config: &Config,
    options: &LoadNodes,
    flags: &[(String, String)],
) -> anyhow::Result<Exit> {
    let stage = stage::Stage::open(config, options, flags).await?;
    let outcome = match options.fault {
        NodesFault::Kill => kill::run(&stage, options).await,
        NodesFault::Freeze => freeze::run(&stage, options).await,
        NodesFault::Restart => restart::run(&stage, options).await,
    };
    let stopped = stage.close().await;
    let exit = outcome?;
    stopped.map(|()| exit)
}

/// Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Times {
    count: usize,
    p50_ms: u64,
    p99_ms: u64,
    max_ms: u64,
}

impl Times {
    fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<u64> =
            times.into_iter().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).collect();
        sorted.sort_unstable();
        let part = |percent: usize| {
            let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(at).copied().unwrap_or(0)
        };
        Self { count: sorted.len(), p50_ms: part(50), p99_ms: part(99), max_ms: part(100) }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.count == 0 {
            return f.write_str("none");
        }
        write!(f, "p50 {}  p99 {}  max {} ms  ({} values)", self.p50_ms, self.p99_ms, self.max_ms, self.count)
    }
}

/// A line of a table.
fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    use std::fmt::Write as _;
    // Writing to a string does not fail.
    let _written = writeln!(text, "{name:34} {value}");
}

/// The complaints, the same ones once with their number.
fn complaints(text: &mut String, complaints: &[String]) {
    let mut counted: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for complaint in complaints {
        *counted.entry(complaint).or_default() += 1;
    }
    for (complaint, count) in counted {
        line(text, "NOT AS IT MUST BE", format!("{count} x {complaint}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_hundred_is_the_maximum_and_not_the_99th() {
        let times = Times::of((1..=100).map(Duration::from_millis));
        assert_eq!((times.p50_ms, times.p99_ms, times.max_ms), (50, 99, 100));
        assert_eq!(Times::of([]).to_string(), "none");
    }
}
