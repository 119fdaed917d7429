//! The OpenAPI document, made from the handlers.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

use crate::auth::credentials::COOKIE;

/// Names the permission of an operation, next to those of people: anybody may.
pub(crate) const PUBLIC: &str = "public";
/// Anybody who is signed in.
pub(crate) const SIGNED_IN: &str = "signed_in";
/// The carrier, known by its signature.
pub(crate) const CARRIER: &str = "carrier_signature";

/// The extension that names an operation's permission.
const PERMISSION: &str = "x-permission";

/// The frame that the operations are put into.
pub(crate) fn frame(version: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("StudioConnect")
        .version(version)
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

/// Adds what concerns all operations: how to sign in, and the carrier's permission on the carrier's routes.
pub(crate) fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.get_or_insert_default();
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("The `token` of `POST /api/v1/auth/login`."))
                .build(),
        ),
    );
    components.add_security_scheme(
        "cookie",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            COOKIE,
            "Set by the same sign-in, for browsers. Requests that change something must come from our own pages.",
        ))),
    );
    for operation in api.paths.paths.values_mut().flat_map(operations_mut) {
        if permission(operation).is_none()
            && operation.tags.as_ref().is_some_and(|t| t.iter().any(|t| t == "voice"))
        {
            operation
                .extensions
                .get_or_insert_default()
                .merge(ExtensionsBuilder::new().add(PERMISSION, CARRIER).build());
        }
        let needs_sign_in = permission(operation).is_some_and(|p| p != PUBLIC && p != CARRIER);
        if needs_sign_in {
            let none: [String; 0] = [];
            operation.security = Some(vec![
                SecurityRequirement::new("bearer", none.clone()),
                SecurityRequirement::new("cookie", none),
            ]);
        }
    }
    api
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
pub(crate) async fn get_openapi(Extension(_document): Extension<Arc<OpenApi>>) -> Response {
    Json(&*_document).into_response()
}
