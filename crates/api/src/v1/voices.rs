//! Voices: found at all providers through one interface, and heard before one is chosen.

use app::voices::{FoundVoice, Preview};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use provider_traits::tts::{TtsRequest, VoiceQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::tenant::{Tenant, needs};
use crate::extract::{ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_voices)).routes(routes!(preview_voice))
}

/// Voices of an account that are shown; nobody reads more.
const MOST_VOICES: usize = 1_000;

/// Which voices are looked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VoiceSearch {
    /// The provider's id, such as `elevenlabs`; all of them when it is left out.
    #[garde(length(bytes, max = 40))]
    #[param(max_length = 40)]
    provider: Option<String>,
    /// Text in the name or the description.
    #[garde(length(chars, max = 100))]
    #[param(max_length = 100)]
    search: Option<String>,
    /// BCP 47 language, or its first part alone.
    #[garde(length(bytes, max = 35))]
    #[param(max_length = 35, example = "en")]
    language: Option<String>,
}

/// A voice that an agent can have.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Voice)]
pub struct VoiceView {
    /// Who has it.
    #[schema(example = "elevenlabs")]
    provider: &'static str,
    /// What an agent's `voice` is set to.
    #[schema(example = "21m00Tcm4TlvDq8ikWAM")]
    id: String,
    /// Its name.
    #[schema(example = "Rachel")]
    name: String,
    /// BCP 47 language; `null` when it speaks any.
    #[schema(example = "en-US")]
    language: Option<String>,
    /// `female`, `male` or what else the vendor says.
    #[schema(example = "female")]
    gender: Option<String>,
    /// What it sounds like.
    description: Option<String>,
    /// Address of a sample at the vendor.
    preview_url: Option<String>,
}

impl From<FoundVoice> for VoiceView {
    fn from(found: FoundVoice) -> Self {
        let voice = found.voice;
        Self {
            provider: found.provider.id,
            id: voice.id,
            name: voice.name,
            language: Some(voice.language).filter(|language| !language.is_empty()),
            gender: voice.gender,
            description: voice.description,
            preview_url: voice.preview,
        }
    }
}

/// A provider that could not tell its voices.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilentProvider {
    /// Its id.
    provider: &'static str,
    /// Why, in plain words.
    #[schema(example = "it did not answer in time")]
    reason: &'static str,
}

/// Voices, and who could not tell theirs.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoiceList {
    /// In the order in which providers are tried; 1,000 at most.
    items: Vec<VoiceView>,
    /// Providers that did not answer.
    unavailable: Vec<SilentProvider>,
}

/// What is to be heard.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoicePreview {
    /// Whose voice; when it is left out the voices are tried in their order, as in a call.
    #[serde(default)]
    #[garde(length(bytes, max = 40))]
    #[schema(max_length = 40)]
    provider: Option<String>,
    /// The voice's id; empty means the provider's default.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100)]
    voice: String,
    /// BCP 47 language.
    #[serde(default = "english")]
    #[garde(length(bytes, min = 2, max = 35))]
    #[schema(min_length = 2, max_length = 35, example = "en-US")]
    language: String,
    /// What is said.
    #[garde(length(chars, min = 1, max = 300))]
    #[schema(min_length = 1, max_length = 300, example = "Thank you for calling. How can I help?")]
    text: String,
}

fn english() -> String {
    "en-US".to_owned()
}

/// List the voices that agents can have, of all providers that can serve.
#[utoipa::path(
    get, path = "/api/v1/voices", operation_id = "list_voices", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    params(VoiceSearch),
    responses(
        (status = 200, description = "The voices", body = VoiceList),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid, or there is no such provider", body = Problem),
    ),
)]
pub(crate) async fn list_voices(
    State(_state): State<ApiState>,
    _tenant: Tenant<needs::AgentsRead>,
    ValidQuery(wanted): ValidQuery<VoiceSearch>,
) -> Result<Json<VoiceList>, ApiError> {
    let query = VoiceQuery {
        search: wanted.search.unwrap_or_default(),
        language: wanted.language.unwrap_or_default(),
    };
    let provider = wanted.provider.filter(|id| !id.is_empty());
    let found = app::voices::find(&_state.app, provider.as_deref(), &query).await?;
    let silent = |(provider, reason)| SilentProvider { provider, reason };
    Ok(Json(VoiceList {
        items: found.voices.into_iter().take(MOST_VOICES).map(VoiceView::from).collect(),
        unavailable: found.unavailable.into_iter().map(silent).collect(),
    }))
}

/// Hear a voice: a WAV file of what a caller would hear. Ten a minute for each organization.
#[utoipa::path(
    post, path = "/api/v1/voices/preview", operation_id = "preview_voice", tag = "agents",
    extensions(("x-permission" = json!("agents:read"))),
    request_body(content = VoicePreview, example = json!({"text": "Thank you for calling. How can I help?"})),
    responses(
        (status = 200, description = "The sample", body = Vec<u8>, content_type = "audio/wav"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "Fields are invalid, or there is no such provider", body = Problem),
        (status = 429, description = "Ten samples were heard within a minute", body = Problem),
    ),
)]
pub(crate) async fn preview_voice(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AgentsRead>,
    ValidJson(wanted): ValidJson<VoicePreview>,
) -> Result<Response, ApiError> {
    let request = TtsRequest { text: wanted.text, voice: wanted.voice, language: wanted.language };
    let preview = Preview { provider: wanted.provider.filter(|id| !id.is_empty()), request };
    let file = app::voices::preview(&_state.app, tenant.org_id(), &preview).await?;
    let mut response = file.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    Ok(response)
}
