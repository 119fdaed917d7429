//! The reference at `/docs`: pages for people, made from the OpenAPI document that the server serves. No script, no
//! file of others, nothing that the content security policy of our pages would refuse.

mod html;
mod operation;
mod page;
mod schema;

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::openapi::Document;
use crate::problem::ApiError;
use crate::state::ApiState;

const STYLE: &str = include_str!("../../../../web/docs/style.css");

/// The pages.
pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/docs", get(overview))
        .route("/docs/style.css", get(style))
        .route("/docs/schemas", get(schemas))
        .route("/docs/operations/{tag}", get(operations))
}

async fn overview(Extension(document): Extension<Arc<Document>>) -> Response {
    show(page::overview(&document))
}

async fn operations(Extension(document): Extension<Arc<Document>>, Path(tag): Path<String>) -> Response {
    match page::of_tag(&document, &tag) {
        Some(html) => show(html),
        None => ApiError::NotFound("page").into_response(),
    }
}

async fn schemas(Extension(document): Extension<Arc<Document>>) -> Response {
    show(page::schemas(&document))
}

async fn style() -> Response {
    let mut response = STYLE.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    fresh(response)
}

fn show(html: String) -> Response {
    fresh(Html(html).into_response())
}

/// It must fit the server it describes, so it is asked for again each time.
fn fresh(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests;
