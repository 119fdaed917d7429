//! The history of a lead or a client: what conversations came to, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CallId, ClientId, LeadId, TimelineEntryId};
use serde::Serialize;
use store::timeline::{Entry, Subject, newest};
use utoipa::ToSchema;

use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries that are shown.
const MOST: u32 = 200;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_lead_timeline)).routes(routes!(get_client_timeline))
}

/// A history.
#[derive(Debug, Serialize, ToSchema)]
pub struct Timeline {
    /// The newest 200 entries, newest first.
    items: Vec<TimelineEntry>,
}

/// An entry of a history.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// The entry's id.
    #[schema(value_type = String, example = "tle_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: TimelineEntryId,
    /// What it is, such as `call`.
    #[schema(example = "call")]
    kind: String,
    /// The conversation it comes from; it may have been deleted since.
    #[schema(value_type = Option<String>, example = "call_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    call_id: Option<CallId>,
    /// In plain words.
    #[schema(example = "Maria called about the status of a project.")]
    text: String,
    /// When it happened.
    at: DateTime<Utc>,
}

impl From<Vec<Entry>> for Timeline {
    fn from(entries: Vec<Entry>) -> Self {
        let items = entries.into_iter().map(|entry| TimelineEntry {
            id: entry.id,
            kind: entry.kind,
            call_id: entry.call_id,
            text: entry.text,
            at: entry.at,
        });
        Self { items: items.collect() }
    }
}

/// Get what happened with a lead.
#[utoipa::path(
    get, path = "/api/v1/leads/{id}/timeline", operation_id = "get_lead_timeline", tag = "leads",
    extensions(("x-permission" = json!("leads:read"))),
    params(("id" = String, Path, description = "The lead", example = "lead_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The history", body = Timeline),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such lead", body = Problem),
    ),
)]
pub(crate) async fn get_lead_timeline(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsRead>,
    Id(id): Id<LeadId>,
) -> Result<Json<Timeline>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    store::leads::get(&mut tx, id).await?;
    Ok(Json(newest(&mut tx, Subject::Lead(id), MOST).await?.into()))
}

/// Get what happened with a client.
#[utoipa::path(
    get, path = "/api/v1/clients/{id}/timeline", operation_id = "get_client_timeline", tag = "clients",
    extensions(("x-permission" = json!("clients:read"))),
    params(("id" = String, Path, description = "The client", example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The history", body = Timeline),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such client", body = Problem),
    ),
)]
pub(crate) async fn get_client_timeline(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsRead>,
    Id(id): Id<ClientId>,
) -> Result<Json<Timeline>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    store::clients::get(&mut tx, id).await?;
    Ok(Json(newest(&mut tx, Subject::Client(id), MOST).await?.into()))
}
