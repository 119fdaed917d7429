//! The OpenAPI document: made from the handlers, completed with what the edge adds to all of them.

mod common;
mod document;
mod plans;
mod tags;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

use crate::problem::declare_media_type;

pub use self::document::Document;
pub(crate) use self::document::{Facts, METHODS, operations};

/// Names the permission of an operation, next to those of people: anybody may.
pub(crate) const PUBLIC: &str = "public";
/// The carrier, known by its signature.
pub(crate) const CARRIER: &str = "carrier_signature";

/// The extension that names an operation's permission.
const PERMISSION: &str = "x-permission";

/// The extension that names the feature of the plan that an operation needs.
const PLAN_FEATURE: &str = "x-plan-feature";

/// The frame that the operations are put into.
pub(crate) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("StudioConnect")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Answers the phone of creative agencies. One API for the dashboard and for integrators: JSON in \
             snake_case, times in RFC 3339 UTC, ids that say what they name, lists in pages \
             (`items`, `next_cursor`), errors as RFC 9457 problems with `errors` by field. \
             Every operation names the permission it needs as `x-permission`.",
        ))
        .license(Some(utoipa::openapi::LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// Adds what concerns all operations: the carrier's permission on the carrier's routes, how to sign in, and what the
/// edge answers before a handler is asked.
pub(crate) fn complete(mut api: OpenApi) -> Document {
    for operation in api.paths.paths.values_mut().flat_map(operations_mut) {
        declare_media_type(operation);
        if permission(operation).is_none()
            && operation.tags.as_ref().is_some_and(|t| t.iter().any(|t| t == "voice"))
        {
            operation
                .extensions
                .get_or_insert_default()
                .merge(ExtensionsBuilder::new().add(PERMISSION, CARRIER).build());
        }
    }
    common::complete(Document::of(&api))
}

/// The permission that an operation names, if it does.
#[must_use]
pub(crate) fn permission(operation: &Operation) -> Option<&str> {
    operation.extensions.as_ref()?.get(PERMISSION)?.as_str()
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete, &mut item.head]
        .into_iter()
        .filter_map(Option::as_mut)
}

/// Get this document (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "get_openapi", tag = "meta",
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, description = "The description of this API", body = Object)),
)]
pub(crate) async fn get_openapi(Extension(_document): Extension<Arc<Document>>) -> Response {
    Json(&*_document).into_response()
}

#[cfg(test)]
mod tests;
