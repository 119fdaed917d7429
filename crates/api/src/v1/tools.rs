//! The agent's tools: the registry, the secret for platforms that use them from outside, and their use.

use app::outside_tools::{self, Audience, Registered, ToolUse};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use domain::ids::AgentId;
use provider_traits::schema::Schema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::Page;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// Largest body of a use, as of a model's arguments.
const MAX_BODY_BYTES: usize = 32 * 1024;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_tools))
        .routes(routes!(renew_tools_secret, delete_tools_secret))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(use_tool))
                .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES)),
        )
}

/// A tool of the agent's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tool)]
pub struct ToolView {
    /// Its name, also in `POST /api/voice/tools/{tool}`.
    #[schema(example = "search_knowledge")]
    name: String,
    /// When a model is to use it, and what comes back.
    description: String,
    /// JSON Schema of its arguments.
    #[schema(value_type = Object)]
    parameters: Schema,
    /// For whom it works: `everybody`, `clients` (recognised, or proved by a code), `strangers`.
    #[schema(value_type = String, example = "everybody")]
    audience: &'static str,
    /// The longest it takes, in milliseconds.
    #[schema(example = 4000)]
    limit_ms: u64,
    /// What the agent says while it runs.
    #[schema(example = "One moment, let me look that up.")]
    waiting_line: &'static str,
}

impl From<Registered> for ToolView {
    fn from(one: Registered) -> Self {
        Self {
            name: one.spec.tool.name,
            description: one.spec.tool.description,
            parameters: one.spec.tool.parameters,
            audience: match one.audience {
                Audience::Everybody => "everybody",
                Audience::Clients => "clients",
                Audience::Strangers => "strangers",
            },
            limit_ms: u64::try_from(one.spec.limit.as_millis()).unwrap_or(u64::MAX),
            waiting_line: one.spec.waiting_line,
        }
    }
}

/// A secret that is shown this once.
#[derive(Serialize, ToSchema)]
pub struct ToolsSecret {
    /// What the platform sends as `Authorization: Bearer …`, or as `x-tools-secret`.
    #[schema(example = "sc_tools_…")]
    secret: String,
}

/// What a platform sends.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ToolCallBody {
    /// The carrier's id of the call (`system__call_sid`).
    #[serde(default)]
    #[schema(example = "CA0123456789abcdef0123456789abcdef")]
    call_sid: Option<String>,
    /// The platform's id of the conversation (`system__conversation_id`). Bound to the call when it first comes with
    /// `call_sid`; from then on it will do alone.
    #[serde(default)]
    #[schema(example = "conv_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    conversation_id: Option<String>,
    /// The tool's own arguments stand beside them.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
}

/// List the tools that agents have, with their JSON Schemas. They come at once.
#[utoipa::path(
    get, path = "/api/v1/tools", operation_id = "list_tools", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    responses(
        (status = 200, description = "The tools", body = Page<ToolView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn list_tools(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
) -> Result<Json<Page<ToolView>>, ApiError> {
    let tools = outside_tools::list(&_state.app, tenant.org_id()).await?;
    Ok(Json(Page::whole(tools.into_iter().map(ToolView::from).collect())))
}

/// Make the secret of an agent's tools, for a platform that carries the conversation itself.
///
/// It is in this answer and nowhere else; a former one works no more.
#[utoipa::path(
    post, path = "/api/v1/agents/{id}/tools-secret", operation_id = "renew_tools_secret", tag = "agents",
    extensions(("x-permission" = json!("agents:write"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 201, description = "The secret", body = ToolsSecret),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
    ),
)]
pub(crate) async fn renew_tools_secret(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    Id(id): Id<AgentId>,
) -> Result<(StatusCode, Json<ToolsSecret>), ApiError> {
    let secret = outside_tools::renew_secret(&_state.app, &tenant.actor(), id).await?;
    Ok((StatusCode::CREATED, Json(ToolsSecret { secret: secret.expose_secret().to_owned() })))
}

/// Take the secret of an agent's tools away.
#[utoipa::path(
    delete, path = "/api/v1/agents/{id}/tools-secret", operation_id = "delete_tools_secret", tag = "agents",
    extensions(("x-permission" = json!("agents:write"))),
    params(("id" = String, Path, description = "The agent", example = "agent_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "There is none any more"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such agent", body = Problem),
    ),
)]
pub(crate) async fn delete_tools_secret(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsWrite>,
    Id(id): Id<AgentId>,
) -> Result<StatusCode, ApiError> {
    outside_tools::remove_secret(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Use a tool of the agent whose secret is sent, for a call that it carries now.
///
/// For ElevenLabs server tools. Whatever goes wrong inside the tool is a sentence (`say`) in an answer with 200.
#[utoipa::path(
    post, path = "/api/voice/tools/{tool}", operation_id = "use_tool", tag = "voice",
    extensions(("x-permission" = json!("public"))),
    params(
        ("tool" = String, Path, description = "The tool's name", example = "search_knowledge"),
        ("authorization" = Option<String>, Header, description = "`Bearer` and the agent's tools secret"),
        ("x-tools-secret" = Option<String>, Header, description = "The same, where that header can't be set"),
    ),
    request_body(content = ToolCallBody, example = json!({"call_sid": "CA0123456789abcdef0123456789abcdef",
        "question": "When are you open?"})),
    responses(
        (status = 200, description = "What comes of it, for the model: an object", body = Object),
        (status = 400, description = "The body is no JSON object", body = Problem),
        (status = 401, description = "The secret is missing or wrong", body = Problem),
        (status = 404, description = "There is no such tool", body = Problem),
        (status = 409, description = "The agent carries no such call now", body = Problem),
        (status = 413, description = "The body is over 32 KiB", body = Problem),
        (status = 415, description = "The body is no JSON", body = Problem),
        (status = 422, description = "Neither call nor conversation is named", body = Problem),
    ),
)]
pub(crate) async fn use_tool(
    State(state): State<ApiState>,
    Path(tool): Path<String>,
    headers: HeaderMap,
    body: Result<Json<ToolCallBody>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, secret)| secret.trim());
    let own = headers.get("x-tools-secret").and_then(|value| value.to_str().ok());
    let secret = own.or(bearer).unwrap_or_default();
    let Json(body) = body.map_err(|rejection| unreadable(&rejection))?;
    let wanted = ToolUse {
        tool,
        call_sid: body.call_sid,
        conversation_id: body.conversation_id,
        arguments: Value::Object(body.arguments),
    };
    match outside_tools::use_tool(&state.app, secret, wanted).await {
        Ok(output) => Ok(Json(output)),
        Err(app::error::AppError::WrongCredentials) => Err(ApiError::Unauthenticated),
        Err(error) => Err(error.into()),
    }
}

fn unreadable(rejection: &axum::extract::rejection::JsonRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::NotJson,
        _ => ApiError::Malformed("the body must be a JSON object".to_owned()),
    }
}
