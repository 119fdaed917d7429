//! Turns and tool calls: what is derived from a call's log.

use domain::call_log::LatencyParts;
use domain::ids::{CallId, ToolCallId, TurnId};
use domain::urgency::Urgency;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;
use crate::text;
use crate::tx::OrgTx;

/// Most turns or tool calls of one call that are read; a call has a few dozen.
const MAX_TURNS: i64 = 2_000;

/// Whose turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnKind {
    /// The caller spoke.
    Caller,
    /// The agent spoke.
    Agent,
    /// It looked like words and was not taken as a turn.
    Rejected,
}

/// A turn. Times in milliseconds of media time.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// Whose.
    pub kind: TurnKind,
    /// Its beginning.
    pub started_ms: u64,
    /// Its end.
    pub ended_ms: u64,
    /// The words; of an agent's turn those that can have been heard.
    pub text: String,
    /// All the words the brain produced, for an agent's turn.
    pub generated: Option<String>,
    /// The words whose audio was sent, for an agent's turn.
    pub sent: Option<String>,
    /// Whether the caller cut it short.
    pub interrupted: bool,
    /// The transcriber's confidence, 0 to 1.
    pub confidence: Option<f32>,
    /// Which layer of the phantom filter rejected it.
    pub layer: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// What it was about.
    pub intent: Option<String>,
    /// How urgent, and why.
    pub urgency: Urgency,
    /// How long the caller waited for it.
    pub latency: Option<LatencyParts>,
}

/// A tool that the brain ran.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Its id.
    pub id: ToolCallId,
    /// Milliseconds of media time.
    pub at_ms: u64,
    /// The tool's name.
    pub name: String,
    /// The arguments.
    pub arguments: serde_json::Value,
    /// The result, or the error's sentence.
    pub result: serde_json::Value,
    /// Whether it worked.
    pub ok: bool,
    /// Milliseconds it took.
    pub duration_ms: u32,
}

/// The turns of a call, in order.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<Turn>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT id, kind, started_ms, ended_ms, text, generated, sent, interrupted, confidence, layer, reason,
                  intent, urgency_score, urgency_reasons, endpointing_ms, stt_ms, brain_ms, tts_ms, hop_ms, total_ms
           FROM turns
           WHERE org_id = $1 AND call_id = $2
           ORDER BY position
           LIMIT $3"#,
        org_id,
        call_id.0,
        MAX_TURNS,
    )
    .fetch_all(conn)
    .await?;
    let part = |value: Option<i32>| value.unwrap_or_default().unsigned_abs();
    rows.into_iter()
        .map(|row| {
            Ok(Turn {
                id: TurnId(row.id),
                kind: text::decode(&row.kind)?,
                started_ms: row.started_ms.unsigned_abs(),
                ended_ms: row.ended_ms.unsigned_abs(),
                text: row.text,
                generated: row.generated,
                sent: row.sent,
                interrupted: row.interrupted,
                confidence: row.confidence,
                layer: row.layer,
                reason: row.reason,
                intent: row.intent,
                urgency: Urgency {
                    score: u8::try_from(row.urgency_score).unwrap_or_default(),
                    reasons: row.urgency_reasons,
                },
                latency: row.total_ms.map(|total| LatencyParts {
                    endpointing_ms: part(row.endpointing_ms),
                    stt_ms: part(row.stt_ms),
                    brain_ms: part(row.brain_ms),
                    tts_ms: part(row.tts_ms),
                    hop_ms: part(row.hop_ms),
                    total_ms: total.unsigned_abs(),
                }),
            })
        })
        .collect()
}

/// The tool calls of a call, in order.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list_tool_calls(tx: &mut OrgTx, call_id: CallId) -> Result<Vec<ToolCall>, StoreError> {
    let (conn, org_id) = tx.parts();
    let rows = sqlx::query!(
        r#"SELECT id, at_ms, name, arguments, result, ok, duration_ms
           FROM tool_calls
           WHERE org_id = $1 AND call_id = $2
           ORDER BY position
           LIMIT $3"#,
        org_id,
        call_id.0,
        MAX_TURNS,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ToolCall {
            id: ToolCallId(row.id),
            at_ms: row.at_ms.unsigned_abs(),
            name: row.name,
            arguments: row.arguments,
            result: row.result,
            ok: row.ok,
            duration_ms: row.duration_ms.unsigned_abs(),
        })
        .collect())
}

fn ms(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn short_ms(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Replaces the turns of a call, in one statement.
pub(super) async fn replace(
    conn: &mut PgConnection,
    org_id: Uuid,
    call_id: CallId,
    turns: &[Turn],
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM turns WHERE org_id = $1 AND call_id = $2", org_id, call_id.0)
        .execute(&mut *conn)
        .await?;
    let kinds = turns.iter().map(|t| text::encode(&t.kind)).collect::<Result<Vec<_>, _>>()?;
    let latency = |part: fn(&LatencyParts) -> u32| -> Vec<Option<i32>> {
        turns.iter().map(|t| t.latency.as_ref().map(|parts| short_ms(part(parts)))).collect()
    };
    let texts = |part: fn(&Turn) -> &Option<String>| -> Vec<Option<String>> {
        turns.iter().map(|t| part(t).clone()).collect()
    };
    sqlx::query!(
        r#"INSERT INTO turns
               (id, org_id, call_id, position, kind, started_ms, ended_ms, text, generated, sent, interrupted,
                confidence, layer, reason, intent, endpointing_ms, stt_ms, brain_ms, tts_ms, hop_ms, total_ms,
                urgency_score, urgency_reasons)
           SELECT id, $1, $2, position, kind, started_ms, ended_ms, text, generated, sent, interrupted,
                  confidence, layer, reason, intent, endpointing_ms, stt_ms, brain_ms, tts_ms, hop_ms, total_ms,
                  urgency_score, COALESCE(string_to_array(NULLIF(urgency_reasons, ''), E'\n'), '{}')
           FROM UNNEST(
               $3::uuid[], $4::integer[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
               $10::text[], $11::boolean[], $12::real[], $13::text[], $14::text[], $15::text[],
               $16::integer[], $17::integer[], $18::integer[], $19::integer[], $20::integer[], $21::integer[],
               $22::smallint[], $23::text[]
           ) AS turn (id, position, kind, started_ms, ended_ms, text, generated, sent, interrupted, confidence,
                      layer, reason, intent, endpointing_ms, stt_ms, brain_ms, tts_ms, hop_ms, total_ms, urgency_score,
                      urgency_reasons)"#,
        org_id,
        call_id.0,
        &turns.iter().map(|t| t.id.0).collect::<Vec<_>>(),
        &(0i32..).take(turns.len()).collect::<Vec<_>>(),
        &kinds,
        &turns.iter().map(|t| ms(t.started_ms)).collect::<Vec<_>>(),
        &turns.iter().map(|t| ms(t.ended_ms)).collect::<Vec<_>>(),
        &turns.iter().map(|t| t.text.clone()).collect::<Vec<_>>(),
        &texts(|t| &t.generated) as &[Option<String>],
        &texts(|t| &t.sent) as &[Option<String>],
        &turns.iter().map(|t| t.interrupted).collect::<Vec<_>>(),
        &turns.iter().map(|t| t.confidence).collect::<Vec<_>>() as &[Option<f32>],
        &texts(|t| &t.layer) as &[Option<String>],
        &texts(|t| &t.reason) as &[Option<String>],
        &texts(|t| &t.intent) as &[Option<String>],
        &latency(|p| p.endpointing_ms) as &[Option<i32>],
        &latency(|p| p.stt_ms) as &[Option<i32>],
        &latency(|p| p.brain_ms) as &[Option<i32>],
        &latency(|p| p.tts_ms) as &[Option<i32>],
        &latency(|p| p.hop_ms) as &[Option<i32>],
        &latency(|p| p.total_ms) as &[Option<i32>],
        &turns.iter().map(|t| i16::from(t.urgency.score)).collect::<Vec<_>>(),
        // Reasons are words and spaces, so that a line each is safe.
        &turns.iter().map(|t| t.urgency.reasons.join("\n")).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces the tool calls of a call, in one statement.
pub(super) async fn replace_tool_calls(
    conn: &mut PgConnection,
    org_id: Uuid,
    call_id: CallId,
    tools: &[ToolCall],
) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM tool_calls WHERE org_id = $1 AND call_id = $2", org_id, call_id.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        r#"INSERT INTO tool_calls
               (id, org_id, call_id, position, at_ms, name, arguments, result, ok, duration_ms)
           SELECT id, $1, $2, position, at_ms, name, arguments, result, ok, duration_ms
           FROM UNNEST($3::uuid[], $4::integer[], $5::bigint[], $6::text[], $7::jsonb[], $8::jsonb[], $9::boolean[],
                       $10::integer[])
                AS tool (id, position, at_ms, name, arguments, result, ok, duration_ms)"#,
        org_id,
        call_id.0,
        &tools.iter().map(|t| t.id.0).collect::<Vec<_>>(),
        &(0i32..).take(tools.len()).collect::<Vec<_>>(),
        &tools.iter().map(|t| ms(t.at_ms)).collect::<Vec<_>>(),
        &tools.iter().map(|t| t.name.clone()).collect::<Vec<_>>(),
        &tools.iter().map(|t| t.arguments.clone()).collect::<Vec<_>>(),
        &tools.iter().map(|t| t.result.clone()).collect::<Vec<_>>(),
        &tools.iter().map(|t| t.ok).collect::<Vec<_>>(),
        &tools.iter().map(|t| short_ms(t.duration_ms)).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
