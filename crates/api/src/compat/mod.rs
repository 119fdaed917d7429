//! Interfaces of the older documents: thin routes over the use cases of v1, with the field names that they had.
//! Permission, limits and audit are those of v1. All are marked deprecated and carry the tag `compat`.

pub mod agent_config;
pub mod lead_questions;
pub mod notifications;

use utoipa::openapi::Deprecated;
use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All older paths.
pub fn router() -> OpenApiRouter<ApiState> {
    let mut router = OpenApiRouter::new()
        .merge(agent_config::router())
        .merge(lead_questions::router())
        .merge(notifications::router());
    for item in router.get_openapi_mut().paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.deprecated = Some(Deprecated::True);
        }
    }
    router
}
