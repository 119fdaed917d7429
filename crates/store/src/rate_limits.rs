//! How many requests programs made to the API, by organization and day.

use chrono::NaiveDate;
use domain::ids::OrgId;

use crate::error::StoreError;
use crate::tx::SystemTx;

/// Requests of an organization on a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The organization.
    pub org_id: OrgId,
    /// The day.
    pub day: NaiveDate,
    /// How many.
    pub requests: u64,
}

/// Adds to the counts of several organizations and tells the totals of all nodes. Zero may be added, to be told
/// the total. Organizations that are gone are left out.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn add(tx: &mut SystemTx, counts: &[DayCount]) -> Result<Vec<DayCount>, StoreError> {
    let org_ids: Vec<uuid::Uuid> = counts.iter().map(|count| count.org_id.0).collect();
    let days: Vec<NaiveDate> = counts.iter().map(|count| count.day).collect();
    let requests: Vec<i64> =
        counts.iter().map(|count| i64::try_from(count.requests).unwrap_or(i64::MAX)).collect();
    // In one order, so that two nodes never wait for each other in a circle.
    let totals = sqlx::query!(
        r#"INSERT INTO api_request_counts AS kept (org_id, day, requests)
           SELECT added.org_id, added.day, added.requests
           FROM UNNEST($1::uuid[], $2::date[], $3::bigint[]) AS added (org_id, day, requests)
           JOIN organizations o ON o.id = added.org_id
           ORDER BY added.org_id, added.day
           ON CONFLICT ON CONSTRAINT api_request_counts_pkey DO UPDATE
               SET requests = kept.requests + EXCLUDED.requests
           RETURNING org_id, day, requests"#,
        &org_ids,
        &days,
        &requests,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(totals
        .into_iter()
        .map(|row| DayCount {
            org_id: OrgId(row.org_id),
            day: row.day,
            requests: u64::try_from(row.requests).unwrap_or_default(),
        })
        .collect())
}

/// Forgets the days before the given one; returns how many counts.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn prune(tx: &mut SystemTx, before: NaiveDate) -> Result<u64, StoreError> {
    let done =
        sqlx::query!("DELETE FROM api_request_counts WHERE day < $1", before).execute(tx.conn()).await?;
    Ok(done.rows_affected())
}
