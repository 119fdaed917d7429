//! The state machine of a call that a model carries: takes what happened, says what to do.
//!
//! One value per call. [`Machine::handle`] never fails and never waits. A watchdog stands over each phase: the session
//! must be ready in time, an answer that is owed must sound in time, audio that has begun must flow, functions must
//! return. What is late is filled with a few words of our own voice; what is too late is given up, and the line goes
//! to the next engine.

mod closing;
mod functions;
mod link;
mod listening;
mod messages;
mod speaking;
mod watching;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::call_log::{ContinueCause, EndReason, EventKind, Fault, ModelTokens};
use domain::call_plan::CallPlan;
use domain::ids::TurnId;
use domain::turn_taking::TurnTaking;
use provider_traits::ambient::IdSource;
use provider_traits::brain::NextStep;
use provider_traits::realtime::{ErrorClass, RealtimeInput, RealtimeOutput, ResponseStatus};

pub use self::messages::{Begin, Input, Output, Owed};
use super::answers::{Answers, Reason};
use super::ledger::Ledger;
use closing::Closing;
use functions::Running;
use link::Link;
use listening::Ear;
use speaking::{Own, Turn};

/// What a machine needs to know of its call.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Provider and model, for the log.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// The id of what writes down the caller's words, which is metered by itself.
    pub transcriber: String,
    /// The greeting's words.
    pub greeting: String,
    /// Functions and what is said while they run.
    pub waiting_lines: BTreeMap<String, &'static str>,
}

/// The state of a call.
pub struct Machine {
    settings: Settings,
    turn_taking: TurnTaking,
    greeting_interruptible: bool,
    max_call_ms: u64,
    ids: Arc<dyn IdSource>,
    now_ms: u64,
    link: Link,
    ledger: Ledger,
    answers: Answers,
    ear: Ear,
    /// The agent's turn in progress.
    turn: Option<Turn>,
    own: Own,
    functions: BTreeMap<String, Running>,
    /// Results of functions that no session waits for any more, in words.
    lost_results: Vec<String>,
    then: Option<NextStep>,
    /// Why the call ends when the last words are said.
    last_reason: Option<EndReason>,
    /// Since when the caller has waited for the first sound of an answer.
    waiting_since_ms: Option<u64>,
    /// When a function last returned.
    functions_done_ms: u64,
    /// When the model was last heard of.
    last_model_ms: u64,
    /// When the caller last heard anything.
    last_sound_ms: u64,
    /// Whether the caller has heard anything of this engine.
    was_heard: bool,
    /// The call begins with the greeting.
    is_to_greet: bool,
    /// Our own voice greets, or has greeted, because the model was not there.
    greets_itself: bool,
    /// Since when nobody has contributed.
    quiet_since_ms: u64,
    silence_stage: u8,
    dialled: String,
    dialled_at_ms: u64,
    unknown_errors: u32,
    failures_in_a_row: u32,
    time_is_up: bool,
    closing: Closing,
    hand_over: Option<bool>,
    handed_over: Option<ContinueCause>,
    transfer_to: Option<String>,
}

impl Machine {
    /// The state at the start.
    #[must_use]
    pub fn new(plan: &CallPlan, settings: Settings, ids: Arc<dyn IdSource>) -> Self {
        Self {
            settings,
            turn_taking: plan.agent.turn_taking.clone(),
            greeting_interruptible: plan.agent.greeting_interruptible,
            max_call_ms: u64::from(plan.max_call_minutes) * 60_000,
            ids,
            now_ms: 0,
            link: Link::default(),
            ledger: Ledger::default(),
            answers: Answers::default(),
            ear: Ear::default(),
            turn: None,
            own: Own::default(),
            functions: BTreeMap::new(),
            lost_results: Vec::new(),
            then: None,
            last_reason: None,
            waiting_since_ms: None,
            functions_done_ms: 0,
            last_model_ms: 0,
            last_sound_ms: 0,
            was_heard: false,
            is_to_greet: false,
            greets_itself: false,
            quiet_since_ms: 0,
            silence_stage: 0,
            dialled: String::new(),
            dialled_at_ms: 0,
            unknown_errors: 0,
            failures_in_a_row: 0,
            time_is_up: false,
            closing: Closing::No,
            hand_over: None,
            handed_over: None,
            transfer_to: None,
        }
    }

    /// Takes what happened at `now_ms` of media time (never going back) and appends what to do.
    pub fn handle(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) {
        self.now_ms = self.now_ms.max(now_ms);
        if self.closing.is_done() {
            return;
        }
        match input {
            Input::Began { begin } => self.begin(begin, out),
            Input::Audio { audio, missing_ms, is_loud } => {
                self.watch_for_a_deaf_model(&audio, is_loud, out);
                self.caller_audio(audio, missing_ms, out);
            }
            Input::Heard(frame) => self.heard(&frame, out),
            Input::LinkReady { expires_in_ms } => self.link_ready(expires_in_ms, out),
            Input::LinkFailed { reason, refused } => self.link_failed(&reason, refused, out),
            Input::LinkGone { reason } => self.link_gone(&reason, out),
            // What a session that is given up still says is nobody's.
            Input::Model(event) if self.link.is_up() => self.model(event, out),
            Input::Model(_) => {}
            Input::FunctionDone { call_id, outcome } => self.function_done(&call_id, outcome, out),
            Input::OwnAudio { sentence, audio } => self.own_audio(sentence, &audio, out),
            Input::OwnEnd { sentence } => self.own.ended(sentence),
            Input::Mark { name } => {
                self.ledger.mark(&name, self.now_ms);
            }
            Input::Dtmf { digit } => self.key(digit, out),
            Input::Stop => self.close(EndReason::CallerHungUp, out),
            Input::Lost => self.close(EndReason::ConnectionLost, out),
            Input::Drain => self.drain(out),
            Input::HandOver { at_once } => self.hand_over = Some(at_once),
            Input::Tick => {}
        }
        self.go_on(out);
    }

    /// Everything that is due, whatever happened.
    fn go_on(&mut self, out: &mut Vec<Output>) {
        if self.ledger.sounds(self.now_ms) {
            self.last_sound_ms = self.now_ms;
            self.was_heard = true;
        }
        if self.closing.is_open() {
            self.watch_the_link(out);
            self.watch_the_ear(out);
            self.watch_the_keys(out);
            self.watch_the_clock(out);
            self.ask(out);
            self.watch_the_wait(out);
            self.watch_the_turn(out);
            self.watch_the_silence(out);
            self.ask(out);
            self.watch_the_hand_over(out);
        }
        self.watch_the_end(out);
    }

    fn begin(&mut self, begin: Begin, out: &mut Vec<Output>) {
        (self.quiet_since_ms, self.last_model_ms, self.last_sound_ms) =
            (self.now_ms, self.now_ms, self.now_ms);
        match begin {
            Begin::PickedUp => {
                self.is_to_greet = true;
                self.tell(greet(&self.settings.greeting));
            }
            Begin::CutOff => self.tell(CUT_OFF.to_owned()),
            Begin::NotConnected => self.tell(NOT_CONNECTED.to_owned()),
            Begin::HandedOver { owed } => {
                // By the node before: the caller noticed nothing.
                self.was_heard = true;
                if owed {
                    self.owe(Reason::CallerSpoke);
                }
            }
        }
        match begin {
            Begin::PickedUp => self.open_first(out),
            Begin::CutOff | Begin::NotConnected | Begin::HandedOver { .. } => self.open_to_continue(out),
        }
    }

    fn model(&mut self, event: RealtimeOutput, out: &mut Vec<Output>) {
        self.last_model_ms = self.now_ms;
        self.link.heard_of();
        match event {
            // Told once more after a change of settings; nothing depends on it.
            RealtimeOutput::Ready { .. } => {}
            RealtimeOutput::SpeechStarted { item } => self.speech_started(item, out),
            RealtimeOutput::SpeechStopped { item } => self.speech_stopped(&item, out),
            RealtimeOutput::Committed { item } => self.committed(&item, out),
            RealtimeOutput::CallerWords { item, text } => self.caller_words(&item, &text, out),
            RealtimeOutput::ResponseStarted { response } => self.answers.began(response),
            RealtimeOutput::Audio { response, item, content_index, audio } => {
                self.model_audio(&response, &item, content_index, &audio, out);
            }
            RealtimeOutput::AgentWords { item, text } => self.model_words(&item, &text, out),
            RealtimeOutput::FunctionCall { response, call_id, name, arguments } => {
                self.function_called(&response, call_id, name, arguments, out);
            }
            RealtimeOutput::ResponseDone { response, status, usage } => {
                self.response_done(&response, status, usage, out);
            }
            RealtimeOutput::TranscriptionUsage { seconds, tokens } => {
                let tokens = ModelTokens { input_audio: tokens, ..ModelTokens::default() };
                let transcribed_ms = (seconds.max(0.0) * 1_000.0) as u64;
                self.log_usage(&self.settings.transcriber, tokens, transcribed_ms, out);
            }
            RealtimeOutput::Error(error) => match error.class {
                ErrorClass::Benign => {}
                ErrorClass::Unknown => {
                    self.unknown_errors += 1;
                    let text = format!("the model complained ({}): {}", error.code, error.message);
                    notice(out, "engine_error", text, Some(Fault::Provider));
                    if self.unknown_errors >= MOST_UNKNOWN_ERRORS {
                        self.give_up("the model complained too often".to_owned(), Fault::Provider, out);
                    }
                }
                ErrorClass::SessionOver => self.link_gone(&format!("{}: {}", error.code, error.message), out),
                ErrorClass::Refused => {
                    let cause = format!("the model refuses to go on ({}: {})", error.code, error.message);
                    self.give_up(cause, Fault::Provider, out);
                }
            },
        }
    }

    fn response_done(
        &mut self,
        response: &str,
        status: ResponseStatus,
        usage: ModelTokens,
        out: &mut Vec<Output>,
    ) {
        if usage != ModelTokens::default() {
            self.log_usage(&self.settings.model, usage, 0, out);
        }
        let gave = self.turn.as_ref().is_some_and(|turn| turn.has_of(response)) || self.has_called(response);
        if let Some(turn) = &mut self.turn {
            turn.completed(response);
        }
        let failure = match status {
            ResponseStatus::Cancelled => None,
            ResponseStatus::Completed if gave || self.then.is_some() => None,
            ResponseStatus::Completed => Some("it was empty".to_owned()),
            ResponseStatus::Incomplete { .. } if gave => None,
            ResponseStatus::Incomplete { reason } => Some(reason),
            ResponseStatus::Failed(error) if error.class == ErrorClass::Refused => {
                let cause = format!("the model refuses to answer ({}: {})", error.code, error.message);
                return self.give_up(cause, Fault::Provider, out);
            }
            ResponseStatus::Failed(error) => Some(format!("{}: {}", error.code, error.message)),
        };
        let Some(failure) = failure else {
            self.failures_in_a_row = 0;
            return self.answers.ended(response);
        };
        self.failures_in_a_row += 1;
        notice(out, "answer_failed", format!("the model's answer failed: {failure}"), Some(Fault::Provider));
        if self.failures_in_a_row >= MOST_FAILURES {
            return self.give_up("the model's answers fail".to_owned(), Fault::Provider, out);
        }
        self.answers.failed(response, self.now_ms);
        self.waiting_since_ms.get_or_insert(self.now_ms);
    }

    fn log_usage(&self, model: &str, tokens: ModelTokens, transcribed_ms: u64, out: &mut Vec<Output>) {
        let (provider, model) = (self.settings.provider.clone(), model.to_owned());
        out.push(Output::Log(EventKind::ModelUsage {
            provider,
            model,
            tokens,
            transcribed_ms,
            characters: 0,
        }));
    }

    /// The caller is owed an answer from now on.
    fn owe(&mut self, reason: Reason) {
        self.answers.owe(reason, self.now_ms);
        self.waiting_since_ms.get_or_insert(self.now_ms);
    }

    /// The model is to say something.
    fn tell(&mut self, instructions: String) {
        self.owe(Reason::Told(instructions));
    }

    /// Asks the model for the answer that is due. The one place that does.
    fn ask(&mut self, out: &mut Vec<Output>) {
        if !self.link.is_up() || self.ear.is_speaking() || self.ear.judging.is_some() {
            return;
        }
        let Some(ask) = self.answers.next(self.now_ms) else { return };
        self.waiting_since_ms.get_or_insert(self.now_ms);
        self.last_model_ms = self.now_ms;
        let mut instructions = ask.instructions;
        if !self.lost_results.is_empty() {
            let results = std::mem::take(&mut self.lost_results).join(" ");
            let told = instructions.unwrap_or_default();
            instructions = Some(format!("{told} Functions that you called before returned: {results}"));
        }
        out.push(Output::ToModel(RealtimeInput::Respond { instructions }));
    }

    /// Whether the greeting is being spoken.
    fn in_greeting(&self) -> bool {
        self.turn.as_ref().is_some_and(Turn::is_greeting)
    }

    fn new_turn_id(&self) -> TurnId {
        TurnId(self.ids.next())
    }

    /// Why the call ended.
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.closing.reason()
    }

    /// Where the call goes, when it was transferred.
    #[must_use]
    pub fn transfer_to(&self) -> Option<&str> {
        self.transfer_to.as_deref()
    }

    /// What the node that is to go on with the call is told, if one is.
    #[must_use]
    pub fn handed_over(&self) -> Option<ContinueCause> {
        self.handed_over
    }

    /// Whether the line is not listened to any more; late words may still come.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        !self.closing.is_open()
    }
}

/// What the model is told when a caller comes back whom nobody took.
const NOT_CONNECTED: &str = "The caller was to be connected with a person, waited, and nobody took the call; they are back \
        with you now. Say that you are sorry that you could not reach anybody just now, and offer to take a message or to \
        have them called back. Do not try to connect them again unless they ask for it.";

/// Complaints of the model that nobody understands, in one call.
const MOST_UNKNOWN_ERRORS: u32 = 20;
/// Answers that may fail in a row.
const MOST_FAILURES: u32 = 2;
/// What the model is told when the call goes on after a broken stream.
const CUT_OFF: &str = "The telephone line was cut off for a moment and is back now. Apologise for that in a few \
                       words, then go on: answer what the caller last said if that is still open, or ask your last \
                       question again. Do not greet the caller anew.";

fn greet(greeting: &str) -> String {
    format!("Greet the caller now. Say exactly these words and nothing else: {greeting:?}")
}

fn notice(out: &mut Vec<Output>, code: &str, text: impl Into<String>, fault: Option<Fault>) {
    out.push(Output::Log(EventKind::Notice { code: code.to_owned(), text: text.into(), fault }));
}

#[cfg(test)]
mod tests;
