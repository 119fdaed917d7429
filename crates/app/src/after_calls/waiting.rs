//! What follows a call waits for the message that its caller leaves on tape, and for the words of it, so that the summary
//! and the letters have them.
//!
//! It waits rather than being told once more: two letters about one call are one too many, and a summary that a program
//! has read is not read again. But it does not wait for ever: a transcriber that is away for hours is no reason not to
//! tell anybody that somebody called.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{CallId, OrgId};
use store::{OrgTx, StoreError};

use crate::deadlines;
use crate::error::AppError;
use crate::runtime::App;

/// A message is two minutes long at most, and told of within moments.
const MESSAGE_WITHIN: TimeDelta = TimeDelta::seconds(135);
/// The carrier tells of a message as the caller hangs up; the one and the other come in any order.
const TOLD_WITHIN: TimeDelta = TimeDelta::seconds(10);
/// The carrier puts a recording away within seconds, and a message takes no longer to transcribe than to leave.
pub(crate) const WORDS_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// Whether what follows the call has to wait; then it is promised for the end of that time.
pub(super) async fn waits(app: &App, org_id: OrgId, call_id: CallId) -> Result<bool, AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let standing = match store::after_calls::standing(&mut tx, call_id).await {
        Ok(standing) => standing,
        // It was deleted meanwhile: nothing follows it.
        Err(StoreError::NotFound { .. }) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let until = standing.waits_until.filter(|until| *until > now);
    if until.is_some() {
        super::promise_at(&mut tx, call_id, until).await?;
    }
    tx.commit().await?;
    Ok(until.is_some())
}

/// A recorded message came, or got its words, or will never get any: what follows the call goes on, or is added to. With
/// `until` it waits for the words. Nothing follows a call whose record is not complete: that is promised with it.
pub(crate) async fn message_changed(
    tx: &mut OrgTx,
    call_id: CallId,
    until: Option<DateTime<Utc>>,
) -> Result<(), AppError> {
    let standing = store::after_calls::standing(tx, call_id).await?;
    if standing.finalized_at.is_some() {
        super::promise_at(tx, call_id, until).await?;
    }
    Ok(())
}

/// The caller is gone: a message that was asked for is there within moments, or never.
pub(crate) async fn caller_hung_up(
    tx: &mut OrgTx,
    call_id: CallId,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let until = now + TOLD_WITHIN;
    if store::after_calls::wait_shorter(tx, call_id, until).await? {
        message_changed(tx, call_id, Some(until)).await?;
    }
    Ok(())
}

impl App {
    /// The caller is asked for a message. What can't be written down in time is no loss: a message that nobody waited for
    /// is told of by itself.
    pub async fn asks_for_message(&self, call_sid: &str) {
        let until = self.ambient.now() + MESSAGE_WITHIN;
        let noted = deadlines::soon(async {
            let (org_id, call_id) = self.call_of(call_sid).await?;
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            store::after_calls::expect_message(&mut tx, call_id, until).await?;
            Ok::<_, AppError>(tx.commit().await?)
        });
        match noted.await {
            // A call that came in while the database was away is in no record.
            Ok(()) | Err(AppError::NotFound { .. }) => {}
            Err(error) => {
                tracing::warn!(call.sid = %call_sid, %error, "that a caller is asked for a message could not be noted");
            }
        }
    }
}
