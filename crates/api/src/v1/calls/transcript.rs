//! The transcript of a call, to be read by people or by programs.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use domain::ids::CallId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::calls::turns::{Turn, TurnKind};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operation.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_call_transcript))
}

/// The form of a transcript.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TranscriptFormat {
    /// For programs.
    #[default]
    Json,
    /// A line for each turn.
    Text,
}

/// How the transcript is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TranscriptQuery {
    /// The form; `json` when left out.
    #[garde(skip)]
    #[param(inline)]
    format: Option<TranscriptFormat>,
}

/// What was said in a call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Transcript {
    /// The call.
    #[schema(value_type = String, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: CallId,
    /// When it came in.
    started_at: DateTime<Utc>,
    /// What was said, in order.
    turns: Vec<TranscriptTurn>,
}

/// What one side said without a break.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TranscriptTurn {
    /// `caller` or `agent`.
    #[schema(value_type = String, example = "caller")]
    speaker: TurnKind,
    /// When it began, in milliseconds of the call.
    started_ms: u64,
    /// When it ended.
    ended_ms: u64,
    /// The words; of the agent those that the caller can have heard.
    text: String,
}

/// Get the transcript of a call: what caller and agent said, without what was rejected as noise.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/transcript", operation_id = "get_call_transcript", tag = "calls",
    extensions(("x-permission" = json!("calls:read"))),
    params(
        ("id" = String, Path, description = "The call", example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        TranscriptQuery,
    ),
    responses(
        (status = 200, description = "The transcript", content(
            (Transcript = "application/json"),
            (String = "text/plain"),
        )),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such call", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn get_call_transcript(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsRead>,
    Id(id): Id<CallId>,
    ValidQuery(query): ValidQuery<TranscriptQuery>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let call = store::calls::get(&mut tx, id).await?;
    let mut turns = store::calls::turns::list(&mut tx, id).await?;
    turns.retain(|turn| turn.kind != TurnKind::Rejected);
    if query.format.unwrap_or_default() == TranscriptFormat::Text {
        let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
        return Ok(([(header::CONTENT_TYPE, media_type)], text(&turns)).into_response());
    }
    let turns = turns.into_iter().map(|turn| TranscriptTurn {
        speaker: turn.kind,
        started_ms: turn.started_ms,
        ended_ms: turn.ended_ms,
        text: turn.text,
    });
    Ok(Json(Transcript { call_id: id, started_at: call.started_at, turns: turns.collect() }).into_response())
}

fn text(turns: &[Turn]) -> String {
    turns
        .iter()
        .map(|turn| {
            let seconds = turn.started_ms / 1_000;
            let speaker = if turn.kind == TurnKind::Agent { "Agent" } else { "Caller" };
            format!("[{:02}:{:02}] {speaker}: {}\n", seconds / 60, seconds % 60, turn.text)
        })
        .collect()
}
