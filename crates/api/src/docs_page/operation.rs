//! One operation: what it is for, who may, what it takes, what it answers.

use serde_json::Value;

use super::html::{anchor, escape, inline, prose};
use super::schema;
use crate::openapi::Document;

/// An operation with where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    pub(super) operation: &'a Value,
}

impl Listed<'_> {
    pub(super) fn id(&self) -> &str {
        self.operation["operationId"].as_str().unwrap_or_default()
    }

    pub(super) fn tag(&self) -> &str {
        self.operation["tags"][0].as_str().unwrap_or("other")
    }

    pub(super) fn summary(&self) -> &str {
        self.operation["summary"].as_str().unwrap_or_default()
    }

    pub(super) fn is_deprecated(&self) -> bool {
        self.operation["deprecated"].as_bool().unwrap_or_default()
    }

    /// Method and path, as a heading shows them.
    pub(super) fn line(&self) -> String {
        // Long paths may break behind their slashes.
        let path = escape(self.path).replace('/', "/<wbr>");
        let method = escape(self.method);
        format!(
            "<span class=\"method {method}\">{}</span> <code class=\"path\">{path}</code>",
            method.to_ascii_uppercase()
        )
    }
}

/// The operation as an article.
pub(super) fn article(document: &Document, listed: Listed<'_>) -> String {
    let operation = listed.operation;
    let mut html = format!("<article class=\"operation\" id=\"{}\">", anchor(listed.id()));
    html.push_str(&format!("<h2>{}</h2>", inline(listed.summary().trim_end_matches('.'))));
    html.push_str(&format!("<p class=\"line\">{}</p>", listed.line()));
    if listed.is_deprecated() {
        html.push_str(
            "<p class=\"deprecated\">Kept for older programs; new ones use <code>/api/v1</code>.</p>",
        );
    }
    html.push_str(&prose(operation["description"].as_str().unwrap_or_default()));
    html.push_str(&who_may(listed));
    html.push_str(&parameters(document, operation));
    html.push_str(&body(document, operation));
    html.push_str(&answers(document, operation));
    html.push_str("</article>");
    html
}

fn who_may(listed: Listed<'_>) -> String {
    let permission = match listed.operation["x-permission"].as_str().unwrap_or_default() {
        "public" => "none: anybody may".to_owned(),
        "signed_in" => "none, but a sign-in".to_owned(),
        "carrier_signature" => "the carrier's signature".to_owned(),
        named => format!("<code>{}</code>", escape(named)),
    };
    let plan = match listed.operation["x-plan-feature"].as_str() {
        Some(feature) => {
            format!("<dt>Plan</dt><dd>one with the feature <code>{}</code></dd>", escape(feature))
        }
        None => String::new(),
    };
    format!(
        "<dl class=\"facts\"><dt>Permission</dt><dd>{permission}</dd>{plan}<dt>Name</dt><dd><code>{}</code></dd></dl>",
        escape(listed.id())
    )
}

fn parameters(document: &Document, operation: &Value) -> String {
    let parameters: Vec<&Value> =
        operation["parameters"].as_array().into_iter().flatten().map(|p| document.resolve(p)).collect();
    if parameters.is_empty() {
        return String::new();
    }
    let mut html = "<h3>Parameters</h3><dl class=\"fields\">".to_owned();
    for parameter in parameters {
        let text = |name: &str| parameter[name].as_str().unwrap_or_default();
        let required = match parameter["required"].as_bool() {
            Some(true) if text("in") != "path" => "<span class=\"required\">always</span>",
            _ => "",
        };
        let rules = schema::rules(document.resolve(&parameter["schema"]));
        let rules = if rules.is_empty() { rules } else { format!(" <span class=\"rules\">{rules}.</span>") };
        html.push_str(&format!(
            "<dt><code>{}</code> <span class=\"kind\">{}, {}</span>{required}</dt><dd>{}{rules}</dd>",
            escape(text("name")),
            escape(text("in")),
            schema::kind(&parameter["schema"]),
            inline(text("description")),
        ));
    }
    html + "</dl>"
}

fn body(document: &Document, operation: &Value) -> String {
    let Some(body) = operation.get("requestBody") else { return String::new() };
    let mut html = "<h3>Body</h3>".to_owned();
    html.push_str(&prose(body["description"].as_str().unwrap_or_default()));
    html + &content(document, body)
}

fn answers(document: &Document, operation: &Value) -> String {
    let mut html = "<h3>Answers</h3>".to_owned();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let resolved = document.resolve(response);
        let class = status.chars().next().unwrap_or('5');
        let head = format!(
            "<span class=\"status s{class}\">{}</span> {}",
            escape(status),
            inline(resolved["description"].as_str().unwrap_or_default())
        );
        let inside = content(document, resolved) + &headers(document, resolved);
        if inside.is_empty() {
            html.push_str(&format!("<p class=\"answer\">{head}</p>"));
        } else {
            let open = if class == '2' { " open" } else { "" };
            html.push_str(&format!(
                "<details class=\"answer\"{open}><summary>{head}</summary>{inside}</details>"
            ));
        }
    }
    html
}

fn headers(document: &Document, response: &Value) -> String {
    let Some(headers) = response["headers"].as_object().filter(|headers| !headers.is_empty()) else {
        return String::new();
    };
    let items = headers.iter().map(|(name, header)| {
        let description = document.resolve(header)["description"].as_str().unwrap_or_default();
        format!("<dt><code>{}</code></dt><dd>{}</dd>", escape(name), inline(description))
    });
    format!(
        "<details><summary>Headers</summary><dl class=\"fields\">{}</dl></details>",
        items.collect::<String>()
    )
}

/// Media types with their schema, fields and an example.
fn content(document: &Document, holder: &Value) -> String {
    let mut html = String::new();
    for (media_type, content) in holder["content"].as_object().into_iter().flatten() {
        let schema = &content["schema"];
        html.push_str(&format!(
            "<p class=\"media\"><code>{}</code>, {}</p>",
            escape(media_type),
            schema::kind(schema)
        ));
        // Every problem has the same fields: the link is enough.
        if schema::name_of(schema) != Some("Problem") {
            html.push_str(&schema::fields(document, schema));
        }
        let example = match content.get("example") {
            Some(given) => given.clone(),
            None if media_type.ends_with("json") => schema::example(document, schema),
            None => continue,
        };
        let text = match &example {
            Value::String(text) if !media_type.ends_with("json") => text.clone(),
            value => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        html.push_str(&format!(
            "<details class=\"example\"><summary>Example</summary><pre tabindex=\"0\">{}</pre></details>",
            escape(&text)
        ));
    }
    html
}
