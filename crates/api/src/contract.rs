//! What the document promises about requests, kept before a handler is asked: the names in the query, the media types
//! that can be answered, and how long an address may be. Read from the OpenAPI document itself, so that the two can't
//! disagree.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::openapi::{self, Document, Facts};
use crate::problem::ApiError;

/// Longest path and query, in bytes.
const LONGEST_URI: usize = 8 * 1024;
/// Below here unknown names are refused; older paths are lenient, as their callers may be old too.
const STRICT: &str = "/api/v1/";
/// Every operation may answer with it.
const PROBLEM: &str = "application/problem+json";

/// The operations by path and method.
#[derive(Debug)]
pub(crate) struct Operations(HashMap<String, HashMap<Method, Facts>>);

impl Operations {
    /// Of the document.
    pub(crate) fn of(document: &Document) -> Self {
        Self(openapi::operations(document))
    }

    /// The operation that a request is for, if it is for one.
    pub(crate) fn find(&self, request: &Request) -> Option<&Facts> {
        let path = request.extensions().get::<MatchedPath>()?;
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.0.get(path.as_str())?.get(method)
    }
}

/// Answers `OPTIONS` that is no browser's question before a request to another origin. The router adds `Allow`.
pub(crate) async fn options(request: Request, next: Next) -> Response {
    let is_preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() != Method::OPTIONS || is_preflight {
        return next.run(request).await;
    }
    match request.extensions().get::<MatchedPath>() {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => ApiError::NotFound("page").into_response(),
    }
}

/// Refuses what no handler would understand.
pub(crate) async fn keep(
    State(operations): State<Arc<Operations>>,
    request: Request,
    next: Next,
) -> Response {
    let length = request.uri().path_and_query().map_or(0, |all| all.as_str().len());
    if length > LONGEST_URI {
        return ApiError::UriTooLong.into_response();
    }
    let facts = operations.find(&request).filter(|facts| !facts.carrier);
    if let Some(facts) = facts.filter(|_| request.uri().path().starts_with(STRICT)) {
        let checked = check_query(facts, request.uri()).and_then(|()| check_accept(facts, request.headers()));
        if let Err(error) = checked {
            return error.into_response();
        }
    }
    next.run(request).await
}

fn check_query(facts: &Facts, uri: &Uri) -> Result<(), ApiError> {
    if uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    let unreadable = |_| ApiError::field("query", "must be name=value pairs, percent-encoded");
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(unreadable)?;
    let mut errors = BTreeMap::new();
    for (index, (name, _)) in pairs.iter().enumerate() {
        if !facts.query.contains(name) {
            let known = facts.query.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let allowed =
                if known.is_empty() { "it takes none".to_owned() } else { format!("it takes {known}") };
            let shown: String = name.chars().take(100).collect();
            errors.insert(shown, format!("is not a parameter of this operation; {allowed}"));
        } else if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            errors.insert(name.clone(), "is given more than once".to_owned());
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ApiError::Invalid(errors)) }
}

fn check_accept(facts: &Facts, headers: &HeaderMap) -> Result<(), ApiError> {
    if facts.produces.is_empty() || !headers.contains_key(header::ACCEPT) {
        return Ok(());
    }
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(accepted_range)
        .peekable();
    // Nothing but whitespace accepts anything.
    let is_empty = ranges.peek().is_none();
    let accepted = |range: &str| {
        facts.produces.iter().map(String::as_str).chain([PROBLEM]).any(|produced| matches(range, produced))
    };
    if is_empty || ranges.any(|range| accepted(&range)) {
        return Ok(());
    }
    let produces = facts.produces.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(ApiError::NotAcceptable { produces })
}

/// The media range of an element of `Accept`, unless it is refused by `q=0`.
fn accepted_range(element: &str) -> Option<String> {
    let mut parts = element.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
    let refused = parts.any(|parameter| {
        let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        weight.is_some_and(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
    });
    (!refused).then_some(range)
}

fn matches(range: &str, produced: &str) -> bool {
    match range.split_once('/') {
        Some(("*", "*")) => true,
        Some((kind, "*")) => produced.split_once('/').is_some_and(|(produced, _)| produced == kind),
        _ => range == produced || range == "*",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            public: false,
            carrier: false,
            changes: false,
            query: ["limit", "cursor"].map(str::to_owned).into(),
            produces: ["application/json"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn names_that_are_not_in_the_document_are_told() {
        let check = |uri: &str, expect: &[&str]| {
            let checked = check_query(&facts(), &uri.parse().expect("an address"));
            let found = match checked {
                Ok(()) => Vec::new(),
                Err(ApiError::Invalid(errors)) => errors.into_keys().collect(),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, expect, "{uri}");
        };
        check("/x", &[]);
        check("/x?", &[]);
        check("/x?limit=5&cursor=a%20b", &[]);
        check("/x?limt=5&page=2", &["limt", "page"]);
        check("/x?limit=5&limit=6", &["limit"]);
        check("/x?LIMIT=5", &["LIMIT"]);
    }

    #[test]
    fn accept_is_refused_only_when_nothing_fits() {
        let check = |accept: &str, expect: bool| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header"))]);
            assert_eq!(check_accept(&facts(), &headers).is_ok(), expect, "{accept}");
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("*/*", true);
        check("", true);
        check("*", true);
        check("application/*;q=0.5", true);
        check("text/html, application/xhtml+xml, */*;q=0.8", true);
        check("application/problem+json", true);
        check("text/html", false);
        check("image/*, text/csv", false);
        check("application/json;q=0, text/html", false);
    }
}
