//! Refusals by the plan name the plan that would have it, which only the catalogue knows.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::plans::{Need, lowest_with};
use store::SystemTx;

use super::Problem;
use crate::state::ApiState;

/// Travels with a refusal by the plan, until `plan_named` has found the plan that would have it.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) need: Need,
    pub(super) problem: Problem,
}

/// Names the lowest plan that has what a request was refused for.
pub(crate) async fn plan_named(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(Refused { need, mut problem }) = response.extensions_mut().remove::<Refused>() else {
        return response;
    };
    let catalogue = async {
        let mut tx = SystemTx::begin(&state.app.db, "the offer is public").await?;
        store::plans::list_offered(&mut tx).await
    };
    match catalogue.await {
        Ok(catalogue) => problem.plan = lowest_with(&catalogue, need).map(|plan| plan.id().to_owned()),
        // The refusal stands without the name.
        Err(error) => tracing::warn!(%error, "the plan that has it could not be looked up"),
    }
    problem.into_response()
}
