//! Finding calls by the words of their transcripts.
//!
//! Row-level security keeps a text match away from its index, because the match is not leakproof: every turn of the
//! business would be read. The system's role sees past that wall, so it looks the words up, within one business and
//! for ids only; what is shown of the calls is then read inside the tenant's own transaction.

use domain::ids::{CallId, OrgId};
use sqlx::FromRow;
use uuid::Uuid;

use super::{CallFilter, CallSort};
use crate::error::StoreError;
use crate::page::{Listed, Source, Wanted, fetch};
use crate::tx::SystemTx;

#[derive(FromRow)]
struct Found {
    id: Uuid,
}

const FOUND: Source = Source { columns: "c.id", from: "calls c", id: "c.id" };

/// Calls of the business that meet the filter and in which one turn, of caller or agent, holds all the words.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    tx: &mut SystemTx,
    org_id: OrgId,
    words: &str,
    filter: &CallFilter,
    wanted: &Wanted<CallSort>,
) -> Result<Listed<CallId>, StoreError> {
    fetch(
        tx.conn(),
        &FOUND,
        wanted,
        |query| {
            filter.push(query, org_id.0);
            query.push(
                " AND EXISTS (SELECT FROM turns t WHERE t.org_id = c.org_id AND t.call_id = c.id \
                 AND t.kind <> 'rejected' \
                 AND to_tsvector('simple'::regconfig, t.text) @@ plainto_tsquery('simple'::regconfig, ",
            );
            query.push_bind(words.to_owned()).push("))");
        },
        |found: Found| Ok(CallId(found.id)),
    )
    .await
}
