//! What holds whatever the model, the caller and the carrier do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use provider_traits::ambient::RandomIds;
use provider_traits::functions::FunctionOutcome;
use provider_traits::realtime::RealtimeError;

use super::*;

fn machine() -> Machine {
    let plan = crate::stand_ins::plan(&RandomIds);
    let settings = Settings {
        provider: "test".into(),
        model: "test-1".into(),
        transcriber: "ears-1".into(),
        greeting: "Hello.".into(),
        waiting_lines: BTreeMap::new(),
    };
    Machine::new(&plan, settings, Arc::new(RandomIds))
}

fn error(class: ErrorClass) -> RealtimeOutput {
    RealtimeOutput::Error(RealtimeError { class, code: "code".into(), message: "words".into() })
}

/// What a carrier, a caller and a model may do, in any order.
fn input(kind: u8, id: u8, ms: u64, session: u32) -> Input {
    let response = format!("r{}", id % 3);
    let item = format!("i{}", id % 4);
    Input::Model(match kind {
        0 => return Input::LinkReady { expires_in_ms: Some(ms * 100) },
        1 => return Input::LinkFailed { reason: "no".into(), refused: id == 0 },
        2 => return Input::LinkGone { reason: "gone".into() },
        3 => {
            return Input::Audio {
                audio: Bytes::from_static(&[0xFF; 160]),
                missing_ms: ms % 50,
                is_loud: id < 3,
            };
        }
        4 => return Input::Mark { name: format!("r{}:{}", id % 3, ms % 7) },
        5 => return Input::Dtmf { digit: if id == 0 { '#' } else { '1' } },
        6 => {
            let outcome = FunctionOutcome { output: "done".into(), log: Vec::new(), then: None };
            return Input::FunctionDone { call_id: format!("f{session}:{}", id % 3), outcome };
        }
        7 => return Input::OwnAudio { sentence: u32::from(id % 3), audio: Bytes::from_static(&[0x90; 800]) },
        8 => return Input::OwnEnd { sentence: u32::from(id % 3) },
        9 => RealtimeOutput::SpeechStarted { item },
        10 => RealtimeOutput::SpeechStopped { item },
        11 => RealtimeOutput::Committed { item },
        12 => RealtimeOutput::CallerWords { item, text: if id == 0 { "" } else { "words" }.into() },
        13 => RealtimeOutput::ResponseStarted { response },
        14 => RealtimeOutput::Audio {
            response,
            item,
            content_index: 0,
            audio: Bytes::from(vec![0x90; ms as usize * 8]),
        },
        15 => RealtimeOutput::AgentWords { item, text: "some words. ".into() },
        16 => RealtimeOutput::FunctionCall {
            response,
            call_id: format!("f{session}:{}", id % 3),
            name: "look".into(),
            arguments: "{}".into(),
        },
        17 => RealtimeOutput::ResponseDone {
            response,
            status: if id == 0 { ResponseStatus::Cancelled } else { ResponseStatus::Completed },
            usage: ModelTokens::default(),
        },
        18 => error(ErrorClass::Benign),
        19 => error(ErrorClass::Unknown),
        _ => return Input::Tick,
    })
}

#[derive(Default)]
struct World {
    asked: bool,
    asked_ms: u64,
    functions: BTreeSet<String>,
    made_ms: BTreeMap<String, u64>,
    is_over: bool,
    /// A model never gives the same id twice.
    session: u32,
}

impl World {
    fn check(&mut self, now_ms: u64, output: &Output) {
        assert!(
            !self.is_over || matches!(output, Output::Log(_)),
            "nothing is done after the end: {output:?}"
        );
        match output {
            Output::ToModel(RealtimeInput::Respond { .. }) => {
                assert!(!self.asked || now_ms >= self.asked_ms + 1_000, "a second answer while one is made");
                (self.asked, self.asked_ms) = (true, now_ms);
            }
            Output::ToModel(RealtimeInput::FunctionOutput { call_id, .. }) => {
                assert!(self.functions.remove(call_id), "a result for a call that is not open: {call_id}");
            }
            Output::ToModel(RealtimeInput::Truncate { item, audio_end_ms, .. }) => {
                let made_ms = self.made_ms.get(item).copied().unwrap_or(0);
                assert!(u64::from(*audio_end_ms) <= made_ms, "{audio_end_ms} of {made_ms} ms of {item}");
                assert!(*audio_end_ms > 0);
            }
            Output::RunFunction { call_id, .. } => {
                assert!(self.functions.insert(call_id.clone()), "{call_id} runs already");
            }
            Output::Change => {
                self.asked = false;
                self.functions.clear();
                self.session += 1;
            }
            Output::GiveUp { .. } | Output::Finish => self.is_over = true,
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn one_answer_at_a_time_one_result_a_call_and_no_more_heard_than_made(
        steps in proptest::collection::vec((0u8..24, 0u8..6, 1u64..400), 1..160)
    ) {
        let mut machine = machine();
        let mut world = World::default();
        let (mut now_ms, mut out) = (0, Vec::new());
        machine.handle(0, Input::Began { begin: Begin::PickedUp }, &mut out);
        for (kind, id, ms) in steps {
            now_ms += ms / 4;
            let input = input(kind, id, ms, world.session);
            match &input {
                Input::Model(RealtimeOutput::Audio { item, audio, .. }) => {
                    *world.made_ms.entry(item.clone()).or_default() += audio.len() as u64 / 8;
                }
                Input::Model(RealtimeOutput::ResponseDone { .. }) | Input::LinkGone { .. } => world.asked = false,
                _ => {}
            }
            // A model that starts an answer of its own has one, whoever asked.
            if matches!(input, Input::FunctionDone { .. }) && !machine.functions.keys().any(|known| match &input {
                Input::FunctionDone { call_id, .. } => known == call_id,
                _ => false,
            }) {
                continue;
            }
            out.clear();
            machine.handle(now_ms, input, &mut out);
            for output in &out {
                world.check(now_ms, output);
            }
        }
        // Whatever came: time alone brings the caller something, or the call to another engine or its end.
        for _ in 0..4_000 {
            now_ms += 20;
            out.clear();
            machine.handle(now_ms, Input::Tick, &mut out);
            for output in &out {
                world.check(now_ms, output);
            }
        }
        let hears_or_is_elsewhere = machine.is_closing() || !machine.waits_unheard();
        prop_assert!(hears_or_is_elsewhere, "a caller waits in silence");
    }
}

impl Machine {
    /// Whether the caller waits and hears nothing.
    fn waits_unheard(&self) -> bool {
        self.waiting_since_ms.is_some() && !self.ledger.sounds(self.now_ms)
    }
}

#[test]
fn a_late_answer_to_an_interrupted_turn_is_not_played() {
    let mut machine = machine();
    let mut out = Vec::new();
    let mut tell = |now_ms, input| {
        out.clear();
        machine.handle(now_ms, input, &mut out);
        out.clone()
    };
    let audio = |response: &str| {
        Input::Model(RealtimeOutput::Audio {
            response: response.into(),
            item: "i".into(),
            content_index: 0,
            audio: Bytes::from_static(&[0x90; 1_600]),
        })
    };
    tell(0, Input::Began { begin: Begin::PickedUp });
    tell(10, Input::LinkReady { expires_in_ms: None });
    tell(20, Input::Model(RealtimeOutput::ResponseStarted { response: "r".into() }));
    assert!(tell(30, audio("r")).iter().any(|output| matches!(output, Output::Play { .. })));
    let stopped = tell(90, Input::Model(RealtimeOutput::SpeechStarted { item: "c".into() }));
    assert!(stopped.contains(&Output::Clear));
    assert!(stopped.contains(&Output::ToModel(RealtimeInput::Cancel { response: "r".into() })));
    let truncated = RealtimeInput::Truncate { item: "i".into(), content_index: 0, audio_end_ms: 60 };
    assert!(stopped.contains(&Output::ToModel(truncated)), "{stopped:?}");
    assert_eq!(tell(100, audio("r")), []);
}

/// Tells a machine things, and whether one of the outputs of each is what is looked for.
struct Told {
    machine: Machine,
    now_ms: u64,
}

impl Told {
    fn begun(begin: Begin) -> Self {
        let mut told = Self { machine: machine(), now_ms: 0 };
        told.tell(Input::Began { begin });
        told
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.now_ms += 20;
        self.machine.handle(self.now_ms, input, &mut out);
        out
    }

    fn model(&mut self, event: RealtimeOutput) -> Vec<Output> {
        self.tell(Input::Model(event))
    }

    /// Time passes, with the caller loud or silent; when what was looked for came, after how many milliseconds.
    fn passes(&mut self, ms: u64, is_loud: bool, is_it: impl Fn(&Output) -> bool) -> Option<u64> {
        let audio = Bytes::from_static(&[0xFF; 160]);
        let frame = || Input::Audio { audio: audio.clone(), missing_ms: 0, is_loud };
        (1..=ms / 20).find(|_| self.tell(frame()).iter().any(&is_it)).map(|frames| frames * 20)
    }
}

fn gives_up(output: &Output) -> bool {
    matches!(output, Output::GiveUp { .. })
}

#[test]
fn a_call_is_not_handed_over_before_the_callers_words_are_known() {
    let item = || "c".to_owned();
    let mut told = Told::begun(Begin::HandedOver { owed: false });
    told.tell(Input::LinkReady { expires_in_ms: None });
    told.model(RealtimeOutput::SpeechStarted { item: item() });
    told.tell(Input::HandOver { at_once: false });
    for event in [RealtimeOutput::SpeechStopped { item: item() }, RealtimeOutput::Committed { item: item() }]
    {
        assert!(!told.model(event).contains(&Output::Finish));
        assert_eq!(told.machine.handed_over(), None);
    }
    // The answer is owed, and on its way.
    told.model(RealtimeOutput::CallerWords { item: item(), text: "a website please".into() });
    assert_eq!(told.machine.handed_over(), None);
    // Time is up: what the caller said is known, and the next node answers it.
    assert!(told.tell(Input::HandOver { at_once: true }).contains(&Output::Finish));
    assert_eq!(told.machine.handed_over(), Some(ContinueCause::HandedOver));
}

#[test]
fn a_caller_whose_words_break_off_is_not_left_in_silence_by_the_next_node() {
    let mut told = Told::begun(Begin::HandedOver { owed: false });
    told.tell(Input::LinkReady { expires_in_ms: None });
    told.model(RealtimeOutput::SpeechStarted { item: "c".into() });
    told.tell(Input::HandOver { at_once: true });
    assert_eq!(told.machine.handed_over(), Some(ContinueCause::CutOff));
}

#[test]
fn nobody_waits_for_the_session_of_a_call_that_was_handed_over_until_they_speak() {
    let mut told = Told::begun(Begin::HandedOver { owed: false });
    assert_eq!(told.passes(8_000, false, gives_up), None);
    let after_ms = told.passes(4_000, true, gives_up).expect("another engine goes on");
    assert!((1_400..=1_600).contains(&after_ms), "{after_ms}");
}

#[test]
fn who_was_cut_off_hears_a_few_words_before_the_session_is_given_up() {
    let mut told = Told::begun(Begin::CutOff);
    let says = |output: &Output| matches!(output, Output::Speak { .. });
    let words_ms = told.passes(4_000, false, says).expect("the wait is filled");
    assert!((600..=800).contains(&words_ms), "{words_ms}");
    let more_ms = told.passes(4_000, false, gives_up).expect("another engine goes on");
    assert!((1_400..=1_600).contains(&(words_ms + more_ms)), "{words_ms} + {more_ms}");
}

#[test]
fn a_model_that_speaks_too_slowly_is_given_up_and_no_filler_comes_twice_in_a_row() {
    let mut told = Told::begun(Begin::HandedOver { owed: true });
    told.tell(Input::LinkReady { expires_in_ms: None });
    told.model(RealtimeOutput::ResponseStarted { response: "r".into() });
    let mut fillers: Vec<String> = Vec::new();
    // 100 ms of audio every two and a half seconds.
    let piece = || {
        Input::Model(RealtimeOutput::Audio {
            response: "r".into(),
            item: "i".into(),
            content_index: 0,
            audio: Bytes::from_static(&[0x90; 800]),
        })
    };
    let silence = || Input::Audio { audio: Bytes::from_static(&[0xFF; 160]), missing_ms: 0, is_loud: false };
    let mut inputs = std::collections::VecDeque::new();
    let gave_up = (0..2_500).any(|frame| {
        inputs.push_back(silence());
        if frame % 125 == 0 {
            inputs.push_back(piece());
        }
        let mut gave_up = false;
        for input in std::mem::take(&mut inputs) {
            for output in told.tell(input) {
                match output {
                    Output::Play { mark, .. } => inputs.push_back(Input::Mark { name: mark }),
                    Output::Speak { sentence, text } => {
                        fillers.push(text);
                        inputs.push_back(Input::OwnAudio {
                            sentence,
                            audio: Bytes::from_static(&[0x90; 4_000]),
                        });
                        inputs.push_back(Input::OwnEnd { sentence });
                    }
                    output => gave_up |= gives_up(&output),
                }
            }
        }
        gave_up
    });
    assert!(gave_up, "{fillers:?}");
    assert!((1..=3).contains(&fillers.len()), "{fillers:?}");
    assert!(fillers.windows(2).all(|pair| pair[0] != pair[1]), "{fillers:?}");
}
