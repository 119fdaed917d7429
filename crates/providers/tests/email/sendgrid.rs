use std::path::PathBuf;
use std::time::Duration;

use provider_traits::email::{Email as _, EmailMessage};
use provider_traits::error::ProviderError;
use providers::email::sendgrid::{SendGrid, SendGridSettings};
use serde_json::{Value, json};
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};

use super::message;

const KEY: &str = "SG.a-key-of-a-test";

async fn vendor() -> StandIn<simulator::sendgrid::SendGrid> {
    let vendor =
        simulator::sendgrid::SendGrid { key: KEY.to_owned(), sender_domain: "aurora.example".to_owned() };
    StandIn::start(vendor, Place::default()).await.expect("a vendor")
}

fn client(base_url: String, key: Option<&str>) -> SendGrid {
    let settings = SendGridSettings {
        base_url,
        api_key: key.map(|key| key.to_owned().into()),
        sender: "Studio <studio@here.example>".to_owned(),
    };
    SendGrid::new(&settings, reqwest::Client::builder().build().expect("a client")).expect("a client")
}

#[tokio::test]
async fn a_message_is_taken_and_named() {
    let vendor = vendor().await;
    let id = client(vendor.url(), Some(KEY)).send(&message("ntf_1")).await.expect("sent");
    assert_eq!(id, "14c5d75ce93.dfd.64b469");
    let body = vendor.seen().requests[0].request.json();
    assert_eq!(
        body["personalizations"][0]["to"],
        json!([{ "email": "dana@agency.example", "name": "Dana Reed" }])
    );
    assert_eq!(body["from"], json!({ "email": "hello@aurora.example", "name": "Aurora, Branding" }));
    assert_eq!(body["headers"]["Message-ID"], "<ntf_1@aurora.example>");
    assert_eq!(body["tracking_settings"]["click_tracking"]["enable"], false, "links may sign somebody in");
}

#[tokio::test]
async fn a_failure_tells_whether_trying_again_can_help() {
    let vendor = vendor().await;
    let unverified = EmailMessage { from: Some("x@elsewhere.example".to_owned()), ..message("ntf_1") };
    let nobody = EmailMessage { to: "dana".to_owned(), ..message("ntf_1") };
    let empty = EmailMessage { subject: String::new(), ..message("ntf_1") };
    let good = client(vendor.url(), Some(KEY));
    for (client, message, expect) in [
        (client(vendor.url(), Some("SG.wrong")), message("ntf_1"), "refused"),
        (client(vendor.url(), None), message("ntf_1"), "refused"),
        (good.clone(), unverified, "refused"),
        (good.clone(), nobody, "invalid"),
        (good.clone(), empty, "invalid"),
    ] {
        let sent = client.send(&message).await;
        assert_eq!(kind(&sent), expect, "{sent:?}");
        assert!(!format!("{sent:?}").contains("SG."), "{sent:?}");
    }
    for (fault, expect) in [
        (Fault::Fail(Failure::Unauthorized), "refused"),
        (Fault::Fail(Failure::RateLimited(Some(Duration::from_secs(7)))), "rate limited"),
        (Fault::Fail(Failure::Server(503)), "unavailable"),
        (Fault::Refuse, "unavailable"),
    ] {
        vendor.set_fault_for(fault, 1);
        let sent = good.send(&message("ntf_1")).await;
        assert_eq!(kind(&sent), expect, "{fault:?}: {sent:?}");
    }
    good.send(&message("ntf_1")).await.expect("sent again");
}

fn kind(sent: &Result<String, ProviderError>) -> &'static str {
    match sent {
        Err(ProviderError::Unavailable { .. }) => "unavailable",
        Err(ProviderError::Refused { .. }) => "refused",
        Err(ProviderError::Invalid { .. }) => "invalid",
        Err(ProviderError::RateLimited { .. }) => "rate limited",
        Err(ProviderError::Timeout { .. }) => "timeout",
        Ok(_) => "sent",
    }
}

/// The vendor's description; `None`, with a word, where it may be missing.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
fn description() -> Option<Value> {
    let root = std::env::var_os("CONTRACTS_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let file = root.join("sendgrid/mail_v3.json");
    if file.is_file() {
        let text = std::fs::read_to_string(file).expect("a file");
        return Some(serde_json::from_str(&text).expect("JSON"));
    }
    let required = std::env::var_os("CONTRACTS_REQUIRED").is_some();
    assert!(!required, "there is no file {} (CONTRACTS_DIR)", file.display());
    println!("skipped: there is no file {} (CONTRACTS_DIR)", file.display());
    None
}

#[tokio::test]
async fn what_is_sent_is_what_the_vendor_has_published() {
    let Some(document) = description() else { return };
    let mut components = document["components"].clone();
    for schema in components["schemas"].as_object_mut().expect("schemas").values_mut() {
        if schema.get("properties").is_some() {
            schema["additionalProperties"] = json!(false);
        }
    }
    let mut schema =
        components["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"].clone();
    schema["additionalProperties"] = json!(false);
    schema["components"] = components;
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let vendor = vendor().await;
    let client = client(vendor.url(), Some(KEY));
    let plain = EmailMessage { html: None, reply_to: None, ..message("ntf_2") };
    for message in [message("ntf_1"), plain] {
        client.send(&message).await.expect("sent");
    }
    for seen in vendor.seen().requests {
        let body = seen.request.json();
        let faults: Vec<String> = validator.iter_errors(&body).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}");
        // It can fail.
        let mut wrong = body;
        wrong["subjekt"] = json!("x");
        assert!(!validator.is_valid(&wrong));
    }
}
