//! Twilio SendGrid, played: `POST /v3/mail/send` as its document of January 2026 has it, closed against what it does not
//! know.

use serde_json::{Value, json};

use crate::vendor::Vendor;
use crate::vendor::answer::{Answer, Reply};
use crate::vendor::fault::Failure;
use crate::vendor::request::Request;

/// The fields that a request may have.
const FIELDS: &[&str] = &[
    "personalizations",
    "from",
    "reply_to",
    "reply_to_list",
    "subject",
    "content",
    "attachments",
    "template_id",
    "headers",
    "categories",
    "custom_args",
    "send_at",
    "batch_id",
    "asm",
    "ip_pool_name",
    "mail_settings",
    "tracking_settings",
];
/// Headers that nobody may set.
const RESERVED: &[&str] = &[
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

/// The vendor.
#[derive(Debug, Clone)]
pub struct SendGrid {
    /// The key that is asked for.
    pub key: String,
    /// The domain that senders must be of: the account has verified no other.
    pub sender_domain: String,
}

fn refusal(status: u16, message: &str, field: Option<&str>) -> Reply {
    let error = json!({ "message": message, "field": field, "help": null });
    Answer::json(status, &json!({ "errors": [error] })).into()
}

impl Vendor for SendGrid {
    fn answer(&self, request: &Request) -> Reply {
        if request.path != "/v3/mail/send" {
            return refusal(404, "not found", None);
        }
        if request.method != "POST" {
            return refusal(405, "method not allowed", None);
        }
        if request.header("authorization") != Some(&format!("Bearer {}", self.key)) {
            return refusal(401, "The provided authorization grant is invalid, expired, or revoked", None);
        }
        if !request.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            return refusal(415, "Content-Type should be application/json.", None);
        }
        match self.fault_of(&request.json()) {
            Some((status, message, field)) => refusal(status, message, Some(field)),
            None => {
                Answer::whole(202, "text/plain", "").header("X-Message-Id", "14c5d75ce93.dfd.64b469").into()
            }
        }
    }

    fn failure(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Unauthorized => refusal(401, "The provided authorization grant is invalid", None),
            Failure::NoCredit => refusal(401, "Maximum credits exceeded", None),
            Failure::RateLimited(retry_after) => {
                let answer = Answer::json(429, &json!({ "errors": [{ "message": "too many requests" }] }));
                match retry_after {
                    Some(wait) => answer.header("Retry-After", wait.as_secs().to_string()).into(),
                    None => answer.into(),
                }
            }
            Failure::Server(status) => refusal(status, "Internal Server Error", None),
        }
    }
}

impl SendGrid {
    /// What is wrong with a request: the status, the message, the field.
    fn fault_of(&self, body: &Value) -> Option<(u16, &'static str, &'static str)> {
        let Some(fields) = body.as_object() else { return Some((400, "Bad Request", "")) };
        if fields.keys().any(|name| !FIELDS.contains(&name.as_str())) {
            return Some((400, "additional properties are not allowed", ""));
        }
        let people = body["personalizations"].as_array().map_or(&[][..], Vec::as_slice);
        let receives =
            |one: &Value| one["to"].as_array().is_some_and(|to| !to.is_empty() && to.iter().all(is_address));
        if people.is_empty() || people.len() > 1_000 || !people.iter().all(receives) {
            return Some((400, "The to array is required", "personalizations.0.to"));
        }
        if !is_address(&body["from"]) {
            return Some((400, "The from email does not contain a valid address.", "from.email"));
        }
        let domain = body["from"]["email"].as_str().and_then(|email| email.split('@').nth(1));
        if domain != Some(self.sender_domain.as_str()) {
            return Some((403, "The from address does not match a verified Sender Identity.", "from"));
        }
        if body["subject"].as_str().is_none_or(str::is_empty) {
            return Some((400, "The subject is required.", "subject"));
        }
        if body.get("reply_to").is_some_and(|to| !is_address(to)) {
            return Some((400, "The reply_to email does not contain a valid address.", "reply_to"));
        }
        let kinds: Vec<&str> = body["content"]
            .as_array()
            .map(|all| all.iter().filter(|one| one["value"].as_str().is_some_and(|v| !v.is_empty())))
            .map(|all| all.filter_map(|one| one["type"].as_str()).collect())
            .unwrap_or_default();
        if kinds != ["text/plain", "text/html"] && kinds != ["text/plain"] && kinds != ["text/html"] {
            return Some((
                400,
                "If present, text/plain and text/html may only be provided once, in that order.",
                "content",
            ));
        }
        let headers = body["headers"].as_object();
        let bad_header = |(name, value): (&String, &Value)| {
            RESERVED.contains(&name.to_ascii_lowercase().as_str()) || !value.is_string()
        };
        headers.is_some_and(|headers| headers.iter().any(bad_header)).then_some((
            400,
            "The header is reserved or no string",
            "headers",
        ))
    }
}

/// `{email, name?}` and nothing else.
fn is_address(value: &Value) -> bool {
    let Some(fields) = value.as_object() else { return false };
    let email = value["email"].as_str().unwrap_or_default();
    let name_fits = value.get("name").is_none_or(Value::is_string);
    let known = fields.keys().all(|name| name == "email" || name == "name");
    let sound =
        email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    known && sound && name_fits && !email.contains(char::is_whitespace)
}
