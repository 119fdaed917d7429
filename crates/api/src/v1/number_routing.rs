//! Where calls to a number go: by date, holiday and hours, and when no agent is free.

use std::collections::BTreeMap;

use app::calls::routing::Preview;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{AgentId, NumberId};
use domain::phone::PhoneNumber;
use domain::routing::{DateRule, Destination, Reason, Routing};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hours::BusinessHoursView;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_number_routing, put_number_routing))
        .routes(routes!(preview_number_routing))
}

/// How a call can be dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DestinationKind)]
pub enum DestinationKind {
    /// An agent talks to the caller.
    Agent,
    /// The caller hears some words and leaves a message.
    Message,
    /// A telephone is rung; when nobody answers, a message is taken.
    Forward,
}

/// Where a call goes. The members that belong to another kind are left out or `null`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Destination)]
pub struct DestinationView {
    /// How it is dealt with.
    kind: DestinationKind,
    /// For `agent`: which; `null` is the number's own.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = json!(null))]
    agent_id: Option<AgentId>,
    /// For `message`: the words; `null` means the usual ones.
    #[serde(default)]
    #[schema(max_length = 1_000, example = json!(null))]
    text: Option<String>,
    /// For `forward`: whose telephone, in E.164.
    #[serde(default)]
    #[schema(max_length = 40, example = json!(null))]
    number: Option<String>,
}

impl DestinationView {
    fn checked(self, field: &str, errors: &mut BTreeMap<String, String>) -> Destination {
        use DestinationKind as K;
        for (member, given, kind) in [
            ("agent_id", self.agent_id.is_some(), K::Agent),
            ("text", self.text.is_some(), K::Message),
            ("number", self.number.is_some(), K::Forward),
        ] {
            if given && self.kind != kind {
                errors
                    .insert(format!("{field}.{member}"), "belongs to another kind: leave it out".to_owned());
            }
        }
        match self.kind {
            K::Agent => Destination::Agent { agent_id: self.agent_id },
            K::Message => Destination::Message { text: self.text.unwrap_or_default() },
            K::Forward => match PhoneNumber::parse(self.number.as_deref().unwrap_or_default(), None) {
                Ok(number) => Destination::Forward { number },
                Err(error) => {
                    errors.insert(format!("{field}.number"), format!("is {error}"));
                    Destination::default()
                }
            },
        }
    }
}

impl From<Destination> for DestinationView {
    fn from(destination: Destination) -> Self {
        let empty = Self { kind: DestinationKind::Agent, agent_id: None, text: None, number: None };
        match destination {
            Destination::Agent { agent_id } => Self { agent_id, ..empty },
            Destination::Message { text } => {
                Self { kind: DestinationKind::Message, text: Some(text).filter(|t| !t.is_empty()), ..empty }
            }
            Destination::Forward { number } => {
                Self { kind: DestinationKind::Forward, number: Some(number.into()), ..empty }
            }
        }
    }
}

fn own_agent() -> DestinationView {
    Destination::default().into()
}

/// Days on which calls go somewhere else, all day long.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DateRule)]
pub struct DateRuleView {
    /// What it is called.
    #[schema(min_length = 1, max_length = 100, example = "Company trip")]
    name: String,
    /// The first day.
    #[schema(example = "2026-07-01")]
    from: NaiveDate,
    /// The last day.
    #[schema(example = "2026-07-03")]
    to: NaiveDate,
    /// Where to.
    destination: DestinationView,
}

/// How calls to a number are routed. The first that holds counts: a date rule, the holiday, the hours. What is left
/// out has its default, by which the number's own agent answers at any time.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(as = Routing)]
pub struct RoutingView {
    /// The number's own hours; `null` takes the organization's.
    #[serde(default)]
    hours: Option<BusinessHoursView>,
    /// While it is open.
    #[serde(default = "own_agent")]
    open: DestinationView,
    /// While it is closed.
    #[serde(default = "own_agent")]
    after_hours: DestinationView,
    /// While it is closed for a holiday; `null` as after hours.
    #[serde(default)]
    holidays: Option<DestinationView>,
    /// Days that differ; the first that holds counts.
    #[serde(default)]
    #[schema(max_items = 50)]
    dates: Vec<DateRuleView>,
    /// When no agent can take the call: all lines are busy, or something fails. `message` or `forward`; `null` rings
    /// the number's fallback number when it has one, and takes a message otherwise.
    #[serde(default)]
    overflow: Option<DestinationView>,
}

impl RoutingView {
    fn checked(self) -> Result<Routing, ApiError> {
        let mut errors = BTreeMap::new();
        let hours = self.hours.map(|hours| hours.checked("hours")).transpose()?;
        let mut optional = |field: &str, destination: Option<DestinationView>| {
            destination.map(|destination| destination.checked(field, &mut errors))
        };
        let holidays = optional("holidays", self.holidays);
        let overflow = optional("overflow", self.overflow);
        let routing = Routing {
            hours,
            open: self.open.checked("open", &mut errors),
            after_hours: self.after_hours.checked("after_hours", &mut errors),
            holidays,
            dates: self
                .dates
                .into_iter()
                .enumerate()
                .map(|(place, rule)| DateRule {
                    name: rule.name,
                    from: rule.from,
                    to: rule.to,
                    destination: rule
                        .destination
                        .checked(&format!("dates[{place}].destination"), &mut errors),
                })
                .collect(),
            overflow,
        };
        if errors.is_empty() { Ok(routing) } else { Err(ApiError::Invalid(errors)) }
    }
}

impl From<Routing> for RoutingView {
    fn from(routing: Routing) -> Self {
        Self {
            hours: routing.hours.map(BusinessHoursView::from),
            open: routing.open.into(),
            after_hours: routing.after_hours.into(),
            holidays: routing.holidays.map(DestinationView::from),
            dates: routing
                .dates
                .into_iter()
                .map(|rule| DateRuleView {
                    name: rule.name,
                    from: rule.from,
                    to: rule.to,
                    destination: rule.destination.into(),
                })
                .collect(),
            overflow: routing.overflow.map(DestinationView::from),
        }
    }
}

/// A moment to look at.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutingMoment {
    /// When somebody calls; now when it is left out.
    #[serde(default)]
    #[garde(custom(super::page::moment))]
    #[schema(example = "2026-12-25T10:00:00Z")]
    at: Option<DateTime<Utc>>,
}

/// Why a call goes where it goes.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoutingReason {
    /// It is open.
    Open,
    /// It is closed.
    Closed,
    /// It is closed for a holiday.
    Holiday,
    /// A date rule holds.
    DateRule,
}

/// What a caller would get.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoutingPreview {
    /// The moment.
    at: DateTime<Utc>,
    /// What the wall at the business shows then.
    #[schema(example = "2026-12-25T05:00:00-05:00")]
    local_time: String,
    /// Where the call goes.
    destination: DestinationView,
    /// The agent that talks; `null` when none does.
    #[schema(value_type = Option<String>)]
    agent_id: Option<AgentId>,
    /// Its name.
    agent_name: Option<String>,
    /// What the caller hears before leaving a message.
    words: Option<String>,
    /// Why.
    reason: RoutingReason,
    /// The name of the holiday or date rule.
    reason_name: Option<String>,
    /// When it opens again; `null` while it is open, and when it stays closed.
    opens_at: Option<DateTime<Utc>>,
}

impl RoutingPreview {
    fn of(at: DateTime<Utc>, preview: Preview) -> Self {
        let (reason, reason_name) = match preview.decision.reason {
            Reason::Open => (RoutingReason::Open, None),
            Reason::Closed => (RoutingReason::Closed, None),
            Reason::Holiday { name } => (RoutingReason::Holiday, Some(name)),
            Reason::DateRule { name } => (RoutingReason::DateRule, Some(name)),
        };
        let (agent_id, agent_name) = preview.agent.unzip();
        Self {
            at,
            local_time: at.with_timezone(&preview.timezone).to_rfc3339(),
            destination: preview.decision.destination.into(),
            agent_id,
            agent_name,
            words: preview.words,
            reason,
            reason_name,
            opens_at: preview.decision.opens_at,
        }
    }
}

/// Get the routing of a phone number. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/numbers/{id}/routing", operation_id = "get_number_routing", tag = "numbers",
    extensions(("x-permission" = json!("numbers:read"))),
    params(("id" = String, Path, description = "The number", example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The routing", body = RoutingView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such number", body = Problem),
    ),
)]
pub(crate) async fn get_number_routing(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersRead>,
    Id(id): Id<NumberId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let (routing, updated_at) = store::numbers::routing(&mut tx, id).await?;
    Ok(tagged(updated_at, Json(RoutingView::from(routing))))
}

/// Replace the routing of a phone number. The next call is routed by it.
#[utoipa::path(
    put, path = "/api/v1/numbers/{id}/routing", operation_id = "put_number_routing", tag = "numbers",
    extensions(("x-permission" = json!("numbers:manage"))),
    params(
        ("id" = String, Path, description = "The number", example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = RoutingView, example = json!({
        "hours": { "weekly": { "monday": [{ "opens": "09:00", "closes": "18:00" }] },
            "holidays": [{ "date": "2026-12-25", "name": "Christmas Day", "yearly": true }] },
        "after_hours": { "kind": "message", "text": "We are closed. Please leave a message after the tone." },
    })),
    responses(
        (status = 200, description = "The routing as it is now", body = RoutingView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such number", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn put_number_routing(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersManage>,
    Id(id): Id<NumberId>,
    IfMatch(based_on): IfMatch,
    ValidJson(routing): ValidJson<RoutingView>,
) -> Result<Response, ApiError> {
    let routing = routing.checked()?;
    let (routing, updated_at) =
        app::numbers::set_routing(&_state.app, &tenant.actor(), id, based_on, routing).await?;
    Ok(tagged(updated_at, Json(RoutingView::from(routing))))
}

/// See what a caller of a phone number would get at a moment, and why. Changes nothing.
#[utoipa::path(
    post, path = "/api/v1/numbers/{id}/routing/preview", operation_id = "preview_number_routing", tag = "numbers",
    extensions(("x-permission" = json!("numbers:read"))),
    params(("id" = String, Path, description = "The number", example = "num_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = RoutingMoment, example = json!({"at": "2026-12-25T10:00:00Z"})),
    responses(
        (status = 200, description = "What a caller would get", body = RoutingPreview),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such number", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn preview_number_routing(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::NumbersRead>,
    Id(id): Id<NumberId>,
    ValidJson(moment): ValidJson<RoutingMoment>,
) -> Result<Json<RoutingPreview>, ApiError> {
    let at = moment.at.unwrap_or_else(|| _state.app.ambient.now());
    let mut tx = tenant.begin(&_state).await?;
    let preview = app::calls::routing::preview(&mut tx, id, at).await?;
    Ok(Json(RoutingPreview::of(at, preview)))
}
