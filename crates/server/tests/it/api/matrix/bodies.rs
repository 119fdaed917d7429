//! Request bodies made from the document: one that is right, and ones that are wrong in one place.

use serde_json::{Map, Value, json};

use super::document::{Document, Operation};

/// A wrong body with the field that an answer must name.
pub(super) struct WrongBody {
    pub(super) what: String,
    pub(super) field: String,
    pub(super) body: Value,
}

/// A body that the document calls right: its example, else made of its schema. What a case says comes on top.
pub(super) fn right(document: &Document, operation: &Operation, case: &Value) -> Option<Value> {
    let media = document.json_body(operation)?;
    let mut body = example_of(media).unwrap_or_else(|| of_schema(document, &media["schema"], 0));
    lay_over(&mut body, case);
    Some(body)
}

/// `null` in a case takes a member away.
fn lay_over(body: &mut Value, over: &Value) {
    match (body, over) {
        (Value::Object(body), Value::Object(over)) => {
            for (name, value) in over {
                body.insert(name.clone(), value.clone());
            }
        }
        (_, Value::Null) => {}
        (body, over) => *body = over.clone(),
    }
}

fn example_of(holder: &Value) -> Option<Value> {
    if let Some(example) = holder.get("example") {
        return Some(example.clone());
    }
    match holder.get("examples")? {
        Value::Array(examples) => examples.first().cloned(),
        Value::Object(named) => named.values().next()?.get("value").cloned(),
        _ => None,
    }
}

/// A value of a schema: examples where there are some, else the smallest that fits.
fn of_schema(document: &Document, schema: &Value, depth: usize) -> Value {
    assert!(depth < 12, "a schema contains itself");
    if let Some(example) = example_of(schema) {
        return example;
    }
    let schema = document.resolve(schema);
    if let Some(example) = example_of(schema) {
        return example;
    }
    if let Some(value) =
        schema.get("const").or_else(|| schema["enum"].get(0)).or_else(|| schema.get("default"))
    {
        return value.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = of_schema(document, part, depth + 1) {
                whole.extend(members);
            }
        }
        return Value::Object(whole);
    }
    if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        let real = choices.iter().find(|choice| choice["type"] != "null").unwrap_or(&Value::Null);
        return of_schema(document, real, depth + 1);
    }
    match kind(schema) {
        "object" => {
            let mut members = Map::new();
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                members.insert(name.to_owned(), of_schema(document, &schema["properties"][name], depth + 1));
            }
            Value::Object(members)
        }
        "array" => match schema["minItems"].as_u64().unwrap_or(0) {
            0 => json!([]),
            _ => json!([of_schema(document, &schema["items"], depth + 1)]),
        },
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        "string" => match schema["format"].as_str() {
            Some("date-time") => json!("2027-01-15T08:00:00Z"),
            Some("date") => json!("2027-01-15"),
            Some("uri") => json!("https://agency.example/"),
            Some("email") => json!("dana@agency.example"),
            _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1)).unwrap())),
        },
        _ => json!({}),
    }
}

/// A schema's type; of a type that may be null the other one.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("")
        }
        _ => "",
    }
}

/// Bodies that are wrong in one member each, with the member's name.
pub(super) fn wrong(document: &Document, operation: &Operation, right: &Value) -> Vec<WrongBody> {
    let Some(media) = document.json_body(operation) else { return Vec::new() };
    let schema = document.resolve(&media["schema"]);
    let Some(members) = right.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |what: String, field: &str, change: &dyn Fn(&mut Map<String, Value>)| {
        let mut body = members.clone();
        change(&mut body);
        found.push(WrongBody { what, field: field.to_owned(), body: Value::Object(body) });
    };
    if schema["additionalProperties"] == false {
        add("an unknown member".into(), "zz_unknown", &|body| {
            body.insert("zz_unknown".to_owned(), json!(1));
        });
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        add(format!("no {name}"), name, &|body| {
            body.remove(name);
        });
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let property = document.resolve(property);
        let unfit = match kind(property) {
            "string" => json!({ "not": "a text" }),
            "integer" | "number" | "boolean" | "array" => json!({ "not": "this kind" }),
            "object" if property["properties"].is_object() => json!("not an object"),
            _ => continue,
        };
        add(format!("{name} of another kind"), name, &|body| {
            body.insert(name.clone(), unfit.clone());
        });
        if let Some(most) = property["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok())
            && kind(property) == "string"
            && most <= 20_000
        {
            add(format!("{name} too long"), name, &|body| {
                body.insert(name.clone(), json!("x".repeat(most + 1)));
            });
        }
        if let Some(most) = property["maximum"].as_i64().filter(|most| *most < i64::from(i32::MAX)) {
            add(format!("{name} too large"), name, &|body| {
                body.insert(name.clone(), json!(most + 1));
            });
        }
        if let Some(choices) =
            property["enum"].as_array().filter(|choices| choices.iter().all(Value::is_string))
        {
            let unknown = json!(format!("{}zz", choices[0].as_str().unwrap()));
            add(format!("{name} out of its list"), name, &|body| {
                body.insert(name.clone(), unknown.clone());
            });
        }
    }
    found
}

/// Query strings that a parameter's schema does not allow, with the parameter's name.
pub(super) fn wrong_queries(document: &Document, operation: &Operation) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for parameter in document.parameters(operation, "query") {
        let schema = &parameter.schema;
        let mut values = Vec::new();
        match kind(schema) {
            "integer" | "number" => {
                values.push("many".to_owned());
                if let Some(least) = schema["minimum"].as_i64() {
                    values.push((least - 1).to_string());
                }
                if let Some(most) = schema["maximum"].as_i64() {
                    values.push((most + 1).to_string());
                }
            }
            "boolean" => values.push("perhaps".to_owned()),
            _ => {}
        }
        if schema["enum"].is_array() {
            values.push("zz_unknown".to_owned());
        }
        if matches!(schema["format"].as_str(), Some("date-time" | "date")) {
            values.push("yesterday".to_owned());
        }
        if let Some(most) = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok()) {
            values.push("x".repeat(most + 1));
        }
        if parameter.name == "cursor" {
            values.push("no-cursor-of-ours".to_owned());
        }
        found.extend(values.into_iter().map(|value| (parameter.name.clone(), value)));
    }
    found
}
