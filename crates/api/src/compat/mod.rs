//! Interfaces of the older documents: thin routes over the use cases of v1, with the field names that they had.
//! Permission, limits and audit are those of v1. All carry the tag `compat`, and are marked deprecated where v1 has
//! the better form.

pub mod agent_config;
mod body;
mod business;
mod clients;
mod dashboard;
mod knowledge;
pub mod lead_questions;
mod login;
pub mod notifications;
mod pages;
mod projects;
mod satisfaction;
pub mod test_email;
mod widget;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Deprecated;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::pages::router as pages;
use crate::state::ApiState;
use crate::v1::page::Page;

/// All older paths.
pub fn router() -> OpenApiRouter<ApiState> {
    let mut router = OpenApiRouter::new()
        .merge(agent_config::router())
        .merge(business::router())
        .merge(clients::router())
        .merge(knowledge::router())
        .merge(lead_questions::router())
        .merge(login::router())
        .merge(notifications::router())
        .merge(projects::router())
        .merge(satisfaction::router())
        .merge(test_email::router());
    for item in router.get_openapi_mut().paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.deprecated = Some(Deprecated::True);
        }
    }
    // What v1 has no form of yet.
    router
        .merge(dashboard::router())
        .merge(knowledge::sync_router())
        .merge(projects::sync_router())
        .merge(widget::router())
}

/// Items of a list that is read page by page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatPage<T> {
    /// The items, in the order of the list.
    items: Vec<T>,
    /// Send it as `cursor` for the items that follow; `null` at the end.
    next_cursor: Option<String>,
}

impl<T> From<Page<T>> for CompatPage<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next_cursor: page.next_cursor }
    }
}
