//! Who is called when something can't wait, and what the business calls urgent.

use std::collections::BTreeMap;

use app::escalation::EscalationChange;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::escalation::{EmergencyPerson, EscalationSettings};
use domain::phone::PhoneNumber;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_escalation, put_escalation, update_escalation))
}

/// Who is called, one after the other, until somebody takes it; and what is urgent.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EscalationSettings)]
pub struct EscalationView {
    /// Who is called, in order. Empty: nobody is called, and the e-mail says so.
    #[garde(length(max = 5), dive)]
    #[schema(max_items = 5)]
    people: Vec<PersonView>,
    /// How long each telephone rings, in seconds.
    #[serde(default = "ring_seconds")]
    #[garde(range(min = 10, max = 60))]
    #[schema(minimum = 10, maximum = 60, default = 25)]
    ring_seconds: u32,
    /// Added to every score that is not 0: -3 (calm) to 3 (nervous).
    #[serde(default)]
    #[garde(range(min = -3, max = 3))]
    #[schema(minimum = -3, maximum = 3, default = 0)]
    sensitivity: i8,
    /// Phrases of the business's own, beside the usual ones.
    #[serde(default)]
    #[garde(length(max = 200), dive)]
    #[schema(max_items = 200)]
    phrases: Vec<PhraseView>,
}

fn ring_seconds() -> u32 {
    EscalationSettings::default().ring_seconds
}

/// Somebody who is called.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmergencyPerson)]
pub struct PersonView {
    /// Their name, as everybody else hears who takes care.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Dana Reed")]
    name: String,
    /// Where they are called, with country code. Neither emergency nor premium numbers.
    #[garde(length(chars, max = 40))]
    #[schema(max_length = 40, example = "+15135550142")]
    phone: String,
    /// How long to wait after they did not take it, before the next is called, in seconds.
    #[serde(default)]
    #[garde(range(max = 900))]
    #[schema(maximum = 900, default = 0, example = 30)]
    pause_seconds: u32,
}

/// A phrase and how urgent it is.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UrgentPhrase)]
pub struct PhraseView {
    /// The words, as callers say them.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "press proof")]
    phrase: String,
    /// 0 to 10; from 8 on people are called.
    #[garde(range(max = 10))]
    #[schema(maximum = 10, example = 9)]
    score: u8,
}

/// What to change. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalationPatch {
    /// Who is called, in order.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 5), dive)]
    #[schema(nullable = false, max_items = 5)]
    people: Option<Vec<PersonView>>,
    /// How long each telephone rings, in seconds.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(range(min = 10, max = 60)))]
    #[schema(nullable = false, minimum = 10, maximum = 60)]
    ring_seconds: Option<u32>,
    /// -3 (calm) to 3 (nervous).
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(range(min = -3, max = 3)))]
    #[schema(nullable = false, minimum = -3, maximum = 3)]
    sensitivity: Option<i8>,
    /// Phrases of the business's own.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 200), dive)]
    #[schema(nullable = false, max_items = 200)]
    phrases: Option<Vec<PhraseView>>,
}

impl From<EscalationSettings> for EscalationView {
    fn from(settings: EscalationSettings) -> Self {
        let people = settings.people.into_iter().map(|person| PersonView {
            name: person.name,
            phone: person.phone.into(),
            pause_seconds: person.pause_seconds,
        });
        let phrases = settings.urgency.phrases.into_iter();
        Self {
            people: people.collect(),
            ring_seconds: settings.ring_seconds,
            sensitivity: settings.urgency.sensitivity,
            phrases: phrases.map(|(phrase, score)| PhraseView { phrase, score }).collect(),
        }
    }
}

impl From<EscalationView> for EscalationPatch {
    fn from(all: EscalationView) -> Self {
        Self {
            people: Some(all.people),
            ring_seconds: Some(all.ring_seconds),
            sensitivity: Some(all.sensitivity),
            phrases: Some(all.phrases),
        }
    }
}

impl EscalationPatch {
    /// The change, with every number read on its own.
    fn checked(self) -> Result<EscalationChange, ApiError> {
        let mut errors = BTreeMap::new();
        let people = self.people.map(|people| {
            let mut read = Vec::with_capacity(people.len());
            for (place, person) in people.into_iter().enumerate() {
                match PhoneNumber::parse(&person.phone, None) {
                    Ok(phone) => read.push(EmergencyPerson {
                        name: person.name.trim().to_owned(),
                        phone,
                        pause_seconds: person.pause_seconds,
                    }),
                    Err(error) => {
                        errors.insert(format!("people[{place}].phone"), format!("is {error}"));
                    }
                }
            }
            read
        });
        if !errors.is_empty() {
            return Err(app::error::AppError::InvalidFields { errors }.into());
        }
        let phrases = self.phrases.map(|phrases| {
            phrases.into_iter().map(|one| (one.phrase.trim().to_owned(), one.score)).collect()
        });
        Ok(EscalationChange {
            people,
            ring_seconds: self.ring_seconds,
            sensitivity: self.sensitivity,
            phrases,
        })
    }
}

/// Get who is called when something can't wait, and what is urgent. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/escalation", operation_id = "get_escalation", tag = "incidents",
    extensions(("x-permission" = json!("notifications:read"))),
    responses(
        (status = 200, description = "The settings", body = EscalationView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_escalation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsRead>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::escalation_settings::get(&mut tx).await?))
}

/// Replace who is called when something can't wait, and what is urgent.
#[utoipa::path(
    put, path = "/api/v1/escalation", operation_id = "put_escalation", tag = "incidents",
    extensions(("x-permission" = json!("notifications:write"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = EscalationView, example = json!({
        "people": [
            { "name": "Dana Reed", "phone": "+15135550142", "pause_seconds": 30 },
            { "name": "Sam Okafor", "phone": "+15135550143" },
        ],
        "ring_seconds": 25,
        "sensitivity": 0,
        "phrases": [{ "phrase": "press proof", "score": 9 }],
    })),
    responses(
        (status = 200, description = "The settings as they are now", body = EscalationView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have it", body = Problem),
        (status = 412, description = "They were changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn put_escalation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    IfMatch(based_on): IfMatch,
    ValidJson(settings): ValidJson<EscalationView>,
) -> Result<Response, ApiError> {
    let change = EscalationPatch::from(settings).checked()?;
    Ok(shown(app::escalation::change(&_state.app, &tenant.actor(), based_on, change).await?))
}

/// Change a part of who is called when something can't wait, and of what is urgent.
#[utoipa::path(
    patch, path = "/api/v1/escalation", operation_id = "update_escalation", tag = "incidents",
    extensions(("x-permission" = json!("notifications:write"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = EscalationPatch, example = json!({"sensitivity": 1})),
    responses(
        (status = 200, description = "The settings as they are now", body = EscalationView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan does not have it", body = Problem),
        (status = 412, description = "They were changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_escalation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NotificationsWrite>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<EscalationPatch>,
) -> Result<Response, ApiError> {
    let change = patch.checked()?;
    Ok(shown(app::escalation::change(&_state.app, &tenant.actor(), based_on, change).await?))
}

fn shown((settings, updated_at): (EscalationSettings, DateTime<Utc>)) -> Response {
    tagged(updated_at, Json(EscalationView::from(settings)))
}
