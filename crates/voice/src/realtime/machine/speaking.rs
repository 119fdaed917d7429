//! The agent's side: the model's audio on its way to the caller, what of it was heard, and our own voice in between.

use bytes::Bytes;
use domain::call_log::{EventKind, Fault, LatencyParts, Purpose};
use domain::ids::TurnId;
use provider_traits::brain::NextStep;
use provider_traits::realtime::RealtimeInput;

use super::{Machine, Output, notice};
use crate::realtime::ledger::{Cut, Source};

/// How long a character takes to be spoken, while the length of the whole is not known yet. Rather too long: what is
/// reported as heard must have been heard.
const MS_PER_CHARACTER: u64 = 75;

/// One item of an answer: its words and its audio.
#[derive(Debug)]
struct Part {
    /// The model's item; `None` for our own words.
    item: Option<String>,
    response: Option<String>,
    words: String,
    /// Of the words, those that were told as being said.
    announced: usize,
    made_ms: u64,
    /// Set when it was cut.
    heard_ms: Option<u64>,
}

impl Part {
    /// The words that can have been heard.
    fn heard(&self, is_complete: bool) -> &str {
        let Some(heard_ms) = self.heard_ms else { return &self.words };
        let characters = self.words.chars().count() as u64;
        let of_the_whole = (characters * heard_ms).checked_div(self.made_ms).unwrap_or(0);
        let within = if is_complete { of_the_whole } else { of_the_whole.min(heard_ms / MS_PER_CHARACTER) };
        whole_words(&self.words, usize::try_from(within).unwrap_or(usize::MAX))
    }
}

/// The words that lie within the first `characters`.
fn whole_words(text: &str, characters: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(characters) else { return text };
    if text[end..].starts_with(char::is_whitespace) {
        return text[..end].trim_end();
    }
    text[..end].rfind(char::is_whitespace).map_or("", |space| text[..space].trim_end())
}

/// The agent's turn in progress.
#[derive(Debug)]
pub(super) struct Turn {
    id: TurnId,
    purpose: Purpose,
    started_ms: Option<u64>,
    parts: Vec<Part>,
    /// Every answer in it has come to its end.
    is_complete: bool,
    ran_dry: bool,
    /// How often the model's audio broke off for so long that our own words filled the gap.
    gaps: u32,
}

/// An answer that breaks off so often is not listened to any longer.
const MOST_GAPS: u32 = 2;

impl Turn {
    /// Whether audio or words of an answer are in it.
    pub(super) fn has_of(&self, response: &str) -> bool {
        self.parts.iter().any(|part| part.response.as_deref() == Some(response) && part.made_ms > 0)
    }

    /// Whether the model has said anything in it.
    pub(super) fn has_of_model(&self) -> bool {
        self.parts.iter().any(|part| part.item.is_some() && part.made_ms > 0)
    }

    pub(super) fn completed(&mut self, response: &str) {
        if self.parts.iter().any(|part| part.response.as_deref() == Some(response)) {
            self.is_complete = true;
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete || !self.has_of_model()
    }

    /// The model's audio has broken off; whether that was once too often.
    pub(super) fn breaks_off_too_often(&mut self) -> bool {
        self.gaps += u32::from(self.has_of_model());
        self.gaps > MOST_GAPS
    }

    /// Takes note of how much of an item was heard when it was cut.
    pub(super) fn note_heard(&mut self, cut: &Cut) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.item == cut.source.item) {
            part.heard_ms = Some(cut.heard_ms);
        }
    }

    /// Whether the model's first audio sounded no earlier than this.
    pub(super) fn has_begun_after(&self, at_ms: u64) -> bool {
        self.has_of_model() && self.started_ms.is_some_and(|started_ms| started_ms >= at_ms)
    }

    /// Whether it is the greeting.
    pub(super) fn is_greeting(&self) -> bool {
        self.purpose == Purpose::Greeting
    }

    /// All words of the model in it.
    pub(super) fn words(&self) -> String {
        join(self.parts.iter().filter(|part| part.item.is_some()).map(|part| part.words.as_str()))
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Our own voice.
#[derive(Debug, Default)]
pub(super) struct Own {
    next: u32,
    /// The sentence whose audio is awaited or comes.
    now: Option<u32>,
    pub(super) said: u32,
    last_filler: Option<&'static str>,
    fillers: u32,
}

impl Own {
    pub(super) fn ended(&mut self, sentence: u32) {
        if self.now == Some(sentence) {
            self.now = None;
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.now.is_some()
    }
}

impl Machine {
    pub(super) fn model_audio(
        &mut self,
        response: &str,
        item: &str,
        content_index: u32,
        audio: &Bytes,
        out: &mut Vec<Output>,
    ) {
        if audio.is_empty() || !self.closing.is_open() || !self.answers.audio(response) {
            return;
        }
        self.forget_own(out);
        self.waiting_since_ms = None;
        self.own.said = 0;
        let source = Source { item: Some(item.to_owned()), content_index };
        let purpose = if self.was_heard { Purpose::Reply } else { Purpose::Greeting };
        self.turn_of(purpose);
        self.measure_answer(out);
        self.part_of(Some(item)).response = Some(response.to_owned());
        self.play(&source, audio, out);
        if self.ledger.is_full() {
            out.push(Output::Clear);
            self.give_up("the model talks without end".to_owned(), Fault::Provider, out);
        }
    }

    pub(super) fn own_audio(&mut self, sentence: u32, audio: &Bytes, out: &mut Vec<Output>) {
        if self.own.now != Some(sentence) || !self.closing.is_open() {
            return;
        }
        self.turn_of(Purpose::Filler);
        self.play(&Source { item: None, content_index: sentence }, audio, out);
    }

    fn play(&mut self, source: &Source, audio: &Bytes, out: &mut Vec<Output>) {
        let mut begins_ms = self.now_ms + self.ledger.left_ms(self.now_ms);
        if let Some(turn) = &mut self.turn {
            turn.started_ms.get_or_insert(begins_ms);
            turn.ran_dry = false;
        }
        let mut made_ms = 0;
        for piece in self.ledger.send(source, audio, self.now_ms) {
            let length_ms = piece.audio.len() as u64 / 8;
            out.push(Output::Play { audio: piece.audio, mark: piece.mark, begins_ms });
            begins_ms += length_ms;
            made_ms += length_ms;
        }
        self.part_of(source.item.as_deref()).made_ms += made_ms;
    }

    fn turn_of(&mut self, purpose: Purpose) {
        if self.turn.is_none() {
            self.turn = Some(Turn {
                id: self.new_turn_id(),
                purpose,
                started_ms: None,
                parts: Vec::new(),
                is_complete: false,
                ran_dry: false,
                gaps: 0,
            });
        }
        if let Some(turn) = &mut self.turn
            && purpose != Purpose::Filler
        {
            turn.is_complete = false;
            if turn.purpose == Purpose::Filler {
                turn.purpose = purpose;
            }
        }
    }

    /// The part of the turn in progress that belongs to an item, or to our own words.
    fn part_of(&mut self, item: Option<&str>) -> &mut Part {
        if self.turn.is_none() {
            self.turn_of(Purpose::Reply);
        }
        let turn = self.turn.as_mut().expect("made just now");
        let place = match turn.parts.iter().rposition(|part| part.item.as_deref() == item) {
            Some(place) => place,
            None => {
                turn.parts.push(Part {
                    item: item.map(str::to_owned),
                    response: None,
                    words: String::new(),
                    announced: 0,
                    made_ms: 0,
                    heard_ms: None,
                });
                turn.parts.len() - 1
            }
        };
        &mut turn.parts[place]
    }

    pub(super) fn model_words(&mut self, item: &str, text: &str, out: &mut Vec<Output>) {
        // Words of an answer that was stopped are nobody's.
        if !self.closing.is_open() || !self.answers.is_making() {
            return;
        }
        let purpose = if self.was_heard { Purpose::Reply } else { Purpose::Greeting };
        self.turn_of(purpose);
        let room = MOST_WORDS.saturating_sub(self.part_of(Some(item)).words.len());
        let part = self.part_of(Some(item));
        part.words.extend(text.chars().take(room));
        self.announce(item, false, out);
    }

    /// Tells watchers each sentence as it is complete.
    fn announce(&mut self, item: &str, all: bool, out: &mut Vec<Output>) {
        let Some(turn) = &mut self.turn else { return };
        let (id, purpose) = (turn.id, turn.purpose);
        let Some(part) = turn.parts.iter_mut().find(|part| part.item.as_deref() == Some(item)) else {
            return;
        };
        let rest = &part.words[part.announced..];
        let end = if all { Some(rest.len()) } else { rest.rfind(['.', '?', '!']).map(|at| at + 1) };
        let Some(end) = end.filter(|end| !rest[..*end].trim().is_empty()) else { return };
        let text = rest[..end].trim().to_owned();
        part.announced += end;
        out.push(Output::Log(EventKind::AgentSaying { turn: id, text, purpose }));
    }

    /// Says something with our own voice, unless it is saying something already.
    pub(super) fn speak(&mut self, text: &str, purpose: Purpose, out: &mut Vec<Output>) {
        if self.own.is_busy() {
            return;
        }
        let sentence = self.own.next;
        self.own.next += 1;
        self.own.said += 1;
        self.own.now = Some(sentence);
        self.turn_of(purpose);
        let part = self.part_of(None);
        if !part.words.is_empty() {
            part.words.push(' ');
        }
        part.words.push_str(text);
        let Some(turn) = &self.turn else { return };
        out.push(Output::Log(EventKind::AgentSaying { turn: turn.id, text: text.to_owned(), purpose }));
        out.push(Output::Speak { sentence, text: text.to_owned() });
    }

    /// Greets in the model's place, once, when that is what the model was to begin with.
    pub(super) fn greet_with_own_voice(&mut self, out: &mut Vec<Output>) {
        if self.greets_itself || !self.is_to_greet {
            return;
        }
        self.greets_itself = true;
        let text = "the session with the model is not there yet; the caller is greeted by our own voice";
        notice(out, "engine_slow", text, Some(Fault::Provider));
        self.answers.forgo();
        self.waiting_since_ms = None;
        let words = self.settings.greeting.clone();
        self.speak(&words, Purpose::Greeting, out);
        // It fills no wait.
        self.own.said = 0;
    }

    /// Whether our own voice is greeting.
    pub(super) fn is_greeting_itself(&self) -> bool {
        self.greets_itself && self.in_greeting() && (self.own.is_busy() || self.ledger.sounds(self.now_ms))
    }

    fn forget_own(&mut self, out: &mut Vec<Output>) {
        if let Some(sentence) = self.own.now.take() {
            out.push(Output::Forget { sentence });
        }
    }

    fn measure_answer(&mut self, out: &mut Vec<Output>) {
        let Some((ended_ms, committed_ms)) = self.ear.to_be_answered.take() else { return };
        let (now_ms, Some(turn)) = (self.now_ms, self.turn.as_ref().map(|turn| turn.id)) else { return };
        let short = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        let endpointing_ms = short(committed_ms.saturating_sub(ended_ms));
        let brain_ms = short(now_ms.saturating_sub(committed_ms));
        let total_ms = endpointing_ms.saturating_add(brain_ms);
        let parts = LatencyParts { endpointing_ms, brain_ms, total_ms, ..LatencyParts::default() };
        out.push(Output::Log(EventKind::Latency { turn, parts }));
    }

    /// The caller interrupts: the agent is silent at once, and the model remembers no more than was heard.
    pub(super) fn interrupt(&mut self, out: &mut Vec<Output>) {
        self.forget_own(out);
        let is_sounding = self.ledger.is_sounding();
        let cuts = self.ledger.cut(self.now_ms);
        if is_sounding {
            out.push(Output::Clear);
        }
        if let Some(response) = self.answers.interrupt(self.now_ms) {
            out.push(Output::ToModel(RealtimeInput::Cancel { response }));
        }
        self.waiting_since_ms = None;
        for cut in &cuts {
            self.remember_cut(cut, out);
        }
        if self.then == Some(NextStep::HangUp) {
            self.then = None;
            self.last_reason = None;
        }
        self.close_turn(true, out);
    }

    fn remember_cut(&mut self, cut: &Cut, out: &mut Vec<Output>) {
        let Source { item, content_index } = &cut.source;
        self.note_heard(cut);
        let Some(item) = item.clone().filter(|_| self.link.is_up()) else { return };
        out.push(Output::ToModel(if cut.heard_ms == 0 {
            RealtimeInput::Forget { item }
        } else {
            let audio_end_ms = u32::try_from(cut.heard_ms.min(cut.made_ms)).unwrap_or(u32::MAX);
            RealtimeInput::Truncate { item, content_index: *content_index, audio_end_ms }
        }));
    }

    /// Ends the agent's turn: played to its end, or cut.
    pub(super) fn close_turn(&mut self, is_cut: bool, out: &mut Vec<Output>) {
        let items: Vec<String> =
            self.turn.iter().flat_map(|turn| &turn.parts).filter_map(|part| part.item.clone()).collect();
        for item in items {
            self.announce(&item, true, out);
        }
        let Some(turn) = self.turn.take() else { return };
        self.ledger.forget_played(None);
        if turn.parts.iter().all(|part| part.made_ms == 0) {
            return;
        }
        let sounded = turn.parts.iter().filter(|part| part.made_ms > 0);
        let all = join(turn.parts.iter().map(|part| part.words.as_str()));
        let sent = join(sounded.clone().map(|part| part.words.as_str()));
        let heard = join(sounded.map(|part| part.heard(turn.is_complete)));
        let started_ms = turn.started_ms.unwrap_or(self.now_ms).min(self.now_ms);
        let ended_ms = if is_cut { self.now_ms } else { self.last_sound_ms.clamp(started_ms, self.now_ms) };
        self.quiet_since_ms = self.quiet_since_ms.max(if self.silence_stage == 0 { ended_ms } else { 0 });
        out.push(Output::Log(EventKind::AgentTurn {
            turn: turn.id,
            started_ms,
            ended_ms,
            generated: all,
            sent,
            interrupted: is_cut,
            heard,
        }));
    }

    /// Closes the turn that was played to its end, and takes the step that was to follow it.
    pub(super) fn watch_the_turn(&mut self, out: &mut Vec<Output>) {
        if self.ledger.sounds(self.now_ms) || self.own.is_busy() {
            return;
        }
        let is_over = match &mut self.turn {
            None => true,
            // Fillers alone: the answer will be part of the turn.
            Some(turn) if !turn.has_of_model() => self.waiting_since_ms.is_none(),
            Some(turn) if !turn.is_complete && self.link.is_up() => {
                if !turn.ran_dry {
                    turn.ran_dry = true;
                    out.push(Output::RanDry);
                }
                false
            }
            Some(_) => !self.answers.is_making(),
        };
        if !is_over {
            return;
        }
        self.close_turn(false, out);
        let waits = self.waiting_since_ms.is_some() || !self.answers.is_quiet();
        if let Some(then) = self.then.clone().filter(|_| !waits && !self.ear.is_speaking()) {
            self.take_step(then, out);
        }
    }

    /// Words that fill the wait, once the caller has heard nothing for a while.
    pub(super) fn fill(&mut self, out: &mut Vec<Output>) {
        let function = self.functions.values_mut().find(|function| !function.said);
        let text = match function {
            Some(function) if !function.waiting_line.is_empty() => {
                function.said = true;
                function.waiting_line
            }
            _ => {
                let Own { last_filler, fillers, .. } = self.own;
                let text = crate::pipeline::phrases::filler(&self.ear.last_words, last_filler, fillers);
                (self.own.last_filler, self.own.fillers) = (Some(text), fillers.wrapping_add(1));
                text
            }
        };
        if self.own.said == 0 {
            let text = "the model has not answered yet; the wait is filled";
            notice(out, "engine_slow", text, Some(Fault::Provider));
        }
        self.speak(text, Purpose::Filler, out);
    }
}

/// Bytes of the words of one item.
const MOST_WORDS: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heard_words_are_whole_and_no_more_than_the_share_of_the_audio() {
        for (characters, heard) in
            [(0, ""), (3, ""), (5, "hello"), (7, "hello"), (11, "hello there"), (99, "hello there")]
        {
            assert_eq!(whole_words("hello there", characters), heard, "{characters}");
        }
    }
}
