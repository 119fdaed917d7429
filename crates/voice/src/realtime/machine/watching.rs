//! The watchdogs: waits that are filled, waits that are too long, silences, the longest duration.

use domain::call_log::{EndReason, Fault};
use provider_traits::brain::{GoOn, NextStep};

use super::speaking::Turn;
use super::{Machine, Output, Owed};
use crate::pipeline::phrases;

/// Our own words come this long before the caller would have waited too long: what a voice needs for its first sound.
const VOICE_NEEDS_MS: u64 = 200;
/// With the session gone the caller is not left waiting.
const FILL_AFTER_LOSS_MS: u64 = 150;
/// The session of a call that goes on with a new stream may take so long.
const FILL_BEFORE_CONTINUING_MS: u64 = 700;
/// With a session that has just taken its place neither: it has to answer first.
const FILL_AFTER_REPLACEMENT_MS: u64 = 400;
/// The next words of our own come after this much more silence.
const NEXT_FILL_AFTER_MS: u64 = 3_000;
/// A model that owes an answer and is not heard of for so long is given up.
const ANSWER_WITHIN_MS: u64 = 4_000;
/// A model that breaks off in mid-answer and is not heard of for so long is given up.
const FLOW_WITHIN_MS: u64 = 2_500;
/// A function that runs for so long is no reason to wait any more. Each has a limit of its own below this.
const FUNCTION_WITHIN_MS: u64 = 15_000;
/// So long before the longest duration the model is asked to say goodbye.
const GOODBYE_BEFORE_LIMIT_MS: u64 = 10_000;
/// So long after it the call is ended in any case.
const END_AFTER_LIMIT_MS: u64 = 10_000;

impl Machine {
    /// Since when the caller has heard nothing although something is owed.
    fn silent_since_ms(&self) -> Option<u64> {
        if self.ledger.sounds(self.now_ms) || (self.ear.is_speaking() && !self.link.is_probed()) {
            return None;
        }
        let since_ms = match self.waiting_since_ms {
            Some(since_ms) => since_ms,
            None if self.answers.is_making() => self.last_sound_ms,
            // The caller has spoken, and nothing came of it yet.
            None if self.link.is_probed() && !self.ear.is_loud() => self.ear.silent_since_ms(self.now_ms),
            None => return None,
        };
        Some(since_ms.max(self.last_sound_ms))
    }

    pub(super) fn watch_the_wait(&mut self, out: &mut Vec<Output>) {
        if !self.closing.is_open() {
            return;
        }
        let Some(silent_ms) = self.silent_since_ms() else { return };
        let is_first_session =
            !self.link.is_up() && !self.was_heard && !self.link.was_up() && !self.link.is_to_continue();
        if is_first_session {
            // The deadline of the first session stands over this.
            return;
        }
        let patience_ms = match (self.own.said, self.link.is_up()) {
            (0, true) if self.link.was_replaced_since(self.waiting_since_ms.unwrap_or(silent_ms)) => {
                FILL_AFTER_REPLACEMENT_MS
            }
            (0, true) => u64::from(self.turn_taking.filler_after_ms).saturating_sub(VOICE_NEEDS_MS),
            // It usually is there before.
            (0, false) if self.link.is_to_continue() => FILL_BEFORE_CONTINUING_MS,
            (0, false) => FILL_AFTER_LOSS_MS,
            _ => NEXT_FILL_AFTER_MS,
        };
        if self.now_ms >= silent_ms + patience_ms && !self.own.is_busy() {
            if self.turn.as_mut().is_some_and(Turn::breaks_off_too_often) {
                let cause = "the model's answer came too slowly to be listened to".to_owned();
                return self.give_up(cause, Fault::Provider, out);
            }
            self.fill(out);
        }
        if !self.link.is_up() || (self.waiting_since_ms.is_none() && !self.answers.is_making()) {
            // The deadline of the replacement stands over this, or that of a model to show that it is there.
            return;
        }
        let quiet_ms = self.now_ms.saturating_sub(self.last_model_ms);
        if !self.functions.is_empty() {
            if quiet_ms >= FUNCTION_WITHIN_MS {
                self.give_up("a function never returned".to_owned(), Fault::Us, out);
            }
        } else if let Some(waiting_ms) = self.waiting_since_ms {
            let waited_ms = self.now_ms.saturating_sub(waiting_ms.max(self.functions_done_ms));
            if waited_ms >= ANSWER_WITHIN_MS {
                let cause = format!("the model owed an answer for {waited_ms} ms");
                self.give_up(cause, Fault::Provider, out);
            }
        } else if quiet_ms >= FLOW_WITHIN_MS {
            self.give_up("the model broke off in mid-answer".to_owned(), Fault::Provider, out);
        }
    }

    /// Another engine is to go on.
    pub(super) fn give_up(&mut self, cause: String, fault: Fault, out: &mut Vec<Output>) {
        if !self.closing.is_open() {
            return;
        }
        let owed = self.owed();
        if self.ledger.is_sounding() {
            out.push(Output::Clear);
            for cut in self.ledger.cut(self.now_ms) {
                self.note_heard(&cut);
            }
        }
        self.close_turn(true, out);
        self.closing.given_up();
        out.push(Output::GiveUp { cause, fault, owed });
    }

    fn owed(&self) -> Owed {
        if !self.was_heard {
            return Owed::Greeting;
        }
        if self.ear.is_speaking() {
            return Owed::Nothing;
        }
        // What has only just begun to sound answered nothing.
        let unheard =
            self.turn.as_ref().is_some_and(|turn| turn.has_begun_after(self.now_ms.saturating_sub(300)));
        let in_mid_answer = self.turn.as_ref().is_some_and(|turn| turn.has_of_model() && !turn.is_complete());
        if in_mid_answer && !unheard {
            return Owed::This(GoOn::CutOff);
        }
        if !unheard && self.waiting_since_ms.is_none() && !self.ear.has_lost_words() {
            return Owed::Nothing;
        }
        match self.ear.last_turn() {
            _ if self.ear.has_lost_words() => Owed::This(GoOn::WordsLost),
            Some((turn, text)) => Owed::This(GoOn::AnswerOwed { turn, text: text.to_owned() }),
            None => Owed::This(GoOn::CutOff),
        }
    }

    /// Gentle prompts when nobody speaks, then a goodbye.
    pub(super) fn watch_the_silence(&mut self, out: &mut Vec<Output>) {
        if !self.link.is_up() || !self.is_quiet() || self.then.is_some() {
            return;
        }
        let settings = &self.turn_taking;
        let quiet_ms = self.now_ms.saturating_sub(self.quiet_since_ms);
        let (stage, words) = match self.silence_stage {
            0 if quiet_ms >= u64::from(settings.first_prompt_ms) => (
                1,
                "The caller has said nothing for a while. Ask in a few words whether they are still there.",
            ),
            1 if quiet_ms >= u64::from(settings.second_prompt_ms) => {
                (2, "The caller is still silent. Offer once more to help, in one short sentence.")
            }
            2 if quiet_ms >= u64::from(settings.goodbye_ms) => {
                (3, "The caller does not answer. Say goodbye in one friendly sentence.")
            }
            _ => return,
        };
        self.silence_stage = stage;
        if stage == 3 {
            self.then = Some(NextStep::HangUp);
            self.last_reason = Some(EndReason::Silence);
        }
        self.tell(words.to_owned());
        self.ask(out);
    }

    pub(super) fn watch_the_clock(&mut self, out: &mut Vec<Output>) {
        let goodbye_ms = self.max_call_ms.saturating_sub(GOODBYE_BEFORE_LIMIT_MS);
        if self.now_ms >= goodbye_ms && !self.time_is_up {
            self.time_is_up = true;
            self.say_goodbye(
                "The longest duration of a call is reached. Say so kindly in one sentence, promise that somebody \
                 will get in touch, and say goodbye.",
                EndReason::MaxDuration,
            );
        }
        if self.now_ms >= self.max_call_ms + END_AFTER_LIMIT_MS {
            self.close(EndReason::MaxDuration, out);
        }
    }

    /// The server is told to stop.
    pub(super) fn drain(&mut self, out: &mut Vec<Output>) {
        if !self.closing.is_open() {
            return;
        }
        self.interrupt(out);
        let words = format!("Say exactly these words and nothing else: {:?}", phrases::STOPPING);
        self.say_goodbye(&words, EndReason::ServerStopped);
    }

    fn say_goodbye(&mut self, instructions: &str, reason: EndReason) {
        self.then = Some(NextStep::HangUp);
        self.last_reason = Some(reason);
        self.tell(instructions.to_owned());
    }
}
