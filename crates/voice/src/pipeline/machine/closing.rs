//! The end of a call: last words, last transcripts, last entry.

use domain::call_log::{ContinueCause, EndReason, EventKind, Fault};
use provider_traits::brain::Thought;

use super::{Input, Machine, MindState, Output, notice, notice_of};

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// Not at all.
    No,
    /// The agent's turn in progress is the last.
    After { reason: EndReason, since_ms: u64 },
    /// The line is done; transcripts are still owed.
    Waiting { reason: EndReason },
    /// Only the mind's last entries may come.
    Done { reason: EndReason },
    /// The last entry is written.
    Left { reason: EndReason },
}

impl Closing {
    /// Whether nothing more is said or heard.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Done { .. } | Self::Left { .. })
    }

    /// Whether the agent's present turn is the last.
    pub(super) fn follows(self) -> bool {
        matches!(self, Self::After { .. })
    }

    /// Whether the caller can't change it any more.
    pub(super) fn is_irrevocable(self) -> bool {
        match self {
            Self::No => false,
            Self::After { reason, .. } => {
                matches!(reason, EndReason::InternalError | EndReason::ServerStopped | EndReason::MaxDuration)
            }
            Self::Waiting { .. } | Self::Done { .. } | Self::Left { .. } => true,
        }
    }

    pub(super) fn reason(self) -> Option<EndReason> {
        match self {
            Self::No => None,
            Self::After { reason, .. }
            | Self::Waiting { reason }
            | Self::Done { reason }
            | Self::Left { reason } => Some(reason),
        }
    }
}

/// Another node is to go on with the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandOver {
    /// As soon as nobody speaks, waits or thinks.
    WhenQuiet,
    /// Now.
    AtOnce,
}

impl Machine {
    /// Leaves the call to another node when its time has come. There is no last entry: the call goes on.
    pub(super) fn watch_the_hand_over(&mut self, out: &mut Vec<Output>) {
        let Some(how) = self.hand_over else { return };
        let is_quiet = self.turn.is_none()
            && self.waiting.is_none()
            && !self.mind_is_out()
            && self.ear.owed.is_empty()
            && self.ear.open.is_none();
        if self.closing != Closing::No || !(is_quiet || how == HandOver::AtOnce) {
            return;
        }
        self.hand_over = None;
        // What is merely owed is answered by the next node; a sentence that broke off is not mended by silence.
        let breaks_off = self.turn.is_some() || self.ear.open.is_some();
        self.handed_over = Some(if breaks_off { ContinueCause::CutOff } else { ContinueCause::HandedOver });
        notice_of(
            out,
            "handed_over",
            "this node is stopping; another goes on with the call",
            Some(Fault::Nobody),
        );
        self.close_turn(true, out);
        self.closing = Closing::Left { reason: EndReason::ServerStopped };
        out.push(Output::Finish);
    }

    /// Ends the media part: words in the air are still transcribed, nothing more is said.
    pub(super) fn close(&mut self, reason: EndReason, out: &mut Vec<Output>) {
        if self.closing.is_final() {
            return;
        }
        self.closing = Closing::Waiting { reason };
        if reason != EndReason::Transferred {
            self.transfer_to = None;
        }
        self.end_open_utterance(out);
        self.finish_when_settled(out);
    }

    /// No voice works: the carrier's own says what is left.
    pub(super) fn leave_to_spoken_tail(&mut self, out: &mut Vec<Output>) {
        if !self.closing.is_final() {
            self.left_to_spoken_tail = true;
            self.close(EndReason::InternalError, out);
        }
    }

    fn finish_when_settled(&mut self, out: &mut Vec<Output>) {
        let Closing::Waiting { reason } = self.closing else { return };
        if !self.ear.owed.is_empty() {
            return;
        }
        self.closing = Closing::Done { reason };
        self.close_turn(true, out);
        if self.mind_is_out() {
            notice(out, "answer_unheard", "the call ended before the answer was spoken");
        }
        out.push(Output::Finish);
    }

    /// What still counts when the line is done.
    pub(super) fn handle_last(&mut self, input: Input, out: &mut Vec<Output>) {
        if matches!(self.closing, Closing::Left { .. }) {
            return;
        }
        match input {
            Input::Thought { thought: Thought::Log(kind), .. } => out.push(Output::Log(kind)),
            Input::Notice { code, text, fault } => notice_of(out, code, text, fault),
            Input::Partial { utterance, text } => self.partial(utterance, text, out),
            Input::Final { utterance, text, confidence } => {
                self.transcript(utterance, &text, confidence, out);
            }
            Input::EarsLost | Input::GiveUpWaiting => self.settle_transcripts(out),
            Input::MindDone { ask } => self.mind_done_last(ask),
            Input::MindLost => self.mind = MindState::Lost,
            Input::Leave => {
                self.settle_transcripts(out);
                self.finish_when_settled(out);
                if let Closing::Done { reason } = self.closing {
                    out.push(Output::Log(EventKind::Ended { reason }));
                    self.closing = Closing::Left { reason };
                }
                return;
            }
            _ => {}
        }
        self.finish_when_settled(out);
    }
}
