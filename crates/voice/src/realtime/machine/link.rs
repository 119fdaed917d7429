//! The session with the model: opened in time, opened again when lost, changed before it runs out.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use domain::call_log::{EventKind, Fault};
use provider_traits::realtime::{Earlier, RealtimeInput};

use super::{Machine, Output, notice};
use crate::realtime::answers::Reason;

/// The first session must be ready within this time of the first frame, in milliseconds. It is usually opened while
/// the telephone still rings. The engine that goes on needs 200 ms for its first words.
const FIRST_WITHIN_MS: u64 = 900;
/// Without it our own voice greets after this time. The session may then come as long as the greeting lasts: a model
/// that is a little late is no reason to do without it for the whole call.
const OWN_GREETING_AFTER_MS: u64 = 700;
/// A caller who is loud for so long is a noise.
const SPEAKS_ON_FOR_MS: u64 = 3_000;
/// No greeting lasts so long.
const FIRST_WHILE_GREETING_MS: u64 = 20_000;
/// A call that goes on with a new stream gets its session within this time, when nobody waits for anything: its caller
/// notices nothing of it.
const CONTINUES_WITHIN_MS: u64 = 10_000;
/// A lost session must be replaced within this time; one of a call that goes on is there so long after it was wanted.
const AGAIN_WITHIN_MS: u64 = 1_500;
/// A session that is to replace one that runs out must be ready within this time.
const ROLL_OVER_WITHIN_MS: u64 = 10_000;
/// So long before a session runs out its replacement is opened, at a quiet moment.
const ROLL_OVER_BEFORE_MS: u64 = 180_000;
/// So long before it runs out the change is made even in mid-conversation, as soon as the caller does not speak.
const ROLL_OVER_AT_ONCE_MS: u64 = 20_000;
/// After a roll-over that failed the next is tried this much later.
const ROLL_OVER_AGAIN_MS: u64 = 20_000;
/// A session lost so soon after it was replaced is not replaced again.
const LOST_AGAIN_WITHIN_MS: u64 = 60_000;
/// A model that is asked whether it is there must answer within this time.
const SHOWS_WITHIN_MS: u64 = 700;
/// So long after it has shown that it is there, it is not asked again.
const ASKED_AGAIN_MS: u64 = 2_000;
/// Why a session that did not come is given up.
const LATE: &str = "the model's provider did not answer in time";
/// The caller's audio that waits for a session: two seconds.
const MOST_BUFFERED: usize = 16_000;

/// Why a session is being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    First,
    /// The call goes on with a new stream.
    Continues,
    Lost,
    RunsOut,
}

#[derive(Debug, Clone, Copy)]
struct Opening {
    why: Why,
    since_ms: u64,
    /// Since when the caller waits for something, or speaks, without a session.
    wanted_ms: Option<u64>,
    /// It is ready and waits for the moment: the media time at which it will run out.
    ready: Option<Option<u64>>,
}

/// The sessions of one call.
#[derive(Debug, Default)]
pub(super) struct Link {
    is_up: bool,
    was_up: bool,
    expires_ms: Option<u64>,
    opening: Option<Opening>,
    replaced_ms: Option<u64>,
    not_before_ms: u64,
    /// Since when an answer to a probe is owed.
    probed_ms: Option<u64>,
    last_probe_ms: Option<u64>,
    /// Why there will be no session any more, while the caller is not to be disturbed by it yet; until when at most.
    failed: Option<(String, u64)>,
    buffer: VecDeque<Bytes>,
    buffered: usize,
    /// Functions whose session is gone.
    pub(super) lost_functions: BTreeSet<String>,
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Whether the first session of a call that goes on with a new stream is on its way.
    pub(super) fn is_to_continue(&self) -> bool {
        self.opening.is_some_and(|opening| opening.why == Why::Continues)
    }

    /// Whether there ever was a session.
    pub(super) fn was_up(&self) -> bool {
        self.was_up
    }

    /// Whether the session was lost and replaced in a wait that began then.
    pub(super) fn was_replaced_since(&self, since_ms: u64) -> bool {
        self.replaced_ms.is_some_and(|replaced_ms| replaced_ms >= since_ms)
    }

    /// Whether the model was asked to show that it is there, and has not.
    pub(super) fn is_probed(&self) -> bool {
        self.is_up && self.probed_ms.is_some()
    }

    /// The model has shown that it is there.
    pub(super) fn heard_of(&mut self) {
        self.probed_ms = None;
    }

    fn keep(&mut self, audio: Bytes) {
        self.buffered += audio.len();
        self.buffer.push_back(audio);
        while self.buffered > MOST_BUFFERED {
            let Some(oldest) = self.buffer.pop_front() else { break };
            self.buffered -= oldest.len();
        }
    }
}

impl Machine {
    pub(super) fn open_first(&mut self, out: &mut Vec<Output>) {
        self.open(Why::First, out);
    }

    /// Opens the session of a call that goes on with a new stream.
    pub(super) fn open_to_continue(&mut self, out: &mut Vec<Output>) {
        self.open(Why::Continues, out);
    }

    fn open(&mut self, why: Why, out: &mut Vec<Output>) {
        self.link.opening = Some(Opening { why, since_ms: self.now_ms, wanted_ms: None, ready: None });
        out.push(Output::Open);
    }

    /// Passes the caller's audio on, or keeps it for the session that is being opened: before it is ready the model
    /// would take it for another format.
    pub(super) fn pass_on(&mut self, audio: Bytes, out: &mut Vec<Output>) {
        if self.link.is_up {
            out.push(Output::ToModel(RealtimeInput::Audio(audio)));
        } else {
            self.link.keep(audio);
        }
    }

    pub(super) fn link_ready(&mut self, expires_in_ms: Option<u64>, out: &mut Vec<Output>) {
        let Some(opening) = &mut self.link.opening else { return };
        opening.ready = Some(expires_in_ms.map(|left_ms| self.now_ms + left_ms));
        if opening.why != Why::RunsOut {
            self.change(out);
        }
    }

    /// Uses the session that is ready.
    fn change(&mut self, out: &mut Vec<Output>) {
        let Some(Opening { why, since_ms, ready: Some(expires_ms), .. }) = self.link.opening.take() else {
            return;
        };
        out.push(Output::Change);
        (self.link.is_up, self.link.was_up) = (true, true);
        self.link.expires_ms = expires_ms;
        // What the one before had shown says nothing about this one.
        self.link.last_probe_ms = None;
        self.last_model_ms = self.now_ms;
        let took_ms = self.now_ms - since_ms;
        match why {
            Why::First | Why::Continues => {
                let providers = vec![self.settings.provider.clone()];
                out.push(Output::Log(EventKind::EngineReady { engine: "realtime".to_owned(), providers }));
                if self.greets_itself && self.in_greeting() {
                    // Not among what was said so far: it is being said.
                    let words = self.settings.greeting.clone();
                    out.push(Output::ToModel(RealtimeInput::Earlier(Earlier::Agent(words))));
                }
            }
            Why::Lost => {
                self.link.replaced_ms = Some(self.now_ms);
                let text = format!("a new session with the model was ready after {took_ms} ms");
                notice(out, "engine_reconnected", text, Some(Fault::Nobody));
            }
            Why::RunsOut => {
                let text = "the session with the model was changed before it ran out".to_owned();
                notice(out, "engine_rolled_over", text, Some(Fault::Nobody));
                self.ear.session_changed();
            }
        }
        self.link.buffered = 0;
        for audio in std::mem::take(&mut self.link.buffer) {
            out.push(Output::ToModel(RealtimeInput::Audio(audio)));
        }
    }

    pub(super) fn link_failed(&mut self, reason: &str, refused: bool, out: &mut Vec<Output>) {
        let Some(opening) = self.link.opening.take() else { return };
        match opening.why {
            Why::First => {
                let cause = if refused {
                    format!("the model's provider refused the session: {reason}")
                } else {
                    format!("no session with the model could be had: {reason}")
                };
                if self.is_greeting_itself() {
                    // The caller hears the greeting to its end.
                    self.link.failed = Some((cause, self.now_ms + FIRST_WHILE_GREETING_MS));
                } else {
                    self.give_up(cause, Fault::Provider, out);
                }
            }
            Why::Continues => {
                let cause = format!("no session with the model could be had again: {reason}");
                self.give_up(cause, Fault::Provider, out);
            }
            Why::Lost => {
                let cause =
                    format!("the session with the model was lost and could not be replaced: {reason}");
                self.give_up(cause, Fault::Provider, out);
            }
            // The one in use still works; when it ends it is replaced.
            Why::RunsOut => {
                self.link.not_before_ms = self.now_ms + ROLL_OVER_AGAIN_MS;
                let text = format!("the session with the model could not be changed yet: {reason}");
                notice(out, "engine_roll_over_failed", text, Some(Fault::Provider));
            }
        }
    }

    pub(super) fn link_gone(&mut self, reason: &str, out: &mut Vec<Output>) {
        if !self.link.is_up || !self.closing.is_open() {
            return;
        }
        self.link.is_up = false;
        self.link.probed_ms = None;
        notice(
            out,
            "engine_lost",
            format!("the session with the model is gone: {reason}"),
            Some(Fault::Provider),
        );
        let was_answering = self.answers.is_answering();
        self.link.lost_functions.extend(self.functions.keys().cloned());
        let waits = self.answers.session_lost() || self.waiting_since_ms.is_some();
        let cut_in_mid_answer = was_answering && self.turn.as_ref().is_some_and(|turn| !turn.is_complete());
        self.ear.session_lost(self.now_ms);
        let lost_again =
            self.link.replaced_ms.is_some_and(|then_ms| self.now_ms < then_ms + LOST_AGAIN_WITHIN_MS);
        if lost_again {
            if waits || cut_in_mid_answer {
                self.waiting_since_ms.get_or_insert(self.now_ms);
            }
            let cause = format!("the session with the model was lost twice within a minute: {reason}");
            if self.ear.is_cut_off() && self.ear.is_loud() {
                // The next engine would hear the rest of a sentence. It asks for all of it, when the caller is silent.
                self.link.failed = Some((cause, self.now_ms + SPEAKS_ON_FOR_MS));
                return;
            }
            return self.give_up(cause, Fault::Provider, out);
        }
        if cut_in_mid_answer {
            let said = self.turn.as_ref().map(super::speaking::Turn::words).unwrap_or_default();
            self.tell(format!(
                "Your answer broke off. The caller heard only its beginning: {said:?}. Go on from there in one or \
                 two short sentences, without repeating it."
            ));
        } else if waits && self.ear.has_lost_words() {
            // What the caller said is known to nobody: an answer would be one to nothing.
            self.ask_again();
        } else if waits {
            self.owe(Reason::CallerSpoke);
        }
        match self.link.opening {
            // The one that was to replace it is there already, or on its way.
            Some(opening) if opening.ready.is_some() => self.change(out),
            Some(opening) => {
                let (why, since_ms) = (Why::Lost, self.now_ms);
                self.link.opening = Some(Opening { why, since_ms, ..opening });
            }
            None => self.open(Why::Lost, out),
        }
    }

    /// Asks the model to show that it is there, when something should have come of it by now.
    pub(super) fn probe(&mut self, out: &mut Vec<Output>) {
        let asked_lately = self.link.last_probe_ms.is_some_and(|then| self.now_ms < then + ASKED_AGAIN_MS);
        if self.link.is_up && !asked_lately {
            (self.link.probed_ms, self.link.last_probe_ms) = (Some(self.now_ms), Some(self.now_ms));
            out.push(Output::ToModel(RealtimeInput::Probe));
        }
    }

    pub(super) fn watch_the_link(&mut self, out: &mut Vec<Output>) {
        if self.link.probed_ms.is_some_and(|since_ms| self.now_ms >= since_ms + SHOWS_WITHIN_MS) {
            self.ear.was_cut_off();
            self.link_gone("it hears nothing and does not answer any more", out);
        }
        let is_disturbed = self.is_greeting_itself() || self.ear.is_loud();
        let now_ms = self.now_ms;
        if let Some((cause, _)) = self.link.failed.take_if(|(_, by_ms)| !is_disturbed || now_ms >= *by_ms) {
            self.watch_the_turn(out);
            return self.give_up(cause, Fault::Provider, out);
        }
        let is_wanted = self.is_wanted();
        if let Some(opening) = &mut self.link.opening
            && opening.ready.is_none()
        {
            if is_wanted {
                opening.wanted_ms.get_or_insert(now_ms);
            }
            let opening = *opening;
            if opening.why == Why::First && self.now_ms >= opening.since_ms + OWN_GREETING_AFTER_MS {
                self.greet_with_own_voice(out);
            }
            let (since_ms, limit_ms, what) = match opening.why {
                Why::First if self.is_greeting_itself() => (opening.since_ms, FIRST_WHILE_GREETING_MS, LATE),
                Why::First => (opening.since_ms, FIRST_WITHIN_MS, LATE),
                Why::Continues => match opening.wanted_ms {
                    Some(wanted_ms) => (wanted_ms, AGAIN_WITHIN_MS, LATE),
                    None => (opening.since_ms, CONTINUES_WITHIN_MS, LATE),
                },
                Why::Lost => (opening.since_ms, AGAIN_WITHIN_MS, LATE),
                Why::RunsOut => (opening.since_ms, ROLL_OVER_WITHIN_MS, "no answer in time"),
            };
            if self.now_ms >= since_ms + limit_ms {
                out.push(Output::AbandonOpening);
                let waited_ms = self.now_ms - opening.since_ms;
                self.watch_the_turn(out);
                self.link_failed(&format!("{what} ({waited_ms} ms)"), false, out);
            }
            return;
        }
        let Some(expires_ms) = self.link.expires_ms.filter(|_| self.link.is_up) else { return };
        let left_ms = expires_ms.saturating_sub(self.now_ms);
        let may_change =
            if left_ms <= ROLL_OVER_AT_ONCE_MS { !self.ear.is_speaking() } else { self.is_quiet() };
        if self.link.opening.is_some() {
            if may_change && (self.is_quiet() || left_ms <= ROLL_OVER_AT_ONCE_MS) {
                if !self.answers.is_quiet() && self.answers.session_lost() {
                    self.owe(Reason::CallerSpoke);
                }
                self.change(out);
            }
        } else if left_ms <= ROLL_OVER_BEFORE_MS && may_change && self.now_ms >= self.link.not_before_ms {
            self.open(Why::RunsOut, out);
        }
    }

    /// Whether a caller without a session waits for something, or has spoken.
    fn is_wanted(&self) -> bool {
        let opened_ms = self.link.opening.map_or(self.now_ms, |opening| opening.since_ms);
        self.waiting_since_ms.is_some()
            || self.ear.is_loud()
            || self.ear.silent_since_ms(self.now_ms) > opened_ms
    }

    /// Whether nobody speaks, waits or works.
    pub(super) fn is_quiet(&self) -> bool {
        self.answers.is_quiet()
            && !self.ear.is_speaking()
            && !self.ear.awaits_turn()
            && self.ear.judging.is_none()
            && self.turn.is_none()
            && self.waiting_since_ms.is_none()
            && self.functions.is_empty()
            && !self.ledger.sounds(self.now_ms)
    }
}
