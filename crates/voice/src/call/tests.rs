//! Whole calls, with stand-ins for everything outside: in lockstep, and at real pace with paused time.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use domain::call_log::{EventKind, Purpose};
use failover::ChainSettings;
use failover::stt::SttChain;
use failover::tts::TtsChain;
use provider_traits::ambient::RandomIds;
use provider_traits::brain::{NextStep, Prompt, Thought};
use tokio_util::task::TaskTracker;

use super::*;
use crate::phone::{Pace, PhoneIn, PhoneOut};
use crate::pipeline::phrases;
use crate::stand_ins::{
    HummingTts, LoudIsVoice, PhraseStt, Playback, ScriptedMind, Step, SttFault, TtsFault, noise_frame,
    voiced_frame,
};

const PHRASES: [&str; 6] = [
    "how is my website coming along",
    "mm-hm",
    "stop i have another question",
    "my name is maria santos",
    "i would like to talk about the",
    "thank you goodbye",
];

fn plan() -> CallPlan {
    crate::stand_ins::plan(&RandomIds)
}

fn say(text: &str) -> Step {
    Step::Think(Thought::Say { text: text.into(), purpose: Purpose::Reply, interruptible: true })
}

/// A mind that greets, answers each thing said, asks after silences, and says goodbye when thanked.
fn polite(prompt: &Prompt) -> Vec<Step> {
    match prompt {
        Prompt::GoOn(_) => vec![say("Sorry, we were cut off.")],
        Prompt::PickedUp => vec![say("Hello, this is Aurora.")],
        Prompt::CallerSaid { text, .. } if text.contains("goodbye") => {
            vec![say("Goodbye."), Step::Think(Thought::Then(NextStep::HangUp))]
        }
        Prompt::CallerSaid { text, .. } => {
            vec![say(&format!("You said {text}, and I have a long answer to that."))]
        }
        Prompt::CallerDialled { digits } => vec![say(&format!("You dialled {digits}."))],
        Prompt::Silence { stage: 3 } => {
            vec![say("Goodbye then."), Step::Think(Thought::Then(NextStep::HangUp))]
        }
        Prompt::Silence { .. } => vec![say("Are you there?")],
        Prompt::TimeIsUp => vec![say("Time is up.")],
    }
}

/// A call in progress, from the caller's side.
struct Call {
    to: mpsc::Sender<PhoneIn>,
    from: mpsc::Receiver<PhoneOut>,
    pace: Pace,
    playback: Playback,
    log: mpsc::Receiver<CallEvent>,
    events: Vec<CallEvent>,
    blocks: mpsc::Receiver<StereoBlock>,
    asked: Arc<Mutex<Vec<Prompt>>>,
    drain: CancellationToken,
    hand_over: CancellationToken,
    /// A model's audio is sent ahead; the pipeline's is paced.
    is_bridged: bool,
    session: tokio::task::JoinHandle<Outcome>,
    at_ms: u64,
    sequence: u64,
    is_over: bool,
}

struct Setup {
    pace: Pace,
    plan: CallPlan,
    stt: Vec<SttFault>,
    tts: Vec<TtsFault>,
    answers: crate::stand_ins::Answers,
    /// Another mind than the one that answers by script.
    mind: Option<Box<dyn Mind>>,
    realtime: Option<RealtimeParts>,
    start: Start,
}

impl Default for Setup {
    fn default() -> Self {
        let (stt, tts) = (vec![SttFault::None], vec![TtsFault::None]);
        Self {
            pace: Pace::Lockstep,
            plan: plan(),
            stt,
            tts,
            answers: Box::new(polite),
            mind: None,
            realtime: None,
            start: Start::default(),
        }
    }
}

impl Setup {
    async fn call(self) -> Call {
        let tasks = TaskTracker::new();
        let (to, incoming) = mpsc::channel(64);
        let (outgoing, from) = mpsc::channel(64);
        let (log_to, log) = mpsc::channel(4_096);
        let (recording, blocks) = mpsc::channel(256);
        let (scripted, asked) = ScriptedMind::new(self.answers);
        let mind = self.mind.unwrap_or_else(|| Box::new(scripted));
        let stt =
            self.stt.iter().map(|&fault| Arc::new(PhraseStt::new(&PHRASES, fault)) as Arc<dyn SpeechToText>);
        let tts = self.tts.iter().map(|&fault| Arc::new(HummingTts::new(fault)) as Arc<dyn TextToSpeech>);
        let last_link = Duration::from_secs(2);
        let hearing = ChainSettings { last_link, ..ChainSettings::default() };
        let speaking = ChainSettings { last_link, ..ChainSettings::voices() };
        let drain = CancellationToken::new();
        let hand_over = CancellationToken::new();
        let is_bridged = self.realtime.is_some();
        let parts = CallParts {
            plan: Arc::new(self.plan),
            stt: Arc::new(SttChain::new(stt.collect(), hearing, tasks.clone())),
            tts: Arc::new(TtsChain::new(tts.collect(), speaking, tasks.clone())),
            vad: Arc::new(LoudIsVoice),
            mind,
            log: log_to,
            recording: Some(recording),
            ambient: Ambient::system(),
            realtime: self.realtime,
            start: self.start,
            state: watch::Sender::default(),
            drain: drain.clone(),
            hand_over: hand_over.clone(),
        };
        let line = PhoneLine { incoming, outgoing, pace: self.pace };
        let session = tasks.spawn(run(parts, line));
        let mut call = Call {
            to,
            from,
            pace: self.pace,
            playback: Playback::default(),
            log,
            events: Vec::new(),
            blocks,
            asked,
            drain,
            hand_over,
            is_bridged,
            session,
            at_ms: 0,
            sequence: 2,
            is_over: false,
        };
        if call.pace == Pace::Lockstep {
            call.take_until_processed(1).await;
        }
        call
    }
}

impl Call {
    async fn send(&mut self, message: PhoneIn) {
        self.is_over |= self.to.send(message).await.is_err();
    }

    async fn take(&mut self, out: PhoneOut) {
        let marks = match out {
            PhoneOut::Media { payload } => {
                self.playback.media(payload.len());
                let is_paced = !self.is_bridged;
                assert!(!is_paced || self.playback.queued_ms() <= 200, "no more than the lead is sent ahead");
                Vec::new()
            }
            PhoneOut::Mark { name } => self.playback.mark(name).into_iter().collect(),
            PhoneOut::Clear => self.playback.clear(),
            PhoneOut::Processed { .. } => Vec::new(),
        };
        for name in marks {
            self.send(PhoneIn::Mark { name }).await;
        }
    }

    async fn take_until_processed(&mut self, wanted: u64) {
        loop {
            match self.from.recv().await {
                Some(PhoneOut::Processed { sequence }) if sequence == wanted => return,
                Some(out) => self.take(out).await,
                None => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    async fn frame(&mut self, frame: [u8; 160]) {
        if self.is_over {
            return;
        }
        self.sequence += 1;
        let sequence = self.sequence;
        let payload = Bytes::copy_from_slice(&frame);
        self.send(PhoneIn::Media { sequence, timestamp_ms: self.at_ms, payload }).await;
        self.at_ms += 20;
        match self.pace {
            Pace::Lockstep => self.take_until_processed(sequence).await,
            Pace::RealTime => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                while let Ok(out) = self.from.try_recv() {
                    self.take(out).await;
                }
                self.is_over |= self.from.is_closed();
            }
        }
        for name in self.playback.play() {
            self.send(PhoneIn::Mark { name }).await;
        }
    }

    async fn quiet(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.frame([0xFF; 160]).await;
        }
    }

    async fn noise(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.frame(noise_frame()).await;
        }
    }

    /// Says the first `words` of a phrase.
    async fn say_words(&mut self, number: usize, words: u64) {
        for _ in 0..words * 15 {
            self.frame(voiced_frame(number)).await;
        }
    }

    async fn say(&mut self, number: usize) {
        self.say_words(number, PHRASES[number].split(' ').count() as u64).await;
    }

    /// Listens until the agent has said something and is silent, at most 20 s.
    async fn listen(&mut self) {
        let heard_ms = self.playback.heard_ms;
        for _ in 0..1_000 {
            self.quiet(20).await;
            if self.is_over || (self.playback.heard_ms > heard_ms && self.playback.queued_ms() == 0) {
                return self.quiet(100).await;
            }
        }
        panic!("the agent did not speak, or did not stop: {:#?}", self.events());
    }

    /// Listens until the agent has been sounding for `ms`.
    async fn listen_ms(&mut self, ms: u64) {
        let until_ms = self.playback.heard_ms + ms;
        for _ in 0..1_000 {
            if self.playback.heard_ms >= until_ms {
                return;
            }
            self.quiet(20).await;
        }
        panic!("the agent did not speak for {ms} ms: {:#?}", self.events());
    }

    fn events(&mut self) -> Vec<EventKind> {
        while let Ok(event) = self.log.try_recv() {
            self.events.push(event);
        }
        self.events.iter().map(|event| event.kind.clone()).collect()
    }

    async fn hang_up(mut self) -> Ended {
        self.send(PhoneIn::Stop).await;
        self.end().await
    }

    async fn end(mut self) -> Ended {
        let outcome = (&mut self.session).await.expect("the session does not panic");
        while let Some(event) = self.log.recv().await {
            self.events.push(event);
        }
        check_log(&self.events);
        let mut blocks = Vec::new();
        while let Some(block) = self.blocks.recv().await {
            blocks.push(block);
        }
        let asked = self.asked.lock().expect("not poisoned").clone();
        let kinds = self.events.into_iter().map(|event| event.kind).collect();
        Ended { outcome, kinds, blocks, asked, clears: self.playback.clears }
    }
}

struct Ended {
    outcome: Outcome,
    kinds: Vec<EventKind>,
    blocks: Vec<StereoBlock>,
    asked: Vec<Prompt>,
    clears: u32,
}

impl Ended {
    fn caller_turns(&self) -> Vec<&str> {
        self.kinds
            .iter()
            .filter_map(|kind| match kind {
                EventKind::CallerTurn { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Heard words and whether they were cut short.
    fn agent_turns(&self) -> Vec<(&str, bool)> {
        self.kinds
            .iter()
            .filter_map(|kind| match kind {
                EventKind::AgentTurn { heard, interrupted, .. } => Some((heard.as_str(), *interrupted)),
                _ => None,
            })
            .collect()
    }

    fn has_notice(&self, wanted: &str) -> bool {
        self.kinds.iter().any(|kind| matches!(kind, EventKind::Notice { code, .. } if code == wanted))
    }

    fn resumed(&self) -> usize {
        self.kinds.iter().filter(|kind| matches!(kind, EventKind::Resumed { .. })).count()
    }

    fn rejected(&self) -> Vec<&str> {
        self.kinds
            .iter()
            .filter_map(|kind| match kind {
                EventKind::TurnRejected { layer, .. } => Some(layer.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// What holds for the log of every call.
fn check_log(events: &[CallEvent]) {
    let first = events.first().map_or(0, |event| event.seq);
    assert!(
        events.iter().map(|event| event.seq).eq(first..first + events.len() as u32),
        "numbered without gaps"
    );
    assert!(events.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms), "in order of time");
    let engine =
        |kind: &&EventKind| matches!(kind, EventKind::EngineReady { .. } | EventKind::EngineChanged { .. });
    // One that is late: the caller is greeted meanwhile.
    let is_late = |kind: &&EventKind| matches!(kind, EventKind::Notice { code, .. } if code == "engine_slow");
    let kinds: Vec<&EventKind> = events.iter().map(|event| &event.kind).collect();
    assert!(kinds.first().is_some_and(|kind| engine(kind) || is_late(kind)), "{kinds:?}");
    assert!(kinds.iter().any(engine), "{kinds:?}");
    assert!(matches!(events.last().map(|event| &event.kind), Some(EventKind::Ended { .. })));
    for event in events {
        if let EventKind::AgentTurn { generated, sent, heard, .. } = &event.kind {
            assert!(generated.starts_with(sent.as_str()) && sent.starts_with(heard.as_str()), "{event:?}");
        }
        if let EventKind::Latency { parts, .. } = &event.kind {
            let sum = parts.endpointing_ms + parts.stt_ms + parts.brain_ms + parts.tts_ms + parts.hop_ms;
            assert_eq!(sum, parts.total_ms);
        }
    }
}

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
        assert!(ended.has_notice("tts_failed_over"), "{fault:?}");
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
    assert!(outcome.handed_over && outcome.state.mind.is_some());
    assert_eq!(outcome.state.history.lines.len(), 3, "{:?}", outcome.state.history);
    assert!(!call.events().iter().any(|kind| matches!(kind, EventKind::Ended { .. })));
    assert_eq!(outcome.state.next_seq as usize, call.events.len(), "the next node goes on numbering");
}

mod bridged;
mod providers;
