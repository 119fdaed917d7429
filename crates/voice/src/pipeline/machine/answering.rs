//! Who owes whom an answer: the mind, the prompts that wait for it, fillers, silences, keys.

use domain::call_log::{EndReason, EventKind, Purpose};
use provider_traits::brain::{NextStep, Prompt, Thought};

use super::super::phrases;
use super::super::speech::{AgentTurn, Occasion, Stages};
use super::closing::Closing;
use super::mind::{MindState, Waiting};
use super::{Machine, Output, notice};

/// A mind that says nothing for so long, while nothing else is left to say, is given up for this prompt.
const MIND_WITHIN_MS: u64 = 8_000;
/// A cancelled mind that has not returned after so long is broken.
const CANCEL_OBEYED_WITHIN_MS: u64 = 5_000;
/// Keys are a number when no further one comes for so long.
const KEYS_PAUSE_MS: u64 = 1_500;
/// More keys than any number has are not collected.
const MOST_KEYS: usize = 32;
/// What an answer is given from the moment the caller's turn is known to be over, however long that took: the
/// local chain needs 100 to 300 ms.
const ANSWER_CHANCE_MS: u64 = 400;
/// A second filler comes after this much more silence.
const NEXT_FILLER_AFTER_MS: u64 = 3_500;
/// Fillers for one answer.
const MOST_FILLERS: usize = 3;
/// So long before the longest duration the mind is asked to say goodbye.
const GOODBYE_BEFORE_LIMIT_MS: u64 = 10_000;
/// So long after it the call is ended with the loop's own goodbye.
const OWN_GOODBYE_AFTER_LIMIT_MS: u64 = 5_000;
/// A goodbye that makes no progress for so long is not waited for.
const LAST_WORDS_STUCK_MS: u64 = 15_000;
/// A transcript later than this is not waited for.
const TRANSCRIPT_WITHIN_MS: u64 = 10_000;

impl Machine {
    /// The call is over; only whether the mind has returned still matters.
    pub(super) fn mind_done_last(&mut self, ask: u32) {
        if matches!(self.mind, MindState::Thinking { ask: current, .. } if current == ask) {
            self.mind = MindState::Free;
        }
    }

    /// The caller has contributed: silences are counted anew.
    pub(super) fn contributed(&mut self, at_ms: u64) {
        self.quiet_since_ms = self.quiet_since_ms.max(at_ms);
        self.silence_stage = 0;
    }

    /// The caller is owed an answer from now on.
    pub(super) fn owe_an_answer(
        &mut self,
        prompt: Prompt,
        words: &str,
        stages: Option<Stages>,
        out: &mut Vec<Output>,
    ) {
        let prompt = match (self.waiting.take().map(|waiting| waiting.prompt), prompt) {
            // Not asked yet: both are answered as one.
            (
                Some(Prompt::CallerSaid { text: earlier, agent_was_heard, .. }),
                Prompt::CallerSaid { turn, text, .. },
            ) => Prompt::CallerSaid { turn, text: format!("{earlier} {text}"), agent_was_heard },
            (Some(Prompt::CallerDialled { .. }), prompt) => {
                notice(out, "answer_superseded", "the caller spoke before the keys were answered");
                prompt
            }
            (Some(Prompt::CallerSaid { .. }), prompt) => {
                notice(out, "answer_superseded", "the caller pressed keys before the words were answered");
                prompt
            }
            (Some(Prompt::TimeIsUp), prompt) => {
                // It will be asked again.
                self.time_is_up = false;
                prompt
            }
            (_, prompt) => prompt,
        };
        self.waiting = Some(Waiting { prompt, stages, words: words.to_owned() });
        self.ask(out);
    }

    /// The one place that asks the mind: when it is free and the floor can be had.
    pub(super) fn ask(&mut self, out: &mut Vec<Output>) {
        if self.waiting.is_none() || self.closing.is_final() || self.mind == MindState::Lost {
            return;
        }
        if !self.make_room(out) {
            return;
        }
        let Some(waiting) = &mut self.waiting else { return };
        if self.turn.is_none() {
            self.turn = Some(AgentTurn::new(domain::ids::TurnId(self.ids.next()), waiting.occasion()));
        }
        if let Some(turn) = &mut self.turn {
            if waiting.stages.is_some() {
                turn.stages = waiting.stages;
                turn.callers_words.clone_from(&waiting.words);
            }
            match self.mind {
                MindState::Free => {}
                MindState::Thinking { .. } => return self.cancel_mind(out),
                MindState::Abandoned | MindState::Lost => return,
            }
            self.asks += 1;
            turn.asked = Some(self.asks);
        }
        let Some(waiting) = self.waiting.take() else { return };
        if waiting.is_of_the_caller() {
            self.expecting = domain::expected_answer::ExpectedAnswer::Open;
        }
        self.mind = MindState::Thinking { ask: self.asks, asked_ms: self.now_ms, cancelled_ms: None };
        out.push(Output::Ask { ask: self.asks, prompt: waiting.prompt });
    }

    /// Ends the agent's turn for the sake of the waiting prompt; whether that one may be asked now.
    fn make_room(&mut self, out: &mut Vec<Output>) -> bool {
        let Some(turn) = &self.turn else { return !self.closing.follows() };
        if turn.thinking && turn.asked.is_none() {
            return true;
        }
        let for_caller = self.waiting.as_ref().is_some_and(Waiting::is_of_the_caller);
        let greeting_is_due = turn.occasion == Occasion::PickedUp && turn.started_ms.is_none();
        if !for_caller || greeting_is_due || self.speaks_uninterruptibly() || self.closing.is_irrevocable() {
            return false;
        }
        let heard = self.close_turn(true, out);
        if let Some(Waiting { prompt: Prompt::CallerSaid { agent_was_heard, .. }, .. }) = &mut self.waiting {
            *agent_was_heard = agent_was_heard.take().or(heard);
        }
        !self.closing.is_final()
    }

    fn cancel_mind(&mut self, out: &mut Vec<Output>) {
        if let MindState::Thinking { ask, cancelled_ms, .. } = &mut self.mind
            && cancelled_ms.is_none()
        {
            *cancelled_ms = Some(self.now_ms);
            out.push(Output::CancelAsk { ask: *ask });
        }
    }

    pub(super) fn thought(&mut self, ask: u32, thought: Thought, out: &mut Vec<Output>) {
        // What a tool has done is done, whether its answer is still wanted or not.
        if let Thought::Log(kind) = thought {
            self.last_thought_ms = self.now_ms;
            return out.push(Output::Log(kind));
        }
        if !matches!(self.mind, MindState::Thinking { ask: current, cancelled_ms: None, .. } if current == ask)
        {
            return;
        }
        self.last_thought_ms = self.now_ms;
        let now_ms = self.now_ms;
        match thought {
            Thought::Say { text, purpose, interruptible } => {
                if !text.chars().any(char::is_alphanumeric) {
                    return;
                }
                let sentence = self.new_sentence(text, purpose, interruptible);
                if let Some(turn) = self.turn.as_mut().filter(|turn| turn.asked == Some(ask)) {
                    if let Some(stages) = &mut turn.stages {
                        stages.said_ms.get_or_insert(now_ms);
                    }
                    turn.sentences.push(sentence);
                }
            }
            Thought::Expect(kind) => self.expecting = kind,
            Thought::Then(step) => self.then(step),
            Thought::Log(_) => {}
        }
    }

    fn then(&mut self, step: NextStep) {
        let occasion = self.turn.as_ref().map(|turn| turn.occasion);
        let reason = match (step, occasion) {
            (NextStep::Transfer { to }, _) => {
                self.transfer_to = Some(to);
                EndReason::Transferred
            }
            (NextStep::HangUp, Some(Occasion::Silence(_))) => EndReason::Silence,
            (NextStep::HangUp, Some(Occasion::TimeIsUp)) => EndReason::MaxDuration,
            (NextStep::HangUp, _) => EndReason::AgentSaidGoodbye,
        };
        self.closing = Closing::After { reason, since_ms: self.now_ms };
    }

    pub(super) fn mind_done(&mut self, ask: u32, out: &mut Vec<Output>) {
        let MindState::Thinking { ask: current, cancelled_ms, .. } = self.mind else { return };
        if current != ask {
            return;
        }
        self.mind = MindState::Free;
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.asked == Some(ask)) else { return };
        turn.thinking = false;
        let spoke = turn.sentences.iter().any(|sentence| sentence.purpose != Purpose::Filler);
        if cancelled_ms.is_some() || spoke || self.closing.follows() {
            return;
        }
        notice(out, "no_answer", "the brain had no words; the speech loop's own are said");
        self.say_instead();
    }

    /// Words for a mind that had none.
    fn say_instead(&mut self) {
        let Some(occasion) = self.turn.as_ref().map(|turn| turn.occasion) else { return };
        let (text, purpose) = match occasion {
            Occasion::PickedUp => (phrases::GREETING, Purpose::Greeting),
            Occasion::Silence(1 | 2) => (phrases::ARE_YOU_THERE, Purpose::SilencePrompt),
            Occasion::Silence(_) | Occasion::TimeIsUp => (phrases::GOODBYE, Purpose::Goodbye),
            Occasion::Caller | Occasion::Own => (phrases::NOTHING_TO_SAY, Purpose::Reply),
        };
        self.append_own(text, purpose, true);
    }

    fn append_own(&mut self, text: &str, purpose: Purpose, interruptible: bool) {
        let sentence = self.new_sentence(text.to_owned(), purpose, interruptible);
        let now_ms = self.now_ms;
        if let Some(turn) = &mut self.turn {
            if let Some(stages) = &mut turn.stages {
                stages.said_ms.get_or_insert(now_ms);
            }
            turn.sentences.push(sentence);
        }
    }

    /// A mind that died takes the call with it, politely.
    pub(super) fn mind_lost(&mut self, out: &mut Vec<Output>) {
        self.mind = MindState::Lost;
        self.waiting = None;
        notice(out, "brain_died", "the brain died of a defect; the call is ended with an apology");
        self.end_with(phrases::DEFECT, EndReason::InternalError, out);
    }

    /// The loop's own words, in place of whatever was being said.
    pub(super) fn say_own(&mut self, text: &str, out: &mut Vec<Output>) {
        self.close_turn(true, out);
        if self.closing.is_final() {
            return;
        }
        let mut turn = AgentTurn::new(self.new_turn_id(), Occasion::Own);
        turn.thinking = false;
        self.turn = Some(turn);
        self.append_own(text, Purpose::Reply, true);
    }

    /// Last words that nobody may talk over; then the end.
    fn end_with(&mut self, text: &str, reason: EndReason, out: &mut Vec<Output>) {
        self.waiting = None;
        self.close_turn(true, out);
        if self.closing.is_final() {
            return;
        }
        let mut turn = AgentTurn::new(self.new_turn_id(), Occasion::Own);
        turn.thinking = false;
        self.turn = Some(turn);
        self.append_own(text, Purpose::Goodbye, false);
        self.transfer_to = None;
        self.closing = Closing::After { reason, since_ms: self.now_ms };
    }

    pub(super) fn drain(&mut self, out: &mut Vec<Output>) {
        if !self.closing.is_irrevocable() {
            self.end_with(phrases::STOPPING, EndReason::ServerStopped, out);
        }
    }

    pub(super) fn key(&mut self, digit: char, out: &mut Vec<Output>) {
        out.push(Output::Log(EventKind::Dtmf { digit }));
        self.contributed(self.now_ms);
        if self.agent_may_be_interrupted() && !self.closing.is_irrevocable() {
            self.close_turn(true, out);
        }
        self.dialled_at_ms = self.now_ms;
        if digit == '#' && !self.dialled.is_empty() {
            return self.submit_keys(out);
        }
        if self.dialled.len() < MOST_KEYS {
            self.dialled.push(digit);
        }
    }

    pub(super) fn watch_the_keys(&mut self, out: &mut Vec<Output>) {
        if !self.dialled.is_empty() && self.now_ms >= self.dialled_at_ms + KEYS_PAUSE_MS {
            self.submit_keys(out);
        }
    }

    fn submit_keys(&mut self, out: &mut Vec<Output>) {
        let digits = std::mem::take(&mut self.dialled);
        let stages = Stages {
            ended_ms: self.dialled_at_ms,
            declared_ms: self.now_ms,
            final_ms: self.now_ms,
            said_ms: None,
            audio_ms: None,
        };
        self.owe_an_answer(Prompt::CallerDialled { digits }, "", Some(stages), out);
    }

    pub(super) fn watch_the_mind(&mut self, out: &mut Vec<Output>) {
        let MindState::Thinking { ask, asked_ms, cancelled_ms } = self.mind else { return };
        if let Some(cancelled_ms) = cancelled_ms {
            if self.now_ms >= cancelled_ms + CANCEL_OBEYED_WITHIN_MS {
                self.mind = MindState::Abandoned;
                out.push(Output::AbandonMind);
            }
            return;
        }
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.asked == Some(ask)) else { return };
        let spoke = turn.sentences.iter().any(|one| one.purpose != Purpose::Filler && one.sent_frames > 0);
        let spoke_until_ms = if spoke { turn.last_audio_ms } else { 0 };
        let since_ms = asked_ms.max(self.last_thought_ms).max(spoke_until_ms);
        if !turn.is_sent() || self.now_ms < since_ms + MIND_WITHIN_MS {
            return;
        }
        turn.thinking = false;
        let owes_words = !spoke;
        let is_answer = turn.occasion == Occasion::Caller;
        notice(out, "brain_timeout", "the brain did not answer in time");
        self.cancel_mind(out);
        if owes_words && is_answer {
            self.append_own(phrases::NO_ANSWER_IN_TIME, Purpose::Reply, true);
        } else if owes_words {
            self.say_instead();
        }
    }

    /// The longest duration, last words that don't end, transcripts that don't come.
    pub(super) fn watch_the_clock(&mut self, out: &mut Vec<Output>) {
        if self.ear.owed.front().is_some_and(|owed| owed.declared_before(self.now_ms, TRANSCRIPT_WITHIN_MS)) {
            notice(out, "transcript_late", "a transcript did not come in time; the words so far must do");
            self.settle_transcripts(out);
        }
        if let Closing::After { reason, since_ms } = self.closing {
            let progress_ms = since_ms.max(self.last_agent_audio_ms);
            if self.now_ms >= progress_ms + LAST_WORDS_STUCK_MS {
                self.close(reason, out);
            }
            return;
        }
        let goodbye_at_ms = self.max_call_ms.saturating_sub(GOODBYE_BEFORE_LIMIT_MS);
        if self.now_ms >= self.max_call_ms + OWN_GOODBYE_AFTER_LIMIT_MS {
            self.end_with(phrases::GOODBYE, EndReason::MaxDuration, out);
        } else if self.now_ms >= goodbye_at_ms && !self.time_is_up && self.waiting.is_none() {
            self.time_is_up = true;
            self.waiting = Some(Waiting::new(Prompt::TimeIsUp));
        }
    }

    pub(super) fn watch_the_silence(&mut self, _out: &mut Vec<Output>) {
        let quiet = self.turn.is_none()
            && self.waiting.is_none()
            && self.mind == MindState::Free
            && self.dialled.is_empty()
            && !self.closing.follows()
            && !self.caller_is_active();
        if !quiet {
            return;
        }
        let quiet_ms = self.now_ms.saturating_sub(self.quiet_since_ms);
        let stage = match self.silence_stage {
            0 if quiet_ms >= u64::from(self.settings.first_prompt_ms) => 1,
            1 if quiet_ms >= u64::from(self.settings.second_prompt_ms) => 2,
            2.. if quiet_ms >= u64::from(self.settings.goodbye_ms) => 3,
            _ => return,
        };
        self.silence_stage = stage;
        self.waiting = Some(Waiting::new(Prompt::Silence { stage }));
    }

    /// No dead air: a short word when nothing is ready in time.
    pub(super) fn fill_the_wait(&mut self, out: &mut Vec<Output>) {
        if self.closing.follows() || self.caller_has_the_floor() || self.mouth.is_held() {
            return;
        }
        let (owed_since_ms, declared_ms, words) = match &self.turn {
            Some(turn) => match turn.stages {
                Some(stages) if turn.unsent_ms() == 0 => {
                    (stages.ended_ms, stages.declared_ms, turn.callers_words.clone())
                }
                _ => return,
            },
            None => match self.words_in_transcription() {
                Some((ended_ms, declared_ms, words)) => (ended_ms, declared_ms, words.to_owned()),
                None => return,
            },
        };
        let fillers = self.turn.iter().flat_map(|turn| &turn.sentences);
        let fillers = fillers.filter(|sentence| sentence.purpose == Purpose::Filler).count();
        let wait_ms =
            if fillers == 0 { u64::from(self.settings.filler_after_ms) } else { NEXT_FILLER_AFTER_MS };
        let silent_since_ms = owed_since_ms.max(self.last_agent_audio_ms);
        // After a long pause for thought the answer gets its chance before a filler.
        let due_ms = (silent_since_ms + wait_ms).max(declared_ms + ANSWER_CHANCE_MS);
        if fillers >= MOST_FILLERS || self.now_ms < due_ms {
            return;
        }
        self.speak_filler(&words, out);
    }

    fn speak_filler(&mut self, words: &str, _out: &mut Vec<Output>) {
        let text = phrases::filler(words, self.last_filler, self.fillers);
        let sentence = self.new_sentence(text.to_owned(), Purpose::Filler, true);
        if self.turn.is_none() {
            // The words are still being transcribed; their answer will be this turn's.
            self.turn = Some(AgentTurn::new(self.new_turn_id(), Occasion::Caller));
        }
        let Some(turn) = &mut self.turn else { return };
        // In front of an answer that is still being made; a sentence that has begun is not broken into.
        let begun = turn
            .current()
            .is_some_and(|current| current.sent_frames > 0 || current.purpose == Purpose::Filler);
        if begun && turn.current().is_some_and(|current| !current.is_sent()) {
            return;
        }
        while turn.current().is_some_and(super::super::speech::Sentence::is_sent) {
            turn.cursor += 1;
        }
        let place = turn.cursor.min(turn.sentences.len());
        turn.sentences.insert(place, sentence);
        self.last_filler = Some(text);
        self.fillers += 1;
    }

    /// The words that a filler was said for turned out to be none.
    pub(super) fn withdraw_premature_filler(&mut self) {
        if self.waiting.is_none()
            && let Some(turn) = self.turn.as_mut().filter(|turn| turn.thinking && turn.asked.is_none())
        {
            turn.thinking = false;
            turn.sentences.retain(|sentence| sentence.announced);
            turn.cursor = turn.cursor.min(turn.sentences.len());
        }
    }

    /// What follows when an agent's turn is over.
    pub(super) fn turn_is_over(
        &mut self,
        turn: &AgentTurn,
        cut: bool,
        interrupted: bool,
        out: &mut Vec<Output>,
    ) {
        let is_thought_of = matches!(self.mind, MindState::Thinking { ask, .. } if turn.asked == Some(ask));
        if turn.thinking && is_thought_of {
            self.cancel_mind(out);
        }
        if !matches!(turn.occasion, Occasion::Silence(_)) {
            self.quiet_since_ms = self.quiet_since_ms.max(turn.last_audio_ms.min(self.now_ms));
        }
        if self.closing.is_final() {
            return;
        }
        if turn.sentences.is_empty() && turn.occasion == Occasion::Caller && cut {
            notice(out, "answer_superseded", "the caller went on before the answer was ready");
        }
        let for_silence = matches!(self.closing, Closing::After { reason: EndReason::Silence, .. })
            || (self.closing == Closing::No && matches!(turn.occasion, Occasion::Silence(3..)));
        match (self.closing, turn.occasion) {
            // Somebody speaks after all, or has: a call is not ended for their silence. Was it only noise, the
            // goodbye is said again.
            (Closing::After { .. } | Closing::No, _) if for_silence && self.caller_is_active() => {
                self.closing = Closing::No;
            }
            (Closing::After { reason, .. }, _) if !interrupted => self.close(reason, out),
            (Closing::After { .. }, _) => {
                // The caller had more to say than goodbye.
                self.closing = Closing::No;
                self.transfer_to = None;
            }
            (_, Occasion::Silence(3..)) if !cut => self.close(EndReason::Silence, out),
            (_, Occasion::TimeIsUp) if !cut => self.close(EndReason::MaxDuration, out),
            _ => {}
        }
    }
}
