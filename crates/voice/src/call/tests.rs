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
use provider_traits::realtime::RealtimeOutput;
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

mod bridged;
mod engine_faults;
mod pipeline;
mod pipeline_faults;
mod providers;

fn future_bytes<A, B, F: Future>(_make: impl Fn(A, B) -> F) -> usize {
    size_of::<F>()
}

fn future_bytes_of_four<A, B, C, D, F: Future>(_make: impl Fn(A, B, C, D) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_call_takes_little_memory_beside_its_audio() {
    let sizes = [
        ("the call", future_bytes(super::run), 4 * 1024),
        ("the bridge", future_bytes_of_four(crate::realtime::driver::run), 8 * 1024),
        ("an entry of the log, of which a queue takes memory for 32", size_of::<CallEvent>(), 256),
        ("an event of a model, likewise", size_of::<RealtimeOutput>(), 192),
    ];
    for (what, bytes, most) in sizes {
        assert!(bytes <= most, "{what}: {bytes} bytes");
    }
}
