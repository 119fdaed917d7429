//! What a vendor's failure means for us.
//!
//! The vendor's own words are never passed on: they may repeat a part of the key or of what a caller said. Its codes
//! are.

use std::time::Duration;

use chrono::DateTime;
use provider_traits::ambient::Clock;
use provider_traits::error::ProviderError;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Codes that mean: this key will not do, whatever the status.
const REFUSED: [&str; 14] = [
    "insufficient_quota",
    "billing_error",
    "billing_not_active",
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "account_deactivated",
    "access_terminated",
    "API_KEY_INVALID",
    "API_KEY_SERVICE_BLOCKED",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "SERVICE_DISABLED",
    "CONSUMER_SUSPENDED",
];
/// Codes that mean: slower.
const RATE_LIMITED: [&str; 5] =
    ["rate_limit_exceeded", "rate_limit_error", "rate_limited", "RESOURCE_EXHAUSTED", "too_many_requests"];
/// Codes that mean: not in this way.
const INVALID: [&str; 6] = [
    "invalid_request_error",
    "context_length_exceeded",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "request_too_large",
    "invalid_prompt",
];
/// Codes that mean: there is no such model.
const NO_MODEL: [&str; 3] = ["model_not_found", "invalid_model", "model_decommissioned"];
/// The longest code that is passed on.
const MAX_CODE: usize = 64;

/// Who failed.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// Its id.
    pub(super) provider: &'static str,
    /// The model that was asked.
    pub(super) model: String,
    /// The setting that chose it.
    pub(super) model_setting: &'static str,
}

impl Who {
    pub(super) fn unavailable(&self, reason: impl Into<String>) -> ProviderError {
        ProviderError::Unavailable { provider: self.provider, reason: reason.into() }
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> ProviderError {
        ProviderError::Refused { provider: self.provider, reason: reason.into() }
    }

    fn invalid(&self, reason: impl Into<String>) -> ProviderError {
        ProviderError::Invalid { provider: self.provider, reason: reason.into() }
    }

    pub(super) fn timeout(&self, waited: Duration) -> ProviderError {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        ProviderError::Timeout { provider: self.provider, waited_ms }
    }

    pub(super) fn garbage(&self) -> ProviderError {
        self.unavailable("it sent what is none of the protocol's")
    }

    pub(super) fn cut_off(&self) -> ProviderError {
        self.unavailable("the answer was cut off")
    }

    /// What an answer without success means.
    pub(super) fn of_answer(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        clock: &dyn Clock,
    ) -> ProviderError {
        let told = Told::read(&serde_json::from_slice(body).unwrap_or_default());
        self.judge(Some(status.as_u16()), &told, retry_after(headers, clock))
    }

    /// What an error in the middle of a stream means: `error` is the vendor's object.
    pub(super) fn of_event(&self, error: &Value) -> ProviderError {
        let told = Told::read(error);
        self.judge(told.status, &told, None)
    }

    fn judge(&self, status: Option<u16>, told: &Told, retry_after: Option<Duration>) -> ProviderError {
        let reason = told.reason(status);
        let model_named = !self.model.is_empty() && told.message.contains(&self.model);
        let no_model = told.has(&NO_MODEL) || (status == Some(404) && model_named);
        if no_model {
            let (model, setting) = (&self.model, self.model_setting);
            return self.refused(format!(
                "it has no model {model}, or not for this key, or no longer: choose another ({setting}); {reason}"
            ));
        }
        // Anthropic says "no credit" in a sentence only.
        if told.has(&REFUSED) || told.message.contains("credit balance") {
            return self.refused(reason);
        }
        match status {
            Some(401..=403) => self.refused(reason),
            // Nothing that we said is wrong, but where we said it.
            Some(404 | 405 | 410) => {
                self.refused(format!("{reason}: check its address, and {}", self.model_setting))
            }
            Some(429) => self.rate_limited(retry_after.or(told.retry_after)),
            Some(408 | 409 | 425 | 500..) => self.unavailable(reason),
            Some(400..) => self.invalid(reason),
            _ if told.has(&RATE_LIMITED) => self.rate_limited(told.retry_after),
            _ if told.has(&INVALID) => self.invalid(reason),
            _ => self.unavailable(reason),
        }
    }

    fn rate_limited(&self, retry_after: Option<Duration>) -> ProviderError {
        ProviderError::RateLimited { provider: self.provider, retry_after }
    }
}

/// What can be understood of any vendor's error.
#[derive(Debug, Default)]
struct Told {
    codes: Vec<String>,
    /// Never passed on.
    message: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
}

impl Told {
    fn read(body: &Value) -> Self {
        let mut told = Self::default();
        // Google puts a list around it where no stream has begun.
        let body = body.get(0).unwrap_or(body);
        told.take(body);
        // Mistral's own, and what its web framework says of a body that it can't read.
        for place in [&body["error"], &body["message"], &body["response"]["error"]] {
            told.take(place);
        }
        told
    }

    fn take(&mut self, error: &Value) {
        for name in ["type", "code", "status", "param", "reason"] {
            match &error[name] {
                Value::String(code) => self.code(code),
                Value::Number(code) => self.number(code.as_u64()),
                _ => {}
            }
        }
        if let Value::String(message) = &error["message"] {
            self.message.push_str(message);
        }
        let lists = [&error["details"], &error["detail"]];
        for detail in lists.into_iter().filter_map(Value::as_array).flatten() {
            self.detail(detail);
        }
    }

    fn detail(&mut self, detail: &Value) {
        if let Some(reason) = detail["reason"].as_str().or(detail["type"].as_str()) {
            self.code(reason);
        }
        if let Some(delay) = detail["retryDelay"].as_str().and_then(|delay| delay.strip_suffix('s')) {
            self.retry_after = delay.parse().ok().and_then(seconds);
        }
        let place = detail["loc"].as_array().into_iter().flatten();
        let place: Vec<String> =
            place.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        self.code(&place.join("."));
    }

    fn code(&mut self, code: &str) {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-[]".contains(letter);
        if let Ok(number @ 100..=599) = code.parse::<u64>() {
            self.number(Some(number));
        } else if !code.is_empty()
            && code.len() <= MAX_CODE
            && code.chars().all(plain)
            && !self.codes.iter().any(|known| known == code)
            && code != "error"
        {
            self.codes.push(code.to_owned());
        }
    }

    fn number(&mut self, code: Option<u64>) {
        let status = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
        self.status = self.status.or(status);
    }

    fn has(&self, any: &[&str]) -> bool {
        self.codes.iter().any(|code| any.contains(&code.as_str()))
    }

    fn reason(&self, status: Option<u16>) -> String {
        let codes = if self.codes.is_empty() { "no reason given".to_owned() } else { self.codes.join(", ") };
        match status {
            Some(status) => format!("status {status}: {codes}"),
            None => codes,
        }
    }
}

/// `retry-after-ms`, or `retry-after` with seconds or a date.
fn retry_after(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let ms = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok());
    if let Some(after) = ms.and_then(|ms| seconds(ms / 1_000.0)) {
        return Some(after);
    }
    let value = text("retry-after")?;
    if let Some(after) = value.parse().ok().and_then(seconds) {
        return Some(after);
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some(date.signed_duration_since(clock.now()).to_std().unwrap_or_default())
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
