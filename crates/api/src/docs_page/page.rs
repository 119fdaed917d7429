//! Whole pages: the overview, one for each tag, one with all schemas.

use serde_json::Value;

use super::html::{anchor, escape, inline, prose};
use super::operation::{Listed, article};
use super::schema;
use crate::openapi::{Document, METHODS};

/// The first page: how the API works, and every operation in a line.
pub(super) fn overview(document: &Document) -> String {
    let mut main = format!("<h1>{} API</h1>", escape(document.info["title"].as_str().unwrap_or_default()));
    main.push_str(&prose(document.info["description"].as_str().unwrap_or_default()));
    main.push_str(
        "<p>For programs: <a href=\"/api/openapi.json\">the OpenAPI 3.1 document</a>, from which these pages are \
         made.</p>",
    );
    main.push_str("<h2 id=\"sign-in\">Ways to sign in</h2><dl class=\"fields\">");
    for (name, scheme) in
        document.components.get("securitySchemes").and_then(Value::as_object).into_iter().flatten()
    {
        let description = inline(scheme["description"].as_str().unwrap_or_default());
        main.push_str(&format!("<dt><code>{}</code></dt><dd>{description}</dd>", escape(name)));
    }
    main.push_str("</dl>");
    for (tag, description) in tags(document) {
        main.push_str(&format!(
            "<section><h2><a href=\"{}\">{}</a></h2><p>{}</p><ul class=\"index\">",
            link(tag),
            title(tag),
            inline(description)
        ));
        for listed in listed(document).filter(|listed| listed.tag() == tag) {
            main.push_str(&format!(
                "<li><a href=\"{}#{}\">{}<span class=\"summary\">{}</span></a></li>",
                link(tag),
                anchor(listed.id()),
                listed.line(),
                inline(listed.summary())
            ));
        }
        main.push_str("</ul></section>");
    }
    frame(document, "Overview", "", &main)
}

/// The operations of a tag; `None` when nothing has it.
pub(super) fn of_tag(document: &Document, tag: &str) -> Option<String> {
    let (_, description) = tags(document).find(|(name, _)| *name == tag)?;
    let mut main = format!("<h1>{}</h1><p>{}</p>", title(tag), inline(description));
    for listed in listed(document).filter(|listed| listed.tag() == tag) {
        main.push_str(&article(document, listed));
    }
    Some(frame(document, &title(tag), tag, &main))
}

/// Every named schema.
pub(super) fn schemas(document: &Document) -> String {
    let mut main = "<h1>Schemas</h1><p>What bodies and answers are made of.</p>".to_owned();
    for (name, schema) in document.components.get("schemas").and_then(Value::as_object).into_iter().flatten()
    {
        main.push_str(&format!(
            "<article class=\"schema\" id=\"{}\"><h2>{}</h2>",
            anchor(name),
            escape(name)
        ));
        main.push_str(&prose(schema["description"].as_str().unwrap_or_default()));
        let fields = schema::fields(document, schema);
        if fields.is_empty() {
            let rules = schema::rules(schema);
            main.push_str(&format!("<p>{} <span class=\"rules\">{rules}</span></p>", schema::kind(schema)));
        }
        main.push_str(&fields);
        main.push_str("</article>");
    }
    frame(document, "Schemas", "schemas", &main)
}

/// All operations, by path, and in a path as people think: read, create, change, delete.
fn listed(document: &Document) -> impl Iterator<Item = Listed<'_>> {
    document.paths.iter().flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| Some(Listed { path, method, operation: item.get(method)? }))
    })
}

fn tags(document: &Document) -> impl Iterator<Item = (&str, &str)> {
    document.tags.iter().filter_map(|tag| Some((tag["name"].as_str()?, tag["description"].as_str()?)))
}

fn link(tag: &str) -> String {
    format!("/docs/operations/{}", anchor(tag))
}

/// `audit-log` as people write it.
fn title(tag: &str) -> String {
    let words = tag.replace(['-', '_'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    escape(&(first + letters.as_str()))
}

fn frame(document: &Document, heading: &str, current: &str, main: &str) -> String {
    let mark = |name: &str| if name == current { " aria-current=\"page\"" } else { "" };
    let mut links = format!("<li><a href=\"/docs\"{}>Overview</a></li>", mark(""));
    for (tag, _) in tags(document) {
        links.push_str(&format!("<li><a href=\"{}\"{}>{}</a></li>", link(tag), mark(tag), title(tag)));
    }
    links.push_str(&format!("<li><a href=\"/docs/schemas\"{}>Schemas</a></li>", mark("schemas")));
    let name = escape(document.info["title"].as_str().unwrap_or_default());
    let version = escape(document.info["version"].as_str().unwrap_or_default());
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{heading} · {name} API</title>\
         <link rel=\"icon\" href=\"/live/icon.svg\"><link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body>\
         <a class=\"skip\" href=\"#main\">To the content</a>\
         <header><a class=\"brand\" href=\"/docs\">{name} <span>API {version}</span></a></header>\
         <div class=\"columns\"><nav class=\"wide\" aria-label=\"Reference\"><ul>{links}</ul></nav>\
         <details class=\"narrow\"><summary>Contents</summary><nav aria-label=\"Reference\"><ul>{links}</ul></nav></details>\
         <main id=\"main\">{main}</main></div></body></html>\n"
    )
}
