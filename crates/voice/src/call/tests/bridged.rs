//! Calls that a model carries, and what becomes of them when it fails: at real pace with paused time.

use std::ops::Range;

use async_trait::async_trait;
use domain::call_log::ContinueCause;
use domain::history::{History, Said, Side, Unanswered};
use domain::ids::TurnId;
use provider_traits::brain::GoOn;
use provider_traits::functions::{FunctionOutcome, FunctionSpec, Functions};
use provider_traits::realtime::{Earlier, FunctionTool, ModelHearing, RealtimeConfig, RealtimeInput};

use super::*;
use crate::stand_ins::model::{ModelAnswer, ModelFault, ModelPhase, ModelSeen, ScriptedModel};

const GREETING: &str = "Hello, this is Aurora.";
/// What a test allows beyond a limit: the harness looks once in 20 ms.
const SLACK_MS: u64 = 60;

fn answers(asked: &str) -> ModelAnswer {
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
                parameters: serde_json::json!({ "type": "object" }),
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

fn bridged(faults: &[(Range<usize>, ModelPhase, ModelFault)]) -> (Setup, Arc<Mutex<ModelSeen>>) {
    let mut model = ScriptedModel::new(&PHRASES, answers);
    model.faults = faults.to_vec();
    of_model(model, Duration::from_millis(10))
}

fn of_model(model: ScriptedModel, functions_take: Duration) -> (Setup, Arc<Mutex<ModelSeen>>) {
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
    async fn until_sound(&mut self) -> u64 {
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
    fn is_asked_again(&mut self) -> bool {
        use provider_traits::brain::GoOn::WordsLost;
        self.asked.lock().expect("not poisoned").last() == Some(&Prompt::GoOn(WordsLost))
    }
}

fn inputs(seen: &Arc<Mutex<ModelSeen>>) -> Vec<RealtimeInput> {
    seen.lock().expect("not poisoned").inputs.iter().map(|(_, input)| input.clone()).collect()
}

fn changed_engine(ended: &Ended) -> bool {
    ended.kinds.iter().any(|kind| matches!(kind, EventKind::EngineChanged { .. }))
}

fn no_session_is_open(seen: &Arc<Mutex<ModelSeen>>) -> bool {
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
async fn a_model_that_can_not_be_had_costs_less_than_a_second() {
    for (fault, phase) in [
        (ModelFault::Refuses, ModelPhase::Opening),
        (ModelFault::Closes, ModelPhase::Opening),
        (ModelFault::Silent, ModelPhase::Opening),
        (ModelFault::Slow(5_000), ModelPhase::Opening),
    ] {
        let (setup, seen) = bridged(&[(0..99, phase, fault)]);
        let mut call = setup.call().await;
        let waited_ms = call.until_sound().await;
        assert!(waited_ms <= 1_000 + SLACK_MS, "{fault:?}: {waited_ms} ms");
        call.listen().await;
        call.say(0).await;
        call.listen().await;
        let ended = call.hang_up().await;
        assert!(changed_engine(&ended), "{fault:?}");
        // While there is hope our own voice greets; without it the pipeline does. Never both.
        let is_hopeless = matches!(fault, ModelFault::Refuses | ModelFault::Closes);
        assert_eq!(ended.asked[0] == Prompt::PickedUp, is_hopeless, "{fault:?}: {:?}", ended.asked);
        let greetings = ended.agent_turns().iter().filter(|turn| turn.0 == GREETING).count();
        assert_eq!(greetings, 1, "{fault:?}: {:?}", ended.agent_turns());
        assert_eq!(ended.caller_turns(), [PHRASES[0]]);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(no_session_is_open(&seen), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_late_finds_the_caller_greeted_and_carries_the_call() {
    for late_ms in [1_000, 1_500, 1_900] {
        let (setup, seen) = bridged(&[(0..99, ModelPhase::Opening, ModelFault::Slow(late_ms))]);
        let mut call = setup.call().await;
        let waited_ms = call.until_sound().await;
        assert!(waited_ms <= 1_000, "{late_ms}: {waited_ms} ms");
        call.listen().await;
        call.quiet(400).await;
        call.say(0).await;
        call.listen().await;
        let ended = call.hang_up().await;
        assert!(!changed_engine(&ended), "{late_ms}");
        assert!(ended.has_notice("engine_slow"), "{late_ms}");
        assert_eq!(ended.caller_turns(), [PHRASES[0]], "{late_ms}");
        assert_eq!(ended.agent_turns()[0], (GREETING, false), "{late_ms}");
        let told = inputs(&seen);
        assert!(told.contains(&RealtimeInput::Earlier(Earlier::Agent(GREETING.to_owned()))), "{told:?}");
        let asked = told.iter().filter(|input| matches!(input, RealtimeInput::Respond { .. })).count();
        assert_eq!(asked, 1, "{late_ms}: the answer alone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_breaks_in_its_first_answer_is_replaced_and_the_greeting_is_heard() {
    for phase in [ModelPhase::ReplyOwed, ModelPhase::Speaking] {
        let (setup, seen) = bridged(&[(0..1, phase, ModelFault::Closes)]);
        let mut call = setup.call().await;
        let waited_ms = call.until_sound().await;
        assert!(waited_ms <= 1_200 + SLACK_MS, "{phase:?}: {waited_ms} ms");
        call.listen().await;
        call.say(0).await;
        call.listen().await;
        let ended = call.hang_up().await;
        assert!(ended.has_notice("engine_lost") && ended.has_notice("engine_reconnected"), "{phase:?}");
        assert!(!changed_engine(&ended), "{phase:?}");
        assert_eq!(ended.caller_turns(), [PHRASES[0]], "{phase:?}");
        assert_eq!(seen.lock().expect("not poisoned").opened, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_breaks_while_the_caller_speaks_asks_for_the_words_again() {
    let (setup, seen) = bridged(&[(0..1, ModelPhase::CallerSpeaking, ModelFault::Closes)]);
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    call.quiet(1_000).await;
    call.say(0).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(ended.has_notice("engine_reconnected"));
    let history = inputs(&seen);
    assert!(history.contains(&RealtimeInput::Earlier(Earlier::Agent(GREETING.to_owned()))), "{history:?}");
}

/// The longest that the caller hears nothing from now on, until the agent has spoken for `ms`.
async fn longest_silence(call: &mut Call, ms: u64) -> u64 {
    let until_ms = call.playback.heard_ms + ms;
    let (mut silent_ms, mut longest_ms) = (0, 0);
    for _ in 0..1_500 {
        call.quiet(20).await;
        silent_ms = if call.playback.sounding { 0 } else { silent_ms + 20 };
        longest_ms = longest_ms.max(silent_ms);
        if call.playback.heard_ms >= until_ms {
            return longest_ms;
        }
    }
    panic!("the agent spoke for less than {ms} ms in 30 s: {:#?}", call.events());
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_in_whatever_phase_the_caller_hears_speech_in_time_and_is_answered() {
    const END_OF_TURN_MS: u64 = 500;
    // Fault and the limit of the targets; in the phases in which nothing is owed, only the caller's voice shows that
    // something is missing: half a second of it, the answer that does not come, a new session, the question.
    let limits = [
        (ModelPhase::Listening, ModelFault::Closes, END_OF_TURN_MS + 700),
        (ModelPhase::Listening, ModelFault::Silent, END_OF_TURN_MS + 1_200),
        (ModelPhase::Listening, ModelFault::Slow(9_000), END_OF_TURN_MS + 1_200),
        (ModelPhase::Listening, ModelFault::Floods, END_OF_TURN_MS + 1_200),
        (ModelPhase::CallerSpeaking, ModelFault::Closes, END_OF_TURN_MS + 700),
        (ModelPhase::CallerSpeaking, ModelFault::Silent, END_OF_TURN_MS + 1_200),
        (ModelPhase::CallerSpeaking, ModelFault::Slow(9_000), END_OF_TURN_MS + 1_200),
        (ModelPhase::CallerSpeaking, ModelFault::Floods, END_OF_TURN_MS + 1_200),
        (ModelPhase::ReplyOwed, ModelFault::Closes, END_OF_TURN_MS + 700),
        (ModelPhase::ReplyOwed, ModelFault::Silent, END_OF_TURN_MS + 1_200),
        (ModelPhase::ReplyOwed, ModelFault::Slow(9_000), END_OF_TURN_MS + 1_200),
        (ModelPhase::ReplyOwed, ModelFault::Floods, END_OF_TURN_MS + 1_200),
        (ModelPhase::Speaking, ModelFault::Closes, END_OF_TURN_MS + 700),
        (ModelPhase::Speaking, ModelFault::Silent, END_OF_TURN_MS + 1_200),
        (ModelPhase::Speaking, ModelFault::Slow(9_000), END_OF_TURN_MS + 1_200),
        (ModelPhase::Speaking, ModelFault::Floods, END_OF_TURN_MS + 1_200),
    ];
    for (phase, fault, limit_ms) in limits {
        for sessions in [0..1, 0..99] {
            let mut model = ScriptedModel::new(&PHRASES, answers);
            model.faults = vec![(sessions.clone(), phase, fault)];
            model.from_answer = 1;
            let (setup, seen) = of_model(model, Duration::from_millis(10));
            let mut call = setup.call().await;
            call.listen().await;
            call.say(0).await;
            let silent_ms = longest_silence(&mut call, 1_000).await;
            let case = format!("{phase:?} {fault:?} {sessions:?}");
            let log = format!("{:#?}", call.events());
            assert!(silent_ms <= limit_ms + SLACK_MS, "{case}: {silent_ms} ms of silence: {log}");
            // Whoever carries it now: the conversation goes on.
            call.quiet(12_000).await;
            call.say(3).await;
            call.listen().await;
            if call.is_asked_again() {
                // Said to the next session that stopped listening.
                call.say(3).await;
                call.listen().await;
            }
            let ended = call.hang_up().await;
            assert!(ended.caller_turns().contains(&PHRASES[3]), "{case}: {:#?}", ended.kinds);
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert!(no_session_is_open(&seen), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_takes_anothers_place_and_is_slow_is_filled_in_for() {
    // Up to our own words, no further: what was played before the session broke, and something of them.
    for (phase, heard_ms) in [(ModelPhase::ReplyOwed, 300), (ModelPhase::Speaking, 400 + 300)] {
        let (setup, _seen) =
            bridged(&[(0..1, phase, ModelFault::Closes), (1..2, ModelPhase::ReplyOwed, ModelFault::Slow(2_000))]);
        let mut call = setup.call().await;
        let silent_ms = longest_silence(&mut call, heard_ms).await;
        let log = format!("{:#?}", call.events());
        assert!(silent_ms <= 700 + SLACK_MS, "{phase:?}: {silent_ms} ms: {log}");
        call.hang_up().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_goes_deaf_without_a_word_is_noticed_by_the_callers_voice() {
    // From one short word to a long sentence; half a second of silence is the end of a turn.
    for phase in [ModelPhase::Listening, ModelPhase::CallerSpeaking] {
        for sessions in [0..1, 0..99] {
            for words in 1..=6 {
                let (setup, seen) = bridged(&[(sessions.clone(), phase, ModelFault::Silent)]);
                let mut call = setup.call().await;
                call.listen().await;
                call.say_words(0, words).await;
                let waited_ms = call.until_sound().await;
                let case = format!("{phase:?} {sessions:?} {words}");
                let log = format!("{:#?}", call.events());
                assert!(
                    waited_ms <= 500 + 1_200,
                    "{case}: {waited_ms} ms after the caller's last word: {log}"
                );
                call.listen().await;
                let ended = call.hang_up().await;
                assert!(ended.has_notice("engine_lost"), "{case}");
                tokio::time::sleep(Duration::from_secs(10)).await;
                assert!(no_session_is_open(&seen), "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_ignores_noise_shows_that_it_is_there_and_stays() {
    let mut model = ScriptedModel::new(&PHRASES, answers);
    model.is_hard_of_hearing = true;
    let (setup, seen) = of_model(model, Duration::from_millis(10));
    let mut call = setup.call().await;
    call.listen().await;
    call.noise(3_000).await;
    let ended = call.hang_up().await;
    assert!(!ended.has_notice("engine_lost"));
    assert!(inputs(&seen).contains(&RealtimeInput::Probe), "it was asked");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_lost_again_and_again_hands_the_conversation_to_the_pipeline() {
    let mut model = ScriptedModel::new(&PHRASES, answers);
    model.faults = vec![(0..99, ModelPhase::CallerSpeaking, ModelFault::Closes)];
    let (setup, seen) = of_model(model, Duration::from_millis(10));
    let mut call = setup.call().await;
    call.listen().await;
    for _ in 0..3 {
        call.say(0).await;
        call.quiet(1_500).await;
    }
    call.say(3).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(changed_engine(&ended));
    assert!(ended.caller_turns().contains(&PHRASES[3]));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(no_session_is_open(&seen));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_owes_an_answer_is_filled_in_for_and_then_given_up() {
    let (mut setup, seen) = bridged(&[(0..99, ModelPhase::ReplyOwed, ModelFault::Silent)]);
    // A call that goes on: nothing is greeted, the first answer is owed.
    let said = |by, text: &str| Said { by, text: text.to_owned() };
    let history = History {
        lines: vec![said(Side::Agent, GREETING), said(Side::Caller, PHRASES[0])],
        unanswered: Some(Unanswered { turn: TurnId(uuid::Uuid::nil()), text: PHRASES[0].to_owned() }),
        ..History::default()
    };
    setup.start =
        Start { at_ms: 60_000, next_seq: 0, history, mind: None, continued: Some(ContinueCause::HandedOver) };
    let mut call = setup.call().await;
    let waited_ms = call.until_sound().await;
    assert!(waited_ms <= 1_200 + SLACK_MS, "a few words of our own after {waited_ms} ms");
    for _ in 0..400 {
        call.quiet(20).await;
        if call.events().iter().any(|kind| matches!(kind, EventKind::EngineChanged { .. })) {
            break;
        }
    }
    let waited_ms = call.until_sound().await;
    assert!(waited_ms <= 1_500, "the pipeline answers after {waited_ms} ms");
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(ended.has_notice("engine_slow"));
    assert!(matches!(ended.asked[0], Prompt::GoOn(_)), "{:?}", ended.asked);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(no_session_is_open(&seen));
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
    assert!(outcome.handed_over);
    assert_eq!(outcome.state.history.lines.len(), 3, "{:?}", outcome.state.history);
    assert!(!call.events().iter().any(|kind| matches!(kind, EventKind::Ended { .. })));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(no_session_is_open(&seen));
}
