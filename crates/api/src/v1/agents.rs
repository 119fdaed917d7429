//! Agents: the personas that answer. Configuration, so changes name the version they are based on.

use app::agents::{AgentChange, Changed};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::AgentId;
use domain::turn_taking::TurnTaking;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::agents::Agent;
use utoipa::ToSchema;

use super::page::Page;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_agents)).routes(routes!(get_agent, update_agent))
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentView {
    /// The agent's id.
    #[schema(value_type = String, example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: AgentId,
    /// The name it gives itself.
    #[schema(example = "Nova")]
    name: String,
    /// BCP 47 tag of the language it speaks.
    #[schema(example = "en-US")]
    language: String,
    /// Voice id; empty means the provider's default.
    voice: String,
    /// For a new caller; `{business}` and `{agent}` are filled in; empty means the default.
    greeting: String,
    /// For a recognised client; knows `{first_name}` as well.
    client_greeting: String,
    /// Whether a caller may talk over the greeting.
    greeting_interruptible: bool,
    /// Who runs its conversations: `pipeline`, `realtime`, `elevenlabs`.
    #[schema(example = "pipeline")]
    engine: String,
    /// How it shares the floor with a caller.
    turn_taking: TurnTakingView,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// How an agent shares the floor with a caller. Times in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TurnTaking)]
pub struct TurnTakingView {
    /// Score above which a sound counts as speech on a quiet line.
    #[garde(range(min = 0.1, max = 0.95))]
    #[schema(minimum = 0.1, maximum = 0.95, example = 0.5)]
    vad_threshold: f32,
    /// Sound kept from before the detected onset.
    #[garde(range(max = 1_000))]
    #[schema(maximum = 1_000, example = 300)]
    prefix_ms: u32,
    /// Silence that ends an ordinary utterance.
    #[garde(range(min = 200, max = 3_000))]
    #[schema(minimum = 200, maximum = 3_000, example = 500)]
    silence_ms: u32,
    /// Silence that ends an utterance which is clearly complete.
    #[garde(range(min = 100, max = 3_000))]
    #[schema(minimum = 100, maximum = 3_000, example = 300)]
    silence_complete_ms: u32,
    /// Silence that ends an utterance which is clearly unfinished.
    #[garde(range(min = 200, max = 5_000))]
    #[schema(minimum = 200, maximum = 5_000, example = 1_300)]
    silence_incomplete_ms: u32,
    /// The longest silence that is ever waited for.
    #[garde(range(min = 200, max = 10_000))]
    #[schema(minimum = 200, maximum = 10_000, example = 2_500)]
    silence_max_ms: u32,
    /// Speech shorter than this never becomes a turn.
    #[garde(range(max = 1_000))]
    #[schema(maximum = 1_000, example = 120)]
    min_speech_ms: u32,
    /// Sustained speech that confirms an interruption.
    #[garde(range(min = 100, max = 3_000))]
    #[schema(minimum = 100, maximum = 3_000, example = 300)]
    interruption_ms: u32,
    /// The longest utterance before it is taken as it stands.
    #[garde(range(min = 5_000, max = 180_000))]
    #[schema(minimum = 5_000, maximum = 180_000, example = 60_000)]
    max_utterance_ms: u32,
    /// Longest time without sound after a caller's turn before a filler is spoken.
    #[garde(range(min = 300, max = 10_000))]
    #[schema(minimum = 300, maximum = 10_000, example = 1_200)]
    filler_after_ms: u32,
    /// Silence of both sides after which the first gentle prompt is spoken.
    #[garde(range(min = 2_000, max = 120_000))]
    #[schema(minimum = 2_000, maximum = 120_000, example = 7_000)]
    first_prompt_ms: u32,
    /// Silence after which the second prompt is spoken.
    #[garde(range(min = 3_000, max = 180_000))]
    #[schema(minimum = 3_000, maximum = 180_000, example = 15_000)]
    second_prompt_ms: u32,
    /// Silence after which the agent says goodbye.
    #[garde(range(min = 5_000, max = 300_000))]
    #[schema(minimum = 5_000, maximum = 300_000, example = 30_000)]
    goodbye_ms: u32,
}

impl TurnTakingView {
    /// What can't be said of one field alone.
    fn check_order(&self) -> Result<(), ApiError> {
        if self.silence_max_ms < self.silence_ms.max(self.silence_incomplete_ms) {
            return Err(ApiError::field(
                "turn_taking.silence_max_ms",
                "must not be below silence_ms and silence_incomplete_ms",
            ));
        }
        if !(self.first_prompt_ms < self.second_prompt_ms && self.second_prompt_ms < self.goodbye_ms) {
            return Err(ApiError::field(
                "turn_taking.goodbye_ms",
                "first_prompt_ms, second_prompt_ms and goodbye_ms must follow each other",
            ));
        }
        Ok(())
    }
}

impl From<TurnTaking> for TurnTakingView {
    fn from(t: TurnTaking) -> Self {
        Self {
            vad_threshold: t.vad_threshold,
            prefix_ms: t.prefix_ms,
            silence_ms: t.silence_ms,
            silence_complete_ms: t.silence_complete_ms,
            silence_incomplete_ms: t.silence_incomplete_ms,
            silence_max_ms: t.silence_max_ms,
            min_speech_ms: t.min_speech_ms,
            interruption_ms: t.interruption_ms,
            max_utterance_ms: t.max_utterance_ms,
            filler_after_ms: t.filler_after_ms,
            first_prompt_ms: t.first_prompt_ms,
            second_prompt_ms: t.second_prompt_ms,
            goodbye_ms: t.goodbye_ms,
        }
    }
}

impl From<TurnTakingView> for TurnTaking {
    fn from(t: TurnTakingView) -> Self {
        Self {
            vad_threshold: t.vad_threshold,
            prefix_ms: t.prefix_ms,
            silence_ms: t.silence_ms,
            silence_complete_ms: t.silence_complete_ms,
            silence_incomplete_ms: t.silence_incomplete_ms,
            silence_max_ms: t.silence_max_ms,
            min_speech_ms: t.min_speech_ms,
            interruption_ms: t.interruption_ms,
            max_utterance_ms: t.max_utterance_ms,
            filler_after_ms: t.filler_after_ms,
            first_prompt_ms: t.first_prompt_ms,
            second_prompt_ms: t.second_prompt_ms,
            goodbye_ms: t.goodbye_ms,
        }
    }
}

impl From<Agent> for AgentView {
    fn from(agent: Agent) -> Self {
        let settings = agent.settings;
        Self {
            id: agent.id,
            name: settings.name,
            language: settings.language,
            voice: settings.voice,
            greeting: settings.greeting,
            client_greeting: settings.client_greeting,
            greeting_interruptible: settings.greeting_interruptible,
            engine: settings.engine,
            turn_taking: settings.turn_taking.into(),
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }
}

/// What to change of an agent. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPatch {
    /// The name it gives itself.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// BCP 47 tag of the language it speaks.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 2, max = 35), ascii)]
    #[schema(nullable = false, min_length = 2, max_length = 35)]
    language: Option<String>,
    /// Voice id; empty means the provider's default.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    voice: Option<String>,
    /// For a new caller; empty means the default.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    greeting: Option<String>,
    /// For a recognised client; empty means the default.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    client_greeting: Option<String>,
    /// Whether a caller may talk over the greeting.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    greeting_interruptible: Option<bool>,
    /// How it shares the floor with a caller, whole.
    #[serde(default, deserialize_with = "required")]
    #[garde(dive)]
    #[schema(nullable = false)]
    turn_taking: Option<TurnTakingView>,
}

/// List agents, oldest first. They come at once: a business has a handful.
#[utoipa::path(
    get, path = "/api/v1/agents", operation_id = "list_agents", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    responses(
        (status = 200, description = "The agents", body = Page<AgentView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_agents(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
) -> Result<Json<Page<AgentView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let agents = store::agents::list(&mut tx).await?;
    Ok(Json(Page::whole(agents.into_iter().map(AgentView::from).collect())))
}

/// Get an agent. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/agents/{id}", operation_id = "get_agent", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The agent", body = AgentView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
    ),
)]
pub(crate) async fn get_agent(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
    Id(id): Id<AgentId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::agents::get(&mut tx, id).await?))
}

/// Change an agent. Calls in progress keep what they began with.
#[utoipa::path(
    patch, path = "/api/v1/agents/{id}", operation_id = "update_agent", tag = "agents",
    extensions(("x-permission" = json!("agents:write"))),
    params(
        ("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = AgentPatch, example = json!({"greeting": "Hi, this is {agent} at {business}."})),
    responses(
        (status = 200, description = "The agent as it is now", body = AgentView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_agent(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    Id(id): Id<AgentId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<AgentPatch>,
) -> Result<Response, ApiError> {
    if let Some(turn_taking) = &patch.turn_taking {
        turn_taking.check_order()?;
    }
    let change = AgentChange {
        name: patch.name,
        language: patch.language,
        voice: patch.voice,
        greeting: patch.greeting,
        client_greeting: patch.client_greeting,
        greeting_interruptible: patch.greeting_interruptible,
        turn_taking: patch.turn_taking.map(TurnTaking::from),
    };
    match app::agents::change(&_state.app, &tenant.actor(), id, based_on, change).await? {
        Changed::Done(agent) => Ok(shown(*agent)),
        Changed::OutOfDate => Err(ApiError::OutOfDate),
    }
}

fn shown(agent: Agent) -> Response {
    tagged(agent.updated_at, Json(AgentView::from(agent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_obey_the_documented_ranges() {
        let defaults = TurnTakingView::from(TurnTaking::default());
        assert!(defaults.validate().is_ok());
        assert!(defaults.check_order().is_ok());
        let hasty = TurnTakingView { silence_max_ms: 400, ..defaults };
        assert!(hasty.check_order().is_err());
    }
}
