//! Calls: the list and the whole record of one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::call_log::{CallEvent, EventKind, LatencyParts};
use domain::ids::{AgentId, CallId, ClientId, LeadId, NumberId};
use domain::metering::metered;
use domain::permissions::Permission;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::SystemTx;
use store::calls::turns::{ToolCall, Turn, TurnKind};
use store::calls::usage::Rated;
use store::calls::{Call, CallFilter, CallSort, CallStatus, Direction};
use store::page::{Listed, Span};
use utoipa::{IntoParams, ToSchema};

use super::incidents::IncidentDetail;
use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use super::recordings::RecordedMessageView;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod costs;
mod quality;
mod transcript;

use costs::UsageView;
use quality::{MediaQualityView, ResponseTimesView};

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_calls))
        .routes(routes!(get_call, delete_call))
        .merge(transcript::router())
}

orders! {
    /// How calls are ordered.
    pub enum CallOrder of CallSort:
    StartedAt "started_at", StartedAtDown "-started_at" => CallSort::StartedAt;
}

/// Which calls are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallsQuery {
    /// The order; `-started_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<CallOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<CallId>>,
    /// Only calls in which somebody said all these words in one turn.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200, example = "opening hours")]
    q: Option<String>,
    /// Only calls that stand there.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "completed",
        pattern = "^(ringing|in_progress|completed|no_answer|busy|failed|canceled)$")]
    status: Option<CallStatus>,
    /// Only calls that came in, or only those that went out.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(inbound|outbound)$")]
    direction: Option<Direction>,
    /// Only calls of this client.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    client_id: Option<ClientId>,
    /// Only calls that this agent answered.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    agent_id: Option<AgentId>,
    /// Only calls to this number of the business.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    number_id: Option<NumberId>,
    /// Only calls that this lead came of.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    lead_id: Option<LeadId>,
    /// Only calls from this number (E.164).
    #[garde(length(chars, max = 20))]
    #[param(max_length = 20, example = "+15135550142")]
    caller: Option<String>,
    /// Only calls about this, such as `status_update`.
    #[garde(length(chars, max = 100))]
    #[param(max_length = 100)]
    intent: Option<String>,
    /// Only calls at least so urgent.
    #[garde(range(max = 10))]
    #[param(minimum = 0, maximum = 10)]
    urgency_min: Option<u8>,
    /// Only calls with a recording, or only those without.
    #[garde(skip)]
    has_recording: Option<bool>,
    /// Only calls that came in at this moment or later.
    #[garde(custom(moment))]
    from: Option<DateTime<Utc>>,
    /// Only calls that came in before this moment.
    #[garde(custom(moment))]
    to: Option<DateTime<Utc>>,
}

impl Listing for CallsQuery {
    const NOUN: &'static str = "calls";
    type Order = CallOrder;

    fn order(&self) -> Option<CallOrder> {
        self.sort
    }
}

impl From<&CallsQuery> for CallFilter {
    fn from(query: &CallsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            status: query.status,
            direction: query.direction,
            client_id: query.client_id,
            agent_id: query.agent_id,
            number_id: query.number_id,
            lead_id: query.lead_id,
            from_number: query.caller.clone(),
            intent: query.intent.clone(),
            urgency_min: query.urgency_min,
            has_recording: query.has_recording,
            started: Span { from: query.from, until: query.to },
        }
    }
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
    /// The phrases in them that did.
    urgency_reasons: Vec<String>,
    /// Everything it was about, in the order it came up.
    intents: Vec<String>,
    /// What the conversation came to: `text`, `action_items`, `follow_ups`, `intents`, `sentiment` (`positive`, `neutral`,
    /// `negative` or `null`) and `written_by` (`rules`, or a provider of language models); `null` until it is written.
    #[schema(value_type = Option<Object>)]
    summary: Option<serde_json::Value>,
    /// Whether there is a recording of the conversation to play.
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
            urgency_reasons: call.urgency_reasons,
            intents: call.intents,
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
    /// The messages that the caller left on tape, oldest first: words and audio are the message's
    /// (`GET /api/v1/messages/{id}`, `GET /api/v1/messages/{id}/recording`).
    recorded_messages: Vec<RecordedMessageView>,
    /// What could not wait, with everything that was done about it; `null` when nothing was urgent.
    incident: Option<IncidentDetail>,
    /// How the call's audio did; `null` until its stream is over.
    media_quality: Option<MediaQualityView>,
    /// How long the caller waited for answers; `null` before the first.
    response_times: Option<ResponseTimesView>,
    /// What its models metered and cost; `null` without the permission `usage:read`, and until the record is finished.
    usage: Option<UsageView>,
    /// The log of the call, without the words that were still in flux. Each entry has `seq`, `at_ms` and a `type` with
    /// fields of its own. Incidents are `notice` (`code`, `text`, `fault`), `engine_changed` (`from`, `to`, `cause`,
    /// `fault`) and `continued` (`node`, `gap_ms`, `cause`); `fault` is `provider`, `carrier`, `us` or `nobody`.
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
    /// How urgent, 0 to 10 (caller).
    urgency_score: u8,
    /// The phrases that made it so (caller).
    urgency_reasons: Vec<String>,
    /// How long the caller waited for it (agent).
    latency: Option<LatencyView>,
    /// What the models asked for it, in millionths of a US dollar (agent); `null` where nothing was metered, no price is
    /// known, or the permission `usage:read` is missing.
    #[schema(example = 1_250)]
    cost_micro_usd: Option<u64>,
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

impl TurnView {
    fn new(turn: Turn, rated: Option<&[Rated]>) -> Self {
        Self {
            cost_micro_usd: rated.and_then(|rated| costs::of_turn(rated, turn.id)),
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
            urgency_score: turn.urgency.score,
            urgency_reasons: turn.urgency.reasons,
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

/// List calls.
#[utoipa::path(
    get, path = "/api/v1/calls", operation_id = "list_calls", tag = "calls",
    extensions(("x-permission" = json!("calls:read"))),
    params(CallsQuery, ListParams),
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
    list: List<CallsQuery>,
) -> Result<Json<Page<CallView>>, ApiError> {
    let filter = CallFilter::from(&list.filter);
    let words = list.filter.q.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let calls = match words {
        Some(words) => {
            let why = "the index of transcripts is closed to a tenant's role";
            let mut tx = SystemTx::begin(&_state.app.db, why).await?;
            let found =
                store::calls::search::find(&mut tx, tenant.org_id(), words, &filter, &list.wanted).await?;
            drop(tx);
            let mut tx = tenant.begin(&_state).await?;
            let items = store::calls::of_ids(&mut tx, &found.items, &list.wanted).await?;
            Listed { items, next: found.next, total: found.total }
        }
        None => {
            let mut tx = tenant.begin(&_state).await?;
            store::calls::list(&mut tx, &filter, &list.wanted).await?
        }
    };
    Ok(Json(list.page(calls, CallView::from)))
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
    let sees_costs = call.finalized_at.is_some() && tenant.identity.permissions.has(Permission::UsageRead);
    let rated = if sees_costs { Some(store::calls::usage::list(&mut tx, id).await?) } else { None };
    // A record that was closed before costs were kept has no rows, which must not look as if it had cost nothing.
    let rated = rated.filter(|rated| !rated.is_empty() || metered(&events).is_empty());
    let incident = super::incidents::of_call(&mut tx, id).await?;
    let recorded = store::messages::recorded::of_call(&mut tx, id).await?;
    let (rejected, said): (Vec<_>, Vec<_>) = turns.into_iter().partition(|t| t.kind == TurnKind::Rejected);
    Ok(Json(CallDetail {
        call: call.into(),
        turns: said.into_iter().map(|turn| TurnView::new(turn, rated.as_deref())).collect(),
        rejected_turns: rejected.into_iter().map(RejectedTurnView::from).collect(),
        tool_calls: tool_calls.into_iter().map(ToolCallView::from).collect(),
        recorded_messages: recorded.into_iter().map(RecordedMessageView::from).collect(),
        incident,
        media_quality: quality::of_media(&events),
        response_times: quality::of_answers(&events),
        usage: rated.as_deref().map(costs::of_call),
        events: events.into_iter().filter(|e| !matches!(e.kind, EventKind::CallerPartial { .. })).collect(),
    }))
}

/// Delete a call with its transcript, its log and everything that was recorded of it. Leads and messages that came of it
/// stay, with their words.
#[utoipa::path(
    delete, path = "/api/v1/calls/{id}", operation_id = "delete_call", tag = "calls",
    extensions(("x-permission" = json!("calls:delete"))),
    params(("id" = String, Path, description = "The call", example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such call", body = Problem),
        (status = 409, description = "It goes on, or its record is not finished yet", body = Problem),
    ),
)]
pub(crate) async fn delete_call(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsDelete>,
    Id(id): Id<CallId>,
) -> Result<StatusCode, ApiError> {
    app::calls::delete::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
