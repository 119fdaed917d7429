//! Outgoing webhooks: receivers, what they can be told, and how the telling went.

pub mod configuration;
pub mod deliveries;
pub mod event_types;
pub mod secret;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(configuration::router())
        .merge(secret::router())
        .merge(deliveries::router())
        .merge(event_types::router())
}
