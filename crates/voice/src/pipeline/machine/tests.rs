//! What holds whatever happens, in whatever order: arbitrary sequences, then a minute of good behaviour.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use audio::vad::GateEvent;
use domain::call_log::Purpose;
use proptest::prelude::*;
use provider_traits::ambient::RandomIds;
use provider_traits::brain::NextStep;
use uuid::Uuid;

use super::super::turn_detector::Rules;
use super::*;

mod moments;

#[derive(Default)]
struct Counting(AtomicU64);

impl IdSource for Counting {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

fn plan() -> CallPlan {
    CallPlan { recording: false, max_call_minutes: 20, ..crate::stand_ins::plan(&RandomIds) }
}

#[derive(Debug, Clone)]
enum Op {
    Voice {
        frames: u32,
    },
    Quiet {
        frames: u32,
    },
    /// Time passes without frames.
    Wait {
        ms: u64,
    },
    Partial(&'static str),
    Transcript(&'static str),
    WrongTranscript(u32),
    EarsLost,
    Say {
        text: &'static str,
        interruptible: bool,
    },
    LateThought,
    Then(NextStep),
    MindReturns,
    MindLost,
    Audio {
        frames: usize,
    },
    AudioEnd,
    VoiceFails,
    MarkReturns,
    StrayMark {
        generation: u32,
        position_ms: u64,
    },
    Key(char),
    Drain,
}

fn any_op() -> impl Strategy<Value = Op> {
    let words = prop::sample::select(vec![
        "",
        "yes",
        "mm-hm",
        "how is my website coming along",
        "i would like to",
        "thank you for watching",
    ]);
    prop_oneof![
        6 => (1..60u32).prop_map(|frames| Op::Voice { frames }),
        6 => (1..120u32).prop_map(|frames| Op::Quiet { frames }),
        1 => (1..4_000u64).prop_map(|ms| Op::Wait { ms }),
        3 => words.clone().prop_map(Op::Partial),
        4 => words.prop_map(Op::Transcript),
        1 => any::<u32>().prop_map(Op::WrongTranscript),
        1 => Just(Op::EarsLost),
        4 => (prop::sample::select(vec!["Let me see.", "Your website is in review and goes live on Friday.", ""]), any::<bool>())
            .prop_map(|(text, interruptible)| Op::Say { text, interruptible }),
        1 => Just(Op::LateThought),
        1 => prop_oneof![Just(NextStep::HangUp), Just(NextStep::Transfer { to: "+15135550142".into() })].prop_map(Op::Then),
        4 => Just(Op::MindReturns),
        1 => Just(Op::MindLost),
        5 => (1..80usize).prop_map(|frames| Op::Audio { frames }),
        5 => Just(Op::AudioEnd),
        1 => Just(Op::VoiceFails),
        5 => Just(Op::MarkReturns),
        1 => (any::<u32>(), any::<u64>()).prop_map(|(generation, position_ms)| Op::StrayMark { generation, position_ms }),
        1 => prop::sample::select(vec!['1', '#', '*']).prop_map(Op::Key),
        1 => Just(Op::Drain),
    ]
}

/// Everything around the machine, and what must hold of what it says.
struct World {
    machine: Machine,
    now_ms: u64,
    in_speech: bool,
    utterance: Option<u32>,
    owed: VecDeque<u32>,
    /// The mind's present answer; it must never be asked twice at once.
    thinking: Option<u32>,
    making: VecDeque<u32>,
    made: std::collections::BTreeMap<u32, usize>,
    marks: VecDeque<(u32, u64)>,
    generation: u32,
    silenced: Option<u32>,
    log: Vec<EventKind>,
    plays: Vec<u64>,
    finished: bool,
    asked: u32,
    foreseen: Vec<String>,
}

impl World {
    fn new() -> Self {
        let machine = Machine::new(&plan(), Arc::new(Counting::default()), Box::new(Rules::default()));
        let mut world = Self {
            machine,
            now_ms: 0,
            in_speech: false,
            utterance: None,
            owed: VecDeque::new(),
            thinking: None,
            making: VecDeque::new(),
            made: std::collections::BTreeMap::new(),
            marks: VecDeque::new(),
            generation: 0,
            silenced: None,
            log: Vec::new(),
            plays: Vec::new(),
            finished: false,
            asked: 0,
            foreseen: Vec::new(),
        };
        world.tell(Input::Began { providers: vec!["a".into()], prompt: Some(Prompt::PickedUp) });
        world
    }

    fn tell(&mut self, input: Input) {
        let mut out = Vec::new();
        self.machine.handle(self.now_ms, input, &mut out);
        let abandoned = out.contains(&Output::AbandonMind);
        for output in out {
            self.check(output);
        }
        if abandoned {
            self.thinking = None;
            self.tell(Input::MindLost);
        }
    }

    fn check(&mut self, output: Output) {
        assert!(
            !self.finished
                || matches!(output, Output::Log(_) | Output::CancelAsk { .. } | Output::Forget { .. }),
            "nothing is done after the end: {output:?}"
        );
        match output {
            Output::StartUtterance { utterance, .. } => {
                assert_eq!(self.utterance.replace(utterance), None, "utterances never overlap");
            }
            Output::EndUtterance { utterance } => {
                assert_eq!(self.utterance.take(), Some(utterance));
                self.owed.push_back(utterance);
            }
            Output::CancelUtterance { utterance } => assert_eq!(self.utterance.take(), Some(utterance)),
            Output::Ask { ask, .. } => {
                assert_eq!(self.thinking.replace(ask), None, "never two answers owed at once");
                assert!(ask > self.asked);
                self.asked = ask;
            }
            Output::CancelAsk { ask } => assert_eq!(self.thinking, Some(ask)),
            Output::Foresee { words } => {
                assert_eq!(self.thinking, None, "a mind that answers does not think ahead");
                assert!(!words.is_empty());
                self.foreseen.push(words);
            }
            Output::AbandonMind => {}
            Output::Synthesize { sentence, text } => {
                assert!(!text.is_empty());
                self.made.insert(sentence, 0);
                self.making.push_back(sentence);
            }
            Output::Forget { sentence } => {
                self.making.retain(|&making| making != sentence);
                self.made.remove(&sentence);
            }
            Output::Play { sentence, frame, frames, generation, begins_ms } => {
                assert!(frames > 0);
                assert!(Some(&(frame + frames)) <= self.made.get(&sentence), "sent ≤ generated");
                assert!(generation >= self.generation);
                assert_ne!(
                    Some(generation),
                    self.silenced,
                    "nothing is sent after its generation was cleared"
                );
                assert!(begins_ms + frames as u64 * 20 <= self.now_ms + LEAD_MS, "no more than the lead");
                self.generation = generation;
                self.plays.push(self.now_ms);
            }
            Output::Mark { generation, position_ms } => {
                assert_eq!(generation, self.generation);
                self.marks.push_back((generation, position_ms));
            }
            Output::Clear => self.silenced = Some(self.generation),
            Output::RanDry => {}
            Output::Log(kind) => {
                if let EventKind::AgentTurn { generated, sent, heard, .. } = &kind {
                    assert!(generated.len() >= sent.len() && sent.starts_with(heard.as_str()), "{kind:?}");
                }
                self.log.push(kind);
            }
            Output::Finish => self.finished = true,
        }
    }

    fn frame(&mut self, voice: bool, first: bool, nth: u32) {
        self.now_ms += 20;
        let event = match (voice, self.in_speech) {
            (true, false) if nth == 2 || !first => {
                self.in_speech = true;
                Some(GateEvent::Onset { frames_ago: nth.min(2) })
            }
            (false, true) if nth >= 4 => {
                self.in_speech = false;
                Some(GateEvent::Offset { frames_ago: 5 })
            }
            _ => None,
        };
        let in_speech = self.in_speech;
        let score = if voice { 0.9 } else { 0.1 };
        let above_noise_db = if voice { 30.0 } else { 0.0 };
        let voiced = voice && in_speech;
        self.tell(Input::Heard(HeardFrame { event, voiced, in_speech, score, above_noise_db }));
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Voice { frames } => (0..frames).for_each(|nth| self.frame(true, true, nth)),
            Op::Quiet { frames } => (0..frames).for_each(|nth| self.frame(false, true, nth)),
            Op::Wait { ms } => {
                self.now_ms += ms;
                self.tell(Input::Tick);
            }
            Op::Partial(text) => {
                if let Some(utterance) = self.utterance {
                    self.tell(Input::Partial { utterance, text: text.into() });
                }
            }
            Op::Transcript(text) => {
                if let Some(utterance) = self.owed.pop_front() {
                    self.tell(Input::Final { utterance, text: text.into(), confidence: Some(0.9) });
                }
            }
            Op::WrongTranscript(utterance) => {
                self.tell(Input::Final { utterance, text: "yes".into(), confidence: None });
                self.owed.retain(|&owed| owed > utterance);
            }
            Op::EarsLost => {
                self.utterance = None;
                self.owed.clear();
                self.tell(Input::EarsLost);
            }
            Op::Say { text, interruptible } => {
                self.think(Thought::Say { text: text.into(), purpose: Purpose::Reply, interruptible });
            }
            Op::LateThought => {
                let thought =
                    Thought::Say { text: "Late.".into(), purpose: Purpose::Reply, interruptible: true };
                self.tell(Input::Thought { ask: self.asked.wrapping_sub(1), thought });
            }
            Op::Then(step) => self.think(Thought::Then(step)),
            Op::MindReturns => {
                if let Some(ask) = self.thinking.take() {
                    self.tell(Input::MindDone { ask });
                }
            }
            Op::MindLost => {
                self.thinking = None;
                self.tell(Input::MindLost);
            }
            Op::Audio { frames } => {
                if let Some(&sentence) = self.making.front() {
                    *self.made.entry(sentence).or_default() += frames;
                    self.tell(Input::Audio { sentence, levels: vec![100; frames] });
                }
            }
            Op::AudioEnd => {
                if let Some(sentence) = self.making.pop_front() {
                    self.tell(Input::AudioEnd { sentence });
                }
            }
            Op::VoiceFails => {
                if let Some(sentence) = self.making.pop_front() {
                    self.tell(Input::VoiceFailed { sentence });
                }
            }
            Op::MarkReturns => {
                if let Some((generation, position_ms)) = self.marks.pop_front() {
                    self.tell(Input::Mark { generation, position_ms });
                }
            }
            Op::StrayMark { generation, position_ms } => self.tell(Input::Mark { generation, position_ms }),
            Op::Key(digit) => self.tell(Input::Dtmf { digit }),
            Op::Drain => self.tell(Input::Drain),
        }
    }

    fn think(&mut self, thought: Thought) {
        if let Some(ask) = self.thinking {
            self.tell(Input::Thought { ask, thought });
        }
    }

    /// Nobody speaks; mind, voice, transcriber and line do what they should.
    fn behave(&mut self, ms: u64) {
        for nth in 0..ms / 20 {
            self.act(Op::Transcript("how is my website coming along"));
            if self.thinking.is_some() {
                self.act(Op::Say { text: "Here is your answer.", interruptible: true });
                self.act(Op::MindReturns);
            }
            while !self.making.is_empty() {
                self.act(Op::Audio { frames: 40 });
                self.act(Op::AudioEnd);
            }
            self.act(Op::MarkReturns);
            self.frame(false, true, nth as u32);
            if self.finished {
                return;
            }
        }
    }

    fn leave(&mut self) {
        self.tell(Input::GiveUpWaiting);
        self.tell(Input::Leave);
        assert!(self.finished, "the end has come");
        assert!(matches!(self.log.last(), Some(EventKind::Ended { .. })), "and is written last");
        assert!(matches!(self.log.first(), Some(EventKind::EngineReady { .. })));
        let entries = self.log.len();
        self.tell(Input::Leave);
        self.tell(Input::Notice { code: "late", text: String::new(), fault: None });
        assert_eq!(self.log.len(), entries, "nothing is written after the end");
    }

    /// What can be derived from the log: every sentence belongs to a turn that is closed, once.
    fn project(&self) {
        let (mut open, mut closed, mut callers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for kind in &self.log {
            match kind {
                EventKind::AgentSaying { turn, .. } => {
                    assert!(!closed.contains(turn), "a closed turn says nothing more");
                    open.insert(*turn);
                }
                EventKind::AgentTurn { turn, started_ms, ended_ms, .. } => {
                    assert!(started_ms <= ended_ms);
                    assert!(closed.insert(*turn), "closed once");
                }
                EventKind::CallerTurn { turn, started_ms, ended_ms, .. }
                | EventKind::TurnRejected { turn, started_ms, ended_ms, .. } => {
                    assert!(started_ms <= ended_ms);
                    assert!(callers.insert(*turn), "judged once");
                }
                EventKind::Latency { turn, parts } => {
                    assert!(!closed.contains(turn));
                    let sum =
                        parts.endpointing_ms + parts.stt_ms + parts.brain_ms + parts.tts_ms + parts.hop_ms;
                    assert_eq!(sum, parts.total_ms);
                }
                _ => {}
            }
        }
        assert!(open.is_subset(&closed), "every turn that spoke is closed");
    }

    /// Every caller's turn is followed by the agent's words, by a reason, or by an end that explains itself.
    fn every_turn_is_answered(&self) {
        for (place, kind) in self.log.iter().enumerate() {
            if matches!(kind, EventKind::CallerTurn { .. }) {
                let answered = self.log[place..].iter().any(|later| {
                    match later {
                        EventKind::AgentSaying { .. }
                        | EventKind::AgentTurn { .. }
                        | EventKind::Notice { .. } => true,
                        // A call that ends by silence had time enough for an answer.
                        EventKind::Ended { reason } => *reason != EndReason::Silence,
                        _ => false,
                    }
                });
                assert!(answered, "{kind:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn after_whatever_happened_a_silent_caller_is_prompted_and_the_call_ends(ops in prop::collection::vec(any_op(), 0..80)) {
        let mut world = World::new();
        for op in ops {
            world.act(op);
        }
        let from = world.plays.len();
        let began_ms = world.now_ms;
        world.behave(75_000);
        prop_assert!(world.finished, "no state is stuck");
        let mut last_ms = began_ms;
        for &at_ms in &world.plays[from..] {
            prop_assert!(at_ms - last_ms <= 16_500, "silent from {last_ms} to {at_ms}");
            last_ms = at_ms;
        }
        world.leave();
        world.every_turn_is_answered();
        world.project();
    }

    #[test]
    fn a_hang_up_at_any_moment_closes_everything(ops in prop::collection::vec(any_op(), 0..60), lost: bool) {
        let mut world = World::new();
        for op in ops {
            world.act(op);
        }
        let was_finished = world.finished;
        world.tell(if lost { Input::Lost } else { Input::Stop });
        world.leave();
        world.project();
        if !was_finished {
            let reason = if lost { EndReason::ConnectionLost } else { EndReason::CallerHungUp };
            prop_assert!(world.machine.end_reason().is_some_and(|end| end == reason || world.log.len() > 1));
        }
    }
}
