//! Lists of models: each vendor's, read, and every failure told as what it is.

use provider_traits::error::ProviderError;
use provider_traits::model_list::ModelList;
use providers::model_lists::{Dialect, ModelListSettings, VendorModels};
use providers::tts::polly::Polly;
use simulator::deepgram::DeepgramStandIn;
use simulator::elevenlabs::ElevenLabs;
use simulator::llm::{LlmVendor, Protocol, Settings};
use simulator::openai_audio::OpenAiAudio;
use simulator::openai_platform::OpenAiPlatform;
use simulator::vendor::Vendor;
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};
use tokio_util::task::TaskTracker;

use crate::vendors::{Played, http, polly_settings};

const KEY: &str = "a-key";
const ENDS: &str = "2027-01-06T00:00:00Z";

fn list(dialect: Dialect, base_url: &str, key: &str) -> VendorModels {
    let settings = ModelListSettings {
        vendor: "test",
        dialect,
        base_url: base_url.parse().unwrap(),
        api_key: Some(key.to_owned().into()),
        http: http(),
    };
    VendorModels::new(settings).unwrap()
}

/// One behaviour for a vendor that has the model `name`.
async fn behaves<V: Vendor>(vendor: V, dialect: Dialect, path: &str, name: &str) {
    let stand_in = StandIn::start(vendor, Place::default()).await.unwrap();
    let url = format!("{}{path}", stand_in.url());
    let models = list(dialect, &url, KEY);
    let listed = models.models().await.unwrap();
    assert!(listed.iter().any(|model| model.is_called(name)), "{dialect:?}: {listed:?}");
    assert!(models.model(name).await.unwrap().is_some_and(|model| model.is_called(name)), "{dialect:?}");
    assert_eq!(models.model("never-heard-of").await, Ok(None), "{dialect:?}");
    for (fault, expect) in [
        (Fault::Fail(Failure::Server(503)), "unavailable"),
        (Fault::Refuse, "unavailable"),
        (Fault::Garbage, "unavailable"),
        (Fault::Cut(0), "unavailable"),
        (Fault::Fail(Failure::RateLimited(None)), "rate"),
        (Fault::Fail(Failure::Unauthorized), "refused"),
    ] {
        stand_in.set_fault(Some(fault));
        // A status of 404 says it all: what follows it is not read.
        let of_one = match fault {
            Fault::Garbage | Fault::Cut(_) => None,
            _ => Some(models.model("never-heard-of").await.err()),
        };
        for error in std::iter::once(models.models().await.err()).chain(of_one) {
            let error = error.unwrap_or_else(|| panic!("{dialect:?} {}: no error", fault.name()));
            let told = match error {
                ProviderError::Unavailable { .. } => "unavailable",
                ProviderError::RateLimited { .. } => "rate",
                ProviderError::Refused { .. } => "refused",
                _ => "other",
            };
            assert_eq!(told, expect, "{dialect:?} {}: {error}", fault.name());
        }
    }
    stand_in.set_fault(None);
    // Gemini says so with 400.
    let wrong = list(dialect, &url, "another-key").models().await.unwrap_err();
    assert!(!matches!(wrong, ProviderError::Unavailable { .. }), "{dialect:?}: {wrong}");
    stand_in.stop().await;
}

#[tokio::test]
async fn every_vendors_list_is_read_and_a_failure_is_no_word_about_a_model() {
    let key = || Some(KEY.to_owned());
    let language = |protocol| {
        LlmVendor::new(
            protocol,
            Settings { key: key(), models: vec!["m-1".to_owned()], ..Settings::default() },
        )
    };
    let audio = || OpenAiAudio { key: key(), ..OpenAiAudio::default() };
    behaves(language(Protocol::OpenAiResponses), Dialect::OpenAi, "/v1", "m-1").await;
    behaves(audio(), Dialect::OpenAi, "/v1/", "gpt-live-transcribe").await;
    for name in ["m-1", "gpt-4o-mini-tts"] {
        let platform = OpenAiPlatform { audio: audio(), language: language(Protocol::OpenAiChat) };
        behaves(platform, Dialect::OpenAi, "/v1", name).await;
    }
    behaves(language(Protocol::Anthropic), Dialect::Anthropic, "", "m-1").await;
    behaves(language(Protocol::Gemini), Dialect::Gemini, "", "m-1").await;
    behaves(language(Protocol::Mistral), Dialect::Mistral, "/v1", "m-1").await;
    behaves(language(Protocol::Mistral), Dialect::Mistral, "/v1", "m-1-alias").await;
    let vendor = ElevenLabs { key: key(), ..ElevenLabs::default() };
    behaves(vendor, Dialect::ElevenLabs, "", "eleven_flash_v2_5").await;
    let vendor = DeepgramStandIn { key: key(), ..DeepgramStandIn::default() };
    behaves(vendor, Dialect::Deepgram, "", "nova-3").await;
}

#[tokio::test]
async fn pollys_list_of_voices_tells_of_engines_and_of_voices_made_for_them() {
    let played = Played::polly().await;
    let polly = Polly::new(polly_settings(&played, &TaskTracker::new())).unwrap();
    for (name, is_there) in [
        ("neural", true),
        ("standard", true),
        ("generative", false),
        ("Joanna/neural", true),
        // On the second page and the third.
        ("Vicki/standard", true),
        ("Raveena/standard", true),
        ("Raveena/neural", false),
        ("Nobody/neural", false),
    ] {
        assert_eq!(polly.model(name).await.unwrap().is_some(), is_there, "{name}");
    }
    assert_eq!(Polly::voice_of_engine("Joanna", "neural"), "Joanna/neural");
    for fault in [Fault::Fail(Failure::Server(503)), Fault::Refuse, Fault::Garbage, Fault::Cut(0)] {
        played.set_fault(Some(fault));
        let error = polly.model("Joanna/neural").await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { .. }), "{}: {error}", fault.name());
    }
}

#[tokio::test]
async fn a_server_of_ones_own_without_a_list_says_nothing_of_its_model() {
    let vendor = OpenAiAudio { key: None, ..OpenAiAudio::default() };
    let stand_in = StandIn::start(vendor, Place::default()).await.unwrap();
    // Nothing is there.
    let models = list(Dialect::OpenAi, &format!("{}/v1/audio", stand_in.url()), KEY);
    assert!(models.models().await.is_err());
    assert_eq!(stand_in.seen().requests[0].status, 404);
    stand_in.stop().await;
}

#[tokio::test]
async fn an_announced_end_is_read_at_every_vendor_that_tells_one() {
    for (protocol, dialect, path) in [
        (Protocol::OpenAiResponses, Dialect::OpenAi, "/v1"),
        (Protocol::Anthropic, Dialect::Anthropic, ""),
        (Protocol::Mistral, Dialect::Mistral, "/v1"),
    ] {
        let settings = Settings {
            models: vec!["stays".to_owned(), "ends".to_owned()],
            ending: vec![("ends".to_owned(), ENDS.to_owned())],
            ..Settings::default()
        };
        let stand_in = StandIn::start(LlmVendor::new(protocol, settings), Place::default()).await.unwrap();
        let models = list(dialect, &format!("{}{path}", stand_in.url()), KEY);
        let ends: Vec<_> = models.models().await.unwrap().into_iter().map(|model| model.ends).collect();
        assert_eq!(ends, [None, Some(ENDS.parse().unwrap())], "{protocol}");
        stand_in.stop().await;
    }
}
