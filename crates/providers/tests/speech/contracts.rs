//! The vendors' descriptions as validators. Objects are closed: a field that is not described is refused.

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use yaml_rust2::{Yaml, YamlLoader};

/// A file of the descriptions; `None`, with a word, where they may be missing.
#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
fn file(name: &str) -> Option<String> {
    let root = std::env::var_os("CONTRACTS_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contracts"),
        PathBuf::from,
    );
    let path = root.join(name);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(text);
    }
    let required = std::env::var_os("CONTRACTS_REQUIRED").is_some();
    assert!(!required, "there is no file {} (CONTRACTS_DIR)", path.display());
    println!("skipped: there is no file {} (CONTRACTS_DIR)", path.display());
    None
}

fn of_yaml(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => json!(text),
        Yaml::Integer(number) => json!(number),
        Yaml::Real(text) => text.parse::<f64>().map_or(json!(text), |number| json!(number)),
        Yaml::Boolean(yes) => json!(yes),
        Yaml::Array(all) => Value::Array(all.iter().map(of_yaml).collect()),
        Yaml::Hash(pairs) => {
            let mut object = Map::new();
            for (name, value) in pairs {
                let (name, value) = (name.as_str().unwrap_or_default(), of_yaml(value));
                // The merge key brings the anchor's fields, its own win.
                if let ("<<", Value::Object(base)) = (name, &value) {
                    for (name, value) in base {
                        object.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                } else {
                    object.insert(name.to_owned(), value);
                }
            }
            Value::Object(object)
        }
        _ => Value::Null,
    }
}

/// Literals as constants, nullable ones as such, and every object closed.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(literal) = object.get("x-fern-type").and_then(Value::as_str) {
                let inner = literal.strip_prefix("literal<").and_then(|rest| rest.strip_suffix('>'));
                if let Some(value) = inner.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
                    object.insert("const".to_owned(), value);
                }
            }
            if object.get("nullable") == Some(&json!(true)) {
                if let Some(kind) = object.get("type").cloned() {
                    object.insert("type".to_owned(), json!([kind, "null"]));
                }
                // Beside a reference nothing else counts there.
                if let Some(target) = object.remove("$ref") {
                    object.insert("anyOf".to_owned(), json!([{ "$ref": target }, { "type": "null" }]));
                }
            }
            // What stands beside a reference is a note for generators of clients.
            if object.contains_key("$ref") {
                object.retain(|name, _| name == "$ref");
            }
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            object.values_mut().for_each(closed);
        }
        Value::Array(all) => all.iter_mut().for_each(closed),
        _ => {}
    }
}

/// A validator for any of these schemas of a document.
fn any_of(mut document: Value, schemas: &[&str]) -> Validator {
    closed(&mut document);
    let choices: Vec<Value> =
        schemas.iter().map(|name| json!({ "$ref": format!("#/components/schemas/{name}") })).collect();
    let schema = json!({ "anyOf": choices, "components": document["components"] });
    jsonschema::validator_for(&schema).unwrap()
}

/// Schemas of ElevenLabs' AsyncAPI documents.
pub(crate) fn async_api(name: &str, schemas: &[&str]) -> Option<Validator> {
    let text = file(&format!("elevenlabs/{name}"))?;
    Some(any_of(of_yaml(&YamlLoader::load_from_str(&text).unwrap()[0]), schemas))
}

/// A schema of ElevenLabs' OpenAPI document, by its name or as an array of it.
pub(crate) fn elevenlabs(name: &str) -> Option<Validator> {
    let document: Value = serde_json::from_str(&file("elevenlabs/openapi.json")?).unwrap();
    Some(any_of(document, &[name]))
}

/// The request that an operation of ElevenLabs takes, and the parameters of its query.
pub(crate) fn elevenlabs_operation(path: &str, method: &str) -> Option<(Option<Validator>, Vec<String>)> {
    let mut document: Value = serde_json::from_str(&file("elevenlabs/openapi.json")?).unwrap();
    let operation = document["paths"][path][method].clone();
    assert!(operation.is_object(), "{method} {path}");
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
    let query = query.map(str::to_owned).collect();
    let body =
        operation.pointer("/requestBody/content/application~1json/schema").cloned().map(|mut schema| {
            closed(&mut document);
            closed(&mut schema);
            let schema = json!({ "allOf": [schema], "components": document["components"] });
            jsonschema::validator_for(&schema).unwrap()
        });
    Some((body, query))
}

/// A schema of OpenAI's types, closed.
pub(crate) fn openai(name: &str) -> Option<Validator> {
    let mut schema: Value = serde_json::from_str(&file(&format!("openai/{name}.schema.json"))?).unwrap();
    for definition in schema["$defs"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if definition.get("properties").is_some() {
            definition["additionalProperties"] = json!(false);
        }
    }
    Some(jsonschema::validator_for(&schema).unwrap())
}

/// A structure of Amazon Polly's service description as a JSON schema; members in the query or the head included.
pub(crate) fn polly(shape: &str) -> Option<(Validator, Value)> {
    let document: Value = serde_json::from_str(&file("aws/polly_2016-06-10.json")?).unwrap();
    let definitions: Map<String, Value> = document["shapes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, shape)| (name.clone(), aws_shape(shape)))
        .collect();
    let schema = json!({ "$ref": format!("#/$defs/{shape}"), "$defs": definitions });
    Some((jsonschema::validator_for(&schema).unwrap(), document))
}

fn aws_shape(shape: &Value) -> Value {
    let target = |member: &Value| json!({ "$ref": format!("#/$defs/{}", member["shape"].as_str().unwrap()) });
    match shape["type"].as_str().unwrap() {
        "structure" => {
            let members = shape["members"].as_object().unwrap().iter();
            let properties: Map<String, Value> =
                members.map(|(name, member)| (name.clone(), target(member))).collect();
            let mut schema =
                json!({ "type": "object", "properties": properties, "additionalProperties": false });
            if let Some(required) = shape.get("required") {
                schema["required"] = required.clone();
            }
            schema
        }
        "list" => json!({ "type": "array", "items": target(&shape["member"]) }),
        "string" => {
            let mut schema = json!({ "type": "string" });
            if let Some(values) = shape.get("enum") {
                schema["enum"] = values.clone();
            }
            schema
        }
        "boolean" => json!({ "type": "boolean" }),
        "integer" | "long" => json!({ "type": "integer" }),
        _ => json!({}),
    }
}

/// Every message is of the description.
pub(crate) fn all_valid<'a>(
    validator: &Validator,
    what: &str,
    messages: impl IntoIterator<Item = &'a Value>,
) {
    let mut count = 0;
    for message in messages {
        count += 1;
        if let Err(error) = validator.validate(message) {
            panic!("{what}: {error}\n{message:#}");
        }
    }
    assert!(count > 0, "{what}: there was nothing to be checked");
}

#[test]
fn a_field_of_our_own_invention_would_be_found() {
    let Some(validator) = async_api("tts.asyncapi.yaml", &["SendTextMulti", "CloseContext"]) else { return };
    assert!(validator.is_valid(&json!({ "text": "a ", "context_id": "c", "flush": true })));
    assert!(!validator.is_valid(&json!({ "text": "a ", "context_id": "c", "flush": true, "loud": true })));
    let Some((validator, _)) = polly("SynthesizeSpeechInput") else { return };
    let mut body = json!({ "Text": "a", "VoiceId": "Joanna", "OutputFormat": "mulaw" });
    assert!(validator.is_valid(&body));
    body["Loud"] = json!(true);
    assert!(!validator.is_valid(&body));
}
