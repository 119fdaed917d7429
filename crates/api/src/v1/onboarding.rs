//! The guided set-up: a checklist that is read off the records.

use app::onboarding::{Checklist, Step, StepState};
use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_onboarding)).routes(routes!(skip_onboarding_step))
}

/// How far the set-up of an organization has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Onboarding)]
pub struct OnboardingView {
    /// Every step, in order.
    steps: Vec<StepView>,
    /// When nothing was open for the first time.
    completed_at: Option<DateTime<Utc>>,
}

/// A step of the set-up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnboardingStep)]
pub struct StepView {
    /// Its name.
    #[schema(example = "number")]
    step: &'static str,
    /// `done` as the records show, `skipped` by somebody, or `open`.
    state: StateView,
    /// What to do.
    #[schema(example = "Connect the phone number that your callers dial.")]
    hint: &'static str,
    /// Where in the API it is done.
    #[schema(example = "/api/v1/numbers")]
    link: &'static str,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnboardingStepState)]
pub enum StateView {
    /// Done, as the records show.
    Done,
    /// Somebody chose to pass over it.
    Skipped,
    /// To be done.
    Open,
}

impl From<Checklist> for OnboardingView {
    fn from(checklist: Checklist) -> Self {
        let show = |(step, state): (Step, StepState)| StepView {
            step: step.name(),
            state: match state {
                StepState::Done => StateView::Done,
                StepState::Skipped => StateView::Skipped,
                StepState::Open => StateView::Open,
            },
            hint: step.hint(),
            link: step.link(),
        };
        Self { steps: checklist.steps.into_iter().map(show).collect(), completed_at: checklist.completed_at }
    }
}

/// Get the checklist of your organization's set-up.
#[utoipa::path(
    get, path = "/api/v1/onboarding", operation_id = "get_onboarding", tag = "organizations",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "The checklist", body = OnboardingView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_onboarding(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Json<OnboardingView>, ApiError> {
    Ok(Json(app::onboarding::note_completion(&_state.app, tenant.org_id()).await?.into()))
}

/// Pass over a step of the set-up.
#[utoipa::path(
    post, path = "/api/v1/onboarding/{step}/skip", operation_id = "skip_onboarding_step", tag = "organizations",
    extensions(("x-permission" = json!("organization:manage"))),
    params(("step" = String, Path, description = "The step", example = "voice")),
    responses(
        (status = 200, description = "The checklist as it is now", body = OnboardingView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such step", body = Problem),
        (status = 409, description = "Only businesses have something to set up", body = Problem),
    ),
)]
pub(crate) async fn skip_onboarding_step(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
    Path(step): Path<String>,
) -> Result<Json<OnboardingView>, ApiError> {
    let kind = tenant.identity.org.kind;
    Ok(Json(app::onboarding::skip(&_state.app, &tenant.actor(), kind, &step).await?.into()))
}
