//! Calls that a model carries: at real pace with paused time.

use std::ops::Range;

use async_trait::async_trait;
use provider_traits::brain::GoOn;
use provider_traits::functions::{FunctionOutcome, FunctionSpec, Functions};
use provider_traits::realtime::{Earlier, FunctionTool, ModelHearing, RealtimeConfig, RealtimeInput};
use provider_traits::schema::Schema;

use super::*;
use crate::stand_ins::model::{ModelAnswer, ModelFault, ModelPhase, ModelSeen, ScriptedModel};

pub(super) const GREETING: &str = "Hello, this is Aurora.";
/// What a test allows beyond a limit: the harness looks once in 20 ms.
pub(super) const SLACK_MS: u64 = 60;

pub(super) fn answers(asked: &str) -> ModelAnswer {
    let (words, function) = match asked {
        _ if asked.contains(GREETING) => (GREETING.to_owned(), None),
        _ if asked.contains("goodbye") => ("Goodbye.".to_owned(), Some(("end_call", "{}"))),
        _ if asked.contains("maria") => (String::new(), Some(("save_name", r#"{"name":"Maria"}"#))),
        _ => (format!("You said {asked}, and I have quite a long answer to that."), None),
    };
    ModelAnswer { words, function }
}

struct TestFunctions {
    specs: Vec<FunctionSpec>,
    /// How long each takes.
    takes: Duration,
}

impl TestFunctions {
    fn new(takes: Duration) -> Self {
        let spec = |name: &str| FunctionSpec {
            tool: FunctionTool {
                name: name.to_owned(),
                description: String::new(),
                parameters: Schema::from(&serde_json::json!({ "type": "object" })),
            },
            limit: Duration::from_secs(5),
            waiting_line: "I am writing that down.",
        };
        Self { specs: vec![spec("end_call"), spec("save_name")], takes }
    }
}

#[async_trait]
impl Functions for TestFunctions {
    fn specs(&self) -> &[FunctionSpec] {
        &self.specs
    }

    async fn call(&self, name: &str, _arguments: &serde_json::Value) -> FunctionOutcome {
        tokio::time::sleep(self.takes).await;
        let then = (name == "end_call").then_some(NextStep::HangUp);
        FunctionOutcome { output: "saved".to_owned(), log: Vec::new(), then }
    }
}

pub(super) fn bridged(faults: &[(Range<usize>, ModelPhase, ModelFault)]) -> (Setup, Arc<Mutex<ModelSeen>>) {
    let mut model = ScriptedModel::new(&PHRASES, answers);
    model.faults = faults.to_vec();
    of_model(model, Duration::from_millis(10))
}

pub(super) fn of_model(model: ScriptedModel, functions_take: Duration) -> (Setup, Arc<Mutex<ModelSeen>>) {
    let seen = model.seen();
    let config = RealtimeConfig {
        instructions: String::new(),
        voice: String::new(),
        language: "en-US".to_owned(),
        tools: Vec::new(),
        hearing: ModelHearing { threshold: 0.5, prefix_ms: 300, silence_ms: 500, interrupts_itself: false },
        max_output_tokens: 1_024,
    };
    let realtime = RealtimeParts {
        provider: Arc::new(model),
        warm: None,
        config,
        functions: Arc::new(TestFunctions::new(functions_take)),
        greeting: GREETING.to_owned(),
    };
    (Setup { pace: Pace::RealTime, realtime: Some(realtime), ..Setup::default() }, seen)
}

impl Call {
    /// Listens until something of the agent sounds; how long that took.
    pub(super) async fn until_sound(&mut self) -> u64 {
        let began_ms = self.at_ms;
        for _ in 0..1_000 {
            self.quiet(20).await;
            if self.playback.sounding {
                return self.at_ms - began_ms;
            }
        }
        panic!("nothing was heard for 20 s: {:#?}", self.events());
    }

    /// Whether the pipeline has just taken over from a model that did not hear the caller's words.
    pub(super) fn is_asked_again(&mut self) -> bool {
        use provider_traits::brain::GoOn::WordsLost;
        self.asked.lock().expect("not poisoned").last() == Some(&Prompt::GoOn(WordsLost))
    }
}

pub(super) fn inputs(seen: &Arc<Mutex<ModelSeen>>) -> Vec<RealtimeInput> {
    seen.lock().expect("not poisoned").inputs.iter().map(|(_, input)| input.clone()).collect()
}

pub(super) fn changed_engine(ended: &Ended) -> bool {
    ended.kinds.iter().any(|kind| matches!(kind, EventKind::EngineChanged { .. }))
}

pub(super) fn no_session_is_open(seen: &Arc<Mutex<ModelSeen>>) -> bool {
    seen.lock().expect("not poisoned").open == 0
}

#[tokio::test(start_paused = true)]
async fn a_model_greets_answers_and_ends_the_call_by_its_function() {
    let (setup, seen) = bridged(&[]);
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    call.listen().await;
    call.quiet(400).await;
    call.say(5).await;
    call.quiet(3_000).await;
    assert!(call.is_over);
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::AgentSaidGoodbye);
    assert_eq!(ended.caller_turns(), [PHRASES[0], PHRASES[5]]);
    let heard: Vec<&str> = ended.agent_turns().iter().map(|turn| turn.0).collect();
    assert_eq!(
        heard,
        [
            GREETING,
            "You said how is my website coming along, and I have quite a long answer to that.",
            "Goodbye."
        ]
    );
    let outputs =
        inputs(&seen).iter().filter(|input| matches!(input, RealtimeInput::FunctionOutput { .. })).count();
    assert_eq!(outputs, 1, "each call gets exactly one result");
    assert!(!changed_engine(&ended));
    assert!(ended.kinds.iter().any(|kind| matches!(kind, EventKind::ModelUsage { .. })));
    let is_intent = |kind: &&EventKind| matches!(kind, EventKind::Intent { .. });
    assert_eq!(ended.kinds.iter().filter(is_intent).count(), 2, "each turn has one");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(no_session_is_open(&seen));
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_did_not_hear_the_model_forgets() {
    let (setup, seen) = bridged(&[]);
    let mut call = setup.call().await;
    call.listen().await;
    let mut truncated = 0;
    for reply in 0..5 {
        call.say(0).await;
        call.listen_ms(700).await;
        let before_ms = call.playback.heard_ms - 700;
        call.say_words(2, 4).await;
        let clears = call.playback.clears;
        assert_eq!(clears, reply + 1, "the agent is silent");
        let heard_ms = call.playback.heard_ms - before_ms;
        let told: Vec<u32> = inputs(&seen)
            .iter()
            .filter_map(|input| match input {
                RealtimeInput::Truncate { audio_end_ms, .. } => Some(*audio_end_ms),
                _ => None,
            })
            .collect();
        truncated += 1;
        assert_eq!(told.len(), truncated, "once for each interruption");
        let told_ms = u64::from(*told.last().expect("truncated"));
        assert!(told_ms.abs_diff(heard_ms) <= 60, "told {told_ms} ms, heard {heard_ms} ms");
        call.quiet(600).await;
        call.listen().await;
    }
    let ended = call.hang_up().await;
    assert!(!changed_engine(&ended));
    assert_eq!(ended.agent_turns().iter().filter(|turn| turn.1).count(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_last_words_are_answered_by_the_engine_that_takes_over() {
    fn only_greets(asked: &str) -> ModelAnswer {
        // Empty answers are failures.
        if asked.contains(GREETING) {
            answers(asked)
        } else {
            ModelAnswer { words: String::new(), function: None }
        }
    }
    let (setup, seen) = of_model(ScriptedModel::new(&PHRASES, only_greets), Duration::from_millis(10));
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(changed_engine(&ended));
    let owed = ended.asked.first().expect("the mind was asked");
    assert!(matches!(owed, Prompt::GoOn(GoOn::AnswerOwed { text, .. }) if text == PHRASES[0]), "{owed:?}");
    drop(seen);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_talks_without_end_is_silenced() {
    let (setup, seen) = bridged(&[(0..99, ModelPhase::ReplyOwed, ModelFault::Floods)]);
    let mut call = setup.call().await;
    call.until_sound().await;
    for _ in 0..500 {
        call.quiet(20).await;
        if call.events().iter().any(|kind| matches!(kind, EventKind::EngineChanged { .. })) {
            break;
        }
    }
    call.say(0).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(changed_engine(&ended));
    assert_eq!(ended.caller_turns(), [PHRASES[0]]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(no_session_is_open(&seen));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_its_time_is_covered_by_its_waiting_line() {
    let (setup, seen) = of_model(ScriptedModel::new(&PHRASES, answers), Duration::from_secs(3));
    let mut call = setup.call().await;
    call.listen().await;
    call.say(3).await;
    call.quiet(500).await;
    let waited_ms = call.until_sound().await;
    assert!(waited_ms <= 1_600, "{waited_ms} ms");
    call.quiet(4_000).await;
    let ended = call.hang_up().await;
    let said =
        |kind: &EventKind| matches!(kind, EventKind::AgentSaying { text, .. } if text.contains("writing"));
    assert!(ended.kinds.iter().any(said));
    let outputs =
        inputs(&seen).iter().filter(|input| matches!(input, RealtimeInput::FunctionOutput { .. })).count();
    assert_eq!(outputs, 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_changed_at_a_quiet_moment_before_it_runs_out() {
    let mut model = ScriptedModel::new(&PHRASES, answers);
    model.lasts = Duration::from_secs(190);
    let (setup, seen) = of_model(model, Duration::from_millis(10));
    let plan = CallPlan { max_call_minutes: 30, ..plan() };
    let mut call = Setup { plan, ..setup }.call().await;
    call.listen().await;
    for _ in 0..4 {
        call.say(0).await;
        call.listen().await;
    }
    let ended = call.hang_up().await;
    assert!(ended.has_notice("engine_rolled_over"));
    assert!(!ended.has_notice("engine_lost"));
    assert!(seen.lock().expect("not poisoned").opened >= 2);
    let told = inputs(&seen);
    assert!(told.contains(&RealtimeInput::Earlier(Earlier::Caller(PHRASES[0].to_owned()))));
}

#[tokio::test(start_paused = true)]
async fn with_our_own_detection_noise_interrupts_nobody_and_speech_does() {
    let (mut setup, _seen) = bridged(&[]);
    setup.plan.agent.turn_taking.semantic_interruption = true;
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(600).await;
    call.noise(160).await;
    call.listen_ms(800).await;
    assert_eq!(call.playback.clears, 0, "a short noise is nothing");
    call.say(2).await;
    assert_eq!(call.playback.clears, 1);
    call.quiet(400).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(ended.kinds.iter().any(|kind| matches!(kind, EventKind::TurnRejected { .. })));
    assert_eq!(ended.caller_turns(), [PHRASES[0], PHRASES[2]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_handed_over_at_a_quiet_moment_without_a_last_entry() {
    let (setup, seen) = bridged(&[]);
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(200).await;
    call.hand_over.cancel();
    call.quiet(400).await;
    assert!(!call.is_over, "the agent speaks");
    call.quiet(7_000).await;
    assert!(call.is_over);
    let outcome = (&mut call.session).await.expect("no panic");
    assert_eq!(outcome.handed_over, Some(ContinueCause::HandedOver));
    assert_eq!(outcome.state.history.lines.len(), 3, "{:?}", outcome.state.history);
    assert!(!call.events().iter().any(|kind| matches!(kind, EventKind::Ended { .. })));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(no_session_is_open(&seen));
}
