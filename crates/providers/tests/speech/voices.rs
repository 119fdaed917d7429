//! Lists of voices.

use provider_traits::tts::{TextToSpeech as _, Voice, VoiceQuery};
use providers::tts::elevenlabs::{ElevenLabsTts, Transport};
use providers::tts::polly::Polly;
use serde_json::Value;
use simulator::elevenlabs::ElevenLabs;
use simulator::vendor::stand_in::{Place, StandIn};
use tokio_util::task::TaskTracker;

use crate::contracts;
use crate::vendors::{Played, VOICES, elevenlabs_settings, polly_settings, voiced};

fn query(search: &str, language: &str) -> VoiceQuery {
    VoiceQuery { search: search.to_owned(), language: language.to_owned() }
}

fn names(voices: &[Voice]) -> Vec<&str> {
    voices.iter().map(|voice| voice.name.as_str()).collect()
}

#[tokio::test]
async fn a_vendors_voices_are_found_over_all_pages() {
    let vendor = ElevenLabs { page: 1, ..ElevenLabs::default() };
    let played = Played::ElevenLabs(StandIn::start(vendor, Place::default()).await.unwrap());
    let tts = ElevenLabsTts::new(elevenlabs_settings(&played, Transport::Http, &TaskTracker::new())).unwrap();
    for (search, language, expect) in [
        ("", "", vec!["Rachel", "Drew", "Glinda"]),
        ("", "en-US", vec!["Rachel", "Drew"]),
        ("", "de", vec!["Glinda"]),
        ("rew", "", vec!["Drew"]),
        ("nobody", "", vec![]),
    ] {
        let found = tts.find_voices(&query(search, language)).await.unwrap();
        assert_eq!(names(&found), expect, "{search} {language}");
    }
    let first = &tts.find_voices(&query("rachel", "")).await.unwrap()[0];
    assert_eq!((first.gender.as_deref(), first.language.as_str()), (Some("female"), "en"));
    assert!(first.preview.is_some() && first.description.as_deref() == Some("american"), "{first:?}");
    let Some((_, parameters)) = contracts::elevenlabs_operation("/v2/voices", "get") else { return };
    for seen in &played.seen().requests {
        assert!(
            seen.request.query.iter().all(|(name, _)| parameters.contains(name)),
            "{:?}",
            seen.request.query
        );
    }
    let answer = http_get(&played, "/v2/voices").await;
    contracts::all_valid(
        &contracts::elevenlabs("GetVoicesV2ResponseModel").unwrap(),
        "the stand-in's",
        [&answer],
    );
    let models = http_get(&played, "/v1/models").await;
    let validator = contracts::elevenlabs("ModelResponseModel").unwrap();
    contracts::all_valid(&validator, "the stand-in's", models.as_array().unwrap());
}

async fn http_get(played: &Played, path: &str) -> Value {
    let Played::ElevenLabs(one) = played else { unreachable!("by the caller") };
    let asking =
        crate::vendors::http().get(format!("{}{path}", one.url())).header("xi-api-key", "xi-test-key");
    asking.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn pollys_voices_are_those_of_its_engine() {
    let played = Played::polly().await;
    let polly = Polly::new(polly_settings(&played, &TaskTracker::new())).unwrap();
    let found = polly.find_voices(&query("", "en")).await.unwrap();
    assert_eq!(names(&found), ["Joanna", "Matthew", "Amy"], "three pages, and none that is not neural");
    assert_eq!(found[2].language, "en-GB");
    assert_eq!(names(&polly.find_voices(&query("vick", "")).await.unwrap()), ["Vicki"]);
    assert_eq!(played.seen().refused(), [0_u16; 0], "every page was signed");
}

#[tokio::test]
async fn every_voice_can_be_looked_for() {
    for name in VOICES {
        let one = voiced(name).await;
        let all = one.tts.find_voices(&VoiceQuery::default()).await.unwrap();
        assert!(!all.is_empty(), "{name}");
        assert!(
            one.tts.find_voices(&query("there is no such voice", "")).await.unwrap().is_empty(),
            "{name}"
        );
    }
}
