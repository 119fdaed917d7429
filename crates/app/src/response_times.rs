//! How long callers of this node wait for a model's answers, for whoever looks at its health.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Of how many answers the average mostly tells.
const ANSWERS: f64 = 100.0;

/// A moving average: the latest answers count most, and none has to be remembered.
#[derive(Debug, Default)]
pub(crate) struct ResponseTimes(Mutex<Option<(f64, f64)>>);

impl ResponseTimes {
    /// Notes an answer, from the caller's last word to the agent's first sound.
    pub(crate) fn note(&self, took: Duration) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (average_ms, answers) = kept.unwrap_or_default();
        let answers = (answers + 1.0).min(ANSWERS);
        let took_ms = took.as_secs_f64() * 1e3;
        *kept = Some((average_ms + (took_ms - average_ms) / answers, answers));
    }

    /// The average; `None` before the first answer.
    pub(crate) fn average(&self) -> Option<Duration> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.map(|(average_ms, _)| Duration::from_secs_f64(average_ms / 1e3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_what_callers_wait_for_now() {
        let times = ResponseTimes::default();
        assert_eq!(times.average(), None);
        times.note(Duration::from_millis(400));
        times.note(Duration::from_millis(600));
        assert_eq!(times.average(), Some(Duration::from_millis(500)));
        for _ in 0..1_000 {
            times.note(Duration::from_millis(1_000));
        }
        let average = times.average().expect("answers").as_millis();
        assert!((990..=1_000).contains(&average), "{average}");
    }
}
