//! Schemas: what a value is, in words, and an example of it.

use serde_json::{Map, Value};

use super::html::{anchor, escape, inline};
use crate::openapi::Document;

/// How deep fields of fields are shown; deeper ones are behind a link.
const DEEPEST: usize = 2;
/// How deep an example goes; schemas may contain themselves.
const DEEPEST_EXAMPLE: usize = 6;

/// What a value is: `string (date-time)`, a list of something, one of several. Named schemas are links.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = name_of(schema) {
        return format!("<a href=\"/docs/schemas#{}\">{}</a>", anchor(name), escape(name));
    }
    for (several, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[several].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(word);
        }
    }
    if let Some(constant) = schema.get("const") {
        return format!("<code>{}</code>", escape(&constant.to_string()));
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "anything".to_owned(),
    };
    let words = names.into_iter().map(|name| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object with values of {}", kind(&schema["additionalProperties"]))
        }
        name => escape(name),
    });
    let words = words.collect::<Vec<_>>().join(" or ");
    match schema["format"].as_str() {
        Some(format) => format!("{words} ({})", escape(format)),
        None => words,
    }
}

/// The rules of a value, as words: lengths, ranges, choices, patterns.
pub(super) fn rules(schema: &Value) -> String {
    let mut rules = Vec::new();
    if let Some(choices) = schema["enum"].as_array() {
        let choices = choices.iter().map(|choice| format!("<code>{}</code>", escape(&plain(choice))));
        rules.push(format!("one of {}", choices.collect::<Vec<_>>().join(", ")));
    }
    let bounds = [
        ("minLength", "at least", "characters"),
        ("maxLength", "at most", "characters"),
        ("minimum", "from", ""),
        ("maximum", "to", ""),
        ("minItems", "at least", "items"),
        ("maxItems", "at most", "items"),
    ];
    for (name, word, unit) in bounds {
        if let Some(bound) = schema.get(name) {
            rules.push(format!("{word} {} {unit}", escape(&plain(bound))).trim_end().to_owned());
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        rules.push(format!("like <code>{}</code>", escape(pattern)));
    }
    if let Some(default) = schema.get("default") {
        rules.push(format!("<code>{}</code> unless given", escape(&plain(default))));
    }
    rules.join(", ")
}

/// The fields of an object, each with what it is and means. Empty for values that have none.
pub(super) fn fields(document: &Document, schema: &Value) -> String {
    fields_at(document, schema, 0)
}

fn fields_at(document: &Document, schema: &Value, depth: usize) -> String {
    let resolved = document.resolve(schema);
    let mut html = String::new();
    for part in ["allOf", "oneOf", "anyOf"] {
        for part in resolved[part].as_array().into_iter().flatten() {
            html.push_str(&fields_at(document, part, depth));
        }
    }
    if let Some(items) = resolved.get("items") {
        html.push_str(&fields_at(document, items, depth));
    }
    let Some(properties) = resolved["properties"].as_object() else { return html };
    let required: Vec<&str> =
        resolved["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    html.push_str("<dl class=\"fields\">");
    for (name, field) in properties {
        let is_required = required.contains(&name.as_str());
        html.push_str(&field_html(document, name, field, is_required, depth));
    }
    html.push_str("</dl>");
    html
}

fn field_html(document: &Document, name: &str, field: &Value, required: bool, depth: usize) -> String {
    let mark = if required { "<span class=\"required\">always</span>" } else { "" };
    let mut html = format!(
        "<dt><code>{}</code> <span class=\"kind\">{}</span>{mark}</dt><dd>",
        escape(name),
        kind(field)
    );
    let description =
        field["description"].as_str().or_else(|| document.resolve(field)["description"].as_str());
    if let Some(description) = description {
        html.push_str(&inline(description));
    }
    let rules = rules(document.resolve(field));
    if !rules.is_empty() {
        html.push_str(&format!(" <span class=\"rules\">{rules}.</span>"));
    }
    let inner = if depth < DEEPEST { fields_at(document, field, depth + 1) } else { String::new() };
    if !inner.is_empty() {
        html.push_str(&format!(
            "<details><summary>Fields of <code>{}</code></summary>{inner}</details>",
            escape(name)
        ));
    }
    html.push_str("</dd>");
    html
}

/// An example of a value: the schema's own, or one made of its fields'.
pub(super) fn example(document: &Document, schema: &Value) -> Value {
    example_at(document, schema, 0)
}

fn example_at(document: &Document, schema: &Value, depth: usize) -> Value {
    let schema = document.resolve(schema);
    if let Some(given) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return given.clone();
    }
    if let Some(first) =
        schema.get("default").or_else(|| schema.get("const")).or_else(|| schema["enum"].get(0))
    {
        return first.clone();
    }
    if depth >= DEEPEST_EXAMPLE {
        return Value::Null;
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(fields) = example_at(document, part, depth + 1) {
                whole.extend(fields);
            }
        }
        return Value::Object(whole);
    }
    for several in ["oneOf", "anyOf"] {
        let choices = schema[several].as_array().into_iter().flatten();
        if let Some(choice) = choices.into_iter().find(|choice| choice["type"] != "null") {
            return example_at(document, choice, depth + 1);
        }
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
    match kind {
        "object" => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, field)| (name.clone(), example_at(document, field, depth + 1))).collect()
        }
        "array" => Value::Array(vec![example_at(document, &schema["items"], depth + 1)]),
        "string" => match schema["format"].as_str() {
            Some("date-time") => "2026-11-21T09:30:00Z".into(),
            Some("date") => "2026-11-21".into(),
            Some("uri") => "https://studio.example".into(),
            Some("email") => "maria@northwind.example".into(),
            _ => "text".into(),
        },
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        "boolean" => true.into(),
        _ => Value::Null,
    }
}

/// The name of a schema that is referred to.
pub(super) fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
