//! The OpenAPI document, made from the handlers.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

use crate::auth::credentials::COOKIE;
use crate::problem::declare_media_type;

/// Names the permission of an operation, next to those of people: anybody may.
pub(crate) const PUBLIC: &str = "public";
/// The carrier, known by its signature.
pub(crate) const CARRIER: &str = "carrier_signature";

/// The extension that names an operation's permission.
const PERMISSION: &str = "x-permission";

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
        declare_media_type(operation);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use domain::permissions::Permission;
    use utoipa::openapi::RefOr;

    use super::*;

    /// Anybody who is signed in.
    const SIGNED_IN: &str = "signed_in";

    fn operations() -> Vec<(String, Operation)> {
        let mut document = crate::document();
        let mut found = Vec::new();
        for (path, item) in &mut document.paths.paths {
            found.extend(operations_mut(item).map(|operation| (path.clone(), operation.clone())));
        }
        assert!(found.len() > 20, "the operations are not found any more");
        found
    }

    #[test]
    fn every_operation_says_who_may_use_it() {
        for (path, operation) in operations() {
            let named = permission(&operation).unwrap_or_else(|| panic!("{path} names no permission"));
            let special = [PUBLIC, SIGNED_IN, CARRIER].contains(&named);
            assert!(special || named.parse::<Permission>().is_ok(), "{path}: {named} is no permission");
        }
    }

    #[test]
    fn every_operation_is_named_and_described() {
        let mut seen = BTreeSet::new();
        for (path, operation) in operations() {
            let id = operation.operation_id.clone().unwrap_or_default();
            let words = id.split('_').count();
            assert!(words >= 2 && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{path}: {id:?}");
            assert!(seen.insert(id.clone()), "{id} is used twice");
            assert!(operation.summary.as_deref().is_some_and(|s| s.len() >= 8), "{id} has no summary");
            for (status, response) in &operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                assert!(!response.description.is_empty(), "{id}: {status} is not described");
            }
        }
    }

    #[test]
    fn every_operation_lists_the_errors_that_its_permission_brings() {
        for (path, operation) in operations() {
            let named = permission(&operation).unwrap_or_default();
            let expect: &[&str] = match named {
                PUBLIC => &[],
                SIGNED_IN => &["401"],
                CARRIER => &["403"],
                _ if path.contains("{id}") => &["401", "403", "404"],
                _ => &["401", "403"],
            };
            for status in expect {
                let id = operation.operation_id.as_deref().unwrap_or_default();
                assert!(operation.responses.responses.contains_key(*status), "{id} does not list {status}");
            }
        }
    }

    /// `make generated` runs this with the variable set, and then the file is written instead of compared.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own switch is no configuration")]
    fn generated_documents_of_the_api_are_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
        let expect = crate::document().to_pretty_json().expect("the document is serialisable") + "\n";
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &expect).expect("openapi.json can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expect, "openapi.json is not current: run `make generated`");
    }
}
