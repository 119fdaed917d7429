//! What could not wait: incidents, who was called about them, and who takes care.

use app::auth::identity::Principal;
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::escalation::AlertState;
use domain::ids::{AlertId, CallId, ClientId, IncidentId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::OrgTx;
use store::incidents::alerts::StoredAlert;
use store::incidents::{Incident, IncidentFilter, IncidentSort, IncidentState, IncidentStep};
use store::page::Span;
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_incidents))
        .routes(routes!(get_incident))
        .routes(routes!(acknowledge_incident))
}

/// Something that could not wait.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
pub struct IncidentView {
    /// The incident's id.
    #[schema(value_type = String, example = "inc_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: IncidentId,
    /// `alerting`, `acknowledged` or `unanswered`.
    #[schema(value_type = String, example = "acknowledged")]
    state: IncidentState,
    /// How urgent, 0 to 10.
    score: u8,
    /// The caller's own words.
    reason: String,
    /// What the quick questions brought to light.
    details: Option<String>,
    /// Who called.
    caller_name: Option<String>,
    /// Where they can be called back.
    #[schema(example = "+15135550142")]
    caller_number: Option<String>,
    /// The client, when recognised.
    #[schema(value_type = Option<String>)]
    client_id: Option<ClientId>,
    /// When it came up.
    raised_at: DateTime<Utc>,
    /// When somebody took it.
    acknowledged_at: Option<DateTime<Utc>>,
    /// Who.
    acknowledged_by: Option<String>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        Self {
            id: incident.id,
            state: incident.state,
            score: incident.score,
            reason: incident.reason,
            details: incident.details,
            caller_name: incident.caller_name,
            caller_number: incident.caller_number,
            client_id: incident.client_id,
            raised_at: incident.raised_at,
            acknowledged_at: incident.acknowledged_at,
            acknowledged_by: incident.acknowledged_by,
            updated_at: incident.updated_at,
        }
    }
}

/// An incident with everything that was done about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentDetail {
    /// What lists show.
    #[serde(flatten)]
    incident: IncidentView,
    /// The calls in which it came up.
    #[schema(value_type = Vec<String>)]
    call_ids: Vec<CallId>,
    /// Who was called.
    alerts: Vec<AlertView>,
    /// What happened, in order.
    steps: Vec<IncidentStepView>,
}

/// The call to one person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IncidentAlert)]
pub struct AlertView {
    /// The alert's id.
    #[schema(value_type = String)]
    id: AlertId,
    /// Who was called.
    name: String,
    /// Where.
    number: String,
    /// `placing`, `ringing`, `answered`, `acknowledged`, `declined`, `no_answer`, `busy`, `machine` or `failed`.
    #[schema(value_type = String, example = "acknowledged")]
    state: AlertState,
    /// Since when.
    since: DateTime<Utc>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IncidentStep)]
pub struct IncidentStepView {
    /// When.
    at: DateTime<Utc>,
    /// What, such as `raised`, `calling`, `no_answer`, `acknowledged`, `unanswered`.
    #[schema(example = "calling")]
    kind: String,
    /// In plain words.
    text: String,
}

impl From<StoredAlert> for AlertView {
    fn from(alert: StoredAlert) -> Self {
        let StoredAlert { id, name, number, state, since, .. } = alert;
        Self { id, name, number, state, since }
    }
}

impl From<IncidentStep> for IncidentStepView {
    fn from(step: IncidentStep) -> Self {
        Self { at: step.at, kind: step.kind, text: step.text }
    }
}

/// Everything of an incident.
pub(super) async fn detail(tx: &mut OrgTx, incident: Incident) -> Result<IncidentDetail, ApiError> {
    let id = incident.id;
    let alerts = store::incidents::alerts::list(tx, id).await?;
    let steps = store::incidents::steps(tx, id).await?;
    Ok(IncidentDetail {
        incident: incident.into(),
        call_ids: store::incidents::calls_of(tx, id).await?,
        alerts: alerts.into_iter().map(AlertView::from).collect(),
        steps: steps.into_iter().map(IncidentStepView::from).collect(),
    })
}

/// Everything of the incident that a call belongs to.
pub(super) async fn of_call(tx: &mut OrgTx, call: CallId) -> Result<Option<IncidentDetail>, ApiError> {
    let Some(id) = store::incidents::of_call(tx, call).await? else { return Ok(None) };
    let incident = store::incidents::get(tx, id).await?;
    Ok(Some(detail(tx, incident).await?))
}

orders! {
    /// How incidents are ordered.
    pub enum IncidentOrder of IncidentSort:
    RaisedAt "raised_at", RaisedAtDown "-raised_at" => IncidentSort::RaisedAt;
}

/// Which incidents are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentsQuery {
    /// The order; `-raised_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<IncidentOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "inc_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<IncidentId>>,
    /// Only those that stand like this.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(alerting|acknowledged|unanswered)$")]
    state: Option<IncidentState>,
    /// Only this client's.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    client_id: Option<ClientId>,
    /// Only those that came up at this moment or later.
    #[garde(custom(moment))]
    raised_after: Option<DateTime<Utc>>,
    /// Only those that came up before this moment.
    #[garde(custom(moment))]
    raised_before: Option<DateTime<Utc>>,
}

impl Listing for IncidentsQuery {
    const NOUN: &'static str = "incidents";
    type Order = IncidentOrder;

    fn order(&self) -> Option<IncidentOrder> {
        self.sort
    }
}

impl From<&IncidentsQuery> for IncidentFilter {
    fn from(query: &IncidentsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            state: query.state,
            client_id: query.client_id,
            raised: Span { from: query.raised_after, until: query.raised_before },
        }
    }
}

/// List incidents.
#[utoipa::path(
    get, path = "/api/v1/incidents", operation_id = "list_incidents", tag = "incidents",
    extensions(("x-permission" = json!("calls:read"))),
    params(IncidentsQuery, ListParams),
    responses(
        (status = 200, description = "A page of incidents", body = Page<IncidentView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_incidents(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsRead>,
    list: List<IncidentsQuery>,
) -> Result<Json<Page<IncidentView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let incidents = store::incidents::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(incidents, IncidentView::from)))
}

/// Get an incident with everybody who was called, and every step.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", operation_id = "get_incident", tag = "incidents",
    extensions(("x-permission" = json!("calls:read"))),
    params(("id" = String, Path, description = "The incident", example = "inc_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The incident", body = IncidentDetail),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such incident", body = Problem),
    ),
)]
pub(crate) async fn get_incident(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::CallsRead>,
    Id(id): Id<IncidentId>,
) -> Result<Json<IncidentDetail>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let incident = store::incidents::get(&mut tx, id).await?;
    Ok(Json(detail(&mut tx, incident).await?))
}

/// Take care of an incident: nobody else is called about it, and everybody is told. Doing it again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/acknowledge", operation_id = "acknowledge_incident", tag = "incidents",
    extensions(("x-permission" = json!("messages:write"))),
    params(("id" = String, Path, description = "The incident", example = "inc_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The incident as it is now", body = IncidentView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such incident", body = Problem),
    ),
)]
pub(crate) async fn acknowledge_incident(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MessagesWrite>,
    Id(id): Id<IncidentId>,
) -> Result<Json<IncidentView>, ApiError> {
    let by = match &tenant.identity.principal {
        Principal::Person { user, .. } => user.name.clone(),
        Principal::Key { name, .. } => name.clone(),
    };
    Ok(Json(app::incidents::acknowledge(&_state.app, &tenant.actor(), id, &by).await?.into()))
}
