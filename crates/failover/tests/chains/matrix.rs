//! Every fault, at every place, in every chain: what was asked for is delivered, nobody waits longer than 1.5 s, what
//! fails leaves the front and returns when it is well again.

use std::sync::Arc;
use std::time::Duration;

use domain::call_plan::Vocabulary;
use failover::ChainSettings;
use failover::embeddings::SteadyEmbeddings;
use failover::llm::LlmChain;
use failover::stt::SttChain;
use failover::tts::TtsChain;
use provider_traits::descriptor::Descriptor;
use provider_traits::embeddings::Embeddings;
use provider_traits::llm::{LanguageModel, LlmPiece};
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput};
use provider_traits::tts::{TextToSpeech, TtsRequest};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::llm::question;
use crate::scripted::{FAULTS, Fault, MS_PER_CHARACTER, RETRY_AFTER, Scripted, THINK};

/// What nobody may wait longer.
const LONGEST_GAP: Duration = Duration::from_millis(1_500);
/// The same when two transcribers in a row take everything and say nothing: each is waited for, and the next one has
/// to be connected first. The call says a filler after 1.2 s.
const LONGEST_GAP_OF_TWO_TRANSCRIBERS: Duration = Duration::from_millis(2_100);
/// Requests until a provider that is only slow has been found out: the first may be won by a hedge.
const REQUESTS: usize = 3;
/// More than a provider rests, whatever its fault.
const MENDED_AFTER: Duration = Duration::from_secs(301);

/// What one request came to.
#[derive(Debug)]
struct Delivered {
    /// Whether all of it came, or as much as another could go on from.
    is_whole: bool,
    /// The longest time without anything to hear or read.
    gap: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Capability {
    Stt,
    Tts,
    Llm,
}

enum Chain {
    Stt(SttChain),
    Tts(TtsChain),
    Llm(LlmChain),
}

impl Chain {
    fn of(capability: Capability, providers: &[Scripted]) -> Self {
        let tasks = TaskTracker::new();
        match capability {
            Capability::Stt => {
                let links = providers.iter().map(|one| Arc::new(one.clone()) as Arc<dyn SpeechToText>);
                Self::Stt(SttChain::new(links.collect(), ChainSettings::default(), tasks))
            }
            Capability::Tts => {
                let links = providers.iter().map(|one| Arc::new(one.clone()) as Arc<dyn TextToSpeech>);
                Self::Tts(TtsChain::new(links.collect(), ChainSettings::voices(), tasks))
            }
            Capability::Llm => {
                let links = providers.iter().map(|one| Arc::new(one.clone()) as Arc<dyn LanguageModel>);
                Self::Llm(LlmChain::new(links.collect(), ChainSettings::models(), tasks))
            }
        }
    }

    fn front(&self) -> &'static Descriptor {
        match self {
            Self::Stt(chain) => chain.descriptor(),
            Self::Tts(chain) => chain.descriptor(),
            Self::Llm(chain) => chain.descriptor(),
        }
    }

    async fn request(&self) -> Delivered {
        match self {
            Self::Stt(chain) => transcribed(chain).await,
            Self::Tts(chain) => spoken(chain).await,
            Self::Llm(chain) => answered(chain).await,
        }
    }
}

/// A second of speech at the pace of speech. The gap is from its end to its transcript, and to open the stream.
async fn transcribed(chain: &SttChain) -> Delivered {
    let config = SttConfig { language: "en-US".into(), vocabulary: Arc::new(Vocabulary::default()) };
    let began = Instant::now();
    let mut stream = chain.open(&config).await.expect("a link that opens");
    let opened = began.elapsed();
    let say = |input| stream.input.send(input);
    say(SttInput::Start { utterance: 0 }).await.expect("the chain listens");
    for _ in 0..50 {
        say(SttInput::Audio(vec![1_000; 160])).await.expect("the chain listens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    say(SttInput::End).await.expect("the chain listens");
    let ended = Instant::now();
    let transcript = stream.output.recv().await;
    let is_whole = matches!(&transcript, Some(SttOutput::Final { text, .. }) if text == "1000 ms");
    Delivered { is_whole, gap: opened.max(ended.elapsed()) }
}

/// A sentence, heard at the pace of speech. The gap is what is not heard before it or within it.
async fn spoken(chain: &TtsChain) -> Delivered {
    let text = "Your website is in review and goes live on Friday.";
    let request = TtsRequest { text: text.into(), voice: String::new(), language: "en-US".into() };
    let mut heard_until = Instant::now();
    let mut audio = chain.speak(&request).await.expect("a chain with links always begins");
    let (mut gap, mut ms, mut is_well) = (Duration::ZERO, 0, true);
    while let Some(piece) = audio.recv().await {
        let Ok(piece) = piece else {
            is_well = false;
            break;
        };
        let now = Instant::now();
        gap = gap.max(now.saturating_duration_since(heard_until));
        heard_until = heard_until.max(now) + Duration::from_millis(piece.len() as u64 / 8);
        ms += piece.len() / 8;
    }
    // Whoever goes on says a word again, never leaves one out.
    Delivered { is_whole: is_well && ms + 100 >= text.len() * MS_PER_CHARACTER, gap }
}

/// An answer. When it breaks off after words the brain goes on with its own at once, so that counts as delivered.
async fn answered(chain: &LlmChain) -> Delivered {
    let mut last = Instant::now();
    let mut answer = chain.answer(&question()).await.expect("a chain with links always begins");
    let (mut gap, mut is_whole, mut has_words) = (Duration::ZERO, false, false);
    while let Some(piece) = answer.recv().await {
        gap = gap.max(last.elapsed());
        last = Instant::now();
        match piece {
            Ok(LlmPiece::Text(_)) => has_words = true,
            Ok(LlmPiece::Call(_)) => {}
            Ok(LlmPiece::Done { .. }) => is_whole = true,
            Err(_) => is_whole = has_words,
        }
    }
    Delivered { is_whole, gap: gap.max(last.elapsed()) }
}

const CAPABILITIES: [Capability; 3] = [Capability::Stt, Capability::Tts, Capability::Llm];

fn three() -> Vec<Scripted> {
    (0..3).map(Scripted::at).collect()
}

#[tokio::test(start_paused = true)]
async fn one_failing_provider_costs_nobody_more_than_a_moment_and_leaves_the_front_until_it_is_well() {
    let mut cases = 0;
    for capability in CAPABILITIES {
        for fault in FAULTS {
            for place in 0..3 {
                let case = format!("{capability:?} {fault:?} at {place}");
                let providers = three();
                let chain = Chain::of(capability, &providers);
                assert!(chain.request().await.is_whole, "{case}: all is well");
                providers[place].set(Some(fault));
                for _ in 0..REQUESTS {
                    let delivered = chain.request().await;
                    assert!(delivered.is_whole && delivered.gap <= LONGEST_GAP, "{case}: {delivered:?}");
                }
                let front = if place == 0 { "middle" } else { "first" };
                assert_eq!(chain.front().id, front, "{case}: who fails leaves the front");
                providers[place].set(None);
                tokio::time::advance(MENDED_AFTER).await;
                let delivered = chain.request().await;
                assert!(
                    delivered.is_whole && delivered.gap <= THINK + Duration::from_millis(50),
                    "{case}: {delivered:?}"
                );
                assert_eq!(chain.front().id, "first", "{case}: who is well returns");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 3 * FAULTS.len() * 3);
}

#[tokio::test(start_paused = true)]
async fn two_of_three_that_fail_alike_cost_no_more_unless_both_are_transcribers_that_say_nothing() {
    for capability in CAPABILITIES {
        for fault in FAULTS {
            let case = format!("{capability:?} {fault:?}");
            let providers = three();
            providers[0].set(Some(fault));
            providers[1].set(Some(fault));
            let chain = Chain::of(capability, &providers);
            let longest = match (capability, fault) {
                (Capability::Stt, Fault::Stalls) => LONGEST_GAP_OF_TWO_TRANSCRIBERS,
                _ => LONGEST_GAP,
            };
            for _ in 0..REQUESTS {
                let delivered = chain.request().await;
                assert!(delivered.is_whole && delivered.gap <= longest, "{case}: {delivered:?}");
            }
            assert_eq!(chain.front().id, "last", "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_rests_exactly_as_long_as_it_was_told() {
    for capability in CAPABILITIES {
        let providers = three();
        providers[0].set(Some(Fault::RateLimited));
        let chain = Chain::of(capability, &providers);
        let began = Instant::now();
        chain.request().await;
        providers[0].set(None);
        while chain.front().id != "first" {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let rested = began.elapsed();
        assert!(rested >= RETRY_AFTER && rested < RETRY_AFTER + Duration::from_millis(400), "{rested:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn embeddings_are_asked_again_then_rest_and_return() {
    for fault in FAULTS {
        let provider = Scripted::at(0);
        let embeddings = SteadyEmbeddings::new(Arc::new(provider.clone()), ChainSettings::embeddings());
        let texts = ["one".to_owned(), "two".to_owned()];
        provider.set(Some(fault));
        let slow_is_fine = matches!(fault, Fault::SlowMs(_));
        assert_eq!(embeddings.embed(&texts).await.is_ok(), slow_is_fine, "{fault:?}");
        let asked = match fault {
            // A wrong key stays wrong, and what was late has had its time.
            Fault::WrongKey | Fault::Stalls | Fault::SlowMs(_) => 1,
            _ => 4,
        };
        assert_eq!(provider.asked().len(), asked, "{fault:?}");
        if !slow_is_fine {
            let began = Instant::now();
            assert!(embeddings.embed(&texts).await.is_err(), "{fault:?}: it rests");
            assert_eq!((began.elapsed(), provider.asked().len()), (Duration::ZERO, asked), "{fault:?}");
        }
        provider.set(None);
        tokio::time::advance(MENDED_AFTER).await;
        assert_eq!(embeddings.embed(&texts).await.map(|vectors| vectors.len()), Ok(2), "{fault:?}");
    }
}
