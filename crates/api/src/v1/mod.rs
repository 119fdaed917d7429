//! Version 1 of the API: one module per noun. Additive changes only.

pub mod agents;
pub mod auth;
pub mod call_events;
pub mod calls;
pub mod clients;
pub mod hours;
pub mod knowledge;
pub mod lead_questions;
pub mod leads;
pub mod messages;
pub mod organizations;
pub mod page;
pub mod plans;
pub mod projects;
pub mod recordings;
pub mod webhooks;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All operations below `/api/v1`.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(agents::router())
        .merge(auth::router())
        .merge(call_events::router())
        .merge(calls::router())
        .merge(clients::router())
        .merge(knowledge::router())
        .merge(lead_questions::router())
        .merge(leads::router())
        .merge(messages::router())
        .merge(organizations::router())
        .merge(plans::router())
        .merge(projects::router())
        .merge(recordings::router())
        .merge(webhooks::router())
}
