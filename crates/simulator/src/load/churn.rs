//! Churn: short calls without end, of which some end badly, while somebody looks whether anything is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::Board;
use super::person::Talk;
use super::phone::{Door, Ended, Farewell, NoStream};
use super::process::Sample;

/// A stream that never begins is held open for so long, unless the server closes it before.
const NEVER_BEGINS: Duration = Duration::from_secs(15);
/// Pause of a line after a call that could not be placed.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// What is to be done.
pub struct Plan {
    /// Calls at once.
    pub calls: u32,
    /// How long a call lasts on average; each lasts between half and three halves of it.
    pub call: Duration,
    /// How long the caller speaks in a turn, in milliseconds.
    pub talk_ms: u64,
    /// How long new calls are placed.
    pub lasts: Duration,
    /// Decides who ends how.
    pub seed: u64,
    /// The way to what is under load.
    pub door: Door,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Hangs up, in mid-sentence as often as not.
    HangsUp,
    /// The connection is dropped.
    IsCut,
    /// The stream is opened and never begun.
    NeverBegins,
    /// The TwiML is fetched and the stream never opened.
    NeverConnects,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub struct Counts {
    placed: AtomicU64,
    hung_up: AtomicU64,
    cut: AtomicU64,
    never_begun: AtomicU64,
    never_connected: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// The same, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Calls placed.
    pub placed: u64,
    /// Ended by hanging up.
    pub hung_up: u64,
    /// Ended by a dropped connection.
    pub cut: u64,
    /// Streams that never began.
    pub never_begun: u64,
    /// Streams that were never opened.
    pub never_connected: u64,
    /// Calls answered with something else than a stream.
    pub refused: u64,
    /// Calls that failed.
    pub failed: u64,
}

impl Counts {
    /// How many by now.
    #[must_use]
    pub fn now(&self) -> Counted {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            placed: load(&self.placed),
            hung_up: load(&self.hung_up),
            cut: load(&self.cut),
            never_begun: load(&self.never_begun),
            never_connected: load(&self.never_connected),
            refused: load(&self.refused),
            failed: load(&self.failed),
        }
    }
}

/// Places calls until the time is over, then waits for the last ones.
pub async fn run(plan: &Plan, board: &Arc<Board>, counts: &Arc<Counts>) {
    let until = Instant::now() + plan.lasts;
    let tasks = TaskTracker::new();
    let apart = plan.call / plan.calls.max(1);
    for line in 0..plan.calls {
        let (door, board, counts) = (plan.door.clone(), Arc::clone(board), Arc::clone(counts));
        let (call, talk_ms, calls) = (plan.call, plan.talk_ms, plan.calls);
        let mut random = StdRng::seed_from_u64(plan.seed.wrapping_add(u64::from(line)));
        tasks.spawn(async move {
            // Spread, so that there is no wave.
            tokio::time::sleep(apart * line).await;
            let mut number = line;
            while Instant::now() < until {
                let fate = match random.random_range(0..100) {
                    0..75 => Fate::HangsUp,
                    75..87 => Fate::IsCut,
                    87..94 => Fate::NeverBegins,
                    _ => Fate::NeverConnects,
                };
                let lasts = call.mul_f64(random.random_range(0.5..1.5));
                one(number, fate, lasts, talk_ms, &door, &board, &counts).await;
                number = number.wrapping_add(calls);
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn one(
    number: u32,
    fate: Fate,
    lasts: Duration,
    talk_ms: u64,
    door: &Door,
    board: &Arc<Board>,
    counts: &Counts,
) {
    let add = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
    add(&counts.placed);
    if fate == Fate::NeverConnects && door.announce(number, board).await.is_ok() {
        add(&counts.never_connected);
        return tokio::time::sleep(lasts / 4).await;
    }
    let mut placed = match door.open(number, board).await {
        Ok(placed) => placed,
        Err(error) => {
            tracing::debug!(%error, "a call was not placed");
            add(if matches!(error, NoStream::Refused(_)) { &counts.refused } else { &counts.failed });
            return tokio::time::sleep(AFTER_FAILURE).await;
        }
    };
    if fate == Fate::NeverBegins {
        add(&counts.never_begun);
        let waits = async { while let Some(Ok(_)) = placed.socket.next().await {} };
        let _held = tokio::time::timeout(NEVER_BEGINS, waits).await;
        return;
    }
    if let Err(error) = placed.begin().await {
        tracing::debug!(error, "a stream could not be begun");
        add(&counts.failed);
        return;
    }
    let until = CancellationToken::new();
    let farewell = if fate == Fate::IsCut { Farewell::Drop } else { Farewell::HangUp };
    let ends = async {
        tokio::time::sleep(lasts).await;
        until.cancel();
        // The call says goodbye now, and ends both.
        std::future::pending::<()>().await;
    };
    let (ended, fields) = tokio::select! {
        ended = placed.talk(number, Talk { ms: talk_ms, interrupts_after_ms: None }, board, &until, farewell) => ended,
        () = ends => return,
    };
    match ended {
        Ended::AsPlanned if fate == Fate::IsCut => add(&counts.cut),
        Ended::AsPlanned => add(&counts.hung_up),
        Ended::ByServer | Ended::Broken(_) => {
            tracing::debug!(?ended, "a stream did not end as planned");
            add(&counts.failed)
        }
    };
    if let Err(error) = door.report_end(&fields).await {
        tracing::debug!(%error, "the end of a call was not taken");
        add(&counts.failed);
    }
}

/// A process at a moment of the churn, with what it says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Seconds since the beginning.
    pub at_s: u64,
    /// The process.
    pub process: Sample,
    /// Figures of the server's own, by name: calls, sockets, tasks.
    pub own: std::collections::BTreeMap<String, f64>,
    /// Calls placed by then.
    pub placed: u64,
}

/// Whether a series rises: the slope of the straight line through it, in units of a minute.
#[must_use]
pub fn slope_per_minute(series: &[(u64, f64)]) -> f64 {
    let count = series.len() as f64;
    if series.len() < 2 {
        return 0.0;
    }
    let mean_at = series.iter().map(|(at, _)| *at as f64).sum::<f64>() / count;
    let mean = series.iter().map(|(_, value)| value).sum::<f64>() / count;
    let (mut over, mut under) = (0.0, 0.0);
    for (at, value) in series {
        let away = *at as f64 - mean_at;
        over += away * (value - mean);
        under += away * away;
    }
    if under == 0.0 { 0.0 } else { over / under * 60.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_told_in_minutes() {
        let rising: Vec<(u64, f64)> = (0..30).map(|step| (step * 10, 100.0 + step as f64)).collect();
        assert!((slope_per_minute(&rising) - 6.0).abs() < 1e-9);
        let flat: Vec<(u64, f64)> = (0..30).map(|step| (step * 10, 100.0 + (step % 2) as f64)).collect();
        assert!(slope_per_minute(&flat).abs() < 0.1);
        assert!(slope_per_minute(&[]).abs() < 1e-9);
    }
}
