//! Each vendor's own errors, and what they mean.

use std::sync::Arc;

use chrono::{TimeZone as _, Utc};
use reqwest::header::HeaderValue;
use serde_json::json;

use super::*;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> chrono::DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }
}

fn who() -> Who {
    Who { provider: "p", model: "gpt-old".to_owned(), model_setting: "llm.p_model" }
}

fn of(status: u16, headers: &[(&'static str, &str)], body: &Value) -> ProviderError {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
    let clock: Arc<dyn Clock> = Arc::new(Noon);
    let status = StatusCode::from_u16(status).unwrap();
    who().of_answer(status, &headers.collect(), body.to_string().as_bytes(), clock.as_ref())
}

/// `refused`, `limited`, `invalid`, `unavailable`, and what is said of it.
fn kind(error: &ProviderError) -> (&'static str, String) {
    match error {
        ProviderError::Refused { reason, .. } => ("refused", reason.clone()),
        ProviderError::RateLimited { retry_after, .. } => {
            ("limited", retry_after.map(|after| after.as_millis().to_string()).unwrap_or_default())
        }
        ProviderError::Invalid { reason, .. } => ("invalid", reason.clone()),
        ProviderError::Unavailable { reason, .. } => ("unavailable", reason.clone()),
        ProviderError::Timeout { .. } => ("timeout", String::new()),
    }
}

#[test]
fn a_vendors_answer_means_what_its_documents_say() {
    let openai = |kind: &str, code: Option<&str>| json!({ "error": { "message": "m", "type": kind, "param": null, "code": code } });
    let anthropic = |kind: &str, message: &str| json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "r" });
    let google = |code: u16, status: &str, message: &str, details: Value| json!({ "error": { "code": code, "status": status, "message": message, "details": details } });
    let mistral = |kind: &str, code: &str| json!({ "object": "error", "message": "m", "type": kind, "param": null, "code": code });
    let extra = json!({ "object": "error", "type": "invalid_request_error", "message": { "detail": [
        { "type": "extra_forbidden", "loc": ["body", "store"], "msg": "Extra inputs", "input": "a secret" },
    ] } });
    for (status, body, expect, reason) in [
        (401, openai("invalid_request_error", Some("invalid_api_key")), "refused", "invalid_api_key"),
        (403, openai("invalid_request_error", Some("unsupported_country")), "refused", "unsupported_country"),
        (404, openai("invalid_request_error", Some("model_not_found")), "refused", "llm.p_model"),
        (404, openai("invalid_request_error", None), "refused", "check its address"),
        (400, openai("invalid_request_error", Some("context_length_exceeded")), "invalid", "context_length"),
        (429, openai("requests", Some("rate_limit_exceeded")), "limited", ""),
        (429, openai("insufficient_quota", Some("insufficient_quota")), "refused", "insufficient_quota"),
        (500, openai("server_error", None), "unavailable", "status 500: server_error"),
        (503, json!("<html>"), "unavailable", "no reason given"),
        (401, anthropic("authentication_error", "invalid x-api-key"), "refused", "authentication_error"),
        (404, anthropic("not_found_error", "model: gpt-old"), "refused", "no model gpt-old"),
        (404, anthropic("not_found_error", "Not found"), "refused", "not_found_error"),
        (400, anthropic("invalid_request_error", "Your credit balance is too low"), "refused", "status 400"),
        (400, anthropic("invalid_request_error", "messages: must alternate"), "invalid", "status 400"),
        (413, anthropic("request_too_large", "m"), "invalid", "request_too_large"),
        (529, anthropic("overloaded_error", "Overloaded"), "unavailable", "overloaded_error"),
        (
            400,
            google(400, "INVALID_ARGUMENT", "API key not valid", json!([{ "reason": "API_KEY_INVALID" }])),
            "refused",
            "API_KEY_INVALID",
        ),
        (404, google(404, "NOT_FOUND", "models/gpt-old is not found", json!([])), "refused", "llm.p_model"),
        (429, google(429, "RESOURCE_EXHAUSTED", "m", json!([{ "retryDelay": "34.5s" }])), "limited", "34500"),
        (503, google(503, "UNAVAILABLE", "m", json!([])), "unavailable", "UNAVAILABLE"),
        (400, json!([google(400, "INVALID_ARGUMENT", "m", json!([]))]), "invalid", "INVALID_ARGUMENT"),
        (400, mistral("invalid_model", "1500"), "refused", "llm.p_model"),
        (401, json!({ "detail": "Unauthorized" }), "refused", "status 401"),
        (429, mistral("rate_limited", "1300"), "limited", ""),
        (422, extra, "invalid", "body.store"),
        (408, json!({}), "unavailable", "status 408"),
        (302, json!({}), "unavailable", "status 302"),
    ] {
        let error = of(status, &[], &body);
        let (found, said) = kind(&error);
        assert_eq!(found, expect, "{status} {body}");
        assert!(said.contains(reason), "{said:?} lacks {reason:?}");
        let shown = error.to_string();
        assert!(!shown.contains("secret") && !shown.contains("Extra inputs"), "{shown}");
    }
}

#[test]
fn the_vendors_own_words_are_not_passed_on() {
    let body = json!({ "error": {
        "message": "Incorrect API key provided: sk-abcdef",
        "type": "what the caller said: my name is Ann",
        "code": "invalid_api_key",
        "param": "x".repeat(200),
    } });
    assert_eq!(of(401, &[], &body).to_string(), "p refused the request: status 401: invalid_api_key");
}

#[test]
fn when_to_come_again_is_understood_in_every_form() {
    for (headers, expect) in [
        (vec![("retry-after", "3")], "3000"),
        (vec![("retry-after", "0.5")], "500"),
        (vec![("retry-after-ms", "250"), ("retry-after", "9")], "250"),
        (vec![("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT")], "30000"),
        (vec![("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT")], "0"),
        (vec![("retry-after", "soon")], ""),
        (vec![("retry-after", "-1")], ""),
        (vec![], ""),
    ] {
        assert_eq!(kind(&of(429, &headers, &json!({}))), ("limited", expect.to_owned()), "{headers:?}");
    }
}

#[test]
fn an_error_in_the_middle_of_a_stream_is_judged_by_its_code() {
    for (event, expect) in [
        (json!({ "error": { "type": "server_error", "message": "m" } }), "unavailable"),
        (json!({ "type": "error", "error": { "type": "overloaded_error", "message": "m" } }), "unavailable"),
        (json!({ "type": "error", "error": { "type": "rate_limit_error", "message": "m" } }), "limited"),
        (json!({ "type": "error", "code": "rate_limit_exceeded", "message": "m", "param": null }), "limited"),
        (json!({ "type": "error", "code": "insufficient_quota", "message": "m" }), "refused"),
        (json!({ "error": { "code": 503, "status": "UNAVAILABLE", "message": "m" } }), "unavailable"),
        (json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED" } }), "limited"),
        (json!({ "error": { "code": "context_length_exceeded" } }), "invalid"),
        (json!({ "id": "resp_1", "error": { "code": "server_error", "message": "m" } }), "unavailable"),
        (json!({ "error": "boom" }), "unavailable"),
    ] {
        assert_eq!(kind(&who().of_event(&event)).0, expect, "{event}");
    }
}
