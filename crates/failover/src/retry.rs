//! Pauses between repetitions.

use std::time::Duration;

use provider_traits::error::ProviderError;

/// Exponential pauses with full jitter: each is drawn between none and twice the longest of the one before, so that
/// many calls that failed together don't come back together. (backon's own jitter only adds to the pause.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct FullJitter {
    longest: Duration,
    left: usize,
}

impl FullJitter {
    pub(crate) fn new(longest: Duration, times: usize) -> Self {
        Self { longest, left: times }
    }
}

impl Iterator for FullJitter {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.longest.mul_f64(rand::random::<f64>());
        self.longest *= 2;
        Some(pause)
    }
}

/// Whether the same request may do better a moment later. What was late has had its time; what was refused or makes
/// no sense stays so.
pub(crate) fn is_worth_repeating(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unavailable { .. } | ProviderError::RateLimited { .. })
}

/// The pause as the provider wants it, when it says so.
pub(crate) fn pause_after(error: &ProviderError, drawn: Duration) -> Duration {
    match error {
        ProviderError::RateLimited { retry_after: Some(after), .. } => *after,
        _ => drawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_at_most_and_end() {
        for _ in 0..100 {
            let pauses: Vec<Duration> = FullJitter::new(Duration::from_millis(100), 3).collect();
            assert_eq!(pauses.len(), 3);
            assert!(
                pauses.iter().zip([100, 200, 400]).all(|(pause, ms)| pause.as_millis() <= ms),
                "{pauses:?}"
            );
        }
    }

    #[test]
    fn a_providers_own_pause_is_kept_to() {
        let limited = ProviderError::RateLimited { provider: "x", retry_after: Some(Duration::from_secs(2)) };
        assert_eq!(pause_after(&limited, Duration::from_millis(5)), Duration::from_secs(2));
        let gone = ProviderError::Unavailable { provider: "x", reason: String::new() };
        assert_eq!(pause_after(&gone, Duration::from_millis(5)), Duration::from_millis(5));
    }
}
