//! Whole calls at real pace in paused time, with every provider of every chain failing in every way at every place.

use async_trait::async_trait;
use domain::history::History;
use failover::llm::LlmChain;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmAnswer, LlmPiece, LlmRequest, LlmStop};

use super::*;

/// Silence after which a clear question is taken to be over.
const END_OF_TURN_MS: u64 = 400;
/// What a caller may wait for the agent's voice, or hear nothing in the middle of it.
const LONGEST_GAP_MS: u64 = 1_500;

/// What became of a call.
struct Told {
    /// The longest time without the agent's voice while it is owed.
    gap_ms: u64,
    ended: Ended,
}

/// Two questions with their answers, then goodbye.
async fn whole_call(setup: Setup, case: &str) -> Told {
    let mut call = Setup { pace: Pace::RealTime, ..setup }.call().await;
    let mut gap_ms = silence(&mut call, 1_000, case).await;
    call.quiet(3_000).await;
    for phrase in [0, 3] {
        call.say(phrase).await;
        let silent_ms = silence(&mut call, 3_000, case).await;
        gap_ms = gap_ms.max(silent_ms.saturating_sub(END_OF_TURN_MS));
        call.quiet(4_000).await;
    }
    call.say(5).await;
    call.quiet(6_000).await;
    assert!(call.is_over, "{case}: the agent did not hang up: {:#?}", call.events());
    Told { gap_ms, ended: call.end().await }
}

/// The longest that the caller hears nothing until the agent has spoken for `ms`.
async fn silence(call: &mut Call, ms: u64, case: &str) -> u64 {
    let until_ms = call.playback.heard_ms + ms;
    let (mut silent_ms, mut longest_ms) = (0, 0);
    for _ in 0..1_000 {
        call.quiet(20).await;
        silent_ms = if call.playback.sounding { 0 } else { silent_ms + 20 };
        longest_ms = longest_ms.max(silent_ms);
        if call.playback.heard_ms >= until_ms {
            return longest_ms;
        }
    }
    panic!("{case}: the agent spoke for less than {ms} ms in 20 s: {:#?}", call.events());
}

fn check(told: &Told, case: &str) {
    let Told { gap_ms, ended } = told;
    assert_eq!(ended.outcome.reason, EndReason::AgentSaidGoodbye, "{case}: the call was not dropped");
    assert!(!ended.outcome.left_to_spoken_tail, "{case}");
    assert_eq!(
        ended.caller_turns(),
        [PHRASES[0], PHRASES[3], PHRASES[5]],
        "{case}: every word was understood"
    );
    assert!(*gap_ms <= LONGEST_GAP_MS, "{case}: nothing was heard for {gap_ms} ms: {:#?}", ended.kinds);
}

fn three<F: Copy>(well: F, fault: F, place: usize) -> Vec<F> {
    (0..3).map(|at| if at == place { fault } else { well }).collect()
}

#[tokio::test(start_paused = true)]
async fn no_transcriber_that_fails_anywhere_in_the_chain_drops_a_call_or_leaves_a_hole() {
    let faults = [
        SttFault::Missing,
        SttFault::Refuses,
        SttFault::BreaksAfterMs(0),
        SttFault::BreaksAfterMs(1_500),
        SttFault::Mute,
        SttFault::Stuck,
    ];
    for fault in faults {
        for place in 0..3 {
            let case = format!("{fault:?} at {place}");
            let setup = Setup { stt: three(SttFault::None, fault, place), ..Setup::default() };
            check(&whole_call(setup, &case).await, &case);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_voice_that_fails_anywhere_in_the_chain_drops_a_call_or_leaves_a_hole() {
    let faults = [
        TtsFault::Refuses,
        TtsFault::Mute,
        TtsFault::BreaksAfterMs(0),
        TtsFault::BreaksAfterMs(900),
        TtsFault::LateMs(5_000),
        TtsFault::Panics,
    ];
    for fault in faults {
        for place in 0..3 {
            let case = format!("{fault:?} at {place}");
            let setup = Setup { tts: three(TtsFault::None, fault, place), ..Setup::default() };
            check(&whole_call(setup, &case).await, &case);
        }
    }
}

/// What goes wrong with a language model.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ModelFault {
    None,
    Refuses,
    Late,
    Mute,
    BreaksOff,
    Stalls,
}

/// Answers each question with one sentence in pieces, 150 ms after it was asked.
struct Scripted(ModelFault, TaskTracker);

#[async_trait]
impl LanguageModel for Scripted {
    fn descriptor(&self) -> &'static Descriptor {
        static WELL: Descriptor = Descriptor { id: "well", name: "Well", locality: Locality::Cloud };
        static ILL: Descriptor = Descriptor { id: "ill", name: "Ill", locality: Locality::Cloud };
        if self.0 == ModelFault::None { &WELL } else { &ILL }
    }

    async fn answer(&self, _request: &LlmRequest) -> Result<LlmAnswer, ProviderError> {
        let fault = self.0;
        if fault == ModelFault::Refuses {
            return Err(ProviderError::Refused { provider: "ill", reason: "wrong key".into() });
        }
        let (pieces, answer) = mpsc::channel(4);
        self.1.spawn(async move {
            let think = if fault == ModelFault::Late { 5_000 } else { 150 };
            tokio::time::sleep(Duration::from_millis(think)).await;
            let words = ["That is a good question, ", "and the answer to it ", "is rather a long one."];
            for (at, words) in words.into_iter().enumerate() {
                match fault {
                    ModelFault::Mute => return pieces.closed().await,
                    ModelFault::Stalls if at == 1 => return pieces.closed().await,
                    ModelFault::BreaksOff if at == 1 => return,
                    _ => {}
                }
                if pieces.send(Ok(LlmPiece::Text(words.into()))).await.is_err() {
                    return;
                }
            }
            // Whoever asked may have gone.
            let _gone = pieces.send(Ok(LlmPiece::Done { stop: LlmStop::Finished, usage: None })).await;
        });
        Ok(answer)
    }
}

/// Speaks what a model answers; what broke off is finished in words of its own.
struct ModelMind(LlmChain, Steps);

/// What is to be done for a prompt.
type Steps = Box<dyn FnMut(&Prompt) -> Vec<Step> + Send>;

#[async_trait]
impl Mind for ModelMind {
    fn take_over(&mut self, _history: &History) {}

    async fn respond(
        &mut self,
        prompt: Prompt,
        thoughts: &mpsc::Sender<Thought>,
        cancel: &CancellationToken,
    ) {
        let is_question = matches!(&prompt, Prompt::CallerSaid { text, .. } if !text.contains("goodbye"));
        if !is_question {
            for step in (self.1)(&prompt) {
                if let Step::Think(thought) = step {
                    // The call may be over.
                    let _gone = thoughts.send(thought).await;
                }
            }
            return;
        }
        let request = LlmRequest {
            system: "Answer.".into(),
            messages: Vec::new(),
            tools: Vec::new().into(),
            max_output_tokens: 100,
        };
        let mut text = String::new();
        let whole = async {
            let mut pieces = self.0.answer(&request).await?;
            while let Some(piece) = pieces.recv().await {
                if let LlmPiece::Text(more) = piece? {
                    text.push_str(&more);
                }
            }
            Ok::<(), ProviderError>(())
        };
        let ended = tokio::select! {
            ended = whole => ended,
            () = cancel.cancelled() => return,
        };
        if ended.is_err() {
            text.push_str("but let me take that down, and somebody will call you back soon.");
        }
        // The call may be over.
        let _gone = thoughts.send(Thought::Say { text, purpose: Purpose::Reply, interruptible: true }).await;
    }

    fn snapshot(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _snapshot: serde_json::Value) {}
}

#[tokio::test(start_paused = true)]
async fn no_language_model_that_fails_anywhere_in_the_chain_drops_a_call_or_leaves_a_hole() {
    let faults =
        [ModelFault::Refuses, ModelFault::Late, ModelFault::Mute, ModelFault::BreaksOff, ModelFault::Stalls];
    for fault in faults {
        for place in 0..3 {
            let case = format!("{fault:?} at {place}");
            let models = three(ModelFault::None, fault, place).into_iter();
            let models =
                models.map(|fault| Arc::new(Scripted(fault, TaskTracker::new())) as Arc<dyn LanguageModel>);
            let chain = LlmChain::new(models.collect(), ChainSettings::models(), TaskTracker::new());
            let mind = ModelMind(chain, Box::new(polite));
            let setup = Setup { mind: Some(Box::new(mind)), ..Setup::default() };
            check(&whole_call(setup, &case).await, &case);
        }
    }
}
