//! Single moments: a sequence each, and what the machine does then.

use super::*;

#[test]
fn speech_over_the_agent_is_confirmed_after_the_set_time_and_stops_it_at_once() {
    let mut world = World::new();
    world.behave(400);
    assert!(!world.plays.is_empty(), "the agent speaks");
    let began_ms = world.now_ms;
    while world.silenced.is_none() && world.now_ms < began_ms + 1_000 {
        world.act(Op::Voice { frames: if world.in_speech { 1 } else { 3 } });
    }
    let waited_ms = world.now_ms - began_ms;
    assert!((300..=340).contains(&waited_ms), "{waited_ms}");
}

#[test]
fn marks_of_an_older_generation_say_nothing_of_what_was_heard() {
    let mut mouth = Mouth::new(Playout::new(LEAD_MS));
    mouth.acknowledge(7, 1_000, 0);
    assert!(!mouth.sounds(0));
    let mut world = World::new();
    world.behave(400);
    world.tell(Input::Mark { generation: 999, position_ms: 100_000 });
    world.tell(Input::Stop);
    world.leave();
    let heard = world.log.iter().find_map(|kind| match kind {
        EventKind::AgentTurn { heard, .. } => Some(heard.clone()),
        _ => None,
    });
    assert_ne!(heard.as_deref(), Some("Here is your answer."));
}

#[test]
fn an_utterance_without_a_boundary_is_taken_as_it_stands() {
    let mut world = World::new();
    world.behave(4_000);
    world.act(Op::Voice { frames: 20 });
    world.act(Op::Partial("how is my website coming along"));
    world.act(Op::Voice { frames: 3_100 });
    assert_eq!(world.owed.len(), 1);
    assert!(world.utterance.is_some(), "and what goes on is the next one");
}

#[test]
fn a_filler_without_a_sound_does_not_hold_up_the_answer() {
    let mut world = World::new();
    let ops = [
        Op::MindReturns,
        Op::Audio { frames: 1 },
        Op::Voice { frames: 9 },
        Op::Quiet { frames: 56 },
        Op::Transcript("i would like to"),
        Op::AudioEnd,
    ];
    for op in ops {
        world.act(op);
    }
    world.behave(2_000);
    let answered = |kind: &EventKind| matches!(kind, EventKind::AgentSaying { text, .. } if text == "Here is your answer.");
    assert!(world.log.iter().any(answered), "{:#?}", world.log);
}

/// The caller begins to speak just when the mind decides to end the call for silence.
#[test]
fn a_call_is_not_ended_for_silence_while_the_caller_speaks() {
    let mut world = World::new();
    let ops = [
        Op::Quiet { frames: 52 },
        Op::MindReturns,
        Op::Voice { frames: 41 },
        Op::Wait { ms: 3_740 },
        Op::AudioEnd,
        Op::Quiet { frames: 68 },
        Op::WrongTranscript(1),
        Op::Voice { frames: 17 },
        Op::Then(NextStep::HangUp),
        Op::MindReturns,
    ];
    for op in ops {
        world.act(op);
    }
    assert!(!world.machine.is_closing());
    world.behave(75_000);
    let words = world.log.iter().position(|kind| matches!(kind, EventKind::CallerTurn { .. }));
    let answer = |kind: &EventKind| matches!(kind, EventKind::AgentSaying { text, .. } if text == "Here is your answer.");
    assert!(words.is_some_and(|words| world.log[words..].iter().any(answer)), "{:#?}", world.log);
    world.leave();
}

#[test]
fn the_mind_thinks_ahead_in_a_pause_once_for_each_state_of_the_words() {
    let mut world = World::new();
    world.behave(6_000);
    world.act(Op::Voice { frames: 20 });
    world.act(Op::Partial("how is"));
    world.act(Op::Quiet { frames: 5 });
    assert!(world.foreseen.is_empty(), "not between two words");
    world.act(Op::Quiet { frames: 6 });
    assert_eq!(world.foreseen, ["how is"]);
    world.act(Op::Partial("how is my"));
    world.act(Op::Quiet { frames: 2 });
    assert_eq!(world.foreseen, ["how is", "how is my"]);
}
