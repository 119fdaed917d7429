//! Calls: the list and the whole record of one.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::call_log::{CallEvent, EventKind, LatencyParts};
use domain::ids::{AgentId, CallId, ClientId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::calls::turns::{ToolCall, Turn, TurnKind};
use store::calls::{Call, CallFilter, CallStatus, Direction};
use utoipa::{IntoParams, ToSchema};

use super::page::{Page, PageQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_calls)).routes(routes!(get_call))
}

/// Which calls are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallsQuery {
    /// Only calls that stand there.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "completed",
        pattern = "^(ringing|in_progress|completed|no_answer|busy|failed|canceled)$")]
    status: Option<CallStatus>,
    /// Only calls of this client.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    client_id: Option<ClientId>,
    /// Only calls that this agent answered.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    agent_id: Option<AgentId>,
    /// Only calls that came in at this moment or later.
    #[garde(skip)]
    from: Option<DateTime<Utc>>,
    /// Only calls that came in before this moment.
    #[garde(skip)]
    to: Option<DateTime<Utc>>,
}

/// A call, as lists show it. Times in milliseconds are media time: from the beginning of its audio.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallSummary)]
pub struct CallView {
    /// The call's id.
    #[schema(value_type = String, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: CallId,
    /// The carrier's id of the call.
    #[schema(example = "CA0123456789abcdef0123456789abcdef")]
    call_sid: String,
    /// `ringing`, `in_progress`, `completed`, `no_answer`, `busy`, `failed` or `canceled`.
    #[schema(value_type = String, example = "completed")]
    status: CallStatus,
    /// `inbound` or `outbound`.
    #[schema(value_type = String, example = "inbound")]
    direction: Direction,
    /// The caller's number in E.164; `null` when withheld.
    #[schema(example = "+15135550142")]
    from: Option<String>,
    /// The number called.
    #[schema(example = "+15135550100")]
    to: String,
    /// The client the caller was recognised as.
    client: Option<ClientRef>,
    /// The agent that answered.
    #[schema(value_type = String)]
    agent_id: AgentId,
    /// The lead that came of it.
    lead_id: Option<String>,
    /// Who ran the conversation: `pipeline`, `realtime`, `elevenlabs`.
    #[schema(example = "pipeline")]
    engine: String,
    /// When it came in.
    started_at: DateTime<Utc>,
    /// When the conversation began.
    answered_at: Option<DateTime<Utc>>,
    /// When it was over.
    ended_at: Option<DateTime<Utc>>,
    /// Length of the conversation in milliseconds; `null` until the record is finished.
    duration_ms: Option<u64>,
    /// Why it ended, such as `caller_hung_up`.
    #[schema(value_type = Option<String>, example = "caller_hung_up")]
    end_reason: Option<domain::call_log::EndReason>,
    /// What it was about, such as `status_update`.
    intent: Option<String>,
    /// How urgent, 0 to 10.
    urgency_score: u8,
    /// The words that made it urgent.
    urgency_reason: Option<String>,
    /// What is derived from the conversation.
    #[schema(value_type = Option<Object>)]
    summary: Option<serde_json::Value>,
    /// Whether there is a recording to play.
    has_recording: bool,
    /// Its length in milliseconds.
    recording_ms: Option<u64>,
}

/// A client, as other things name it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientRef {
    /// The client's id.
    #[schema(value_type = String)]
    id: ClientId,
    /// Its name; `null` when it was deleted.
    name: Option<String>,
}

impl From<Call> for CallView {
    fn from(call: Call) -> Self {
        Self {
            id: call.id,
            call_sid: call.call_sid,
            status: call.status,
            direction: call.direction,
            from: call.from_number,
            to: call.to_number,
            client: call.client_id.map(|id| ClientRef { id, name: call.client_name }),
            agent_id: call.agent_id,
            lead_id: call.lead_id.map(|id| id.to_string()),
            engine: call.engine,
            started_at: call.started_at,
            answered_at: call.answered_at,
            ended_at: call.ended_at,
            duration_ms: call.duration_ms,
            end_reason: call.end_reason,
            intent: call.intent,
            urgency_score: call.urgency_score,
            urgency_reason: call.urgency_reason,
            summary: call.summary,
            has_recording: call.recording_key.is_some(),
            recording_ms: call.recording_ms,
        }
    }
}

/// The whole record of a call.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallDetail {
    /// What lists show.
    #[serde(flatten)]
    call: CallView,
    /// What was said, in order. Complete when the record is finished; read `events` before that.
    turns: Vec<TurnView>,
    /// What sounded like words and was not taken as a turn.
    rejected_turns: Vec<RejectedTurnView>,
    /// What the agent looked up or did.
    tool_calls: Vec<ToolCallView>,
    /// The log of the call, without the words that were still in flux.
    #[schema(value_type = Vec<Object>,
        example = json!([{"seq": 0, "at_ms": 0, "type": "engine_ready", "engine": "pipeline", "providers": []}]))]
    events: Vec<CallEvent>,
}

/// A turn of caller or agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Turn)]
pub struct TurnView {
    /// The turn's id.
    id: String,
    /// `caller` or `agent`.
    #[schema(value_type = String, example = "caller")]
    speaker: TurnKind,
    /// When it began.
    started_ms: u64,
    /// When it ended.
    ended_ms: u64,
    /// The words; of the agent those that the caller can have heard.
    text: String,
    /// All the words the brain produced (agent).
    generated: Option<String>,
    /// The words whose audio was sent (agent).
    sent: Option<String>,
    /// Whether the caller cut it short (agent).
    interrupted: bool,
    /// How sure the transcriber was, 0 to 1 (caller).
    confidence: Option<f32>,
    /// What it was about (caller).
    intent: Option<String>,
    /// How long the caller waited for it (agent).
    latency: Option<LatencyView>,
}

/// The wait from the caller's last word to the agent's first sound, in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Latency)]
pub struct LatencyView {
    /// Until the turn was declared over.
    endpointing_ms: u32,
    /// Until the transcript was final.
    stt_ms: u32,
    /// Until the first sentence was decided.
    brain_ms: u32,
    /// Until its first audio.
    tts_ms: u32,
    /// Until the first frame went out.
    hop_ms: u32,
    /// The sum.
    total_ms: u32,
}

/// What looked like words and was not taken as a turn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RejectedTurn)]
pub struct RejectedTurnView {
    /// The id it would have had.
    id: String,
    /// When it began.
    started_ms: u64,
    /// When it ended.
    ended_ms: u64,
    /// The words, if any.
    text: String,
    /// Which layer of the filter said no.
    layer: String,
    /// Why, in plain words.
    reason: String,
}

/// A tool the agent used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolCall)]
pub struct ToolCallView {
    /// The tool call's id.
    id: String,
    /// When.
    at_ms: u64,
    /// The tool, such as `get_project_status`.
    name: String,
    /// What was asked.
    #[schema(value_type = Object)]
    arguments: serde_json::Value,
    /// What came back.
    #[schema(value_type = Object)]
    result: serde_json::Value,
    /// Whether it worked.
    ok: bool,
    /// How long it took.
    duration_ms: u32,
}

impl From<LatencyParts> for LatencyView {
    fn from(parts: LatencyParts) -> Self {
        Self {
            endpointing_ms: parts.endpointing_ms,
            stt_ms: parts.stt_ms,
            brain_ms: parts.brain_ms,
            tts_ms: parts.tts_ms,
            hop_ms: parts.hop_ms,
            total_ms: parts.total_ms,
        }
    }
}

impl From<Turn> for TurnView {
    fn from(turn: Turn) -> Self {
        Self {
            id: turn.id.to_string(),
            speaker: turn.kind,
            started_ms: turn.started_ms,
            ended_ms: turn.ended_ms,
            text: turn.text,
            generated: turn.generated,
            sent: turn.sent,
            interrupted: turn.interrupted,
            confidence: turn.confidence,
            intent: turn.intent,
            latency: turn.latency.map(LatencyView::from),
        }
    }
}

impl From<Turn> for RejectedTurnView {
    fn from(turn: Turn) -> Self {
        Self {
            id: turn.id.to_string(),
            started_ms: turn.started_ms,
            ended_ms: turn.ended_ms,
            text: turn.text,
            layer: turn.layer.unwrap_or_default(),
            reason: turn.reason.unwrap_or_default(),
        }
    }
}

impl From<ToolCall> for ToolCallView {
    fn from(tool: ToolCall) -> Self {
        Self {
            id: tool.id.to_string(),
            at_ms: tool.at_ms,
            name: tool.name,
            arguments: tool.arguments,
            result: tool.result,
            ok: tool.ok,
            duration_ms: tool.duration_ms,
        }
    }
}

/// List calls, newest first.
#[utoipa::path(
    get, path = "/api/v1/calls", operation_id = "list_calls", tag = "calls",
    extensions(("x-permission" = json!("calls:read"))),
    params(CallsQuery, PageQuery),
    responses(
        (status = 200, description = "A page of calls", body = Page<CallView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_calls(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsRead>,
    ValidQuery(query): ValidQuery<CallsQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<CallView>>, ApiError> {
    let filter = CallFilter {
        status: query.status,
        client_id: query.client_id,
        agent_id: query.agent_id,
        since: query.from,
        until: query.to,
    };
    let mut tx = tenant.begin(&_state).await?;
    let calls = store::calls::list(&mut tx, &filter, page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(calls, |call| call.cursor().to_string(), CallView::from)))
}

/// Get a call with everything that is known of it.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}", operation_id = "get_call", tag = "calls",
    extensions(("x-permission" = json!("calls:read"))),
    params(("id" = String, Path, description = "The call", example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The call", body = CallDetail),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such call", body = Problem),
    ),
)]
pub(crate) async fn get_call(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsRead>,
    Id(id): Id<CallId>,
) -> Result<Json<CallDetail>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let call = store::calls::get(&mut tx, id).await?;
    let turns = store::calls::turns::list(&mut tx, id).await?;
    let tool_calls = store::calls::turns::list_tool_calls(&mut tx, id).await?;
    let events = store::calls::events::list(&mut tx, id, 0, store::calls::events::MAX_EVENTS).await?;
    let (rejected, said): (Vec<_>, Vec<_>) = turns.into_iter().partition(|t| t.kind == TurnKind::Rejected);
    Ok(Json(CallDetail {
        call: call.into(),
        turns: said.into_iter().map(TurnView::from).collect(),
        rejected_turns: rejected.into_iter().map(RejectedTurnView::from).collect(),
        tool_calls: tool_calls.into_iter().map(ToolCallView::from).collect(),
        events: events.into_iter().filter(|e| !matches!(e.kind, EventKind::CallerPartial { .. })).collect(),
    }))
}
