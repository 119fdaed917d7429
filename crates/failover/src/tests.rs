//! Chains with links that misbehave.

use std::sync::Arc;
use std::time::Duration;

use domain::call_plan::Vocabulary;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput};
use provider_traits::tts::{TextToSpeech, TtsRequest};
use tokio_util::task::TaskTracker;

use super::stt::SttChain;
use super::tts::TtsChain;
use provider_traits::descriptor::Readiness;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use voice::stand_ins::{HummingTts, PhraseStt, SttFault, TtsFault, loudness};

fn request(text: &str) -> TtsRequest {
    TtsRequest { text: text.into(), voice: String::new(), language: "en-US".into() }
}

fn voices(faults: &[TtsFault]) -> (TtsChain, Vec<Arc<HummingTts>>) {
    let links: Vec<Arc<HummingTts>> = faults.iter().map(|&fault| Arc::new(HummingTts::new(fault))).collect();
    let providers = links.iter().map(|link| Arc::clone(link) as Arc<dyn TextToSpeech>).collect();
    (TtsChain::new(providers, ChainSettings::default(), TaskTracker::new()), links)
}

/// Milliseconds of audio, and whether it ended well.
async fn spoken(chain: &dyn TextToSpeech, text: &str) -> (usize, bool) {
    let mut audio = chain.speak(&request(text)).await.expect("a chain always begins");
    let mut bytes = 0;
    while let Some(piece) = audio.recv().await {
        match piece {
            Ok(piece) => bytes += piece.len(),
            Err(_) => return (bytes / 8, false),
        }
    }
    (bytes / 8, true)
}

#[tokio::test(start_paused = true)]
async fn a_sentence_is_spoken_whatever_the_first_voice_does() {
    for fault in [TtsFault::Refuses, TtsFault::Mute, TtsFault::LateMs(5_000), TtsFault::Panics] {
        let (chain, _) = voices(&[fault, TtsFault::None]);
        let began = Instant::now();
        assert_eq!(spoken(&chain, "One two three.").await, (14 * 60, true), "{fault:?}");
        assert!(began.elapsed() < Duration::from_millis(1_500), "{fault:?}: no gap is longer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_breaks_off_is_relieved_for_the_rest_only() {
    let (chain, links) = voices(&[TtsFault::BreaksAfterMs(1_000), TtsFault::None]);
    let (ms, well) = spoken(&chain, "Your website is in review and goes live on Friday.").await;
    assert!(well);
    assert_eq!(links[1].asked(), ["is in review and goes live on Friday."]);
    assert_eq!(ms, 1_000 + 37 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_failed_rests_and_is_probed_once_its_rest_is_over() {
    let (chain, links) = voices(&[TtsFault::Refuses, TtsFault::None]);
    for _ in 0..3 {
        spoken(&chain, "One.").await;
    }
    assert_eq!((links[0].asked().len(), links[1].asked().len()), (1, 3), "asked no more while it rests");
    tokio::time::advance(Duration::from_secs(11)).await;
    spoken(&chain, "One.").await;
    spoken(&chain, "One.").await;
    assert_eq!((links[0].asked().len(), links[1].asked().len()), (2, 5), "probed once");
}

#[tokio::test(start_paused = true)]
async fn saying_nothing_is_nobodys_failure() {
    let (chain, links) = voices(&[TtsFault::None]);
    assert_eq!(spoken(&chain, " … ").await, (0, true));
    assert!(links[0].asked().is_empty());
    assert_eq!(spoken(&chain, "One.").await, (240, true));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_told_of_a_failover_and_of_the_end_of_the_chain() {
    let (chain, _) = voices(&[TtsFault::Refuses, TtsFault::Refuses]);
    let (notice, mut notices) = mpsc::channel(8);
    let chain = chain.for_call(&notice).expect("a chain has something to tell");
    assert_eq!(spoken(chain.as_ref(), "One.").await, (0, false));
    let codes = [notices.recv().await, notices.recv().await].map(code);
    assert_eq!(codes, [Some("tts_failed_over"), Some("tts_exhausted")]);
}

fn code(notice: Option<ProviderNotice>) -> Option<&'static str> {
    match notice? {
        ProviderNotice::Told { code, .. } => Some(code),
        ProviderNotice::Metered { .. } => None,
    }
}

const PHRASES: [&str; 2] = ["how is my website coming along", "yes please"];

fn transcribers(faults: &[SttFault]) -> SttChain {
    let links =
        faults.iter().map(|&fault| Arc::new(PhraseStt::new(&PHRASES, fault)) as Arc<dyn SpeechToText>);
    SttChain::new(links.collect(), ChainSettings::default(), TaskTracker::new())
}

fn config() -> SttConfig {
    SttConfig { language: "en-US".into(), vocabulary: Arc::new(Vocabulary::default()) }
}

/// Two utterances through a chain; their transcripts.
async fn transcripts(chain: &SttChain) -> Vec<String> {
    let mut stream = chain.open(&config()).await.expect("a link that opens");
    let mut finals = Vec::new();
    for (utterance, phrase) in PHRASES.iter().enumerate() {
        let words = phrase.split(' ').count() as u64;
        let mut inputs = vec![SttInput::Start { utterance: utterance as u32 }];
        inputs.extend((0..words * 15).map(|_| SttInput::Audio(vec![loudness(utterance); 160])));
        inputs.push(SttInput::End);
        for input in inputs {
            stream.input.send(input).await.expect("the chain takes it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        loop {
            match stream.output.recv().await.expect("a transcript") {
                SttOutput::Final { utterance: number, text, .. } if number == utterance as u32 => {
                    finals.push(text);
                    break;
                }
                SttOutput::Partial { .. } => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    finals
}

#[tokio::test(start_paused = true)]
async fn every_utterance_is_transcribed_whole_whatever_the_first_transcriber_does() {
    let faults = [
        SttFault::None,
        SttFault::Missing,
        SttFault::Refuses,
        SttFault::BreaksAfterMs(0),
        SttFault::BreaksAfterMs(1_000),
        SttFault::BreaksAfterMs(2_000),
        SttFault::Mute,
        SttFault::Stuck,
    ];
    for fault in faults {
        let chain = transcribers(&[fault, SttFault::None]);
        assert_eq!(transcripts(&chain).await, PHRASES, "{fault:?}");
    }
    let chain = transcribers(&[SttFault::Mute, SttFault::BreaksAfterMs(700), SttFault::None]);
    assert_eq!(transcripts(&chain).await, PHRASES, "two in a row");
}

#[tokio::test(start_paused = true)]
async fn a_chain_without_any_working_link_says_so_and_gives_the_words_it_has() {
    let chain = transcribers(&[SttFault::BreaksAfterMs(1_300)]);
    let mut stream = chain.open(&config()).await.expect("it opens");
    stream.input.send(SttInput::Start { utterance: 0 }).await.expect("taken");
    for _ in 0..90 {
        // It may be broken before all is said.
        let _broken = stream.input.send(SttInput::Audio(vec![loudness(0); 160])).await;
    }
    let mut last = None;
    while let Some(output) = stream.output.recv().await {
        last = Some(output);
    }
    assert!(matches!(last, Some(SttOutput::Failed(_))), "{last:?}");
    assert!(transcribers(&[SttFault::Missing]).open(&config()).await.is_err());
}

#[test]
fn a_chain_is_ready_when_one_link_is_and_else_names_the_remedies() {
    assert_eq!(transcribers(&[SttFault::Missing, SttFault::None]).readiness(), Readiness::Ready);
    let Readiness::Missing { remedy, .. } = transcribers(&[SttFault::Missing]).readiness() else {
        panic!("nothing is ready");
    };
    assert_eq!(remedy, "install it");
}
