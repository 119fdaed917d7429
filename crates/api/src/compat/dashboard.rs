//! `/api/admin/dashboard`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{CallId, LeadId};
use domain::leads::Priority;
use domain::permissions::Permission;
use serde::Serialize;
use store::calls::{Call, CallFilter, CallSort, CallStatus};
use store::leads::{Lead, LeadFilter, LeadSort, LeadStatus};
use store::overview::Overview;
use store::page::Wanted;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The period of the figures.
const DAYS: i64 = 30;
/// How many of the latest calls and leads are shown.
const LATEST: u32 = 10;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_get_dashboard))
}

/// The first screen.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatDashboard {
    /// Figures of the last 30 days.
    kpis: CompatKpis,
    /// What goes on now.
    live: CompatLive,
    /// The latest calls, newest first; empty without the permission to see calls.
    latest_calls: Vec<CompatCall>,
    /// The latest leads, newest first; empty without the permission to see leads.
    latest_leads: Vec<CompatLead>,
}

/// Figures of the last 30 days.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatKpis {
    /// Since when.
    since: DateTime<Utc>,
    /// Calls that came in.
    total_calls: u64,
    /// Calls with a conversation.
    answered_calls: u64,
    /// Mean length of the conversations in seconds.
    average_call_seconds: Option<f64>,
    /// Calls of urgency 5 and above.
    urgent_calls: u64,
    /// Leads taken.
    new_leads: u64,
    /// Of those, the leads that became clients.
    won_leads: u64,
}

/// What goes on now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatLive {
    /// Calls going on.
    active_calls: u64,
    /// Leads that are open.
    open_leads: u64,
    /// Messages that nobody has dealt with.
    waiting_messages: u64,
    /// Clients in all.
    clients: u64,
    /// Projects that are neither finished nor put away.
    active_projects: u64,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatCall {
    /// The call's id.
    #[schema(value_type = String)]
    id: CallId,
    /// Where it stands.
    #[schema(value_type = String, example = "completed")]
    status: CallStatus,
    /// The caller's number; `null` when withheld.
    from: Option<String>,
    /// The recognised client's name.
    client_name: Option<String>,
    /// What it was about.
    intent: Option<String>,
    /// When it came in.
    started_at: DateTime<Utc>,
    /// Its length.
    duration_seconds: Option<u64>,
}

/// A lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatLead {
    /// The lead's id.
    #[schema(value_type = String)]
    id: LeadId,
    /// The person's name.
    name: Option<String>,
    /// The company.
    company: Option<String>,
    /// Where it stands.
    #[schema(value_type = String, example = "open")]
    status: LeadStatus,
    /// How pressing it is.
    #[schema(value_type = String, example = "NORMAL")]
    priority: Priority,
    /// When it was taken.
    created_at: DateTime<Utc>,
}

impl From<Call> for CompatCall {
    fn from(call: Call) -> Self {
        Self {
            id: call.id,
            status: call.status,
            from: call.from_number,
            client_name: call.client_name,
            intent: call.intent,
            started_at: call.started_at,
            duration_seconds: call.duration_ms.map(|ms| ms / 1_000),
        }
    }
}

impl From<Lead> for CompatLead {
    fn from(lead: Lead) -> Self {
        Self {
            id: lead.id,
            name: lead.name,
            company: lead.company,
            status: lead.status,
            priority: lead.priority,
            created_at: lead.created_at,
        }
    }
}

/// Get the figures of the last 30 days, what goes on now, and the latest calls and leads.
#[utoipa::path(
    get, path = "/api/admin/dashboard", operation_id = "compat_get_dashboard", tag = "compat",
    extensions(("x-permission" = json!("analytics:read"))),
    responses(
        (status = 200, description = "The first screen", body = CompatDashboard),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn compat_get_dashboard(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AnalyticsRead>,
) -> Result<Json<CompatDashboard>, ApiError> {
    let since = _state.app.ambient.now() - TimeDelta::days(DAYS);
    let may = |permission| tenant.identity.permissions.has(permission);
    let mut tx = tenant.begin(&_state).await?;
    let overview = store::overview::since(&mut tx, since).await?;
    let mut latest_calls = Vec::new();
    if may(Permission::CallsRead) {
        let wanted = Wanted::first(CallSort::StartedAt, LATEST);
        latest_calls = store::calls::list(&mut tx, &CallFilter::default(), &wanted).await?.items;
    }
    let mut latest_leads = Vec::new();
    if may(Permission::LeadsRead) {
        let wanted = Wanted::first(LeadSort::CreatedAt, LATEST);
        latest_leads = store::leads::list(&mut tx, &LeadFilter::default(), &wanted).await?.items;
    }
    Ok(Json(CompatDashboard {
        kpis: kpis(since, &overview),
        live: CompatLive {
            active_calls: overview.calls_live,
            open_leads: overview.leads_open,
            waiting_messages: overview.messages_waiting,
            clients: overview.clients,
            active_projects: overview.projects_active,
        },
        latest_calls: latest_calls.into_iter().map(CompatCall::from).collect(),
        latest_leads: latest_leads.into_iter().map(CompatLead::from).collect(),
    }))
}

fn kpis(since: DateTime<Utc>, overview: &Overview) -> CompatKpis {
    CompatKpis {
        since,
        total_calls: overview.calls,
        answered_calls: overview.calls_answered,
        average_call_seconds: overview.mean_duration_ms.map(|ms| ms / 1_000.0),
        urgent_calls: overview.calls_urgent,
        new_leads: overview.leads,
        won_leads: overview.leads_won,
    }
}
