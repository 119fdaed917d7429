//! Text messages on their way to the network: written down before they are handed over, for whoever comes after a process
//! that died in between.

use chrono::{DateTime, Utc};
use domain::ids::NotificationId;

use crate::error::StoreError;
use crate::tx::OrgTx;

/// A text message that was handed to the network, or was about to be.
#[derive(Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The number it came from.
    pub from: String,
    /// Its words.
    pub text: String,
    /// Not earlier than this.
    pub since: DateTime<Utc>,
}

// By hand: whose number it is and what was said belong in no log.
impl std::fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandedOver").field("since", &self.since).finish_non_exhaustive()
    }
}

/// What was handed over of a notification earlier, if anything was.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn handed_over(tx: &mut OrgTx, id: NotificationId) -> Result<Option<HandedOver>, StoreError> {
    let (conn, org_id) = tx.parts();
    let row = sqlx::query!(
        r#"SELECT handed_over_from AS "from!", handed_over_text AS "text!", handed_over_at AS "since!"
           FROM notifications
           WHERE org_id = $1 AND id = $2 AND handed_over_at IS NOT NULL"#,
        org_id,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| HandedOver { from: row.from, text: row.text, since: row.since }))
}

/// This will be handed over now.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn hand_over(tx: &mut OrgTx, id: NotificationId, new: &HandedOver) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    sqlx::query!(
        r#"UPDATE notifications
           SET handed_over_from = $3, handed_over_text = $4, handed_over_at = $5
           WHERE org_id = $1 AND id = $2"#,
        org_id,
        id.0,
        new.from,
        new.text,
        new.since,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether this message of the network's is one that was sent for a notification of the business.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_known(tx: &mut OrgTx, transport_id: &str) -> Result<bool, StoreError> {
    let (conn, org_id) = tx.parts();
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM notifications
               WHERE org_id = $1 AND channel = 'sms' AND transport_id = $2
           ) AS "known!""#,
        org_id,
        transport_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(known)
}
