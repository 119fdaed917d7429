//! Agents: the personas that answer. Configuration, so changes name the version they are based on, and calls see
//! them only when they are published.

use app::agents::AgentChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::agent_versions::AgentSettings;
use domain::ids::AgentId;
use domain::provider_order::ProviderOrder;
use domain::turn_taking::TurnTaking;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::agents::Agent;
use utoipa::ToSchema;

use super::page::Page;
use super::provider_order::ProviderOrderView;
use super::turn_taking::TurnTakingView;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created, tagged};
use crate::extract::{Id, ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_agents, create_agent)).routes(routes!(
        get_agent,
        update_agent,
        delete_agent
    ))
}

/// What is set of an agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentSettings)]
pub struct AgentSettingsView {
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
    /// What a visitor of the chat reads first; empty means the default. Kept for the chat.
    welcome_message: String,
    /// Who it is and how it behaves, for brains that can use it; the rules brain does not.
    persona_prompt: String,
    /// Whether a caller may talk over the greeting.
    greeting_interruptible: bool,
    /// Who runs its conversations: `pipeline`, `realtime`, `elevenlabs`. Until the others are connected, theirs are
    /// run by `pipeline`.
    #[schema(example = "pipeline")]
    engine: String,
    /// The vendor's agent, for the engine `elevenlabs`.
    elevenlabs_agent_id: String,
    /// The vendor's voice, for the engine `elevenlabs`.
    elevenlabs_voice: String,
    /// How it shares the floor with a caller.
    turn_taking: TurnTakingView,
    /// Which providers its calls ask, in the engine `pipeline`.
    providers: ProviderOrderView,
}

impl From<AgentSettings> for AgentSettingsView {
    fn from(settings: AgentSettings) -> Self {
        Self {
            name: settings.name,
            language: settings.language,
            voice: settings.voice,
            greeting: settings.greeting,
            client_greeting: settings.client_greeting,
            welcome_message: settings.welcome_message,
            persona_prompt: settings.persona_prompt,
            greeting_interruptible: settings.greeting_interruptible,
            engine: settings.engine,
            elevenlabs_agent_id: settings.elevenlabs_agent_id,
            elevenlabs_voice: settings.elevenlabs_voice,
            turn_taking: settings.turn_taking.into(),
            providers: settings.providers.into(),
        }
    }
}

/// An agent. Its settings are the draft.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentView {
    /// The agent's id.
    #[schema(value_type = String, example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: AgentId,
    /// The draft.
    #[serde(flatten)]
    settings: AgentSettingsView,
    /// The number of the version that calls use.
    #[schema(example = 3)]
    published_version: i32,
    /// Since when they do.
    published_at: DateTime<Utc>,
    /// Whether the draft differs from it.
    has_unpublished_changes: bool,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last changed or published.
    updated_at: DateTime<Utc>,
}

impl From<Agent> for AgentView {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id,
            published_version: agent.published.version,
            published_at: agent.published.at,
            has_unpublished_changes: agent.settings != agent.published.settings,
            settings: agent.settings.into(),
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }
}

/// An agent to be made. What is left out has its default.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// The name it gives itself.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Nova")]
    name: String,
    /// BCP 47 tag of the language it speaks.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 2, max = 35), ascii)]
    #[schema(nullable = false, min_length = 2, max_length = 35)]
    language: Option<String>,
    /// Voice id; empty means the provider's default. Needs the feature `voice_and_persona`.
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
    /// What a visitor of the chat reads first; empty means the default.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    welcome_message: Option<String>,
    /// Who it is and how it behaves. Needs the feature `voice_and_persona`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 20_000))]
    #[schema(nullable = false, max_length = 20_000)]
    persona_prompt: Option<String>,
    /// Whether a caller may talk over the greeting.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    greeting_interruptible: Option<bool>,
    /// Who runs its conversations: `pipeline`, `realtime`, `elevenlabs`. Needs the feature `all_engines`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(nullable = false, min_length = 1, max_length = 30)]
    engine: Option<String>,
    /// The vendor's agent. Needs the feature `all_engines`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    elevenlabs_agent_id: Option<String>,
    /// The vendor's voice. Needs the feature `voice_and_persona`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    elevenlabs_voice: Option<String>,
    /// How it shares the floor with a caller, whole. Needs the feature `vad_settings`.
    #[serde(default, deserialize_with = "required")]
    #[garde(dive)]
    #[schema(nullable = false)]
    turn_taking: Option<TurnTakingView>,
    /// Which providers its calls ask, whole. Needs the feature `all_engines`.
    #[serde(default, deserialize_with = "required")]
    #[garde(dive)]
    #[schema(nullable = false)]
    providers: Option<ProviderOrderView>,
}

/// What to change of an agent's draft. Fields that are left out stay as they are.
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
    /// Voice id; empty means the provider's default. Needs the feature `voice_and_persona`.
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
    /// What a visitor of the chat reads first; empty means the default.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    welcome_message: Option<String>,
    /// Who it is and how it behaves. Needs the feature `voice_and_persona`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 20_000))]
    #[schema(nullable = false, max_length = 20_000)]
    persona_prompt: Option<String>,
    /// Whether a caller may talk over the greeting.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    greeting_interruptible: Option<bool>,
    /// Who runs its conversations: `pipeline`, `realtime`, `elevenlabs`. Needs the feature `all_engines`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(nullable = false, min_length = 1, max_length = 30)]
    engine: Option<String>,
    /// The vendor's agent. Needs the feature `all_engines`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    elevenlabs_agent_id: Option<String>,
    /// The vendor's voice. Needs the feature `voice_and_persona`.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    elevenlabs_voice: Option<String>,
    /// How it shares the floor with a caller, whole. Needs the feature `vad_settings`.
    #[serde(default, deserialize_with = "required")]
    #[garde(dive)]
    #[schema(nullable = false)]
    turn_taking: Option<TurnTakingView>,
    /// Which providers its calls ask, whole. Needs the feature `all_engines`.
    #[serde(default, deserialize_with = "required")]
    #[garde(dive)]
    #[schema(nullable = false)]
    providers: Option<ProviderOrderView>,
}

macro_rules! change {
    ($body:ident, $name:expr) => {{
        if let Some(turn_taking) = &$body.turn_taking {
            turn_taking.check_order()?;
        }
        AgentChange {
            name: $name,
            language: $body.language,
            voice: $body.voice,
            greeting: $body.greeting,
            client_greeting: $body.client_greeting,
            welcome_message: $body.welcome_message,
            persona_prompt: $body.persona_prompt,
            greeting_interruptible: $body.greeting_interruptible,
            engine: $body.engine,
            elevenlabs_agent_id: $body.elevenlabs_agent_id,
            elevenlabs_voice: $body.elevenlabs_voice,
            turn_taking: $body.turn_taking.map(TurnTaking::from),
            providers: $body.providers.map(ProviderOrder::from),
        }
    }};
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

/// Make an agent. It is published at once as its version 1; calls reach it when a number leads to it.
#[utoipa::path(
    post, path = "/api/v1/agents", operation_id = "create_agent", tag = "agents",
    extensions(("x-permission" = json!("agents:write"))),
    request_body(content = NewAgent, example = json!({"name": "Nova", "greeting": "Hi, this is {agent} at {business}."})),
    responses(
        (status = 201, description = "The agent", body = AgentView,
            headers(("ETag" = String, description = "This version"), ("Location" = String, description = "Its path"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have a setting", body = Problem),
        (status = 409, description = "There are too many agents", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_agent(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    ValidJson(new): ValidJson<NewAgent>,
) -> Result<Response, ApiError> {
    let change = change!(new, Some(new.name));
    let agent = app::agents::create(&_state.app, &tenant.actor(), change).await?;
    Ok(created(&format!("/api/v1/agents/{}", agent.id), agent.updated_at, Json(AgentView::from(agent))))
}

/// Change an agent's draft. Calls go on with the published version until the draft is published.
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
        (status = 403, description = "The permission is missing, or the plan does not have a setting", body = Problem),
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
    let change = change!(patch, patch.name);
    Ok(shown(app::agents::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Delete an agent that no number leads to. Its calls stay and keep its name.
#[utoipa::path(
    delete, path = "/api/v1/agents/{id}", operation_id = "delete_agent", tag = "agents",
    extensions(("x-permission" = json!("agents:delete"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
        (status = 409, description = "A number leads to it", body = Problem),
    ),
)]
pub(crate) async fn delete_agent(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsDelete>,
    Id(id): Id<AgentId>,
) -> Result<StatusCode, ApiError> {
    app::agents::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(agent: Agent) -> Response {
    tagged(agent.updated_at, Json(AgentView::from(agent)))
}
