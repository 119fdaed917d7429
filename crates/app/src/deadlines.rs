//! How long the database is waited for where nobody else sets a limit: a server that takes connections and never answers
//! would otherwise hold up whoever asks it until the operating system gives the connection up, a quarter of an hour.

use std::time::Duration;

use store::StoreError;

/// Longer than any statement of these takes, shorter than what a missed sign of life means to other nodes.
const DATABASE_WITHIN: Duration = Duration::from_secs(5);

/// Waits for the database, but not for ever. What was asked may still be carried out: it must be safe to repeat.
///
/// # Errors
/// [`StoreError::Unavailable`] when it took too long, else what the work says.
pub(crate) async fn database<T, E: From<StoreError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(DATABASE_WITHIN, work).await
}

/// The same for the records and the recording of a call that is over; after that the sweep completes them.
const CLOSES_WITHIN: Duration = Duration::from_secs(60);

/// As [`database`], with time for a recording to be put away.
///
/// # Errors
/// As [`database`].
pub(crate) async fn closing<T, E: From<StoreError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(CLOSES_WITHIN, work).await
}

/// What would be nice to know before the carrier is answered.
const SOON: Duration = Duration::from_millis(500);

/// As [`database`], for what can be done without.
///
/// # Errors
/// As [`database`].
pub(crate) async fn soon<T, E: From<StoreError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    within(SOON, work).await
}

/// The same with a limit of one's own.
///
/// # Errors
/// As [`database`].
pub(crate) async fn within<T, E: From<StoreError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_late| {
        let reason = format!("it did not answer within {} ms", limit.as_millis());
        Err(StoreError::Unavailable { reason }.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_never_answers_is_away() {
        let never = std::future::pending::<Result<(), StoreError>>();
        assert!(matches!(database(never).await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(database(async { Ok::<_, StoreError>(7) }).await, Ok(7)));
    }
}
