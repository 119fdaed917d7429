use std::collections::BTreeSet;

use super::*;

/// All pages with their addresses.
fn pages() -> Vec<(String, String)> {
    let document = crate::document();
    let mut pages = vec![
        ("/docs".to_owned(), page::overview(&document)),
        ("/docs/schemas".to_owned(), page::schemas(&document)),
    ];
    for tag in &document.tags {
        let tag = tag["name"].as_str().expect("a tag has a name");
        let html = page::of_tag(&document, tag).expect("a tag in use has a page");
        pages.push((format!("/docs/operations/{tag}"), html));
    }
    pages
}

/// The values of an attribute.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_operation_has_its_place() {
    let document = crate::document();
    let all: String = pages().into_iter().map(|(_, html)| html).collect();
    for item in document.paths.values() {
        for operation in item.values() {
            let id = operation["operationId"].as_str().expect("an operation has a name");
            assert!(all.contains(&format!("<article class=\"operation\" id=\"{id}\">")), "{id}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut places: BTreeSet<String> =
        ["/docs/style.css", "/live/icon.svg", "/api/openapi.json"].map(str::to_owned).into();
    for (address, html) in &pages {
        places.insert(address.clone());
        places.extend(values(html, "id").into_iter().map(|id| format!("{address}#{id}")));
    }
    for (address, html) in &pages {
        for link in values(html, "href") {
            let link = if link.starts_with('#') { format!("{address}{link}") } else { link.to_owned() };
            assert!(places.contains(&link), "{address} links to {link}");
        }
    }
}

#[test]
fn the_pages_obey_the_content_security_policy() {
    for (address, html) in pages() {
        for unwanted in [" style=\"", "<script", "<style", "href=\"http", " src=\"", "javascript:"] {
            let without_examples: String = html
                .split("<pre")
                .map(|part| part.split_once("</pre>").map_or(part, |(_, rest)| rest))
                .collect();
            assert!(!without_examples.contains(unwanted), "{address} has {unwanted}");
        }
    }
}
