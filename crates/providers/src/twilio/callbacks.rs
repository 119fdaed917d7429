//! What Twilio's webhooks say, parsed once.

use domain::phone::PhoneNumber;

use super::form::{Form, FormError};

/// Longest text for a number: E.164 has 16 characters, an address of SIP more.
const MOST_OF_A_NUMBER: usize = 255;

/// A call that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceWebhook {
    /// `CA…`.
    pub call_sid: String,
    /// `AC…`; empty when it was not sent.
    pub account_sid: String,
    /// The caller; `None` when withheld, or when it is no telephone (`client:…`, `sip:…`).
    pub from: Option<PhoneNumber>,
    /// The number called, as sent: E.164 for a telephone number.
    pub to: String,
    /// The number that forwarded the call to us.
    pub forwarded_from: Option<PhoneNumber>,
}

impl VoiceWebhook {
    /// Reads the fields.
    ///
    /// # Errors
    /// When `CallSid` or `To` is absent or can't be one.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: sid(form, "CallSid")?,
            account_sid: sid(form, "AccountSid").unwrap_or_default(),
            from: number(form, "From"),
            to: short_text(form, "To", 256)?,
            forwarded_from: number(form, "ForwardedFrom"),
        })
    }
}

/// A change of a call's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// `CA…`.
    pub call_sid: String,
    /// `queued`, `ringing`, `in-progress`, `completed`, `busy`, `failed`, `no-answer`, `canceled`; text, since
    /// a vendor may add one.
    pub status: String,
    /// Position of the callback, from 0; callbacks may come out of order.
    pub sequence: Option<u32>,
    /// Length of the call in seconds, with the last one.
    pub duration_s: Option<u32>,
}

impl StatusCallback {
    /// Reads the fields.
    ///
    /// # Errors
    /// When `CallSid` or `CallStatus` is absent or can't be one.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: sid(form, "CallSid")?,
            status: short_text(form, "CallStatus", 32)?,
            sequence: whole_number(form, "SequenceNumber"),
            duration_s: whole_number(form, "CallDuration"),
        })
    }
}

/// A `<Record>` that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingCallback {
    /// `CA…`.
    pub call_sid: String,
    /// `RE…`.
    pub recording_sid: String,
    /// Where the audio is; needs the account's credentials.
    pub url: String,
    /// Length in seconds.
    pub duration_s: Option<u32>,
    /// The number called.
    pub to: Option<String>,
    /// The caller's number, or a word for a withheld one.
    pub from: Option<String>,
}

impl RecordingCallback {
    /// Reads the fields.
    ///
    /// # Errors
    /// When one of the ids or the URL is absent or can't be one.
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: sid(form, "CallSid")?,
            recording_sid: sid(form, "RecordingSid")?,
            url: short_text(form, "RecordingUrl", 1_024)?,
            duration_s: whole_number(form, "RecordingDuration"),
            to: short_text(form, "To", MOST_OF_A_NUMBER).ok(),
            from: short_text(form, "From", MOST_OF_A_NUMBER).ok(),
        })
    }
}

/// The id of the call a webhook is about.
///
/// # Errors
/// When `CallSid` is absent or can't be one.
pub fn call_sid(form: &Form) -> Result<String, FormError> {
    sid(form, "CallSid")
}

/// Whether somebody talked to the caller during the `<Dial>` that just ended.
#[must_use]
pub fn dial_was_answered(form: &Form) -> bool {
    matches!(form.get("DialCallStatus").as_deref(), Some("completed" | "answered"))
}

/// Whether a text may be a Twilio id. Compatible services use other shapes than `CA` and 32 hex digits, so
/// only length and characters are held to.
#[must_use]
pub fn is_sid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn sid(form: &Form, field: &'static str) -> Result<String, FormError> {
    form.get(field).filter(|text| is_sid(text)).map(Into::into).ok_or(FormError::Field { field })
}

fn short_text(form: &Form, field: &'static str, longest: usize) -> Result<String, FormError> {
    form.get(field).filter(|text| text.len() <= longest).map(Into::into).ok_or(FormError::Field { field })
}

fn whole_number(form: &Form, field: &str) -> Option<u32> {
    form.get(field)?.parse().ok()
}

fn number(form: &Form, field: &str) -> Option<PhoneNumber> {
    PhoneNumber::parse(&form.get(field)?, None).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "CA0123456789abcdef0123456789abcdef";

    fn form(body: &str) -> Form {
        Form::parse(body.as_bytes()).expect("a form")
    }

    #[test]
    fn call_with_a_number_is_read() {
        let body = format!(
            "CallSid={SID}&AccountSid=AC1&From=%2B15135550142&To=%2B15135550100&ForwardedFrom=%2B15135550111"
        );
        let call = VoiceWebhook::from_form(&form(&body)).expect("a call");
        assert_eq!(call.call_sid, SID);
        assert_eq!(call.account_sid, "AC1");
        assert_eq!(call.from.as_ref().map(PhoneNumber::as_str), Some("+15135550142"));
        assert_eq!(call.to, "+15135550100");
        assert_eq!(call.forwarded_from.as_ref().map(PhoneNumber::as_str), Some("+15135550111"));
    }

    #[test]
    fn caller_without_a_telephone_number_is_withheld() {
        for from in ["", "anonymous", "%2B266696687", "client%3Aamy", "sip%3Aa%40b", "%ff", "15135550142"] {
            let call = VoiceWebhook::from_form(&form(&format!("CallSid=CA1&To=%2B15135550100&From={from}")))
                .expect("a call");
            assert_eq!(call.from, None, "{from}");
        }
    }

    #[test]
    fn call_without_its_id_or_target_is_refused() {
        let check = |body: &str, field| {
            assert_eq!(VoiceWebhook::from_form(&form(body)), Err(FormError::Field { field }), "{body}");
        };
        check("To=%2B15135550100", "CallSid");
        check("CallSid=&To=%2B15135550100", "CallSid");
        check("CallSid=CA%20%3Cx%3E&To=%2B15135550100", "CallSid");
        check(&format!("CallSid={}&To=1", "C".repeat(65)), "CallSid");
        check("CallSid=CA1", "To");
        check(&format!("CallSid=CA1&To={}", "1".repeat(257)), "To");
    }

    #[test]
    fn status_is_read_and_odd_numbers_count_as_absent() {
        let body = form("CallSid=CA1&CallStatus=completed&SequenceNumber=3&CallDuration=61&Duration=2");
        let status = StatusCallback {
            call_sid: "CA1".into(),
            status: "completed".into(),
            sequence: Some(3),
            duration_s: Some(61),
        };
        assert_eq!(StatusCallback::from_form(&body), Ok(status));
        let odd =
            StatusCallback::from_form(&form("CallSid=CA1&CallStatus=x&SequenceNumber=-1&CallDuration=1e3"))
                .expect("a status");
        assert_eq!((odd.sequence, odd.duration_s), (None, None));
        assert!(StatusCallback::from_form(&form("CallSid=CA1")).is_err());
    }

    #[test]
    fn recording_is_read() {
        let body =
            "CallSid=CA1&RecordingSid=RE1&RecordingUrl=https%3A%2F%2Fapi.example%2FRE1&RecordingDuration=7";
        let recording = RecordingCallback::from_form(&form(body)).expect("a recording");
        assert_eq!(recording.url, "https://api.example/RE1");
        assert_eq!(recording.duration_s, Some(7));
        assert!(RecordingCallback::from_form(&form("CallSid=CA1&RecordingSid=RE1")).is_err());
    }

    #[test]
    fn only_completed_dials_were_answered() {
        for (status, expect) in
            [("completed", true), ("answered", true), ("busy", false), ("no-answer", false), ("", false)]
        {
            assert_eq!(dial_was_answered(&form(&format!("DialCallStatus={status}"))), expect, "{status}");
        }
    }
}
