//! The models that the configuration names, by the vendor who is to be asked whether they still exist. Only what calls
//! would ask is watched: a vendor whose key is there and whose name is in an order.

use std::sync::Arc;

use app::models::WatchedVendor;
use provider_traits::ambient::Ambient;
use providers::model_lists::{Dialect, ModelListSettings, VendorModels};
use providers::tts::polly::Polly;
use reqwest::Url;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::tables;
use crate::config::Config;
use crate::config::settings::OpenAi;
use crate::config::types::{BrainChoice, EmbeddingsProvider, SiteUrl};

/// The vendors with their models. One whose key no header can carry is left out: its provider says so.
#[must_use]
pub fn vendors(config: &Config, http: &reqwest::Client) -> Vec<WatchedVendor> {
    let mut all = Vec::new();
    let mut watch = |id, dialect, base_url: Url, api_key: Option<&SecretString>, models: Vec<_>| {
        let settings = ModelListSettings {
            vendor: id,
            dialect,
            base_url,
            api_key: api_key.cloned(),
            http: http.clone(),
        };
        if let (Ok(list), false) = (VendorModels::new(settings), models.is_empty()) {
            all.push(WatchedVendor { list: Arc::new(list), models });
        }
    };
    let openai = &config.openai;
    if openai.api_key.is_some() || !is_the_vendors_own(&openai.base_url) {
        let models = openai_models(config);
        watch("openai", Dialect::OpenAi, openai.base_url.url(), openai.api_key.as_ref(), models);
    }
    if let Some(key) = openai.realtime_key().filter(|_| is_at_the_same_place(openai, &openai.realtime_url.0))
    {
        let models = vec![
            ("openai.realtime_model", openai.realtime_model.clone()),
            ("openai.realtime_transcriber", openai.realtime_transcriber.clone()),
        ];
        watch("openai", Dialect::OpenAi, openai.base_url.url(), Some(key), models);
    }
    let vendors = &config.vendors;
    let thinks =
        |id: &str| config.general.brain == BrainChoice::Auto && vendors.llm.order.ids().contains(&id);
    let elevenlabs = &vendors.elevenlabs;
    if let Some(key) = elevenlabs.api_key.as_ref().filter(|_| vendors.tts.order.ids().contains(&"elevenlabs"))
    {
        let models = vec![("elevenlabs.tts_model", elevenlabs.tts_model.clone())];
        watch("elevenlabs", Dialect::ElevenLabs, elevenlabs.base_url.url(), Some(key), models);
    }
    let deepgram = &vendors.deepgram;
    if let Some(key) = deepgram.api_key.as_ref().filter(|_| vendors.stt.order.ids().contains(&"deepgram"))
        && let Some(base_url) = by_http(&deepgram.socket_url.0)
    {
        let models = vec![("deepgram.model", deepgram.model.clone())];
        watch("deepgram", Dialect::Deepgram, base_url, Some(key), models);
    }
    let (anthropic, gemini, mistral) = (&vendors.anthropic, &vendors.gemini, &vendors.mistral);
    for (id, dialect, url, key, setting, model) in [
        (
            "anthropic",
            Dialect::Anthropic,
            &anthropic.base_url,
            &anthropic.api_key,
            "anthropic.model",
            &anthropic.model,
        ),
        ("gemini", Dialect::Gemini, &gemini.base_url, &gemini.api_key, "gemini.model", &gemini.model),
        ("mistral", Dialect::Mistral, &mistral.base_url, &mistral.api_key, "mistral.model", &mistral.model),
    ] {
        if let Some(key) = key.as_ref().filter(|_| thinks(id)) {
            watch(id, dialect, url.url(), Some(key), vec![(setting, model.clone())]);
        }
    }
    let own = &vendors.compatible;
    let hears = vendors.stt.order.ids().contains(&"compatible");
    let speaks = vendors.tts.order.ids().contains(&"compatible");
    // Each at an address of its own, and each may be a program without a list: then nothing is known.
    for (url, is_asked, setting, model) in [
        (&own.stt_url, hears, "compatible.stt_model", &own.stt_model),
        (&own.tts_url, speaks, "compatible.tts_model", &own.tts_model),
        (&own.llm_url, thinks("compatible"), "compatible.llm_model", &own.llm_model),
    ] {
        if let Some(url) = url.as_ref().filter(|_| is_asked) {
            let models = vec![(setting, model.clone())];
            watch("compatible", Dialect::OpenAi, url.url(), own.api_key.as_ref(), models);
        }
    }
    all.extend(polly(config, http));
    all
}

/// Amazon's engine and voice, which its list of voices tells of. A region that is none is told by the provider.
fn polly(config: &Config, http: &reqwest::Client) -> Option<WatchedVendor> {
    let vendors = &config.vendors;
    let is_asked = vendors.aws.access_key_id.is_some() && vendors.tts.order.ids().contains(&"polly");
    let settings = is_asked.then(|| tables::polly(config, http, &Ambient::system(), &TaskTracker::new()))?;
    let models = vec![
        ("polly.engine", settings.engine.clone()),
        ("polly.voice", Polly::voice_of_engine(&settings.voice, &settings.engine)),
    ];
    Some(WatchedVendor { list: Arc::new(Polly::new(settings).ok()?), models })
}

/// What calls and searches ask of OpenAI by the key of everything.
fn openai_models(config: &Config) -> Vec<(&'static str, String)> {
    let (openai, vendors) = (&config.openai, &config.vendors);
    let hears = |id: &str| vendors.stt.order.ids().contains(&id);
    let thinks =
        |id: &str| config.general.brain == BrainChoice::Auto && vendors.llm.order.ids().contains(&id);
    let streams = hears("openai") && is_at_the_same_place(openai, &openai.stt_url.0);
    let embeds = vendors.embeddings.provider == EmbeddingsProvider::OpenAi;
    let named = [
        (streams, "openai.stt_model", &openai.stt_model),
        (hears("openai-rest"), "openai.stt_rest_model", &openai.stt_rest_model),
        (vendors.tts.order.ids().contains(&"openai"), "openai.tts_model", &openai.tts_model),
        (thinks("openai") || thinks("openai-chat"), "openai.llm_model", &openai.llm_model),
        (embeds, "embeddings.model", &vendors.embeddings.model),
    ];
    named.into_iter().filter(|one| one.0).map(|(_, setting, model)| (setting, model.clone())).collect()
}

fn is_the_vendors_own(url: &SiteUrl) -> bool {
    url.url().host_str() == Some("api.openai.com")
}

/// Whether a socket is where the list is: another place has models of its own.
fn is_at_the_same_place(openai: &OpenAi, socket: &Url) -> bool {
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    place(socket) == place(&openai.base_url.url())
}

/// Where a vendor of sockets answers plain requests.
fn by_http(socket: &Url) -> Option<Url> {
    let scheme = if socket.scheme() == "ws" { "http" } else { "https" };
    let rest = socket.as_str().split_once("://")?.1;
    format!("{scheme}://{rest}").parse().ok()
}

#[cfg(test)]
mod tests {
    use domain::provider_order;

    use super::*;
    use crate::config::{Layers, Loaded};

    /// The settings that are watched, by vendor.
    fn watched(set: &[(&str, &str)]) -> Vec<String> {
        let all = [&[("data_dir", "/data")], set].concat();
        let flags = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let config = Loaded::from_layers(&Layers { flags, ..Layers::default() }).unwrap().config;
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let all = vendors(&config, &crate::wiring::speech::vendor_http().unwrap());
        let names = |one: &WatchedVendor| {
            let settings: Vec<_> = one.models.iter().map(|(setting, _)| *setting).collect();
            format!("{}: {}", one.list.vendor(), settings.join(" "))
        };
        all.iter().map(names).collect()
    }

    #[test]
    fn what_calls_would_ask_is_watched() {
        let check = |set: &[(&str, &str)], expect: &[&str]| assert_eq!(watched(set), expect, "{set:?}");
        check(&[], &[]);
        check(
            &[("openai.api_key", "k")],
            &[
                "openai: openai.stt_model openai.tts_model openai.llm_model",
                "openai: openai.realtime_model openai.realtime_transcriber",
            ],
        );
        check(
            &[("openai.realtime_api_key", "k")],
            &["openai: openai.realtime_model openai.realtime_transcriber"],
        );
        check(
            &[("openai.api_key", "k"), ("openai.realtime_url", "wss://voice.example/v1"), ("brain", "rules")],
            &["openai: openai.stt_model openai.tts_model"],
        );
        check(&[("elevenlabs.api_key", "k")], &["elevenlabs: elevenlabs.tts_model"]);
        check(&[("elevenlabs.api_key", "k"), ("tts.order", "flite")], &[]);
        check(&[("deepgram.api_key", "k")], &["deepgram: deepgram.model"]);
        check(&[("mistral.api_key", "k"), ("llm.order", "openai")], &[]);
        check(
            &[("mistral.api_key", "k"), ("anthropic.api_key", "k"), ("gemini.api_key", "k")],
            &["anthropic: anthropic.model", "gemini: gemini.model", "mistral: mistral.model"],
        );
        check(
            &[("llm.order", "compatible"), ("compatible.llm_url", "http://127.0.0.1:1/v1")],
            &["compatible: compatible.llm_model"],
        );
        check(
            &[
                ("stt.order", "compatible,pocketsphinx"),
                ("compatible.stt_url", "http://127.0.0.1:1/v1"),
                ("tts.order", "compatible,flite"),
                ("compatible.tts_url", "http://127.0.0.1:2/v1"),
                ("compatible.llm_url", "http://127.0.0.1:3/v1"),
            ],
            &["compatible: compatible.stt_model", "compatible: compatible.tts_model"],
        );
        let aws =
            [("aws.access_key_id", "k"), ("aws.secret_access_key", "s"), ("aws.region", "eu-central-1")];
        check(&aws, &["polly: polly.engine polly.voice"]);
        check(&[aws.as_slice(), &[("tts.order", "flite")]].concat(), &[]);
    }

    #[test]
    fn every_vendor_of_an_order_is_thought_of() {
        // The rest runs on this machine.
        let without_models = ["pocketsphinx", "flite", "espeak-ng"];
        let keys =
            ["openai", "elevenlabs", "deepgram", "anthropic", "gemini", "mistral", "polly", "compatible"];
        let names = [
            provider_order::TRANSCRIBERS.as_slice(),
            provider_order::VOICES.as_slice(),
            provider_order::MODELS.as_slice(),
        ];
        for name in names.concat() {
            let vendor = name.split('-').next().unwrap();
            assert!(keys.contains(&vendor) || without_models.contains(&name), "{name}");
        }
    }
}
