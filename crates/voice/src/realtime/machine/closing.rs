//! The end of a call: last words, last transcripts, last entry.

use domain::call_log::{ContinueCause, EndReason, EventKind, Fault};
use provider_traits::brain::NextStep;

use super::{Machine, Output, notice};
use crate::realtime::ledger::Cut;

/// How long the end of a call waits for the caller's last words.
const LAST_WORDS_WITHIN_MS: u64 = 1_500;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// Not at all.
    No,
    /// The line is done; words are still owed.
    Waiting { reason: EndReason, until_ms: u64 },
    /// The last entry is written, or the call goes on elsewhere.
    Done { reason: Option<EndReason> },
}

impl Closing {
    pub(super) fn is_open(self) -> bool {
        self == Self::No
    }

    pub(super) fn is_done(self) -> bool {
        matches!(self, Self::Done { .. })
    }

    pub(super) fn given_up(&mut self) {
        *self = Self::Done { reason: None };
    }

    pub(super) fn reason(self) -> Option<EndReason> {
        match self {
            Self::No => None,
            Self::Waiting { reason, .. } => Some(reason),
            Self::Done { reason } => reason,
        }
    }
}

impl Machine {
    /// Ends the media part: nothing more is said; words that are owed may still come.
    pub(super) fn close(&mut self, reason: EndReason, out: &mut Vec<Output>) {
        if !self.closing.is_open() {
            return;
        }
        for cut in self.ledger.cut(self.now_ms) {
            self.note_heard(&cut);
        }
        self.close_turn(true, out);
        self.ear.session_lost(self.now_ms);
        if self.waiting_since_ms.is_some() && reason == EndReason::CallerHungUp {
            notice(out, "answer_unheard", "the call ended before the answer was spoken", Some(Fault::Nobody));
        }
        self.closing = Closing::Waiting { reason, until_ms: self.now_ms + LAST_WORDS_WITHIN_MS };
    }

    pub(super) fn note_heard(&mut self, cut: &Cut) {
        if let Some(turn) = &mut self.turn {
            turn.note_heard(cut);
        }
    }

    pub(super) fn watch_the_end(&mut self, out: &mut Vec<Output>) {
        let Closing::Waiting { reason, until_ms } = self.closing else { return };
        let words_are_owed = self.ear.awaits_words() && self.link.is_up();
        if self.now_ms < until_ms && (words_are_owed || !self.functions.is_empty()) {
            return;
        }
        self.closing = Closing::Done { reason: Some(reason) };
        out.push(Output::Log(EventKind::Ended { reason }));
        out.push(Output::Finish);
    }

    /// What follows the agent's last words.
    pub(super) fn take_step(&mut self, then: NextStep, out: &mut Vec<Output>) {
        match then {
            NextStep::HangUp => {
                self.close(self.last_reason.unwrap_or(EndReason::AgentSaidGoodbye), out);
            }
            NextStep::Transfer { to } => {
                self.transfer_to = Some(to);
                self.close(EndReason::Transferred, out);
            }
        }
    }

    /// Leaves the call to another node when its time has come. There is no last entry: the call goes on.
    pub(super) fn watch_the_hand_over(&mut self, out: &mut Vec<Output>) {
        let Some(at_once) = self.hand_over else { return };
        // The model notices a caller who begins to speak only a moment later, and tells the words later still.
        let is_quiet = self.is_quiet() && !self.ear.is_loud() && !self.ear.awaits_words();
        if !self.closing.is_open() || !(at_once || is_quiet) {
            return;
        }
        // What is merely owed is answered by the next node; a sentence that broke off is not mended by silence.
        let loses_words = self.ear.is_speaking() || self.ear.awaits_turn() || self.ear.awaits_words();
        let breaks_off = self.turn.is_some() || self.ledger.sounds(self.now_ms) || loses_words;
        for cut in self.ledger.cut(self.now_ms) {
            self.note_heard(&cut);
        }
        self.close_turn(true, out);
        let text = "this node is stopping; another goes on with the call";
        notice(out, "handed_over", text, Some(Fault::Nobody));
        self.handed_over = Some(if breaks_off { ContinueCause::CutOff } else { ContinueCause::HandedOver });
        self.closing = Closing::Done { reason: Some(EndReason::ServerStopped) };
        out.push(Output::Finish);
    }
}
