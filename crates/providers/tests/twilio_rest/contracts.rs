//! Twilio's description of its API as validators: of what we ask, and of what the stand-in answers.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jsonschema::Validator;
use provider_traits::telephony::{CallUpdate, NewMessage, ParticipantUpdate, Telephony as _};
use serde_json::{Value, json};
use simulator::twilio::rest::people::Person;

use super::calls::{ACCOUNT, OURS, SECRET, THEIRS, call, client, http, server, twilio};

/// The description; `None`, with a word, where it may be missing.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
fn description() -> Option<Value> {
    let root = std::env::var_os("CONTRACTS_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let path = root.join("twilio/api_v2010.json");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(serde_json::from_str(&text).unwrap());
    }
    let required = std::env::var_os("CONTRACTS_REQUIRED").is_some();
    assert!(!required, "there is no file {} (CONTRACTS_DIR)", path.display());
    println!("skipped: there is no file {} (CONTRACTS_DIR)", path.display());
    None
}

/// OpenAPI's `nullable` as JSON Schema says it; objects are closed.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("nullable") == Some(&json!(true))
                && let Some(kind) = object.get("type").cloned()
            {
                object.insert("type".to_owned(), json!([kind, "null"]));
            }
            if object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            object.values_mut().for_each(strict);
        }
        Value::Array(all) => all.iter_mut().for_each(strict),
        _ => {}
    }
}

fn validator(description: &Value, schema: &str) -> Validator {
    let mut schemas = description["components"]["schemas"].clone();
    strict(&mut schemas);
    let root = json!({
        "components": { "schemas": schemas },
        "$ref": format!("#/components/schemas/{schema}"),
    });
    jsonschema::validator_for(&root).unwrap()
}

fn check(validator: &Validator, document: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{document}: {errors:?}");
}

#[tokio::test]
async fn what_the_stand_in_answers_is_twilios() {
    let Some(description) = description() else { return };
    let (twilio, server) = (twilio().await, server("<Hangup/>").await);
    twilio.vendor().expect(THEIRS, [Person::Busy]);
    let url = |path: &str| format!("{}/2010-04-01/Accounts/{ACCOUNT}/{path}", twilio.url());
    let send = async |path: &str, form: &[(&str, &str)]| -> Value {
        let request = http().post(url(path)).basic_auth(ACCOUNT, Some(SECRET)).form(form);
        request.send().await.unwrap().json().await.unwrap()
    };
    let calls = validator(&description, "api.v2010.account.call");
    let address = server.url("/voice");
    let placed = send("Calls.json", &[("To", THEIRS), ("From", OURS), ("Url", &address)]).await;
    check(&calls, &placed);
    twilio.vendor().until(|ledger| ledger.is_quiet()).await;
    let over = http().get(url(&format!("Calls/{}.json", placed["sid"].as_str().unwrap())));
    let over: Value = over.basic_auth(ACCOUNT, Some(SECRET)).send().await.unwrap().json().await.unwrap();
    check(&calls, &over);
    let sent = send("Messages.json", &[("To", THEIRS), ("From", OURS), ("Body", "x")]).await;
    let messages = validator(&description, "api.v2010.account.message");
    check(&messages, &sent);
    let listed = http().get(url("Messages.json")).basic_auth(ACCOUNT, Some(SECRET)).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    check(&messages, &listed["messages"][0]);
    let invited = [("To", THEIRS), ("From", OURS), ("EndConferenceOnExit", "true")];
    let participant = send("Conferences/room/Participants.json", &invited).await;
    check(&validator(&description, "api.v2010.account.conference.participant"), &participant);
    assert!(!calls.is_valid(&json!({ "sid": "CA1", "telephone": true })), "the check can fail");
}

/// The fields that an operation takes.
fn fields(description: &Value, path: &str, method: &str) -> BTreeSet<String> {
    let path = format!("/2010-04-01/Accounts/{{AccountSid}}/{path}");
    let operation = &description["paths"][path.as_str()][method];
    if method == "get" {
        let parameters = operation["parameters"].as_array().unwrap();
        return parameters.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    }
    let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
    form["properties"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn what_we_ask_is_in_twilios_description() {
    let Some(description) = description() else { return };
    let (twilio, server) = (twilio().await, server("<Hangup/>").await);
    twilio.vendor().expect(THEIRS, [Person::Talks]);
    let client = client(&twilio);
    client.place_call(&call(&server)).await.unwrap();
    client.calls_to(THEIRS, OURS).await.unwrap();
    let message = NewMessage { to: THEIRS.to_owned(), from: OURS.to_owned(), text: "x".to_owned() };
    client.send_message(&message).await.unwrap();
    client.messages_to(THEIRS, OURS).await.unwrap();
    let guest = client.invite("room", &call(&server)).await.unwrap();
    twilio.vendor().until(|ledger| !ledger.conferences[0].participants.is_empty()).await;
    let room = client.conference("room").await.unwrap().unwrap();
    let announce = ParticipantUpdate::Announce(server.url("/x"));
    client.update_participant(&room, &guest.id, &announce).await.unwrap();
    client.update_participant(&room, &guest.id, &ParticipantUpdate::Hold(true)).await.unwrap();
    client.update_call(&guest.id, &CallUpdate::GoOnAt(server.url("/x"))).await.unwrap();
    client.update_call(&guest.id, &CallUpdate::End).await.unwrap();
    let mut seen = 0;
    for request in twilio.seen().requests {
        let request = request.request;
        let path = request.path.split('/').skip(4).collect::<Vec<_>>();
        let path = match path.as_slice() {
            ["Calls", _] => "Calls/{Sid}.json",
            ["Conferences", _, "Participants.json"] => "Conferences/{ConferenceSid}/Participants.json",
            ["Conferences", _, "Participants", _] => {
                "Conferences/{ConferenceSid}/Participants/{CallSid}.json"
            }
            [one] => one,
            other => panic!("{other:?}"),
        };
        let known = fields(&description, path, &request.method.to_lowercase());
        let body = providers::twilio::form::Form::parse(&request.body).unwrap();
        let asked = body.fields().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        for name in asked.chain(request.query.iter().map(|(name, _)| name.clone())) {
            assert!(known.contains(&name), "{path} has no {name}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} fields");
}
