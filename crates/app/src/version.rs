//! Changes that are based on a version: of two that are based on the same one, the second is refused.

use chrono::{DateTime, Utc};

use crate::error::AppError;

/// Demands that the record is still as the asker saw it. `seen` is the `updated_at` of what they saw, `None` takes
/// whatever is there; `current` must have been read under a lock that is held until the change is written.
///
/// # Errors
/// [`AppError::OutOfDate`].
pub(crate) fn demand(seen: Option<DateTime<Utc>>, current: DateTime<Utc>) -> Result<(), AppError> {
    if seen.is_some_and(|seen| seen != current) { Err(AppError::OutOfDate) } else { Ok(()) }
}
