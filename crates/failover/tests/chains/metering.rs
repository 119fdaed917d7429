//! What a call is told of what vendors charge for.

use std::sync::Arc;

use domain::call_plan::Vocabulary;
use failover::ChainSettings;
use failover::stt::SttChain;
use failover::tts::TtsChain;
use provider_traits::descriptor::ProviderNotice;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput};
use provider_traits::tts::{TextToSpeech, TtsRequest};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::scripted::{Fault, Scripted};

/// Provider, milliseconds written down, characters spoken.
fn metered(notices: &mut mpsc::Receiver<ProviderNotice>) -> Vec<(&'static str, u64, u64)> {
    let mut all = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        if let ProviderNotice::Metered { provider, model, transcribed_ms, characters } = notice {
            assert_eq!(model, provider, "a provider of one model");
            all.push((provider, transcribed_ms, characters));
        }
    }
    all
}

async fn speak(voices: &[Scripted], text: &str) -> Vec<(&'static str, u64, u64)> {
    let links = voices.iter().map(|one| Arc::new(one.clone()) as Arc<dyn TextToSpeech>).collect();
    let chain = TtsChain::new(links, ChainSettings::voices(), TaskTracker::new());
    let (notice, mut notices) = mpsc::channel(16);
    let request = TtsRequest { text: text.to_owned(), voice: String::new(), language: String::new() };
    let of_call = chain.for_call(&notice).expect("a chain has something to tell");
    let mut audio = of_call.speak(&request).await.expect("it begins");
    while audio.recv().await.is_some() {}
    metered(&mut notices)
}

async fn listen(
    transcribers: &[Scripted],
    inputs: Vec<SttInput>,
    finals: usize,
) -> Vec<(&'static str, u64, u64)> {
    let links = transcribers.iter().map(|one| Arc::new(one.clone()) as Arc<dyn SpeechToText>).collect();
    let chain = SttChain::new(links, ChainSettings::default(), TaskTracker::new());
    let (notice, mut notices) = mpsc::channel(16);
    let of_call = chain.for_call(&notice).expect("a chain has something to tell");
    let config = SttConfig { language: String::new(), vocabulary: Arc::new(Vocabulary::default()) };
    let mut stream = of_call.open(&config).await.expect("one that opens");
    for input in inputs {
        stream.input.send(input).await.expect("the chain takes it");
    }
    for _ in 0..finals {
        stream.output.recv().await.expect("a transcript");
    }
    metered(&mut notices)
}

fn said(number: u32, ms: usize, last: SttInput) -> Vec<SttInput> {
    let mut inputs = vec![SttInput::Start { utterance: number }];
    inputs.extend((0..ms / 20).map(|_| SttInput::Audio(vec![0; 160])));
    inputs.push(last);
    inputs
}

#[tokio::test(start_paused = true)]
async fn a_sentence_is_metered_by_its_characters_at_whoever_began_to_speak_it() {
    // Long enough for its audio to be seen to be cut off.
    let text = "Your website is in review and goes live on Friday.";
    let voices = [Scripted::at(0), Scripted::at(1)];
    assert_eq!(speak(&voices, text).await, [("first", 0, 50)]);
    voices[0].set(Some(Fault::Refused));
    assert_eq!(speak(&voices, text).await, [("middle", 0, 50)], "who refuses is not paid");
    voices[0].set(Some(Fault::Truncated));
    let both = speak(&voices, text).await;
    assert_eq!(both[0], ("first", 0, 50), "who breaks off is");
    assert!(matches!(both[1], ("middle", 0, 1..50)), "and the other for the rest: {both:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_is_metered_whether_its_words_were_wanted_or_not() {
    let mut inputs = said(0, 1_000, SttInput::End);
    inputs.extend(said(1, 600, SttInput::Cancel));
    inputs.extend(said(2, 400, SttInput::End));
    let transcribers = [Scripted::at(0), Scripted::at(1)];
    let heard = listen(&transcribers, inputs.clone(), 2).await;
    assert_eq!(heard, [("first", 1_000, 0), ("first", 600, 0), ("first", 400, 0)]);
    transcribers[0].set(Some(Fault::Garbage));
    let heard = listen(&transcribers, said(0, 1_000, SttInput::End), 1).await;
    assert_eq!(heard, [("first", 1_000, 0), ("middle", 1_000, 0)], "both have heard it");
}

#[tokio::test(start_paused = true)]
async fn what_runs_on_this_machine_costs_nothing() {
    let here = [Scripted::at(3)];
    assert_eq!(speak(&here, "Yes, we do that.").await, []);
    assert_eq!(listen(&here, said(0, 1_000, SttInput::End), 1).await, []);
}
