//! Calls that a model carries, and what becomes of them when it fails: at real pace with paused time.

use domain::call_log::ContinueCause;
use domain::history::{History, Said, Side, Unanswered};
use domain::ids::TurnId;
use provider_traits::realtime::{Earlier, RealtimeInput};

use super::bridged::*;
use super::*;
use crate::stand_ins::model::{ModelFault, ModelPhase, ScriptedModel};

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
        let (setup, _seen) = bridged(&[
            (0..1, phase, ModelFault::Closes),
            (1..2, ModelPhase::ReplyOwed, ModelFault::Slow(2_000)),
        ]);
        let mut call = setup.call().await;
        let silent_ms = longest_silence(&mut call, heard_ms).await;
        let log = format!("{:#?}", call.events());
        assert!(silent_ms <= 700 + SLACK_MS, "{phase:?}: {silent_ms} ms: {log}");
        call.hang_up().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_gone_while_the_caller_speaks_is_noticed_by_their_voice() {
    // From one short word to a long sentence; half a second of silence is the end of a turn.
    for (phase, fault, limit_ms) in [
        (ModelPhase::Listening, ModelFault::Silent, 500 + 1_200),
        (ModelPhase::CallerSpeaking, ModelFault::Silent, 500 + 1_200),
        (ModelPhase::CallerSpeaking, ModelFault::Closes, 500 + 700),
    ] {
        for sessions in [0..1, 0..99] {
            for words in 1..=6 {
                let (setup, seen) = bridged(&[(sessions.clone(), phase, fault)]);
                let mut call = setup.call().await;
                call.listen().await;
                call.say_words(0, words).await;
                let waited_ms = call.until_sound().await;
                let case = format!("{phase:?} {fault:?} {sessions:?} {words}");
                let log = format!("{:#?}", call.events());
                assert!(waited_ms <= limit_ms, "{case}: {waited_ms} ms after the caller's last word: {log}");
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
