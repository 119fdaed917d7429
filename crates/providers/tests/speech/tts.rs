//! What every voice does.

use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest};
use serde_json::{Value, json};
use simulator::sounds::hummed_mu_law;
use simulator::vendor::fault::Fault;
use simulator::vendor::seen::End;

use crate::contracts;
use crate::vendors::{AT_MOST, Played, VOICES, all_over, openai_voice, voiced};

const SENTENCE: &str = "The website goes live on Friday.";

pub(crate) fn request(text: &str) -> TtsRequest {
    TtsRequest { text: text.to_owned(), voice: "slt".to_owned(), language: "en-US".to_owned() }
}

/// Everything that is said, or the error that comes in its place.
pub(crate) async fn whole(mut audio: TtsAudio) -> Result<Vec<u8>, (Vec<u8>, ProviderError)> {
    let mut codes = Vec::new();
    let listening = async {
        while let Some(piece) = audio.recv().await {
            match piece {
                Ok(piece) => codes.extend_from_slice(&piece),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    let ended = tokio::time::timeout(AT_MOST, listening).await.expect("the audio never ends");
    match ended {
        Ok(()) => Ok(codes),
        Err(error) => Err((codes, error)),
    }
}

#[tokio::test]
async fn every_voice_speaks_telephone_audio_of_the_sentences_length() {
    for name in VOICES {
        let one = voiced(name).await;
        assert_eq!(one.tts.readiness(), Readiness::Ready, "{name}");
        let codes = whole(one.tts.speak(&request(SENTENCE)).await.unwrap()).await.unwrap();
        let expect = hummed_mu_law(SENTENCE);
        if name.starts_with("elevenlabs") || name == "polly" {
            // The vendor gets a blank more at most; what it says comes through unchanged.
            assert!(codes.starts_with(&expect) && codes.len() <= expect.len() + 480, "{name}");
        } else {
            let difference = codes.len().abs_diff(expect.len());
            assert!(difference <= 8, "{name}: {difference} samples of resampling");
            assert!(audio::energy::rms_dbfs(&decoded(&codes)) > -20.0, "{name} is heard");
        }
        assert_eq!(one.played.seen().refused(), [0_u16; 0], "{name}");
    }
}

fn decoded(codes: &[u8]) -> Vec<i16> {
    codes.iter().map(|&code| audio::g711::decode(code)).collect()
}

#[tokio::test]
async fn several_sentences_are_spoken_at_the_same_time() {
    for name in VOICES {
        let one = voiced(name).await;
        let texts: Vec<String> = (1..=8).map(|count| "la ".repeat(count * 4).trim().to_owned()).collect();
        let speaking = texts
            .iter()
            .map(|text| async { whole(one.tts.speak(&request(text)).await.unwrap()).await.unwrap().len() });
        let lengths = futures_util::future::join_all(speaking).await;
        for (text, length) in texts.iter().zip(lengths) {
            let expect = hummed_mu_law(text).len();
            assert!(length.abs_diff(expect) <= 480, "{name}: {length} for {expect}");
        }
    }
}

#[tokio::test]
async fn the_first_audio_does_not_wait_for_the_last() {
    for name in VOICES {
        let one = voiced(name).await;
        // Two pieces come, the rest never: what is heard can't have waited for it.
        one.played.set_fault(Some(Fault::Stall(2)));
        let mut audio = one.tts.speak(&request(SENTENCE)).await.unwrap();
        let first = tokio::time::timeout(AT_MOST, audio.recv()).await.expect("it waits for the end");
        assert!(matches!(first, Some(Ok(codes)) if !codes.is_empty()), "{name}");
    }
}

#[tokio::test]
async fn a_listener_that_leaves_ends_the_request() {
    for name in VOICES.into_iter().filter(|name| *name != "elevenlabs socket") {
        let one = voiced(name).await;
        one.played.set_fault(Some(Fault::Stall(1)));
        let mut audio = one.tts.speak(&request(SENTENCE)).await.unwrap();
        assert!(audio.recv().await.is_some(), "{name}");
        drop(audio);
        one.played.until(|seen| seen.last().is_some_and(|last| last.end == Some(End::ClientLeft))).await;
    }
}

#[tokio::test]
async fn a_listener_that_leaves_a_socket_leaves_no_context_open() {
    let one = voiced("elevenlabs socket").await;
    // More than the vendor allows at the same time.
    for _ in 0..8 {
        let mut audio = one.tts.speak(&request(SENTENCE)).await.unwrap();
        assert!(matches!(audio.recv().await, Some(Ok(_))));
    }
    whole(one.tts.speak(&request(SENTENCE)).await.unwrap()).await.unwrap();
    let ended = said(&one.played, false).iter().filter(|message| message.get("isFinal").is_some()).count();
    assert_eq!(ended, 9, "every context was closed");
}

#[tokio::test]
async fn a_socket_is_used_again_and_ends_with_its_provider() {
    let one = voiced("elevenlabs socket").await;
    for _ in 0..3 {
        whole(one.tts.speak(&request(SENTENCE)).await.unwrap()).await.unwrap();
    }
    assert_eq!(one.played.seen().count(), 1, "one handshake for three sentences");
    drop(one.tts);
    all_over(&one.tasks).await;
    one.played.until(|seen| seen.last().is_some_and(|last| last.end.is_some())).await;
}

#[tokio::test]
async fn an_agents_voice_of_another_provider_is_replaced_by_the_installations() {
    for (name, own, in_path) in [
        ("elevenlabs http", "29vD33N1CtxCmqQRPOHJ", true),
        ("elevenlabs socket", "29vD33N1CtxCmqQRPOHJ", true),
        ("openai", "coral", false),
        ("polly", "Matthew", false),
        ("compatible pcm", "nova", false),
    ] {
        for (wanted, kept) in [(own, true), ("slt", false), ("", false)] {
            let one = voiced(name).await;
            let wish = TtsRequest { voice: wanted.to_owned(), ..request(SENTENCE) };
            whole(one.tts.speak(&wish).await.unwrap()).await.unwrap();
            let seen = one.played.seen();
            let asked = &seen.last().unwrap().request;
            let place = if in_path { asked.path.clone() } else { asked.json().to_string() };
            assert_eq!(place.contains(own), kept, "{name} {wanted}: {place}");
        }
    }
}

#[tokio::test]
async fn a_retired_model_is_refused_with_the_name_of_its_setting() {
    let played = Played::openai().await;
    let tts = openai_voice(&played, "tts-0", &tokio_util::task::TaskTracker::new());
    let error = tts.speak(&request(SENTENCE)).await.unwrap_err();
    assert!(
        matches!(&error, ProviderError::Refused { reason, .. } if reason.contains("openai.tts_model")),
        "{error}"
    );
}

#[tokio::test]
async fn a_text_that_is_too_long_is_nobodys_fault() {
    for name in ["openai", "polly", "compatible wav"] {
        let one = voiced(name).await;
        let error = one.tts.speak(&request(&"a".repeat(5_000))).await.unwrap_err();
        assert!(matches!(error, ProviderError::Invalid { .. }), "{name}: {error}");
        assert_eq!(one.played.seen().count(), 0, "{name}: it was not even asked");
    }
}

/// What was said on sockets, by whom it was said.
pub(crate) fn said(played: &Played, by_client: bool) -> Vec<Value> {
    let all = match played {
        Played::ElevenLabs(one) => one.vendor().record.all(),
        Played::OpenAi(one) => one.vendor().record.all(),
        Played::Deepgram(one) => one.vendor().record.all(),
        Played::Polly(_) => Vec::new(),
    };
    all.iter()
        .filter(|said| said.by_client == by_client)
        .filter_map(|said| serde_json::from_str(&said.text).ok())
        .collect()
}

#[tokio::test]
async fn what_is_said_on_sockets_is_of_the_vendors_description() {
    let one = voiced("elevenlabs socket").await;
    whole(one.tts.speak(&request(SENTENCE)).await.unwrap()).await.unwrap();
    drop(one.tts);
    all_over(&one.tasks).await;
    one.played.until(|seen| seen.last().is_some_and(|last| last.end.is_some())).await;
    let document = "tts.asyncapi.yaml";
    let ours = ["InitializeConnectionMulti", "SendTextMulti", "FlushContext", "CloseContext", "CloseSocket"];
    let Some(validator) = contracts::async_api(document, &ours) else { return };
    contracts::all_valid(&validator, "ours", &said(&one.played, true));
    let theirs = contracts::async_api(document, &["AudioOutputMulti", "FinalOutputMulti"]).unwrap();
    contracts::all_valid(&theirs, "the stand-in's", &said(&one.played, false));
    let settings =
        said(&one.played, true).iter().filter(|message| message.get("voice_settings").is_some()).count();
    assert_eq!(settings, 1, "in the first message alone");
    let query = one.played.seen().last().unwrap().request.query.clone();
    assert!(query.contains(&("output_format".to_owned(), "ulaw_8000".to_owned())), "{query:?}");
}

#[tokio::test]
async fn what_is_asked_by_http_is_of_the_vendors_description() {
    let one = voiced("elevenlabs http").await;
    whole(one.tts.speak(&request(SENTENCE)).await.unwrap()).await.unwrap();
    let path = "/v1/text-to-speech/{voice_id}/stream";
    let Some((body, query)) = contracts::elevenlabs_operation(path, "post") else { return };
    let asked = one.played.seen().last().unwrap().request.clone();
    contracts::all_valid(&body.unwrap(), path, [&asked.json()]);
    assert!(asked.query.iter().all(|(name, _)| query.contains(name)), "{:?}", asked.query);
    let polly = voiced("polly").await;
    whole(polly.tts.speak(&request(SENTENCE)).await.unwrap()).await.unwrap();
    let (validator, document) = contracts::polly("SynthesizeSpeechInput").unwrap();
    contracts::all_valid(&validator, "polly", [&polly.played.seen().last().unwrap().request.json()]);
    let mut known: Vec<&str> =
        document["shapes"]["VoiceId"]["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    known.sort_unstable();
    let ours: Vec<String> = polly.tts.voices().into_iter().map(|voice| voice.id).collect();
    assert_eq!(json!(ours), json!(known), "the table of voices is the vendor's");
}
