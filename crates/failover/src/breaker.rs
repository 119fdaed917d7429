//! A circuit breaker: what failed rests, then one request probes it.
//!
//! One failure is enough, because somebody waits on the telephone and another provider stands ready. It is written
//! here and not taken from a library because the rest depends on the failure (a rate limit says how long, a wrong key
//! is not mended by waiting) and because its time must be tokio's, which tests can pause.

use std::time::Duration;

use provider_traits::error::ProviderError;
use tokio::time::Instant;

use crate::settings::ChainSettings;

/// The state of a circuit, as told to operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Circuit {
    /// Requests go through.
    Closed,
    /// It rests after a failure.
    Open {
        /// How much longer.
        for_another: Duration,
        /// What failed, in plain words.
        cause: String,
        /// Whether the provider refuses us, which only a person can mend.
        is_refused: bool,
    },
    /// Its rest is over: one request tries it.
    Probing,
}

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures_in_a_row: u32,
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Rest {
    until: Instant,
    cause: String,
    is_refused: bool,
    /// One request is trying it now; others pass it over until then.
    is_probed: bool,
}

impl Breaker {
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.rest.as_ref().is_some_and(|rest| now < rest.until)
    }

    /// A request begins. When the rest is over it is a probe: others keep away until it is over or the rest has passed
    /// once more. One that begins earlier, because nobody else is left, changes nothing unless it succeeds or fails.
    pub(crate) fn begin(&mut self, settings: &ChainSettings, now: Instant) {
        if let Some(rest) = self.rest.as_mut().filter(|rest| now >= rest.until) {
            rest.is_probed = true;
            rest.until = now + settings.rest;
        }
    }

    pub(crate) fn worked(&mut self) {
        *self = Self::default();
    }

    /// The request ended without a verdict: the next one may try.
    pub(crate) fn undecided(&mut self, now: Instant) {
        if let Some(rest) = self.rest.as_mut().filter(|rest| rest.is_probed) {
            rest.is_probed = false;
            rest.until = now;
        }
    }

    pub(crate) fn failed(&mut self, error: &ProviderError, settings: &ChainSettings, now: Instant) {
        let usual = settings.rest * (1 << self.failures_in_a_row.min(3));
        let rest = match error {
            // It answered, and sensibly: what we asked was wrong, not the provider.
            ProviderError::Invalid { .. } => return self.worked(),
            ProviderError::RateLimited { retry_after: Some(after), .. } => *after,
            ProviderError::Refused { .. } => settings.rest_refused,
            _ => usual,
        };
        self.failures_in_a_row += 1;
        self.rest = Some(Rest {
            until: now + rest,
            cause: error.to_string(),
            is_refused: matches!(error, ProviderError::Refused { .. }),
            is_probed: false,
        });
    }

    pub(crate) fn circuit(&self, now: Instant) -> Circuit {
        match &self.rest {
            None => Circuit::Closed,
            Some(rest) if rest.is_probed || now >= rest.until => Circuit::Probing,
            Some(rest) => Circuit::Open {
                for_another: rest.until - now,
                cause: rest.cause.clone(),
                is_refused: rest.is_refused,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> ProviderError {
        ProviderError::Unavailable { provider: "x", reason: "gone".into() }
    }

    /// Seconds that a breaker is open after `errors` in a row.
    fn rest_after(errors: &[ProviderError]) -> u64 {
        let (settings, now) = (ChainSettings::default(), Instant::now());
        let mut breaker = Breaker::default();
        for error in errors {
            breaker.failed(error, &settings, now);
        }
        (0..).find(|&s| !breaker.is_open(now + Duration::from_secs(s))).expect("it ends")
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_fits_the_failure() {
        let limited = |after| ProviderError::RateLimited { provider: "x", retry_after: after };
        let refused = ProviderError::Refused { provider: "x", reason: "wrong key".into() };
        let invalid = ProviderError::Invalid { provider: "x", reason: "no such voice".into() };
        let cases: [(&[ProviderError], u64); 8] = [
            (&[unavailable()], 10),
            (&[unavailable(), unavailable()], 20),
            (&[unavailable(), unavailable(), unavailable(), unavailable(), unavailable()], 80),
            (&[limited(Some(Duration::from_secs(7)))], 7),
            (&[unavailable(), limited(Some(Duration::from_secs(2)))], 2),
            (&[limited(None)], 10),
            (&[refused], 300),
            (&[invalid], 0),
        ];
        for (errors, seconds) in cases {
            assert_eq!(rest_after(errors), seconds, "{errors:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_probes_and_a_success_closes() {
        let (settings, now) = (ChainSettings::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        breaker.failed(&unavailable(), &settings, now);
        assert!(breaker.is_open(after(9)) && !breaker.is_open(after(10)));
        breaker.begin(&settings, after(10));
        assert!(breaker.is_open(after(11)), "a second request keeps away");
        assert_eq!(breaker.circuit(after(11)), Circuit::Probing);
        breaker.undecided(after(12));
        assert!(!breaker.is_open(after(12)), "the next one probes");
        breaker.begin(&settings, after(12));
        breaker.worked();
        assert!(!breaker.is_open(after(12)));
        assert_eq!(breaker.circuit(after(12)), Circuit::Closed);
    }
}
