//! Spoken sentences through the synthesisers and the recogniser, at 8 kHz mu-law as a telephone carries them.
//!
//! Needs flite, espeak-ng and PocketSphinx; without them the tests fail with the command that installs them, or
//! say "skipped" when `STUDIOCONNECT_ALLOW_MISSING_SPEECH=1`.

use std::sync::Arc;

use audio::energy::rms_dbfs;
use audio::g711;
use audio::noise::{Noise, NoiseKind, SmallRandom};
use audio::vad::{GateEvent, GateSettings, SpeechGate};
use domain::call_plan::Vocabulary;
use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use provider_traits::tts::{TextToSpeech, TtsRequest};
use provider_traits::vad::VoiceScorerFactory;
use speech::espeak::Espeak;
use speech::flite::Flite;
use speech::pocketsphinx::{PocketSphinx, PocketSphinxSettings};
use speech::vad::EarshotVad;

/// Whether the test can run; panics when something is missing and nobody allowed that.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test's own switch, and its answer")]
fn can_run(needed: &[Readiness]) -> bool {
    let missing = needed.iter().find_map(|readiness| match readiness {
        Readiness::Ready => None,
        Readiness::Missing { what, remedy } => Some(format!("{what} is missing; install it with: {remedy}")),
    });
    let Some(missing) = missing else { return true };
    assert!(
        std::env::var("STUDIOCONNECT_ALLOW_MISSING_SPEECH").is_ok_and(|value| value == "1"),
        "{missing} (or set STUDIOCONNECT_ALLOW_MISSING_SPEECH=1 to skip)"
    );
    eprintln!("skipped: {missing}");
    false
}

fn request(text: &str, voice: &str) -> TtsRequest {
    TtsRequest { text: text.to_owned(), voice: voice.to_owned(), language: "en-US".to_owned() }
}

async fn say(synthesiser: &dyn TextToSpeech, text: &str, voice: &str) -> Vec<i16> {
    let mut audio = synthesiser.speak(&request(text, voice)).await.expect("speaking begins");
    let mut samples = Vec::new();
    while let Some(chunk) = audio.recv().await {
        g711::decode_into(&chunk.expect("audio comes"), &mut samples);
    }
    samples
}

fn config(key: &str) -> SttConfig {
    let sentences = [
        "how is my website project going",
        "what is the status of my project",
        "how much does a logo cost",
        "i would like to start a new project",
        "what are your opening hours",
        "please call me back tomorrow",
        "can i speak to zalinka please",
        "no thank you goodbye",
    ];
    let vocabulary = Vocabulary {
        key: key.to_owned(),
        sentences: sentences.map(str::to_owned).to_vec(),
        words: ["yes", "maria", "one", "two", "five"].map(str::to_owned).to_vec(),
    };
    SttConfig { language: "en-US".to_owned(), vocabulary: Arc::new(vocabulary) }
}

/// Sends an utterance with silence around it; answers partials and the final text.
async fn hear(call: &mut SttStream, utterance: u32, samples: &[i16]) -> (Vec<String>, String, f32) {
    let mut padded = vec![0; 3_200];
    padded.extend_from_slice(samples);
    padded.extend(vec![0; 2_400]);
    call.input.send(SttInput::Start { utterance }).await.expect("the recogniser listens");
    for frame in padded.chunks(160) {
        call.input.send(SttInput::Audio(frame.to_vec())).await.expect("the recogniser listens");
    }
    call.input.send(SttInput::End).await.expect("the recogniser listens");
    let mut partials = Vec::new();
    loop {
        match call.output.recv().await.expect("an answer comes") {
            SttOutput::Partial { utterance: number, text } => {
                assert_eq!(number, utterance);
                partials.push(text);
            }
            SttOutput::Final { utterance: number, text, confidence } => {
                assert_eq!(number, utterance);
                return (partials, text, confidence.expect("it gives one"));
            }
            SttOutput::Synced { .. } => {}
            SttOutput::Failed(error) => panic!("{error}"),
        }
    }
}

fn recogniser(max_decoders: usize) -> PocketSphinx {
    PocketSphinx::new(PocketSphinxSettings { max_decoders, ..Default::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentences_are_understood_with_partials_and_confidence() {
    let (flite, recogniser) = (Flite::default(), recogniser(2));
    if !can_run(&[flite.readiness(), recogniser.readiness()]) {
        return;
    }
    let config = config("understood");
    recogniser.prepare(&config).await.expect("prepares");
    let mut call = recogniser.open(&config).await.expect("opens");
    for (number, line) in (0_u32..).zip(&config.vocabulary.sentences) {
        let (partials, text, confidence) = hear(&mut call, number, &say(&flite, line, "kal16").await).await;
        assert_eq!(&text, line);
        assert!(confidence > 0.5, "{line}: {confidence}");
        assert!(partials.iter().any(|partial| !partial.is_empty()), "words appear while speaking: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_alone_is_nothing_or_hardly_believed() {
    let (flite, recogniser) = (Flite::default(), recogniser(1));
    if !can_run(&[flite.readiness(), recogniser.readiness()]) {
        return;
    }
    let mut call = recogniser.open(&config("noise")).await.expect("opens");
    for (number, kind) in (0_u32..).zip([NoiseKind::White, NoiseKind::Pink, NoiseKind::Clicks]) {
        let mut samples = vec![0; 12_000];
        Noise::new(kind, -32.0, SmallRandom::new(9)).add_to(&mut samples);
        let (_, text, confidence) = hear(&mut call, number, &samples).await;
        assert!(text.is_empty() || confidence < 0.4, "{kind:?}: {text} {confidence}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_utterance_has_no_answer_and_the_next_one_has() {
    let (flite, recogniser) = (Flite::default(), recogniser(1));
    if !can_run(&[flite.readiness(), recogniser.readiness()]) {
        return;
    }
    let mut call = recogniser.open(&config("cancelled")).await.expect("opens");
    let samples = say(&flite, "how much does a logo cost", "awb").await;
    call.input.send(SttInput::Start { utterance: 1 }).await.expect("sends");
    call.input.send(SttInput::Audio(samples[..1_000].to_vec())).await.expect("sends");
    call.input.send(SttInput::Cancel).await.expect("sends");
    let (_, text, _) = hear(&mut call, 2, &samples).await;
    assert_eq!(text, "how much does a logo cost");
    // An end without audio is answered too.
    call.input.send(SttInput::Start { utterance: 3 }).await.expect("sends");
    call.input.send(SttInput::End).await.expect("sends");
    let answer = call.output.recv().await.expect("an answer comes");
    assert!(
        matches!(answer, SttOutput::Final { utterance: 3, ref text, .. } if text.is_empty()),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decoders_are_bounded_and_used_again() {
    let (flite, recogniser) = (Flite::default(), recogniser(1));
    if !can_run(&[flite.readiness(), recogniser.readiness()]) {
        return;
    }
    let (first, other) = (config("first"), config("other"));
    let call = recogniser.open(&first).await.expect("opens");
    let refused = recogniser.open(&first).await.expect_err("there is one decoder only");
    assert!(matches!(refused, ProviderError::Unavailable { .. }), "{refused}");
    drop(call);
    // The decoder comes back when its thread has noticed; another vocabulary then takes its place.
    let call = loop {
        match recogniser.open(&other).await {
            Ok(call) => break call,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(recogniser.open(&first).await.is_err());
    drop(call);
}

/// The library keeps one log file for the whole process; making decoders side by side once closed it twice and took
/// the process down, or left it locked in its exit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decoders_made_at_one_time_leave_each_other_alone() {
    let recogniser = Arc::new(recogniser(6));
    if !can_run(&[recogniser.readiness()]) {
        return;
    }
    let config = config("together");
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (recogniser, config) = (recogniser.clone(), config.clone());
        opening.spawn(async move { recogniser.open(&config).await.map(drop) });
    }
    while let Some(opened) = opening.join_next().await {
        opened.expect("no panic").expect("opens");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn synthesisers_speak_at_once_at_telephone_level_without_silence_around() {
    let (flite, espeak) = (Flite::default(), Espeak::default());
    if !can_run(&[flite.readiness(), espeak.readiness()]) {
        return;
    }
    let text = "Thank you for calling. How can I help you today?";
    let flite_voices = flite.voices().into_iter().map(|voice| (&flite as &dyn TextToSpeech, voice.id));
    let espeak_voices = espeak.voices().into_iter().map(|voice| (&espeak as &dyn TextToSpeech, voice.id));
    for (synthesiser, voice) in flite_voices.chain(espeak_voices) {
        let samples = say(synthesiser, text, &voice).await;
        let ms = samples.len() / 8;
        assert!((1_500..6_000).contains(&ms), "{voice}: {ms} ms");
        let level = |part: &[i16]| rms_dbfs(part);
        assert!((-28.0..-17.0).contains(&level(&samples)), "{voice}: {}", level(&samples));
        assert!(level(&samples[samples.len() - 1_600..]) > -55.0, "{voice} trails silence");
        assert!(level(&samples[..1_600]) > -55.0, "{voice} begins with silence");
    }
    let default = say(&flite, text, "no such voice").await;
    assert_eq!(default, say(&flite, text, "rms").await);
}

/// Frames of 20 ms to scores and levels to events.
fn gate_events(samples: &[i16]) -> Vec<(usize, GateEvent)> {
    let mut scorer = EarshotVad.scorer();
    let mut gate = SpeechGate::new(GateSettings::default());
    samples
        .chunks(160)
        .enumerate()
        .filter_map(|(frame, samples)| {
            let score = scorer.score(samples);
            gate.push(score, rms_dbfs(samples)).map(|event| (frame, event))
        })
        .collect()
}

#[tokio::test]
async fn the_gate_opens_for_speech_in_noise_and_not_for_the_noise() {
    let flite = Flite::default();
    if !can_run(&[flite.readiness()]) {
        return;
    }
    let speech = say(&flite, "I would like to start a new project.", "slt").await;
    for kind in [NoiseKind::White, NoiseKind::Pink, NoiseKind::Clicks] {
        // Four seconds of line, the sentence, two seconds of line; 15 dB between speech and noise.
        let mut line = vec![0; 32_000];
        line.extend_from_slice(&speech);
        line.extend(vec![0; 16_000]);
        Noise::new(kind, -37.0, SmallRandom::new(5)).add_to(&mut line);
        let events = gate_events(&line);
        let onsets: Vec<usize> = events
            .iter()
            .filter(|(_, event)| matches!(event, GateEvent::Onset { .. }))
            .map(|(frame, _)| *frame)
            .collect();
        assert!(onsets.first().is_some_and(|&first| (200..230).contains(&first)), "{kind:?}: {events:?}");
        assert!(onsets.iter().all(|&frame| frame < 200 + speech.len() / 160 + 5), "{kind:?}: {events:?}");
        assert!(matches!(events.last(), Some((_, GateEvent::Offset { .. }))), "{kind:?}: {events:?}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_command() {
    let recogniser = PocketSphinx::new(PocketSphinxSettings {
        dictionary: "/nowhere/words".into(),
        ..PocketSphinxSettings::default()
    });
    let Readiness::Missing { remedy, .. } = recogniser.readiness() else { panic!("it is not ready") };
    assert!(remedy.starts_with("sudo apt-get install") && remedy.contains("pocketsphinx-en-us"), "{remedy}");
}
