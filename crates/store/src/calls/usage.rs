//! What was metered in a call, and what it cost: derived from its log when its record is closed.

use domain::call_log::ModelTokens;
use domain::ids::{CallId, TurnId};
use domain::metering::Metered;
use domain::prices::{MicroUsd, Quantity};

use crate::error::StoreError;
use crate::tx::OrgTx;

/// Most rows of one call that are read: an hour's call has some hundreds of requests.
const MAX_ROWS: i64 = 5_000;

/// What one request metered and cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    /// What was metered.
    pub metered: Metered,
    /// What it cost when the record was closed; `None` when no price was known.
    pub cost: Option<MicroUsd>,
}

/// Writes what was metered, once: of a call that has rows nothing is changed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn enter(tx: &mut OrgTx, call_id: CallId, rated: &[Rated]) -> Result<(), StoreError> {
    enter_from(tx, call_id, 0, rated).await
}

/// Writes what was metered after the call, such as for its summary, behind what was metered in it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn add(tx: &mut OrgTx, call_id: CallId, rated: &[Rated]) -> Result<(), StoreError> {
    let (conn, org_id) = tx.parts();
    let first = sqlx::query_scalar!(
        r#"SELECT COALESCE(max(position) + 1, 0) AS "first!" FROM call_usage WHERE org_id = $1 AND call_id = $2"#,
        org_id,
        call_id.0,
    )
    .fetch_one(conn)
    .await?;
    enter_from(tx, call_id, first, rated).await
}

async fn enter_from(tx: &mut OrgTx, call_id: CallId, first: i32, rated: &[Rated]) -> Result<(), StoreError> {
    if rated.is_empty() {
        return Ok(());
    }
    let (conn, org_id) = tx.parts();
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = |of: fn(&Quantity) -> u64| -> Vec<i64> {
        rated.iter().map(|one| whole(of(&one.metered.quantity))).collect()
    };
    sqlx::query!(
        r#"INSERT INTO call_usage
               (org_id, call_id, position, turn_id, provider, model, input_text, input_audio, cached_text,
                cached_audio, output_text, output_audio, transcribed_ms, characters, cost_micro_usd)
           SELECT $1, $2, position, turn_id, provider, model, input_text, input_audio, cached_text,
                  cached_audio, output_text, output_audio, transcribed_ms, characters, cost_micro_usd
           FROM UNNEST(
               $3::integer[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[],
               $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[]
           ) AS rated (position, turn_id, provider, model, input_text, input_audio, cached_text, cached_audio,
                       output_text, output_audio, transcribed_ms, characters, cost_micro_usd)
           ON CONFLICT ON CONSTRAINT call_usage_pkey DO NOTHING"#,
        org_id,
        call_id.0,
        &(first..).take(rated.len()).collect::<Vec<_>>(),
        &rated.iter().map(|one| one.metered.turn.map(|turn| turn.0)).collect::<Vec<_>>()
            as &[Option<uuid::Uuid>],
        &rated.iter().map(|one| one.metered.provider.clone()).collect::<Vec<_>>(),
        &rated.iter().map(|one| one.metered.model.clone()).collect::<Vec<_>>(),
        &counts(|one| one.tokens.input_text),
        &counts(|one| one.tokens.input_audio),
        &counts(|one| one.tokens.cached_text),
        &counts(|one| one.tokens.cached_audio),
        &counts(|one| one.tokens.output_text),
        &counts(|one| one.tokens.output_audio),
        &counts(|one| one.transcribed_ms),
        &counts(|one| one.characters),
        &rated.iter().map(|one| one.cost.map(whole)).collect::<Vec<_>>() as &[Option<i64>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was metered in a call, in the order in which it was; empty before its record is closed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<Rated>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT turn_id, provider, model, input_text, input_audio, cached_text, cached_audio, output_text,
                  output_audio, transcribed_ms, characters, cost_micro_usd
           FROM call_usage
           WHERE org_id = $1 AND call_id = $2
           ORDER BY position
           LIMIT $3"#,
        org_id,
        call_id.0,
        MAX_ROWS,
    )
    .fetch_all(conn)
    .await?;
    let rated = rows.into_iter().map(|row| Rated {
        metered: Metered {
            turn: row.turn_id.map(TurnId),
            provider: row.provider,
            model: row.model,
            quantity: Quantity {
                tokens: ModelTokens {
                    input_text: row.input_text.unsigned_abs(),
                    input_audio: row.input_audio.unsigned_abs(),
                    cached_text: row.cached_text.unsigned_abs(),
                    cached_audio: row.cached_audio.unsigned_abs(),
                    output_text: row.output_text.unsigned_abs(),
                    output_audio: row.output_audio.unsigned_abs(),
                },
                transcribed_ms: row.transcribed_ms.unsigned_abs(),
                characters: row.characters.unsigned_abs(),
            },
        },
        cost: row.cost_micro_usd.map(i64::unsigned_abs),
    });
    Ok(rated.collect())
}
