//! What Twilio's errors mean for us. Its words are left out: they repeat telephone numbers.

use std::time::Duration;

use provider_traits::error::ProviderError;
use serde::Deserialize;

const PROVIDER: &str = "twilio";

/// Codes that say that our account or our number will not do, whoever is called.
const OURS: [u32; 9] = [20003, 20005, 20008, 21210, 21212, 21213, 21606, 21659, 21660];
/// The call that is to be changed is not in progress.
const NOT_IN_PROGRESS: u32 = 21220;
/// There is no such resource.
const NOT_FOUND: u32 = 20404;
/// Too many requests at once.
const TOO_FAST: [u32; 2] = [20429, 14107];

/// A failure with Twilio's code for it.
#[derive(Debug)]
pub(super) struct Failure {
    code: Option<u32>,
    meaning: ProviderError,
}

#[derive(Deserialize)]
struct Document {
    code: Option<u32>,
}
/// Somebody answered STOP to a text message: the network delivers them none until they answer START.
const STOPPED: u32 = 21610;

impl Failure {
    /// Of an answer that is no success.
    pub(super) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let code = serde_json::from_slice::<Document>(body).ok().and_then(|document| document.code);
        let said = match code {
            Some(STOPPED) => {
                format!("whoever has this number wants no text messages (STOP; error {STOPPED})")
            }
            Some(code) => format!("HTTP {status}, error {code}"),
            None => format!("HTTP {status}"),
        };
        let is_too_fast = status == 429 || code.is_some_and(|code| TOO_FAST.contains(&code));
        let meaning = match (status, code) {
            _ if is_too_fast => ProviderError::RateLimited { provider: PROVIDER, retry_after },
            (401 | 403, _) => refused(said),
            (_, Some(code)) if OURS.contains(&code) => refused(said),
            // Not the number: the account itself, or a resource of it.
            (404, _) => refused(said),
            (408 | 409, _) => unavailable(said),
            (400..=499, _) => ProviderError::Invalid { provider: PROVIDER, reason: said },
            _ => unavailable(said),
        };
        Self { code, meaning }
    }

    /// Whether what was to be changed is not there any more.
    pub(super) fn is_about_something_over(&self) -> bool {
        matches!(self.code, Some(NOT_IN_PROGRESS | NOT_FOUND))
    }
}

impl From<ProviderError> for Failure {
    fn from(meaning: ProviderError) -> Self {
        Self { code: None, meaning }
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        failure.meaning
    }
}

pub(super) fn refused(reason: impl Into<String>) -> ProviderError {
    ProviderError::Refused { provider: PROVIDER, reason: reason.into() }
}

pub(super) fn unavailable(reason: impl Into<String>) -> ProviderError {
    ProviderError::Unavailable { provider: PROVIDER, reason: reason.into() }
}

pub(super) fn timeout(waited: Duration) -> ProviderError {
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    ProviderError::Timeout { provider: PROVIDER, waited_ms }
}

pub(super) fn no_answer(error: reqwest::Error) -> Failure {
    // The address holds the account's id, the query telephone numbers.
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    unavailable(format!("{error}{cause}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_what_can_be_done_about_it() {
        for (status, body, expect) in [
            (401, r#"{"code":20003,"status":401}"#, "twilio refused the request: HTTP 401, error 20003"),
            (
                400,
                r#"{"code":21211,"message":"'To' +1555 is not valid"}"#,
                "twilio can't do this: HTTP 400, error 21211",
            ),
            (
                400,
                r#"{"code":21610,"message":"Attempt to send to unsubscribed recipient"}"#,
                "twilio can't do this: whoever has this number wants no text messages (STOP; error 21610)",
            ),
            (400, r#"{"code":21215}"#, "twilio can't do this: HTTP 400, error 21215"),
            (400, r#"{"code":21210}"#, "twilio refused the request: HTTP 400, error 21210"),
            (404, r#"{"code":20404}"#, "twilio refused the request: HTTP 404, error 20404"),
            (429, r#"{"code":20429}"#, "twilio is over its rate limit"),
            (500, "<html>", "twilio is unavailable: HTTP 500"),
        ] {
            let failure = Failure::read(status, None, body.as_bytes());
            assert_eq!(ProviderError::from(failure).to_string(), expect);
        }
        assert!(Failure::read(400, None, br#"{"code":21220}"#).is_about_something_over());
        assert!(!Failure::read(400, None, br#"{"code":21211}"#).is_about_something_over());
    }
}
