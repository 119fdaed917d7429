//! The state machine of a call: takes what happened, says what to do.
//!
//! One value per call. [`Machine::handle`] is called with the media time and an [`Input`]; it appends
//! [`Output`]s, to be carried out in order. It never fails and never waits. There is one place that owes the
//! caller an answer ([`Machine::ask`]), one that stops the agent's voice ([`Machine::fall_silent`]) and one
//! that closes an agent's turn ([`Machine::close_turn`]).

mod answering;
mod closing;
mod ear;
mod mind;
mod mouth;

use std::collections::VecDeque;
use std::sync::Arc;

use audio::playout::Playout;
use domain::call_log::{ContinueCause, EndReason, EventKind, Fault};
use domain::call_plan::CallPlan;
use domain::expected_answer::ExpectedAnswer;
use domain::ids::TurnId;
use domain::turn_taking::TurnTaking;
use provider_traits::ambient::IdSource;
use provider_traits::brain::{Prompt, Thought};

use super::speech::AgentTurn;
use super::turn_detector::TurnDetector;
use closing::{Closing, HandOver};
use ear::Ear;
use mind::{MindState, Waiting};
use mouth::Mouth;

/// What happened to the caller's side in one 20 ms frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeardFrame {
    /// Speech began or ended.
    pub event: Option<audio::vad::GateEvent>,
    /// Whether this very frame is voiced.
    pub voiced: bool,
    /// Whether the gate is open (hangover included).
    pub in_speech: bool,
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// Level above the line's noise, in dB.
    pub above_noise_db: f32,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The media stream is up.
    Began {
        /// Provider ids in use.
        providers: Vec<String>,
        /// What the mind is asked first; `None` listens.
        prompt: Option<Prompt>,
    },
    /// A frame of the caller was scored; its end is now.
    Heard(HeardFrame),
    /// Time passed.
    Tick,
    /// Words so far.
    Partial {
        /// The utterance.
        utterance: u32,
        /// The words.
        text: String,
    },
    /// A transcript.
    Final {
        /// The utterance.
        utterance: u32,
        /// The words.
        text: String,
        /// 0 to 1.
        confidence: Option<f32>,
    },
    /// No transcriber works; what was owed will not come.
    EarsLost,
    /// A thought of the mind.
    Thought {
        /// The answer it belongs to.
        ask: u32,
        /// The thought.
        thought: Thought,
    },
    /// The mind has answered, or obeyed a cancel.
    MindDone {
        /// The answer.
        ask: u32,
    },
    /// The mind died of a defect, or did not obey a cancel.
    MindLost,
    /// More audio of a sentence.
    Audio {
        /// The sentence.
        sentence: u32,
        /// The level of each new frame, any scale.
        levels: Vec<u8>,
    },
    /// All audio of a sentence is there.
    AudioEnd {
        /// The sentence.
        sentence: u32,
    },
    /// No voice could speak a sentence (to its end).
    VoiceFailed {
        /// The sentence.
        sentence: u32,
    },
    /// A mark came back.
    Mark {
        /// Generation it was sent in.
        generation: u32,
        /// Milliseconds of the generation's audio before it.
        position_ms: u64,
    },
    /// A key was pressed.
    Dtmf {
        /// The key.
        digit: char,
    },
    /// Something for the log only.
    Notice {
        /// Stable code.
        code: &'static str,
        /// Plain words.
        text: String,
        /// Whose fault it was.
        fault: Option<Fault>,
    },
    /// The caller hung up.
    Stop,
    /// The connection is gone.
    Lost,
    /// The server is told to stop.
    Drain,
    /// Another node is to go on with the call.
    HandOver {
        /// Now, rather than at the next quiet moment.
        at_once: bool,
    },
    /// Transcripts still owed at the end have been waited for long enough.
    GiveUpWaiting,
    /// The last entry may be written.
    Leave,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Begin an utterance, with the audio from so many frames ago, and feed every frame from now on.
    StartUtterance {
        /// The utterance.
        utterance: u32,
        /// Frames of the past to begin with.
        frames_ago: u32,
    },
    /// The utterance is complete.
    EndUtterance {
        /// The utterance.
        utterance: u32,
    },
    /// Forget the utterance.
    CancelUtterance {
        /// The utterance.
        utterance: u32,
    },
    /// Ask the mind.
    Ask {
        /// Numbers the answers.
        ask: u32,
        /// What to answer.
        prompt: Prompt,
    },
    /// The caller pauses behind these words: let the mind think ahead.
    Foresee {
        /// The words so far.
        words: String,
    },
    /// Cancel the answer.
    CancelAsk {
        /// The answer.
        ask: u32,
    },
    /// The mind does not obey: end its task, report [`Input::MindLost`].
    AbandonMind,
    /// Make the audio of a sentence.
    Synthesize {
        /// The sentence.
        sentence: u32,
        /// The words.
        text: String,
    },
    /// The sentence's audio is not needed any more.
    Forget {
        /// The sentence.
        sentence: u32,
    },
    /// Send frames of a sentence.
    Play {
        /// The sentence.
        sentence: u32,
        /// First frame.
        frame: usize,
        /// How many.
        frames: usize,
        /// Generation of playback.
        generation: u32,
        /// Media time at which the first of them will sound.
        begins_ms: u64,
    },
    /// Send a mark.
    Mark {
        /// Generation of playback.
        generation: u32,
        /// Milliseconds of the generation's audio before it.
        position_ms: u64,
    },
    /// Tell the far end to throw away what it has not played.
    Clear,
    /// The agent's voice ran dry in mid-sentence: the figures of the call count it.
    RanDry,
    /// Write an entry of the log.
    Log(EventKind),
    /// The media part is over.
    Finish,
}

/// The state of a call.
pub struct Machine {
    settings: TurnTaking,
    max_call_ms: u64,
    ids: Arc<dyn IdSource>,
    detector: Box<dyn TurnDetector>,
    now_ms: u64,
    ear: Ear,
    mouth: Mouth,
    mind: MindState,
    asks: u32,
    /// The one prompt that waits for the mind or the floor.
    waiting: Option<Waiting>,
    expecting: ExpectedAnswer,
    /// The agent's turn that is owed, spoken or stopped. Never two.
    turn: Option<AgentTurn>,
    next_sentence: u32,
    /// Last words of the agent's turn before, for the echo filter.
    last_agent_words: String,
    last_agent_audio_ms: u64,
    dialled: String,
    dialled_at_ms: u64,
    /// Since when nobody has contributed: the agent's silence prompts don't count.
    quiet_since_ms: u64,
    silence_stage: u8,
    fillers: u32,
    last_filler: Option<&'static str>,
    last_thought_ms: u64,
    time_is_up: bool,
    closing: Closing,
    transfer_to: Option<String>,
    voices_failed_in_a_row: u32,
    left_to_spoken_tail: bool,
    hand_over: Option<HandOver>,
    handed_over: Option<ContinueCause>,
}

/// Milliseconds of speech sent ahead of what has been played. Enough for the jitter of a loaded server,
/// little enough that nothing of weight is lost by a `clear`.
pub const LEAD_MS: u64 = 160;

impl Machine {
    /// The state at the start of a call.
    #[must_use]
    pub fn new(plan: &CallPlan, ids: Arc<dyn IdSource>, detector: Box<dyn TurnDetector>) -> Self {
        Self {
            settings: plan.agent.turn_taking.clone(),
            max_call_ms: u64::from(plan.max_call_minutes) * 60_000,
            ids,
            detector,
            now_ms: 0,
            ear: Ear::default(),
            mouth: Mouth::new(Playout::new(LEAD_MS)),
            mind: MindState::Free,
            asks: 0,
            waiting: None,
            expecting: ExpectedAnswer::Open,
            turn: None,
            next_sentence: 0,
            last_agent_words: String::new(),
            last_agent_audio_ms: 0,
            dialled: String::new(),
            dialled_at_ms: 0,
            quiet_since_ms: 0,
            silence_stage: 0,
            fillers: 0,
            last_filler: None,
            last_thought_ms: 0,
            time_is_up: false,
            closing: Closing::No,
            transfer_to: None,
            voices_failed_in_a_row: 0,
            left_to_spoken_tail: false,
            hand_over: None,
            handed_over: None,
        }
    }

    /// Takes what happened at `now_ms` of media time (never going back) and appends what to do.
    pub fn handle(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) {
        self.now_ms = self.now_ms.max(now_ms);
        if self.closing.is_final() {
            return self.handle_last(input, out);
        }
        match input {
            Input::Began { providers, prompt } => {
                let engine = "pipeline".to_owned();
                out.push(Output::Log(EventKind::EngineReady { engine, providers }));
                self.quiet_since_ms = self.now_ms;
                self.last_agent_audio_ms = self.now_ms;
                self.waiting = prompt.map(Waiting::new);
            }
            Input::Heard(frame) => self.heard(&frame, out),
            Input::Tick => {}
            Input::Partial { utterance, text } => self.partial(utterance, text, out),
            Input::Final { utterance, text, confidence } => {
                self.transcript(utterance, &text, confidence, out);
            }
            Input::EarsLost => self.ears_lost(out),
            Input::Thought { ask, thought } => self.thought(ask, thought, out),
            Input::MindDone { ask } => self.mind_done(ask, out),
            Input::MindLost => self.mind_lost(out),
            Input::Audio { sentence, levels } => self.audio(sentence, &levels),
            Input::AudioEnd { sentence } => self.audio_end(sentence),
            Input::VoiceFailed { sentence } => self.voice_failed(sentence, out),
            Input::Mark { generation, position_ms } => {
                self.mouth.acknowledge(generation, position_ms, self.now_ms);
            }
            Input::Dtmf { digit } => self.key(digit, out),
            Input::Notice { code, text, fault } => notice_of(out, code, text, fault),
            Input::Stop => self.close(EndReason::CallerHungUp, out),
            Input::Lost => self.close(EndReason::ConnectionLost, out),
            Input::Drain => self.drain(out),
            Input::HandOver { at_once } => {
                self.hand_over = Some(if at_once { HandOver::AtOnce } else { HandOver::WhenQuiet });
            }
            Input::GiveUpWaiting | Input::Leave => {}
        }
        self.go_on(out);
    }

    /// Everything that is due, whatever happened: ears first, then mind, then mouth.
    fn go_on(&mut self, out: &mut Vec<Output>) {
        if !self.closing.is_final() {
            self.watch_the_pause(out);
            self.watch_the_keys(out);
            self.watch_the_mind(out);
            self.watch_the_clock(out);
            self.ask(out);
            self.watch_the_silence(out);
            self.ask(out);
            self.fill_the_wait(out);
            self.request_audio(out);
            self.play(out);
            self.watch_the_end_of_speech(out);
        }
        self.watch_the_hand_over(out);
        // A turn that just ended may make room for a prompt that waited.
        if !self.closing.is_final() {
            self.ask(out);
        }
    }

    fn new_turn_id(&self) -> TurnId {
        TurnId(self.ids.next())
    }

    /// Whether more thoughts should be taken from the mind; playback is slower than thought.
    #[must_use]
    pub fn wants_thoughts(&self) -> bool {
        self.closing.is_final()
            || self.turn.as_ref().is_none_or(|turn| {
                turn.sentences.iter().filter(|sentence| !sentence.complete && !sentence.given_up).count() < 4
            })
    }

    /// Whether the mind has not returned yet from what it was asked.
    #[must_use]
    pub fn mind_is_out(&self) -> bool {
        matches!(self.mind, MindState::Thinking { .. })
    }

    /// Transcripts that are owed.
    #[must_use]
    pub fn transcripts_owed(&self) -> usize {
        self.ear.owed.len()
    }

    /// Whether nothing more is said or heard.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.is_final()
    }

    /// Why the call ended, once nothing more is said or heard.
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.closing.reason().filter(|_| self.closing.is_final())
    }

    /// Where the call goes, when it was transferred.
    #[must_use]
    pub fn transfer_to(&self) -> Option<&str> {
        self.transfer_to.as_deref()
    }

    /// Whether no voice worked, so that the carrier's must say the rest.
    #[must_use]
    pub fn left_to_spoken_tail(&self) -> bool {
        self.left_to_spoken_tail
    }

    /// What the node that is to go on with the call is told, if one is.
    #[must_use]
    pub fn handed_over(&self) -> Option<ContinueCause> {
        self.handed_over
    }

    /// The sentences whose audio may still be sent, in order.
    pub fn live_sentences(&self) -> impl Iterator<Item = u32> {
        self.turn.iter().flat_map(|turn| turn.sentences.iter().map(|sentence| sentence.id))
    }
}

/// Notes something that is this side's own doing.
fn notice(out: &mut Vec<Output>, code: &str, text: impl Into<String>) {
    notice_of(out, code, text, Some(Fault::Us));
}

fn notice_of(out: &mut Vec<Output>, code: &str, text: impl Into<String>, fault: Option<Fault>) {
    out.push(Output::Log(EventKind::Notice { code: code.to_owned(), text: text.into(), fault }));
}

/// Removes and returns the first entry that fits.
fn take_first<T>(queue: &mut VecDeque<T>, fits: impl Fn(&T) -> bool) -> Option<T> {
    let place = queue.iter().position(fits)?;
    queue.remove(place)
}

#[cfg(test)]
mod tests;
