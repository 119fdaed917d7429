//! Calls that the pipeline carries, and what becomes of them when a part of it, the line or the server fails.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_recording_has_both_voices_where_they_sounded_and_no_gaps() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(400).await;
    let ended = call.hang_up().await;
    let mut next_ms = 0;
    for block in &ended.blocks {
        assert_eq!(block.start_ms, next_ms);
        assert_eq!(block.caller.len(), block.agent.len());
        next_ms += block.caller.len() as u64 / 8;
    }
    let agent: Vec<i16> = ended.blocks.iter().flat_map(|block| block.agent.clone()).collect();
    let caller: Vec<i16> = ended.blocks.iter().flat_map(|block| block.caller.clone()).collect();
    assert!(agent[200..400].iter().any(|&sample| sample != 0), "the greeting begins at once");
    let first = caller.iter().position(|&sample| sample != 0).expect("the caller is recorded");
    assert!(agent[first..first + 8_000].iter().all(|&sample| sample == 0), "the agent listens");
}

#[tokio::test(start_paused = true)]
async fn malformed_repeated_missing_and_oversized_messages_are_survived() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.send(PhoneIn::Malformed { reason: "not JSON" }).await;
    call.send(PhoneIn::Mark { name: "whose?".into() }).await;
    call.send(PhoneIn::Mark { name: "g999999999999:1".into() }).await;
    call.say_words(0, 3).await;
    call.at_ms += 60;
    call.say_words(0, 3).await;
    call.at_ms -= 200;
    for _ in 0..11 {
        call.quiet(20).await;
    }
    let payload = Bytes::from(vec![0xFF; 100_000]);
    call.sequence += 1;
    let (sequence, timestamp_ms) = (call.sequence, call.at_ms);
    call.send(PhoneIn::Media { sequence, timestamp_ms, payload }).await;
    call.take_until_processed(sequence).await;
    call.at_ms += 1_000;
    call.listen().await;
    let ended = call.hang_up().await;
    assert_eq!(ended.caller_turns(), [PHRASES[0]]);
    for code in ["malformed_message", "media_gap", "media_repeated"] {
        assert!(ended.has_notice(code), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transcriber_that_breaks_in_mid_utterance_is_replaced_and_nothing_is_lost() {
    for fault in
        [SttFault::BreaksAfterMs(900), SttFault::Mute, SttFault::Refuses, SttFault::Missing, SttFault::Stuck]
    {
        let mut call = Setup { stt: vec![fault, SttFault::None], ..Setup::default() }.call().await;
        call.listen().await;
        call.say(0).await;
        call.listen().await;
        let ended = call.hang_up().await;
        assert_eq!(ended.caller_turns(), [PHRASES[0]], "{fault:?}");
        assert_eq!(ended.has_notice("stt_failed_over"), fault != SttFault::Missing, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_transcriber_the_carriers_voice_takes_over() {
    let mut call =
        Setup { stt: vec![SttFault::Refuses], pace: Pace::RealTime, ..Setup::default() }.call().await;
    call.quiet(8_000).await;
    assert!(call.is_over);
    let ended = call.end().await;
    assert!(ended.outcome.left_to_spoken_tail);
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_is_replaced() {
    for fault in [TtsFault::Refuses, TtsFault::Mute, TtsFault::BreaksAfterMs(500)] {
        let mut call = Setup { tts: vec![fault, TtsFault::None], ..Setup::default() }.call().await;
        call.listen().await;
        let ended = call.hang_up().await;
        assert_eq!(ended.agent_turns()[0], ("Hello, this is Aurora.", false), "{fault:?}");
        // Beside one that is only late another is asked, before its time is up: nobody failed.
        assert_eq!(ended.has_notice("tts_failed_over"), fault != TtsFault::Mute, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_voice_the_carriers_takes_over() {
    for fault in [TtsFault::Refuses, TtsFault::Mute, TtsFault::Panics] {
        let call = Setup { tts: vec![fault], ..Setup::default() }.call().await;
        let ended = call.end().await;
        assert!(ended.outcome.left_to_spoken_tail, "{fault:?}");
        assert!(ended.has_notice("no_voice"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_filler_is_spoken_when_no_answer_is_there_in_time() {
    let answers = |prompt: &Prompt| match prompt {
        Prompt::CallerSaid { .. } => vec![Step::Wait(Duration::from_millis(3_000)), say("Here it is.")],
        other => polite(other),
    };
    let setup = Setup { pace: Pace::RealTime, answers: Box::new(answers), ..Setup::default() };
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    let asked_at_ms = call.at_ms;
    while !call.playback.sounding {
        call.quiet(20).await;
    }
    let waited_ms = call.at_ms - asked_at_ms;
    assert!((1_100..=1_300).contains(&waited_ms), "{waited_ms}");
    call.listen().await;
    call.quiet(3_000).await;
    let ended = call.hang_up().await;
    let (heard, _) = ended.agent_turns()[1];
    let filler = phrases::FILLERS_FOR_QUESTIONS.iter().find(|filler| heard.starts_with(**filler));
    assert!(filler.is_some() && heard.ends_with("Here it is."), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mind_that_does_not_answer_is_apologised_for_and_the_call_goes_on() {
    let mut first = true;
    let answers = move |prompt: &Prompt| match prompt {
        Prompt::CallerSaid { .. } if std::mem::take(&mut first) => {
            vec![Step::Wait(Duration::from_secs(3_600))]
        }
        other => polite(other),
    };
    let setup = Setup { pace: Pace::RealTime, answers: Box::new(answers), ..Setup::default() };
    let mut call = setup.call().await;
    call.listen().await;
    call.say(0).await;
    call.quiet(14_000).await;
    call.say(2).await;
    call.listen().await;
    let ended = call.hang_up().await;
    assert!(ended.has_notice("brain_timeout"));
    assert!(ended.agent_turns()[1].0.ends_with(phrases::NO_ANSWER_IN_TIME), "{:?}", ended.agent_turns());
    assert!(ended.agent_turns()[2].0.starts_with("You said stop"), "{:?}", ended.agent_turns());
}

#[tokio::test(start_paused = true)]
async fn a_mind_that_dies_ends_its_call_politely() {
    let answers = |prompt: &Prompt| match prompt {
        Prompt::CallerSaid { .. } => vec![Step::Panic],
        other => polite(other),
    };
    let mut call = Setup { answers: Box::new(answers), ..Setup::default() }.call().await;
    call.listen().await;
    call.say(0).await;
    call.quiet(12_000).await;
    assert!(call.is_over);
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::InternalError);
    assert_eq!(ended.agent_turns().last(), Some(&(phrases::DEFECT, false)));
    assert!(ended.outcome.state.mind.is_some(), "what it knew before it died");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_says_goodbye() {
    let mut call = Setup::default().call().await;
    call.listen().await;
    call.drain.cancel();
    call.quiet(10_000).await;
    assert!(call.is_over);
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::ServerStopped);
    assert_eq!(ended.agent_turns().last(), Some(&(phrases::STOPPING, false)));
}

#[tokio::test(start_paused = true)]
async fn the_longest_duration_ends_the_call_with_the_minds_goodbye() {
    let plan = CallPlan { max_call_minutes: 1, ..plan() };
    let mut call = Setup { plan, ..Setup::default() }.call().await;
    for _ in 0..9 {
        call.say(0).await;
        call.listen().await;
        call.quiet(400).await;
        if call.is_over {
            break;
        }
    }
    call.quiet(10_000).await;
    assert!(call.is_over);
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::MaxDuration);
    assert_eq!(ended.agent_turns().last(), Some(&("Time is up.", false)));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_line_lets_the_agent_finish_and_is_lost_after_a_while() {
    let mut call = Setup { pace: Pace::RealTime, ..Setup::default() }.call().await;
    call.quiet(200).await;
    let mut heard = 0;
    let began = tokio::time::Instant::now();
    while let Some(out) = call.from.recv().await {
        if let PhoneOut::Media { payload } = out {
            heard += payload.len();
        }
    }
    let lasted = began.elapsed();
    assert!(heard / 8 > 1_000, "the greeting went on by the wall clock: {} ms", heard / 8);
    assert!((Duration::from_secs(9)..Duration::from_secs(13)).contains(&lasted), "{lasted:?}");
    let ended = call.end().await;
    assert_eq!(ended.outcome.reason, EndReason::ConnectionLost);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_cut_off_goes_on_where_it_was() {
    let start = Start {
        at_ms: 60_000,
        next_seq: 17,
        history: domain::history::History::default(),
        mind: None,
        continued: Some(domain::call_log::ContinueCause::CutOff),
    };
    let mut call = Setup { pace: Pace::RealTime, start, ..Setup::default() }.call().await;
    call.listen().await;
    call.say(0).await;
    call.listen().await;
    call.events();
    let (first, at_ms) = (call.events[0].seq, call.events[0].at_ms);
    assert_eq!(first, 17);
    assert!((60_000..61_000).contains(&at_ms), "{at_ms}");
    let ended = call.hang_up().await;
    assert_eq!(ended.asked[0], Prompt::GoOn(provider_traits::brain::GoOn::CutOff));
    assert_eq!(ended.caller_turns(), [PHRASES[0]]);
    assert!(ended.blocks[0].start_ms >= 60_000, "the recording goes on there too");
}

#[tokio::test(start_paused = true)]
async fn the_pipeline_hands_over_at_a_quiet_moment() {
    let mut call = Setup { pace: Pace::RealTime, ..Setup::default() }.call().await;
    call.listen().await;
    call.say(0).await;
    call.listen_ms(200).await;
    call.hand_over.cancel();
    call.quiet(400).await;
    assert!(!call.is_over, "the agent speaks");
    call.quiet(7_000).await;
    assert!(call.is_over);
    let outcome = (&mut call.session).await.expect("no panic");
    assert!(outcome.handed_over == Some(ContinueCause::HandedOver) && outcome.state.mind.is_some());
    assert_eq!(outcome.state.history.lines.len(), 3, "{:?}", outcome.state.history);
    assert!(!call.events().iter().any(|kind| matches!(kind, EventKind::Ended { .. })));
    assert_eq!(outcome.state.next_seq as usize, call.events.len(), "the next node goes on numbering");
}
