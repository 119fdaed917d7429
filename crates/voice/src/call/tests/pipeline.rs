//! Calls that the pipeline carries: turns, interruptions, silences, the recording.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_caller_is_greeted_and_answered_and_the_call_ends_with_goodbye() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen().await;
    call.say(5).await;
    call.quiet(3_000).await;
    assert!(call.is_over, "the agent hung up");
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::AgentSaidGoodbye);
    assert_eq!(ended.caller_turns(), [PHRASES[0], PHRASES[5]]);
    let answer = "You said how is my website coming along, and I have a long answer to that.";
    assert_eq!(
        ended.agent_turns(),
        [("Hello, this is Aurora.", false), (answer, false), ("Goodbye.", false)]
    );
    assert_eq!(ended.outcome.state.mind.as_ref().expect("a snapshot")["asked"], 3);
    let latency = ended.kinds.iter().find_map(|kind| match kind {
        EventKind::Latency { parts, .. } => Some(*parts),
        _ => None,
    });
    // A clear question: 300 ms of silence, less what the detector hangs on, rounded up to frames.
    let latency = latency.expect("the answer's latency");
    assert!((280..=420).contains(&latency.endpointing_ms), "{latency:?}");
    assert_eq!(latency.total_ms, latency.endpointing_ms, "work takes no time in lockstep: {latency:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_stops_the_agent_and_the_mind_learns_what_was_heard() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(1_500).await;
    let before_ms = call.playback.heard_ms;
    call.say(2).await;
    let spoken_over_ms = call.playback.heard_ms - before_ms;
    assert!((280..=400).contains(&spoken_over_ms), "stopped 300 ms after speech began: {spoken_over_ms}");
    call.listen().await;
    let ended = call.hang_up().await;
    assert_eq!(ended.caller_turns(), [PHRASES[0], PHRASES[2]]);
    let (heard, interrupted) = ended.agent_turns()[1];
    assert!(interrupted);
    assert!(heard.starts_with("You said how is my website"), "{heard:?}");
    assert!(!heard.ends_with("that."), "{heard:?}");
    let told = ended.asked.iter().find_map(|prompt| match prompt {
        Prompt::CallerSaid { text, agent_was_heard, .. } if text == PHRASES[2] => agent_was_heard.clone(),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some(heard));
    assert!(ended.clears >= 1);
    assert_eq!(ended.resumed(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_back_channel_does_not_stop_the_agent() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(1_000).await;
    call.say(1).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert_eq!(ended.caller_turns(), [PHRASES[0]]);
    assert!(!ended.rejected().is_empty());
    let (heard, interrupted) = ended.agent_turns()[1];
    assert!(!interrupted && heard.ends_with("answer to that."), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn noise_over_the_agent_makes_it_pause_and_go_on_where_it_stopped() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(1_000).await;
    call.noise(600).await;
    call.listen().await;
    let heard_ms = call.playback.heard_ms;
    let ended = call.hang_up().await;
    assert_eq!(ended.caller_turns(), [PHRASES[0]]);
    assert_eq!(ended.resumed(), 1);
    let (heard, interrupted) = ended.agent_turns()[1];
    assert!(!interrupted && heard.ends_with("answer to that."), "{heard:?}");
    let characters = "Hello, this is Aurora.".len() + heard.len();
    let said_ms = characters as u64 * 60;
    assert!(
        (said_ms..said_ms + 700).contains(&heard_ms),
        "at most a word is repeated: {heard_ms} of {said_ms}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_steady_noise_does_not_keep_the_agent_silent() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(1_000).await;
    let heard_ms = call.playback.heard_ms;
    call.noise(6_000).await;
    assert!(call.playback.heard_ms > heard_ms + 2_000, "it goes on over the noise");
    let ended = call.hang_up().await;
    assert_eq!(ended.resumed(), 1);
}

#[tokio::test(start_paused = true)]
async fn uninterruptible_words_are_spoken_to_the_end_and_the_caller_is_still_heard() {
    let notice = "This call may be recorded for quality.";
    let answers = move |prompt: &Prompt| match prompt {
        Prompt::GoOn(_) => vec![say("Sorry, we were cut off.")],
        Prompt::PickedUp => vec![Step::Think(Thought::Say {
            text: notice.into(),
            purpose: Purpose::Greeting,
            interruptible: false,
        })],
        other => polite(other),
    };
    let mut call = Setup { answers: Box::new(answers), ..Setup::default() }.call().await;
    call.listen_ms(200).await;
    call.say_words(3, 5).await;
    call.listen().await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert_eq!(ended.agent_turns()[0], (notice, false));
    assert_eq!(ended.caller_turns(), [PHRASES[3]]);
    assert!(ended.agent_turns()[1].0.starts_with("You said my name is"));
}

#[tokio::test(start_paused = true)]
async fn silence_is_prompted_twice_and_ends_with_goodbye() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.quiet(40_000).await;
    assert!(call.is_over);
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::Silence);
    let stages: Vec<&Prompt> = ended.asked[1..].iter().collect();
    assert_eq!(
        stages,
        [&Prompt::Silence { stage: 1 }, &Prompt::Silence { stage: 2 }, &Prompt::Silence { stage: 3 }]
    );
    assert_eq!(ended.agent_turns().last(), Some(&("Goodbye then.", false)), "heard to its end");
}

#[tokio::test(start_paused = true)]
async fn keys_are_collected_until_a_pause_or_a_hash() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    for digit in ['4', '2'] {
        call.send(PhoneIn::Dtmf { digit }).await;
        call.quiet(400).await;
    }
    call.listen().await;
    for digit in ['7', '#'] {
        call.send(PhoneIn::Dtmf { digit }).await;
    }
    call.listen().await;
    let ended = call.hang_up().await;
    let dialled: Vec<&Prompt> = ended.asked[1..].iter().collect();
    assert_eq!(
        dialled,
        [&Prompt::CallerDialled { digits: "42".into() }, &Prompt::CallerDialled { digits: "7".into() }]
    );
}

#[tokio::test(start_paused = true)]
async fn words_in_the_air_when_the_caller_hangs_up_are_kept() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say_words(3, 3).await;
    let ended = call.hang_up().await;
    assert_eq!(ended.outcome.reason, EndReason::CallerHungUp);
    assert_eq!(ended.caller_turns(), ["my name is"]);
}

#[tokio::test(start_paused = true)]
async fn the_agents_turn_in_the_air_when_the_caller_hangs_up_is_kept() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(1_500).await;
    let ended = call.hang_up().await;
    let (heard, interrupted) = ended.agent_turns()[1];
    assert!(interrupted && heard.starts_with("You said how is my"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_call_in_lockstep_gives_the_same_log() {
    let run_once = || async {
        let mut call = Setup::default().call().await;
        call.listen().await;
        call.say(4).await;
        call.quiet(600).await;
        call.say(0).await;
        call.listen_ms(800).await;
        call.noise(400).await;
        call.listen().await;
        let ended = call.hang_up().await;
        let shape = |kind: &EventKind| format!("{kind:?}").split("turn_").next().map(str::to_owned);
        ended.kinds.iter().map(shape).collect::<Vec<_>>()
    };
    assert_eq!(run_once().await, run_once().await);
}
