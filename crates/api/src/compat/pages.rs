//! Pages of the older documents: they open what there is in their place now.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use crate::state::ApiState;

/// The older pages.
const PAGES: [&str; 7] = [
    "/admin",
    "/admin/leads",
    "/admin/lead-questions",
    "/admin/integrations",
    "/admin/knowledge",
    "/admin/notifications",
    "/admin/settings",
];

/// Sends each on to the page at `/`, for now: their own screens come with the dashboard.
pub(crate) fn router() -> Router<ApiState> {
    PAGES
        .iter()
        .fold(Router::new(), |router, page| router.route(page, get(async || Redirect::temporary("/"))))
}
