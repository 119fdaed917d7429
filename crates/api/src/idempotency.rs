//! `Idempotency-Key`: the same request with the same key acts once. Its repetitions get the answer of the first.
//!
//! For operations that change something and need a sign-in; elsewhere the header is not looked at. A request with a
//! key is worked on to its end even when its sender hangs up, so that the repetition finds the answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use app::auth::Identity;
use app::idempotency::{self, Claim, Repeatable, Ticket};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use crate::auth::tenant::{Known, SignedIn};
use crate::contract::Operations;
use crate::edge::{self, DEADLINE};
use crate::problem::ApiError;
use crate::state::ApiState;

/// The key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks a stored answer.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest key.
const LONGEST_KEY: usize = 255;
/// Largest body of a request that is read to be compared. Routes have lower limits of their own.
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;
/// Largest answer that is stored.
const LARGEST_ANSWER: u64 = 1024 * 1024;
/// A repetition that comes too early is told to wait so long.
const RETRY_AFTER_S: u64 = 1;

/// Headers of the request that decide what it does.
const OF_THE_REQUEST: [HeaderName; 2] = [header::CONTENT_TYPE, header::IF_MATCH];
/// A stored answer does not sign anybody in.
const NOT_STORED: [HeaderName; 1] = [header::SET_COOKIE];

/// Lets a request with a key act once.
pub(crate) async fn once(
    State((state, operations)): State<(ApiState, Arc<Operations>)>,
    request: Request,
    next: Next,
) -> Response {
    let applies =
        operations.find(&request).is_some_and(|facts| facts.changes && !facts.public && !facts.carrier);
    let Some(key) = request.headers().get(KEY).filter(|_| applies).cloned() else {
        return next.run(request).await;
    };
    match try_once(&state, &key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_once(
    state: &ApiState,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = well_formed(key)?;
    let (mut parts, body) = request.into_parts();
    let SignedIn(identity) = SignedIn::from_request_parts(&mut parts, state).await?;
    parts.extensions.insert(Known(identity.clone()));
    let body = axum::body::to_bytes(body, LARGEST_REQUEST).await.map_err(|_| ApiError::TooLarge)?;
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let [media_type, version] =
        OF_THE_REQUEST.map(|name| parts.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes));
    let repeatable = Repeatable {
        key,
        method: parts.method.as_str(),
        path: parts.uri.path(),
        parts: &[query, media_type, version, &body],
    };
    match idempotency::claim(&state.app, &identity, &repeatable).await? {
        Claim::InProgress => Err(ApiError::RequestInProgress { retry_after_s: RETRY_AFTER_S }),
        Claim::OtherRequest => Err(ApiError::KeyReused),
        Claim::Repeat(stored) => replay(&stored),
        Claim::Act(ticket) => {
            let request = Request::from_parts(parts, Body::from(body));
            let act = act(state.clone(), identity, ticket, request, next);
            // Spawned, so that a sender who hangs up does not leave half of it done.
            let task = state.app.tasks.spawn(act.in_current_span());
            task.await.map_err(|error| ApiError::Internal(format!("a request was not worked on: {error}")))
        }
    }
}

/// The key as text, when it is one.
fn well_formed(key: &HeaderValue) -> Result<&str, ApiError> {
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
    let text = key.to_str().ok().filter(|_| fits);
    text.ok_or_else(|| ApiError::field("Idempotency-Key", "must be 1 to 255 visible ASCII characters"))
}

async fn act(state: ApiState, identity: Identity, ticket: Ticket, request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(tokio::time::timeout(DEADLINE, next.run(request))).catch_unwind();
    let response = match answer.await {
        Ok(Ok(response)) => response,
        Ok(Err(_elapsed)) => edge::too_late(),
        Err(cause) => edge::panicked(cause),
    };
    let (response, stored) =
        if is_worth_storing(&response) { split(response).await } else { (response, None) };
    let kept = match stored {
        Some(stored) => idempotency::complete(&state.app, &identity, ticket, &stored).await,
        None => idempotency::release(&state.app, &identity, ticket).await,
    };
    if let Err(error) = kept {
        // The claim grows stale; until then repetitions are told to wait.
        tracing::warn!(%error, "the answer to a request with an idempotency key could not be kept");
    }
    response
}

/// Whether the answer would be the same the next time: what says something of the sender or of us is not stored.
fn is_worth_storing(response: &Response) -> bool {
    let status = response.status();
    let of_the_moment =
        matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS);
    !status.is_server_error()
        && !of_the_moment
        && response.body().size_hint().exact().is_some_and(|size| size <= LARGEST_ANSWER)
}

/// What is stored of an answer besides its body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

/// Reads the answer, to give it and to store it: the length of the head, the head, the body.
async fn split(response: Response) -> (Response, Option<Vec<u8>>) {
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => {
            return (ApiError::Internal(format!("an answer broke off: {error}")).into_response(), None);
        }
    };
    let headers = parts.headers.iter().filter(|(name, _)| !NOT_STORED.contains(name));
    let headers =
        headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let head = Head { status: parts.status.as_u16(), headers: headers.collect() };
    let stored = serde_json::to_vec(&head).ok().and_then(|head| {
        let length = u32::try_from(head.len()).ok()?;
        Some([&length.to_be_bytes()[..], &head, &body].concat())
    });
    (Response::from_parts(parts, Body::from(body)), stored)
}

fn replay(stored: &[u8]) -> Result<Response, ApiError> {
    let read = || {
        let (length, rest) = stored.split_first_chunk::<4>()?;
        let (head, body) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        let mut response = Response::new(Body::from(Bytes::copy_from_slice(body)));
        *response.status_mut() = StatusCode::from_u16(head.status).ok()?;
        for (name, value) in head.headers {
            response.headers_mut().append(name.parse::<HeaderName>().ok()?, value.parse().ok()?);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Some(response)
    };
    read().ok_or_else(|| ApiError::Internal("a stored answer can't be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_bounded_length() {
        let check = |key: &[u8], expect: bool| {
            let value = HeaderValue::from_bytes(key).expect("a header value");
            assert_eq!(well_formed(&value).is_ok(), expect, "{key:?}");
        };
        check(b"7d0c3c1e-5d0b-4a55-9d5e-0d8a7c4f1b2a", true);
        check(&[b'x'; 255], true);
        check(&[b'x'; 256], false);
        check(b"", false);
        check(b"two words", false);
        check("schl\u{fc}ssel".as_bytes(), false);
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was_but_for_its_cookies() {
        let response = Response::builder()
            .status(201)
            .header("location", "/api/v1/clients/client_1")
            .header("set-cookie", "secret=1")
            .body(Body::from("{\"a\":1}"))
            .expect("a response");
        assert!(is_worth_storing(&response));
        let (given, stored) = split(response).await;
        assert!(given.headers().contains_key("set-cookie"));
        let again = replay(&stored.expect("stored")).expect("readable");
        assert_eq!(
            (again.status(), &again.headers()["location"]),
            (StatusCode::CREATED, &"/api/v1/clients/client_1".parse().expect("a header"))
        );
        assert!(!again.headers().contains_key("set-cookie"));
        assert_eq!(again.headers()[REPLAYED], "true");
        let body = axum::body::to_bytes(again.into_body(), 100).await.expect("a body");
        assert_eq!(&body[..], b"{\"a\":1}");
        for cut in [&b""[..], b"\0\0\0\x09{}"] {
            assert!(replay(cut).is_err());
        }
    }

    #[test]
    fn what_may_be_different_next_time_is_not_stored() {
        for (status, expect) in
            [(200, true), (404, true), (422, true), (401, false), (403, false), (429, false), (503, false)]
        {
            let response = Response::builder().status(status).body(Body::from("{}")).expect("a response");
            assert_eq!(is_worth_storing(&response), expect, "{status}");
        }
        let stream = Body::from_stream(futures_util::stream::empty::<Result<Bytes, std::io::Error>>());
        assert!(!is_worth_storing(&Response::new(stream)), "a stream");
    }
}
