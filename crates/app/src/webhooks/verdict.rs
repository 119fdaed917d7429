//! What a receiver's answer means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::webhooks::LONGEST_RETRY_AFTER;
use provider_traits::http_sender::{ReceiverAnswer, SendError};

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It has to be tried again.
    Failed {
        /// Why, in plain words.
        reason: String,
        /// How long the receiver asked to be left in peace.
        peace: Option<Duration>,
    },
    /// The receiver wants nothing any more.
    Gone,
}

/// Judges an attempt.
pub(super) fn judge(answer: &Result<ReceiverAnswer, SendError>, now: DateTime<Utc>) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Verdict::Failed { reason: error.to_string(), peace: None },
    };
    match answer.status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        status @ 300..=399 => Verdict::Failed {
            reason: format!("answered {status}: redirects are not followed, enter the final address"),
            peace: None,
        },
        status @ (429 | 503) => Verdict::Failed {
            reason: format!("answered {status}"),
            peace: answer.retry_after.as_deref().and_then(|text| peace(text, now)),
        },
        status => Verdict::Failed { reason: format!("answered {status}"), peace: None },
    }
}

/// Reads `Retry-After`: seconds or a moment.
fn peace(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let wanted = match text.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(text.trim()).ok()?.to_utc() - now).to_std().ok()?,
    };
    Some(wanted.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after: Option<&str>, expect: &Verdict) {
        let answer = ReceiverAnswer { status, retry_after: retry_after.map(str::to_owned), body: Vec::new() };
        let now = DateTime::from_timestamp(784_111_777 - 60, 0).expect("a valid time");
        assert_eq!(judge(&Ok(answer), now), *expect, "{status} {retry_after:?}");
    }

    fn failed(reason: &str, seconds: Option<u64>) -> Verdict {
        Verdict::Failed { reason: reason.to_owned(), peace: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn only_success_is_success() {
        for status in [200, 201, 202, 204, 299] {
            check(status, None, &Verdict::Delivered);
        }
        check(410, None, &Verdict::Gone);
        for status in [100, 199, 400, 401, 404, 500, 502, 599] {
            check(status, Some("60"), &failed(&format!("answered {status}"), None));
        }
        let redirected = "answered 302: redirects are not followed, enter the final address";
        check(302, None, &failed(redirected, None));
    }

    #[test]
    fn a_receiver_may_ask_for_peace_within_bounds() {
        check(429, Some("120"), &failed("answered 429", Some(120)));
        check(503, Some(" 7 "), &failed("answered 503", Some(7)));
        check(503, Some("999999"), &failed("answered 503", Some(3_600)));
        check(503, Some("Sun, 06 Nov 1994 08:49:37 GMT"), &failed("answered 503", Some(60)));
        check(503, Some("Sun, 06 Nov 1983 08:49:37 GMT"), &failed("answered 503", None));
        for nonsense in ["", "soon", "-5", "1e3", "18446744073709551616"] {
            check(429, Some(nonsense), &failed("answered 429", None));
        }
    }
}
