//! What we send is what the vendors have published, and nothing beside it.
//!
//! Mistral has published its requests. Of OpenAI only answers are published as schemas (the stand-in's are checked in the
//! simulator); its requests, Anthropic's and Google's are checked against their official SDKs by `make oracles`, which
//! reads what [`what_is_sent_is_kept_for_the_oracles`] writes.

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Value, json};
use simulator::llm::Protocol;
use simulator::llm::mind::Mind;
use yaml_rust2::{Yaml, YamlLoader};

use crate::awkward::conversations;
use crate::vendors::stage;

/// The folder of the vendor's descriptions; `None`, with a word, where it may be missing.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
fn folder(vendor: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CONTRACTS_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let folder = root.join(vendor);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("CONTRACTS_REQUIRED").is_some();
    assert!(!required, "there is no folder {} (CONTRACTS_DIR)", folder.display());
    println!("skipped: there is no folder {} (CONTRACTS_DIR)", folder.display());
    None
}

fn from_yaml(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Hash(fields) => {
            let key = |key: &Yaml| match key {
                Yaml::String(key) => key.clone(),
                other => from_yaml(other).to_string(),
            };
            fields.iter().map(|(name, value)| (key(name), from_yaml(value))).collect()
        }
        Yaml::Array(items) => items.iter().map(from_yaml).collect(),
        Yaml::String(text) => json!(text),
        Yaml::Integer(number) => json!(number),
        Yaml::Real(number) => json!(number.parse::<f64>().unwrap()),
        Yaml::Boolean(truth) => json!(truth),
        _ => Value::Null,
    }
}

/// Mistral's request, with its objects closed: the vendor refuses what it does not know.
fn mistral_request() -> Option<Validator> {
    let text = std::fs::read_to_string(folder("mistral")?.join("openapi.yaml")).unwrap();
    let document = from_yaml(&YamlLoader::load_from_str(&text).unwrap()[0]);
    let mut components = document["components"].clone();
    for schema in components["schemas"].as_object_mut().unwrap().values_mut() {
        if schema.get("properties").is_some() {
            schema["additionalProperties"] = json!(false);
        }
    }
    let schema = json!({ "$ref": "#/components/schemas/ChatCompletionRequest", "components": components });
    Some(jsonschema::validator_for(&schema).unwrap())
}

/// The bodies of every awkward conversation as a vendor gets them.
async fn bodies(protocol: Protocol) -> Vec<Value> {
    let stage = stage(protocol, Mind::default()).await;
    let mut bodies = Vec::new();
    for (_, request) in conversations() {
        stage.answer(&request).await;
        bodies.push(stage.stand_in.seen().last().unwrap().request.json());
    }
    bodies
}

#[tokio::test]
async fn everything_we_send_to_mistral_is_of_its_published_types() {
    let Some(validator) = mistral_request() else { return };
    for body in bodies(Protocol::Mistral).await {
        let errors: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {body:#}");
    }
}

#[tokio::test]
async fn a_field_of_our_own_invention_would_be_found() {
    let Some(validator) = mistral_request() else { return };
    let sound = bodies(Protocol::Mistral).await.swap_remove(1);
    for (place, name) in
        [("", "max_completion_tokens"), ("/messages/1", "id"), ("/tools/0/function", "strictly")]
    {
        let mut body = sound.clone();
        body.pointer_mut(place).unwrap()[name] = json!(1);
        assert!(!validator.is_valid(&body), "{place}/{name}");
    }
}

#[tokio::test]
async fn what_is_sent_is_kept_for_the_oracles() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("llm-requests");
    std::fs::create_dir_all(&folder).unwrap();
    for protocol in Protocol::ALL {
        let bodies = bodies(protocol).await;
        assert_eq!(bodies.len(), conversations().len());
        assert!(bodies.iter().all(Value::is_object));
        let file = folder.join(format!("{protocol:?}.json"));
        std::fs::write(file, Value::from(bodies).to_string()).unwrap();
    }
}
