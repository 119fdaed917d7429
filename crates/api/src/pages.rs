//! The page at `/`: follows a call as it happens, until the dashboard takes over. Carried inside the executable.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::state::ApiState;

/// A file of the page.
#[derive(Debug, Clone, Copy)]
struct Asset {
    path: &'static str,
    media_type: &'static str,
    body: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($path:literal, $file:literal, $media_type:expr) => {
        Asset {
            path: $path,
            media_type: $media_type,
            body: include_str!(concat!("../../../web/live/", $file)),
        }
    };
}

const ASSETS: &[Asset] = &[
    asset!("/", "index.html", HTML),
    asset!("/live/style.css", "style.css", "text/css; charset=utf-8"),
    asset!("/live/icon.svg", "icon.svg", "image/svg+xml"),
    asset!("/live/app.js", "app.js", SCRIPT),
    asset!("/live/api.js", "api.js", SCRIPT),
    asset!("/live/call-log.js", "call-log.js", SCRIPT),
    asset!("/live/dom.js", "dom.js", SCRIPT),
    asset!("/live/format.js", "format.js", SCRIPT),
    asset!("/live/transcript.js", "transcript.js", SCRIPT),
];

/// The page and its files.
pub(crate) fn router() -> Router<ApiState> {
    ASSETS.iter().fold(Router::new(), |router, asset| router.route(asset.path, get(async || serve(*asset))))
}

fn serve(asset: Asset) -> Response {
    let mut response = asset.body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    // Small, and it must fit the server it talks to: asked for again each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_the_page_names_is_served() {
        let served: Vec<&str> = ASSETS.iter().map(|asset| asset.path).collect();
        for asset in ASSETS {
            let html = asset.body.split('"').filter(|text| text.starts_with("/live/")).map(str::to_owned);
            let imports = asset.body.split("from './").skip(1).filter_map(|rest| rest.split('\'').next());
            for path in html.chain(imports.map(|file| format!("/live/{file}"))) {
                let path = path.split('#').next().unwrap_or_default();
                assert!(served.contains(&path), "{} names {path}", asset.path);
            }
        }
    }

    #[test]
    fn the_page_obeys_its_content_security_policy() {
        for asset in ASSETS.iter().filter(|asset| asset.media_type == HTML) {
            assert!(!asset.body.contains(" style="), "{}: inline style", asset.path);
            let attributes = asset.body.split_whitespace().filter_map(|word| word.split_once('='));
            for (name, _) in attributes {
                assert!(!name.starts_with("on"), "{}: inline handler {name}", asset.path);
            }
            for script in asset.body.split("<script").skip(1) {
                assert!(script.starts_with(" type=\"module\" src=\"/"), "{}: inline script", asset.path);
            }
        }
    }
}
