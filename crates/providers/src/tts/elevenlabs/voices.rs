//! The account's voices, page by page.

use std::collections::HashMap;

use provider_traits::error::ProviderError;
use provider_traits::tts::{Voice, VoiceQuery};
use serde::Deserialize;

use super::{ElevenLabsTts, VENDOR};
use crate::tts::speech_endpoint::below;

/// The most that the vendor puts on a page.
const PAGE: &str = "100";
/// No account has more; a vendor that never ends its list must not keep us.
const MOST_PAGES: usize = 20;

#[derive(Deserialize)]
struct Page {
    voices: Vec<Listed>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    voice_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    labels: Option<HashMap<String, Option<String>>>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    preview_url: Option<String>,
    #[serde(default)]
    verified_languages: Option<Vec<Verified>>,
}

#[derive(Deserialize)]
struct Verified {
    #[serde(default)]
    language: String,
    #[serde(default)]
    locale: Option<String>,
}

/// The text is looked for by the vendor, the language by us: it knows a voice by its first language only.
pub(super) async fn find(provider: &ElevenLabsTts, query: &VoiceQuery) -> Result<Vec<Voice>, ProviderError> {
    let (mut found, mut token) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let mut pairs = vec![("page_size", PAGE)];
        if !query.search.is_empty() {
            pairs.push(("search", query.search.as_str()));
        }
        if let Some(token) = &token {
            pairs.push(("next_page_token", token));
        }
        let asking = provider.settings.http.get(below(&provider.settings.base_url, "v2/voices"));
        let page: Page = VENDOR.document(provider.asked(asking.query(&pairs))).await?;
        let by_language = VoiceQuery { search: String::new(), language: query.language.clone() };
        for listed in page.voices {
            found.extend(listed.speaking(&by_language));
        }
        token = page.next_page_token.filter(|token| page.has_more && !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    Ok(found)
}

impl Listed {
    /// The voice with the language that was asked for, when it speaks it.
    fn speaking(self, query: &VoiceQuery) -> Option<Voice> {
        let mut labels = self.labels.unwrap_or_default();
        let mut label = |name: &str| labels.remove(name).flatten().filter(|text| !text.is_empty());
        let verified = self.verified_languages.unwrap_or_default().into_iter();
        let verified = verified.map(|one| one.locale.filter(|tag| !tag.is_empty()).unwrap_or(one.language));
        let languages: Vec<String> = label("language").into_iter().chain(verified).collect();
        let voice = Voice {
            name: self.name.unwrap_or_else(|| self.voice_id.clone()),
            gender: label("gender").map(|gender| gender.to_lowercase()),
            description: self
                .description
                .filter(|text| !text.is_empty())
                .or_else(|| {
                    Some(
                        ["accent", "age", "use_case"]
                            .into_iter()
                            .filter_map(label)
                            .collect::<Vec<_>>()
                            .join(", "),
                    )
                })
                .filter(|text| !text.is_empty()),
            preview: self.preview_url,
            id: self.voice_id,
            language: String::new(),
        };
        if languages.is_empty() {
            return Some(voice);
        }
        let speaking = languages.into_iter().map(|language| Voice { language, ..voice.clone() });
        speaking.into_iter().find(|voice| query.matches(voice))
    }
}
