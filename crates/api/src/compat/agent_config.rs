//! `/api/agent-config` and `/api/businesses/{id}/agent-config`: the settings of a business's default agent, which is
//! its oldest. Who uses these paths knows no drafts: a change is published at once.

use app::agents::AgentChange;
use app::audit::Actor;
use axum::Json;
use axum::extract::State;
use domain::ids::{AgentId, OrgId};
use domain::permissions::Permission;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::agents::Agent;
use store::{OrgTx, SystemTx};
use utoipa::ToSchema;

use super::body::CamelJson;
use crate::auth::tenant::{Needs, Tenant, needs};
use crate::extract::{Id, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_agent_config, set_agent_config))
        .routes(routes!(get_business_agent_config, set_business_agent_config))
}

/// The default agent's settings, as published.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CompatAgentConfig)]
pub struct AgentConfig {
    /// The agent's id.
    #[schema(value_type = String, example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    agent_id: AgentId,
    /// The name it gives itself.
    #[schema(example = "Nova")]
    name: String,
    /// BCP 47 tag of the language it speaks.
    #[schema(example = "en-US")]
    language: String,
    /// Voice id; empty means the provider's default.
    voice: String,
    /// Who runs its conversations.
    #[schema(example = "pipeline")]
    engine: String,
    /// The vendor's agent.
    elevenlabs_agent_id: String,
    /// The vendor's voice.
    elevenlabs_voice: String,
    /// Who it is and how it behaves.
    persona_prompt: String,
    /// What a visitor of the chat reads first.
    welcome_message: String,
    /// What a new caller hears first.
    voice_greeting_message: String,
}

impl From<Agent> for AgentConfig {
    fn from(agent: Agent) -> Self {
        let settings = agent.published.settings;
        Self {
            agent_id: agent.id,
            name: settings.name,
            language: settings.language,
            voice: settings.voice,
            engine: settings.engine,
            elevenlabs_agent_id: settings.elevenlabs_agent_id,
            elevenlabs_voice: settings.elevenlabs_voice,
            persona_prompt: settings.persona_prompt,
            welcome_message: settings.welcome_message,
            voice_greeting_message: settings.greeting,
        }
    }
}

/// What to change of the default agent. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CompatAgentConfigChange)]
pub struct AgentConfigChange {
    /// The name it gives itself.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Voice id; empty means the provider's default.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    voice: Option<String>,
    /// The vendor's agent.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    elevenlabs_agent_id: Option<String>,
    /// The vendor's voice.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 100))]
    #[schema(nullable = false, max_length = 100)]
    elevenlabs_voice: Option<String>,
    /// Who it is and how it behaves.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 20_000))]
    #[schema(nullable = false, max_length = 20_000)]
    persona_prompt: Option<String>,
    /// What a visitor of the chat reads first.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    welcome_message: Option<String>,
    /// What a new caller hears first.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 1_000))]
    #[schema(nullable = false, max_length = 1_000)]
    voice_greeting_message: Option<String>,
}

impl From<AgentConfigChange> for AgentChange {
    fn from(change: AgentConfigChange) -> Self {
        Self {
            name: change.name,
            voice: change.voice,
            elevenlabs_agent_id: change.elevenlabs_agent_id,
            elevenlabs_voice: change.elevenlabs_voice,
            persona_prompt: change.persona_prompt,
            welcome_message: change.welcome_message,
            greeting: change.voice_greeting_message,
            ..Self::default()
        }
    }
}

/// Get the settings of the default agent.
#[utoipa::path(
    get, path = "/api/agent-config", operation_id = "get_agent_config", tag = "compat",
    extensions(("x-permission" = json!("agents:read"))),
    responses(
        (status = 200, description = "The settings", body = AgentConfig),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no agent yet", body = Problem),
    ),
)]
pub(crate) async fn get_agent_config(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
) -> Result<Json<AgentConfig>, ApiError> {
    shown(&_state, tenant.org_id()).await
}

/// Change and publish the settings of the default agent.
#[utoipa::path(
    post, path = "/api/agent-config", operation_id = "set_agent_config", tag = "compat",
    extensions(("x-permission" = json!("agents:write"))),
    request_body(content = AgentConfigChange, example = json!({"voiceGreetingMessage": "Hi, this is {agent}."})),
    responses(
        (status = 200, description = "The settings as they are now", body = AgentConfig),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have a setting", body = Problem),
        (status = 404, description = "There is no agent yet", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn set_agent_config(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    CamelJson(change): CamelJson<AgentConfigChange>,
) -> Result<Json<AgentConfig>, ApiError> {
    changed(&_state, &tenant.actor(), change).await
}

/// Get the settings of a business's default agent: one's own business, or one below.
#[utoipa::path(
    get, path = "/api/businesses/{id}/agent-config", operation_id = "get_business_agent_config", tag = "compat",
    extensions(("x-permission" = json!("agents:read"))),
    params(("id" = String, Path, description = "The business", example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The settings", body = AgentConfig),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such business, or it has no agent yet", body = Problem),
    ),
)]
pub(crate) async fn get_business_agent_config(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
    Id(id): Id<OrgId>,
) -> Result<Json<AgentConfig>, ApiError> {
    shown(&_state, acting_for(&_state, &tenant, id).await?.org_id).await
}

/// Change and publish the settings of a business's default agent: one's own business, or one below.
#[utoipa::path(
    put, path = "/api/businesses/{id}/agent-config", operation_id = "set_business_agent_config", tag = "compat",
    extensions(("x-permission" = json!("agents:write"))),
    params(("id" = String, Path, description = "The business", example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = AgentConfigChange, example = json!({"voiceGreetingMessage": "Hi, this is {agent}."})),
    responses(
        (status = 200, description = "The settings as they are now", body = AgentConfig),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have a setting", body = Problem),
        (status = 404, description = "There is no such business, or it has no agent yet", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn set_business_agent_config(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    Id(id): Id<OrgId>,
    CamelJson(change): CamelJson<AgentConfigChange>,
) -> Result<Json<AgentConfig>, ApiError> {
    let actor = acting_for(&_state, &tenant, id).await?;
    changed(&_state, &actor, change).await
}

/// Who asks, acting for a business of theirs. To everybody else there is no such business.
async fn acting_for<N: Needs>(state: &ApiState, tenant: &Tenant<N>, id: OrgId) -> Result<Actor, ApiError> {
    let actor = tenant.actor();
    if id == tenant.org_id() {
        return Ok(actor);
    }
    let nothing = || ApiError::NotFound("business");
    let person = tenant.identity.person().ok_or_else(nothing)?;
    let mut tx = SystemTx::begin(&state.app.db, "rights in a business below one's own are looked up").await?;
    let rights = app::access::rights_of_person(&mut tx, person.id, id).await?.ok_or_else(nothing)?;
    let permission: Permission = N::PERMISSION;
    if !rights.permissions.has(permission) {
        return Err(ApiError::Forbidden(permission));
    }
    Ok(Actor { org_id: id, home_org_id: rights.home_org_id, ..actor })
}

async fn shown(state: &ApiState, org_id: OrgId) -> Result<Json<AgentConfig>, ApiError> {
    let mut tx = OrgTx::begin(&state.app.db, org_id).await?;
    let agent = store::agents::list(&mut tx).await?.into_iter().next();
    Ok(Json(agent.ok_or(ApiError::NotFound("agent"))?.into()))
}

async fn changed(
    state: &ApiState,
    actor: &Actor,
    change: AgentConfigChange,
) -> Result<Json<AgentConfig>, ApiError> {
    Ok(Json(app::agents::change_default(&state.app, actor, change.into()).await?.into()))
}
