//! What every transcriber does.

use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SttInput, SttOutput, SttStream};
use serde_json::Value;
use simulator::openai::ear::voiced_frame;

use crate::contracts;
use crate::tts::said;
use crate::vendors::{
    AT_MOST, Listening, PHRASES, Played, TRANSCRIBERS, all_over, config, listening, listening_with,
};

/// A caller saying phrase `number`: four words.
pub(crate) async fn say(stream: &SttStream, utterance: u32, number: usize) {
    give(stream, SttInput::Start { utterance }).await;
    for _ in 0..60 {
        let samples = voiced_frame(number).map(audio::g711::decode).to_vec();
        give(stream, SttInput::Audio(samples)).await;
    }
    for _ in 0..5 {
        give(stream, SttInput::Audio(vec![0; 160])).await;
    }
}

pub(crate) async fn give(stream: &SttStream, input: SttInput) {
    tokio::time::timeout(AT_MOST, stream.input.send(input)).await.expect("it is stuck").expect("it is gone");
}

pub(crate) async fn next(stream: &mut SttStream) -> Option<SttOutput> {
    tokio::time::timeout(AT_MOST, stream.output.recv()).await.expect("nothing comes")
}

/// The next final transcript, and the partial words before it.
async fn transcript(stream: &mut SttStream) -> (u32, String, Option<f32>, Vec<(u32, String)>) {
    let mut partials = Vec::new();
    loop {
        match next(stream).await.expect("the stream ended") {
            SttOutput::Partial { utterance, text } => partials.push((utterance, text)),
            SttOutput::Final { utterance, text, confidence } => {
                return (utterance, text, confidence, partials);
            }
            SttOutput::Synced { .. } => {}
            SttOutput::Failed(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn every_transcriber_tells_each_utterance_once() {
    for name in TRANSCRIBERS {
        let one = listening(name).await;
        assert_eq!(one.stt.readiness(), Readiness::Ready, "{name}");
        let mut stream = one.stt.open(&config()).await.unwrap();
        for (utterance, phrase) in [(1, 0), (2, 1), (7, 0)] {
            say(&stream, utterance, phrase).await;
            give(&stream, SttInput::End).await;
            let (number, text, confidence, partials) = transcript(&mut stream).await;
            assert_eq!((number, text.as_str()), (utterance, PHRASES[phrase]), "{name}");
            assert!(partials.iter().all(|(number, _)| *number == utterance), "{name}: {partials:?}");
            assert!(
                partials.iter().all(|(_, text)| PHRASES[phrase].starts_with(text.as_str())),
                "{name}: {partials:?}"
            );
            assert_eq!(partials.is_empty(), name == "compatible", "{name}: {partials:?}");
            let sure = matches!(name, "elevenlabs" | "deepgram");
            assert_eq!(confidence.map(|sure| (sure * 10.0).round()), sure.then_some(9.0), "{name}");
        }
        assert_eq!(one.played.seen().refused(), [0_u16; 0], "{name}");
        over(one, stream).await;
    }
}

/// Ends a stream: nothing follows and nothing stays.
async fn over(one: Listening, stream: SttStream) {
    let SttStream { input, mut output } = stream;
    drop(input);
    while let Some(last) = tokio::time::timeout(AT_MOST, output.recv()).await.expect("it never ends") {
        assert!(matches!(last, SttOutput::Partial { .. }), "{}: {last:?}", one.name);
    }
    all_over(&one.tasks).await;
}

#[tokio::test]
async fn an_utterance_that_is_cancelled_is_forgotten() {
    for name in TRANSCRIBERS {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        say(&stream, 1, 0).await;
        give(&stream, SttInput::Cancel).await;
        say(&stream, 2, 1).await;
        give(&stream, SttInput::End).await;
        let (number, text, ..) = transcript(&mut stream).await;
        assert_eq!((number, text.as_str()), (2, PHRASES[1]), "{name}");
        over(one, stream).await;
    }
}

#[tokio::test]
async fn what_is_nothing_is_a_transcript_without_words() {
    for name in TRANSCRIBERS {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        for (utterance, frames) in [(1, 0), (2, 2), (3, 30)] {
            give(&stream, SttInput::Start { utterance }).await;
            for _ in 0..frames {
                give(&stream, SttInput::Audio(vec![0; 160])).await;
            }
            give(&stream, SttInput::End).await;
            let (number, text, _, partials) = transcript(&mut stream).await;
            assert_eq!((number, text.as_str(), partials.len()), (utterance, "", 0), "{name} {frames}");
        }
        over(one, stream).await;
    }
}

#[tokio::test]
async fn an_utterance_may_begin_before_the_last_one_is_written_down() {
    for name in TRANSCRIBERS {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        for utterance in 1..=3 {
            say(&stream, utterance, (utterance % 2) as usize).await;
            give(&stream, SttInput::End).await;
        }
        for utterance in 1..=3 {
            let (number, text, ..) = transcript(&mut stream).await;
            assert_eq!((number, text.as_str()), (utterance, PHRASES[(utterance % 2) as usize]), "{name}");
        }
        over(one, stream).await;
    }
}

#[tokio::test]
async fn a_question_of_a_call_in_lockstep_is_answered() {
    for name in TRANSCRIBERS {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        give(&stream, SttInput::Sync { id: 5 }).await;
        assert_eq!(next(&mut stream).await, Some(SttOutput::Synced { id: 5 }), "{name}");
        over(one, stream).await;
    }
}

#[tokio::test]
async fn audio_outside_of_an_utterance_is_nobodys() {
    for name in TRANSCRIBERS {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        for stray in [SttInput::Audio(vec![9_000; 160]), SttInput::End, SttInput::Cancel, SttInput::End] {
            give(&stream, stray).await;
        }
        say(&stream, 4, 1).await;
        give(&stream, SttInput::End).await;
        let (number, text, ..) = transcript(&mut stream).await;
        assert_eq!((number, text.as_str()), (4, PHRASES[1]), "{name}");
        over(one, stream).await;
    }
}

#[tokio::test]
async fn a_retired_model_is_refused_with_the_name_of_its_setting() {
    for (name, setting) in [
        ("openai", "openai.stt_model"),
        ("openai-rest", "openai.stt_rest_model"),
        ("elevenlabs", "elevenlabs.stt_model"),
        ("deepgram", "deepgram.model"),
        ("compatible", "compatible.stt_model"),
    ] {
        let one = listening_with(name, Some("gpt-0")).await;
        let error = match one.stt.open(&config()).await {
            Err(error) => error,
            Ok(mut stream) => {
                say(&stream, 1, 0).await;
                give(&stream, SttInput::End).await;
                match next(&mut stream).await {
                    Some(SttOutput::Failed(error)) => error,
                    other => panic!("{name}: {other:?}"),
                }
            }
        };
        assert!(
            matches!(&error, ProviderError::Refused { reason, .. } if reason.contains(setting)),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn deepgrams_silence_after_finalize_is_an_answer() {
    use simulator::deepgram::DeepgramStandIn;
    let mut one = listening("deepgram").await;
    let vendor = DeepgramStandIn {
        phrases: crate::vendors::phrases(),
        silent_when_empty: true,
        ..DeepgramStandIn::default()
    };
    let played = simulator::vendor::stand_in::StandIn::start(vendor, Default::default()).await.unwrap();
    one.stt = std::sync::Arc::new(
        providers::stt::deepgram::Deepgram::new(providers::stt::deepgram::DeepgramSettings {
            base_url: played.ws_url().parse().unwrap(),
            api_key: Some("dg-test-key".to_owned().into()),
            model: "nova-3".to_owned(),
            tasks: one.tasks.clone(),
        })
        .unwrap(),
    );
    let mut stream = one.stt.open(&config()).await.unwrap();
    give(&stream, SttInput::Start { utterance: 1 }).await;
    for _ in 0..30 {
        give(&stream, SttInput::Audio(vec![0; 160])).await;
    }
    give(&stream, SttInput::End).await;
    let (number, text, ..) = transcript(&mut stream).await;
    assert_eq!((number, text.as_str()), (1, ""));
    over(one, stream).await;
}

#[tokio::test]
async fn what_is_said_on_sockets_is_of_the_vendors_descriptions() {
    for name in ["openai", "elevenlabs"] {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        for utterance in 1..=2 {
            say(&stream, utterance, 0).await;
            give(&stream, if utterance == 1 { SttInput::Cancel } else { SttInput::End }).await;
        }
        transcript(&mut stream).await;
        let (ours, theirs) = (said(&one.played, true), said(&one.played, false));
        if name == "openai" {
            let Some(validator) = contracts::openai("realtime_client_event") else { return };
            contracts::all_valid(&validator, "ours", &ours);
            let validator = contracts::openai("realtime_server_event").unwrap();
            contracts::all_valid(&validator, "the stand-in's", theirs.iter().filter(is_comparable));
        } else {
            let document = "scribe.asyncapi.yaml";
            let Some(validator) = contracts::async_api(document, &["InputAudioChunkPayload"]) else { return };
            contracts::all_valid(&validator, "ours", &ours);
            let schemas = [
                "SessionStartedPayload",
                "PartialTranscriptPayload",
                "CommittedTranscriptPayload",
                "CommittedTranscriptWithTimestampsPayload",
                "ScribeCommitThrottledErrorPayload",
            ];
            let validator = contracts::async_api(document, &schemas).unwrap();
            contracts::all_valid(&validator, "the stand-in's", &theirs);
        }
        over(one, stream).await;
    }
}

/// The SDK's type of `session.created` is that of speech-to-speech sessions; a transcription session has fewer fields.
fn is_comparable(event: &&Value) -> bool {
    !event["type"].as_str().unwrap_or_default().starts_with("session.")
}

#[tokio::test]
async fn the_vocabulary_and_the_language_are_told() {
    for (name, expect) in [
        ("openai", r#""keywords":["branding","website","aurora"],"language":"en""#),
        ("elevenlabs", "keyterms=branding language_code=en"),
        ("deepgram", "keyterm=branding language=en-US"),
        ("openai-rest", "name=\"keywords[]\"\r\n\r\nbranding name=\"language\"\r\n\r\nen"),
        ("compatible", "name=\"prompt\"\r\n\r\nbranding, name=\"language\"\r\n\r\nen"),
    ] {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        say(&stream, 1, 0).await;
        give(&stream, SttInput::End).await;
        transcript(&mut stream).await;
        let request = one.played.seen().last().unwrap().request.clone();
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let first = if let Played::OpenAi(played) = &one.played {
            played.vendor().record.all().iter().find(|said| said.by_client).map(|said| said.text.clone())
        } else {
            None
        };
        let told = format!("{} {body} {}", query.join(" "), first.unwrap_or_default());
        for part in expect.split_inclusive(' ').map(str::trim_end) {
            assert!(told.contains(part), "{name}: {part:?} is not in {}", &told[..told.len().min(900)]);
        }
        over(one, stream).await;
    }
}
