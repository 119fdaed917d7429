//! Amazon Polly: mu-law at 8 kHz straight from the vendor, requests signed by [`crate::sigv4`].

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use provider_traits::ambient::Clock;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::model_list::{ListedModel, ModelList};
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice, VoiceQuery};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

use super::decoding::AudioShape;
use super::pouring::pour;
use super::speech_endpoint::below;
use crate::sigv4::{self, Credentials, Scope, Unsigned};
use crate::vendor_http::Vendor;

static DESCRIPTOR: Descriptor = Descriptor { id: "polly", name: "Amazon Polly", locality: Locality::Cloud };

const VENDOR: Vendor = Vendor { id: DESCRIPTOR.id, model_setting: "polly.engine" };

/// Characters that are billed, at most.
const MOST_CHARACTERS: usize = 3_000;
/// More than there are.
const MOST_PAGES: usize = 20;

/// The vendor's voices (API of 2016-06-10). An agent's voice of another name belongs to another provider.
const VOICES: [&str; 116] = [
    "Aditi",
    "Adriano",
    "Ambre",
    "Amy",
    "Andres",
    "Aria",
    "Arjun",
    "Arlet",
    "Arthur",
    "Astrid",
    "Ayanda",
    "Beatrice",
    "Bianca",
    "Brian",
    "Burcu",
    "Camila",
    "Carla",
    "Carlos",
    "Carmen",
    "Carolina",
    "Celine",
    "Chantal",
    "Conchita",
    "Cristiano",
    "Curtis",
    "Daniel",
    "Danielle",
    "Dora",
    "Elin",
    "Emma",
    "Enrique",
    "Ewa",
    "Filiz",
    "Florian",
    "Gabrielle",
    "Geraint",
    "Giorgio",
    "Gregory",
    "Gwyneth",
    "Hala",
    "Hannah",
    "Hans",
    "Hiujin",
    "Hyunduk",
    "Ida",
    "Ines",
    "Isabelle",
    "Ivy",
    "Jacek",
    "Jan",
    "Jasmine",
    "Jihye",
    "Jitka",
    "Joanna",
    "Joey",
    "Justin",
    "Kajal",
    "Karl",
    "Kazuha",
    "Kendra",
    "Kenneth",
    "Kevin",
    "Kiara",
    "Kimberly",
    "Laura",
    "Lea",
    "Lennart",
    "Leo",
    "Liam",
    "Lisa",
    "Liv",
    "Lorenzo",
    "Lotte",
    "Lucia",
    "Lupe",
    "Mads",
    "Maja",
    "Marlene",
    "Mathieu",
    "Matthew",
    "Maxim",
    "Mia",
    "Miguel",
    "Mizuki",
    "Naja",
    "Nate",
    "Niamh",
    "Nicole",
    "Ola",
    "Olivia",
    "Pedro",
    "Penelope",
    "Raveena",
    "Remi",
    "Ricardo",
    "Ruben",
    "Russell",
    "Ruth",
    "Sabrina",
    "Salli",
    "Seoyeon",
    "Sergio",
    "Sofie",
    "Stephen",
    "Suvi",
    "Takumi",
    "Tatyana",
    "Thiago",
    "Tiffany",
    "Tina",
    "Tomoko",
    "Vicki",
    "Vitoria",
    "Zayd",
    "Zeina",
    "Zhiyu",
];

/// Where the vendor is and what is asked of it.
#[derive(Clone)]
pub struct PollySettings {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Another address than the region's own.
    pub base_url: Option<Url>,
    /// Whose account.
    pub credentials: Option<Credentials>,
    /// `standard`, `neural`, `long-form` or `generative`; each voice is made for some of them.
    pub engine: String,
    /// The voice of agents that have not chosen one of the vendor's.
    pub voice: String,
    /// The client that asks.
    pub http: reqwest::Client,
    /// A signature has a date.
    pub clock: Arc<dyn Clock>,
    /// Sentences being spoken.
    pub tasks: TaskTracker,
}

/// A region that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no region of Amazon's")]
pub struct UnusableRegion(String);

/// Amazon Polly.
#[derive(Clone)]
pub struct Polly {
    settings: Arc<PollySettings>,
    base_url: Url,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    engine: &'a str,
    output_format: &'a str,
    sample_rate: &'a str,
    text: &'a str,
    text_type: &'a str,
    voice_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    voices: Vec<Listed>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    gender: Option<String>,
    #[serde(default)]
    language_code: String,
    #[serde(default)]
    language_name: Option<String>,
    #[serde(default)]
    additional_language_codes: Vec<String>,
    #[serde(default)]
    supported_engines: Vec<String>,
}

impl Polly {
    /// With these settings.
    ///
    /// # Errors
    /// When the region is none.
    pub fn new(settings: PollySettings) -> Result<Self, UnusableRegion> {
        let plain = settings.region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let own = || format!("https://polly.{}.amazonaws.com", settings.region).parse().ok();
        let base_url = match settings.base_url.clone() {
            Some(url) => Some(url),
            None => own().filter(|_| plain && !settings.region.is_empty()),
        };
        let base_url = base_url.ok_or_else(|| UnusableRegion(settings.region.clone()))?;
        Ok(Self { settings: Arc::new(settings), base_url })
    }

    /// A signed request.
    fn signed(
        &self,
        method: reqwest::Method,
        url: &Url,
        body: Vec<u8>,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        let settings = &self.settings;
        let credentials =
            settings.credentials.as_ref().ok_or_else(|| VENDOR.refused("there are no credentials"))?;
        let scope = Scope { region: &settings.region, service: "polly" };
        let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        let unsigned = Unsigned { method: method.as_str(), url, headers, body: &body };
        let added = sigv4::sign(unsigned, credentials, scope, settings.clock.now());
        let mut request = settings.http.request(method, url.clone());
        for (name, value) in headers.iter().map(|&(name, value)| (name, value.to_owned())).chain(added) {
            request = request.header(name, value);
        }
        Ok(if body.is_empty() { request } else { request.body(body) })
    }

    /// The vendor's voices, those that an engine has or all.
    async fn described(&self, engine: Option<&str>) -> Result<Vec<Listed>, ProviderError> {
        let (mut found, mut token) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut url = below(&self.base_url, "v1/voices");
            url.query_pairs_mut()
                .extend_pairs(engine.map(|engine| ("Engine", engine)))
                .append_pair("IncludeAdditionalLanguageCodes", "true");
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("NextToken", token);
            }
            let page: Page = VENDOR.document(self.signed(reqwest::Method::GET, &url, Vec::new())?).await?;
            found.extend(page.voices);
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// How a list of models names a voice that is spoken by an engine: not every voice is made for every engine.
    #[must_use]
    pub fn voice_of_engine(voice: &str, engine: &str) -> String {
        format!("{voice}/{engine}")
    }
}

/// The vendor has engines in the place of models, and retires voices: both are told by its list of voices.
#[async_trait]
impl ModelList for Polly {
    fn vendor(&self) -> &'static str {
        DESCRIPTOR.id
    }

    /// Each engine that a voice is made for, and each voice with each of its engines ([`Polly::voice_of_engine`]).
    async fn models(&self) -> Result<Vec<ListedModel>, ProviderError> {
        let voices = self.described(None).await?;
        if voices.is_empty() {
            return Err(VENDOR.unavailable("its list of voices is empty"));
        }
        let engines: BTreeSet<&String> = voices.iter().flat_map(|voice| &voice.supported_engines).collect();
        let of_voices = voices.iter().flat_map(|voice| {
            voice.supported_engines.iter().map(|engine| Self::voice_of_engine(&voice.id, engine))
        });
        let all = engines.iter().map(|engine| (*engine).clone()).chain(of_voices);
        Ok(all.map(|id| ListedModel { id, ..ListedModel::default() }).collect())
    }
}

#[async_trait]
impl TextToSpeech for Polly {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn model(&self) -> &str {
        &self.settings.engine
    }

    fn readiness(&self) -> Readiness {
        if self.settings.credentials.is_some() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: "Amazon's credentials".to_owned(),
            remedy: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (polly.access_key_id, polly.secret_access_key)"
                .to_owned(),
        }
    }

    fn sound(&self) -> String {
        format!("{}/{}/{}", DESCRIPTOR.id, self.settings.engine, self.settings.voice)
    }

    fn voices(&self) -> Vec<Voice> {
        let named =
            |id: &&str| Voice { id: (*id).to_owned(), name: format!("Polly {id}"), ..Voice::default() };
        VOICES.iter().map(named).collect()
    }

    /// Those that the configured engine has.
    async fn find_voices(&self, query: &VoiceQuery) -> Result<Vec<Voice>, ProviderError> {
        let voices = self.described(Some(&self.settings.engine)).await?;
        Ok(voices.into_iter().filter_map(|listed| listed.fitting(query)).collect())
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        if request.text.chars().count() > MOST_CHARACTERS {
            return Err(VENDOR.invalid(format!("a text of more than {MOST_CHARACTERS} characters")));
        }
        let known = VOICES.contains(&request.voice.as_str());
        let body = Body {
            engine: &self.settings.engine,
            output_format: "mulaw",
            sample_rate: "8000",
            text: &request.text,
            text_type: "text",
            voice_id: if known { &request.voice } else { &self.settings.voice },
        };
        let body = serde_json::to_vec(&body).expect("a plain struct of text");
        let asking = self.signed(reqwest::Method::POST, &below(&self.base_url, "v1/speech"), body)?;
        let answer = VENDOR.ask(asking).await?;
        pour(VENDOR, answer, AudioShape::MuLaw, &self.settings.tasks)
    }
}

impl Listed {
    /// The voice with the language that was asked for.
    fn fitting(self, query: &VoiceQuery) -> Option<Voice> {
        let voice = Voice {
            name: self.name.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            gender: self.gender.map(|gender| gender.to_lowercase()),
            description: self.language_name,
            ..Voice::default()
        };
        let languages = std::iter::once(self.language_code).chain(self.additional_language_codes);
        languages.map(|language| Voice { language, ..voice.clone() }).find(|voice| query.matches(voice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_region_can_be_part_of_the_address() {
        let settings = |region: &str| PollySettings {
            region: region.to_owned(),
            base_url: None,
            credentials: None,
            engine: "neural".to_owned(),
            voice: "Joanna".to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            clock: Arc::new(provider_traits::ambient::SystemClock),
            tasks: TaskTracker::new(),
        };
        let polly = Polly::new(settings("eu-central-1")).ok().unwrap();
        assert_eq!(polly.base_url.as_str(), "https://polly.eu-central-1.amazonaws.com/");
        assert!(matches!(polly.readiness(), Readiness::Missing { .. }));
        for region in ["", "evil.example/", "a b"] {
            assert!(Polly::new(settings(region)).is_err(), "{region}");
        }
    }
}
