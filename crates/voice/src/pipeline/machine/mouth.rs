//! The agent's side: pacing, marks, what was heard, stopping and going on.

use std::collections::VecDeque;

use audio::playout::Playout;
use domain::call_log::{EventKind, LatencyParts, Purpose};

use super::super::speech::{AgentTurn, FRAME_MS, Occasion, Sentence, Stages};
use super::{Machine, Output, notice};

/// A mark is sent after so much audio.
const MARK_EVERY_MS: u64 = 100;
/// Audio made ahead of what is sent: more than that, and the next sentence waits.
const AHEAD_MS: u64 = 10_000;
/// Sentences in the making at once.
const IN_THE_MAKING: usize = 2;
/// How long after the reckoned end of speech its last mark is waited for.
const LAST_MARK_WITHIN_MS: u64 = 400;
/// The same before hanging up: a goodbye must not be cut off.
const LAST_MARK_BEFORE_HANGING_UP_MS: u64 = 2_000;
/// The longest sentence, 30 s; what is longer is cut there.
pub(super) const MOST_FRAMES: usize = 1_500;

/// The state of playback.
#[derive(Debug)]
pub(super) struct Mouth {
    playout: Playout,
    /// Bumped by every `clear` and every new turn: marks of older generations mean nothing any more.
    generation: u32,
    /// Milliseconds of this generation's audio that were sent.
    sent_ms: u64,
    marked_ms: u64,
    /// What lies where in this generation's audio, not heard yet.
    pieces: VecDeque<Piece>,
    /// Position of the newest mark that came back, and when.
    acknowledged: Option<(u64, u64)>,
    /// Whether marks ever came back in this call.
    marks_work: bool,
    held: bool,
    /// Whether the voice ran dry in mid-sentence and has not gone on yet.
    is_dry: bool,
}

#[derive(Debug)]
struct Piece {
    at_ms: u64,
    sentence: usize,
    frame: usize,
    frames: usize,
}

impl Mouth {
    pub(super) fn new(playout: Playout) -> Self {
        Self {
            playout,
            generation: 0,
            sent_ms: 0,
            marked_ms: 0,
            pieces: VecDeque::new(),
            acknowledged: None,
            marks_work: false,
            held: false,
            is_dry: false,
        }
    }

    /// Whether the agent's voice is on the line.
    pub(super) fn sounds(&self, now_ms: u64) -> bool {
        self.playout.queued_ms(now_ms) > 0
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    pub(super) fn acknowledge(&mut self, generation: u32, position_ms: u64, now_ms: u64) {
        self.marks_work = true;
        let newer = self.acknowledged.is_none_or(|(known_ms, _)| position_ms > known_ms);
        if generation == self.generation && position_ms <= self.sent_ms && newer {
            self.acknowledged = Some((position_ms, now_ms));
        }
    }

    /// Milliseconds of this generation's audio that were heard: by the newest mark and the time since,
    /// at most up to the next one, which has not come; by reckoning when the far end returns no marks.
    fn heard_ms(&self, now_ms: u64) -> u64 {
        let reckoned_ms = self.sent_ms.saturating_sub(self.playout.queued_ms(now_ms));
        match self.acknowledged {
            Some((position_ms, at_ms)) => {
                let since_ms = now_ms.saturating_sub(at_ms).min(MARK_EVERY_MS);
                (position_ms + since_ms).min(self.sent_ms).min(reckoned_ms.max(position_ms))
            }
            None if self.marks_work => reckoned_ms.min(MARK_EVERY_MS),
            None => reckoned_ms,
        }
    }

    fn all_is_acknowledged(&self) -> bool {
        self.acknowledged.is_some_and(|(position_ms, _)| position_ms >= self.sent_ms)
    }

    fn next_generation(&mut self) {
        self.generation += 1;
        self.sent_ms = 0;
        self.marked_ms = 0;
        self.pieces.clear();
        self.acknowledged = None;
    }
}

impl Machine {
    pub(super) fn new_sentence(&mut self, text: String, purpose: Purpose, interruptible: bool) -> Sentence {
        let id = self.next_sentence;
        self.next_sentence += 1;
        Sentence::new(id, text, purpose, interruptible)
    }

    /// Notes in the turn what was heard of what was sent in this generation.
    fn note_what_was_heard(&mut self) {
        let heard_ms = self.mouth.heard_ms(self.now_ms);
        let Some(turn) = &mut self.turn else { return };
        while let Some(piece) = self.mouth.pieces.front() {
            let frames = (heard_ms.saturating_sub(piece.at_ms) / FRAME_MS) as usize;
            let heard_to = piece.frame + frames.min(piece.frames);
            if let Some(sentence) = turn.sentences.get_mut(piece.sentence) {
                sentence.heard_frames = sentence.heard_frames.max(heard_to);
            }
            if frames < piece.frames {
                break;
            }
            self.mouth.pieces.pop_front();
        }
    }

    /// Stops the agent's voice at once and finds out what was heard.
    pub(super) fn fall_silent(&mut self, out: &mut Vec<Output>) {
        self.note_what_was_heard();
        if self.mouth.sounds(self.now_ms) || self.mouth.sent_ms > 0 {
            out.push(Output::Clear);
            self.last_agent_audio_ms = self.now_ms.min(self.mouth.playout.queued_until_ms());
        }
        self.mouth.playout.cleared(self.now_ms);
        self.mouth.next_generation();
        if let Some(turn) = &mut self.turn {
            turn.last_audio_ms = turn.last_audio_ms.min(self.now_ms);
        }
    }

    /// Goes on where speech was stopped, if it was.
    pub(super) fn resume_speech(&mut self, out: &mut Vec<Output>) {
        if !self.mouth.held || self.closing.is_final() {
            return;
        }
        // Somebody else is speaking, or may have said something that counts.
        if self.caller_is_active() {
            return;
        }
        self.mouth.held = false;
        let Some(turn) = &mut self.turn else { return };
        let Some(place) =
            turn.sentences.iter().position(|sentence| !sentence.given_up && !sentence.is_heard())
        else {
            return;
        };
        turn.cursor = place;
        for sentence in &mut turn.sentences[place + 1..] {
            sentence.next_frame = 0;
        }
        let sentence = &mut turn.sentences[place];
        sentence.next_frame = sentence.resume_frame(sentence.heard_frames);
        let event = EventKind::Resumed { turn: turn.id, from_ms: turn.heard_ms() };
        out.push(Output::Log(event));
    }

    /// Whether the agent is speaking, or about to go on, and may be talked over.
    pub(super) fn agent_may_be_interrupted(&self) -> bool {
        let Some(turn) = &self.turn else { return false };
        let began = turn.started_ms.is_some();
        // The sentence that sounds decides, not one that is sent ahead of it.
        let sounding = self.mouth.pieces.front().map_or(turn.cursor, |piece| piece.sentence);
        let interruptible = turn.sentences.get(sounding).is_none_or(|sentence| sentence.interruptible);
        began && interruptible && (self.mouth.sounds(self.now_ms) || !turn.is_sent())
    }

    /// Whether words that may not be talked over are sounding or next.
    pub(super) fn speaks_uninterruptibly(&self) -> bool {
        let Some(turn) = &self.turn else { return false };
        let sounding = self.mouth.pieces.front().map_or(turn.cursor, |piece| piece.sentence);
        turn.sentences.get(sounding).is_some_and(|sentence| {
            !sentence.interruptible
                && !sentence.given_up
                && (!sentence.is_sent() || self.mouth.sounds(self.now_ms))
        })
    }

    /// Whether the agent has more than `ms` left to say of what the caller has begun to hear.
    pub(super) fn agent_has_more_than(&self, ms: u64) -> bool {
        let Some(turn) = self.turn.as_ref().filter(|turn| turn.started_ms.is_some()) else { return false };
        let unheard: u64 = turn
            .sentences
            .iter()
            .filter(|sentence| !sentence.given_up)
            .map(|sentence| {
                let length =
                    if sentence.complete { sentence.levels.len() } else { sentence.levels.len().max(60) };
                length.saturating_sub(sentence.heard_frames) as u64 * FRAME_MS
            })
            .sum();
        unheard.saturating_sub(self.mouth.heard_ms(self.now_ms).saturating_sub(self.noted_ms())) > ms
    }

    /// Milliseconds of this generation's audio that are noted as heard already.
    fn noted_ms(&self) -> u64 {
        self.mouth.pieces.front().map_or(self.mouth.sent_ms, |piece| piece.at_ms)
    }

    /// What the caller may hear an echo of.
    pub(super) fn agent_words(&self) -> String {
        let current = self.turn.as_ref().map(AgentTurn::sent).unwrap_or_default();
        format!("{} {current}", self.last_agent_words)
    }

    pub(super) fn audio(&mut self, id: u32, levels: &[u8]) {
        let now_ms = self.now_ms;
        let Some(turn) = &mut self.turn else { return };
        let Some(sentence) = turn.sentences.iter_mut().find(|sentence| sentence.id == id) else { return };
        if sentence.complete || sentence.given_up {
            return;
        }
        let room = MOST_FRAMES.saturating_sub(sentence.levels.len());
        sentence.levels.extend_from_slice(&levels[..levels.len().min(room)]);
        let is_answer = sentence.purpose != Purpose::Filler;
        self.voices_failed_in_a_row = 0;
        if let Some(stages) = turn.stages.as_mut().filter(|_| is_answer && !levels.is_empty()) {
            stages.audio_ms.get_or_insert(now_ms);
        }
    }

    pub(super) fn audio_end(&mut self, id: u32) {
        let sentence = self.turn.as_mut().and_then(|turn| turn.sentences.iter_mut().find(|one| one.id == id));
        if let Some(sentence) = sentence {
            sentence.complete = true;
        }
    }

    /// No voice worked for a sentence. Its first failure is tried again; the second ends the call's media
    /// part, so that the carrier's voice can speak.
    pub(super) fn voice_failed(&mut self, id: u32, out: &mut Vec<Output>) {
        let Some(turn) = &mut self.turn else { return };
        let Some(sentence) = turn.sentences.iter_mut().find(|sentence| sentence.id == id) else { return };
        if !sentence.levels.is_empty() {
            // What was made of it is spoken.
            sentence.complete = true;
            return notice(out, "sentence_cut", "a voice broke off in mid-sentence and no other could go on");
        }
        if sentence.purpose == Purpose::Filler {
            sentence.given_up = true;
            return;
        }
        self.voices_failed_in_a_row += 1;
        sentence.failures += 1;
        sentence.requested = false;
        if self.voices_failed_in_a_row >= 2 {
            sentence.given_up = true;
            notice(out, "no_voice", "no voice works; what is left to say is left to the carrier's own voice");
            self.leave_to_spoken_tail(out);
        }
    }

    /// Asks for the audio of the next sentences, a little ahead of playback.
    pub(super) fn request_audio(&mut self, out: &mut Vec<Output>) {
        let Some(turn) = &mut self.turn else { return };
        let ahead_ms = turn.unsent_ms();
        let mut making =
            turn.sentences.iter().filter(|one| one.requested && !one.complete && !one.given_up).count();
        for (place, sentence) in turn.sentences.iter_mut().enumerate() {
            // A filler is wanted now, whatever else is in the making.
            let urgent = sentence.purpose == Purpose::Filler;
            if sentence.requested || sentence.given_up {
                continue;
            }
            if !urgent && (making >= IN_THE_MAKING || (ahead_ms >= AHEAD_MS && place > turn.cursor)) {
                break;
            }
            sentence.requested = true;
            making += 1;
            out.push(Output::Synthesize { sentence: sentence.id, text: sentence.text.clone() });
        }
    }

    /// Sends what is due.
    pub(super) fn play(&mut self, out: &mut Vec<Output>) {
        self.note_what_was_heard();
        self.resume_speech(out);
        if self.mouth.held {
            return;
        }
        self.drop_overtaken_filler(out);
        loop {
            let caller_speaks = self.caller_has_the_floor();
            let Some(turn) = &mut self.turn else { return };
            let cursor = turn.cursor;
            let Some(sentence) = turn.sentences.get_mut(cursor) else { return };
            if sentence.is_sent() {
                turn.cursor += 1;
                continue;
            }
            // A turn begins only when the caller does not speak; the first words and what may not be talked
            // over wait for nobody.
            let waits =
                turn.started_ms.is_none() && turn.occasion != Occasion::PickedUp && sentence.interruptible;
            if waits && caller_speaks {
                return;
            }
            let due = self.mouth.playout.due(self.now_ms);
            let to_mark = (MARK_EVERY_MS - (self.mouth.sent_ms - self.mouth.marked_ms)) / FRAME_MS;
            let frames = due.min(sentence.ready_frames()).min(to_mark as usize);
            if frames == 0 {
                let ran_dry =
                    sentence.next_frame > 0 && !sentence.complete && !self.mouth.sounds(self.now_ms);
                if ran_dry && !self.mouth.is_dry {
                    out.push(Output::RanDry);
                }
                self.mouth.is_dry |= ran_dry;
                return;
            }
            self.mouth.is_dry = false;
            self.send_frames(frames, out);
        }
    }

    /// A filler that is not there when the answer is has missed its moment.
    fn drop_overtaken_filler(&mut self, out: &mut Vec<Output>) {
        let Some(turn) = &mut self.turn else { return };
        // What the cursor has passed keeps its place: playback knows sentences by it.
        let mut coming = turn.sentences.iter().enumerate().skip(turn.cursor);
        let missed = coming
            .find(|(_, one)| one.purpose == Purpose::Filler && !one.announced && one.levels.is_empty())
            .map(|(place, _)| place);
        let Some(place) = missed else { return };
        let answer_is_ready =
            turn.sentences.iter().skip(place + 1).any(|sentence| sentence.ready_frames() > 0);
        if answer_is_ready {
            let filler = turn.sentences.remove(place);
            out.push(Output::Forget { sentence: filler.id });
        }
    }

    fn send_frames(&mut self, frames: usize, out: &mut Vec<Output>) {
        let now_ms = self.now_ms;
        let Some(turn) = &mut self.turn else { return };
        let cursor = turn.cursor;
        let sentence = &mut turn.sentences[cursor];
        let mouth = &mut self.mouth;
        if !sentence.announced {
            sentence.announced = true;
            out.push(Output::Log(EventKind::AgentSaying {
                turn: turn.id,
                text: sentence.text.clone(),
                purpose: sentence.purpose,
            }));
        }
        let frame = sentence.next_frame;
        sentence.next_frame += frames;
        sentence.sent_frames = sentence.sent_frames.max(sentence.next_frame);
        let begins_ms = mouth.playout.sent(now_ms, frames);
        let generation = mouth.generation;
        out.push(Output::Play { sentence: sentence.id, frame, frames, generation, begins_ms });
        mouth.pieces.push_back(Piece { at_ms: mouth.sent_ms, sentence: cursor, frame, frames });
        mouth.sent_ms += frames as u64 * FRAME_MS;
        let is_answer = sentence.purpose != Purpose::Filler;
        if mouth.sent_ms - mouth.marked_ms >= MARK_EVERY_MS || sentence.is_sent() {
            mouth.marked_ms = mouth.sent_ms;
            out.push(Output::Mark { generation, position_ms: mouth.sent_ms });
        }
        turn.started_ms.get_or_insert(begins_ms);
        turn.last_audio_ms = mouth.playout.queued_until_ms();
        self.last_agent_audio_ms = turn.last_audio_ms;
        if is_answer && let Some(stages) = turn.stages.take() {
            out.push(Output::Log(EventKind::Latency { turn: turn.id, parts: latency(&stages, now_ms) }));
        }
    }

    /// Closes the agent's turn when its last words were heard.
    pub(super) fn watch_the_end_of_speech(&mut self, out: &mut Vec<Output>) {
        let Some(turn) = &self.turn else { return };
        if turn.thinking || !turn.is_sent() || self.mouth.held {
            return;
        }
        let ends_ms = self.mouth.playout.queued_until_ms();
        let patience_ms =
            if self.closing.follows() { LAST_MARK_BEFORE_HANGING_UP_MS } else { LAST_MARK_WITHIN_MS };
        let was_heard = self.mouth.sent_ms == 0
            || self.mouth.all_is_acknowledged()
            || self.now_ms >= ends_ms + patience_ms;
        if !was_heard {
            return;
        }
        if let Some(turn) = &mut self.turn {
            for sentence in &mut turn.sentences {
                sentence.heard_frames = sentence.sent_frames;
            }
        }
        self.close_turn(false, out);
    }

    /// The one place where an agent's turn ends: played, or cut. Returns the brain's words that were heard.
    pub(super) fn close_turn(&mut self, cut: bool, out: &mut Vec<Output>) -> Option<String> {
        if cut {
            self.fall_silent(out);
        }
        let turn = self.turn.take()?;
        self.mouth.held = false;
        self.mouth.next_generation();
        for sentence in turn.sentences.iter().filter(|sentence| sentence.requested) {
            out.push(Output::Forget { sentence: sentence.id });
        }
        let heard_all = !turn.thinking && turn.sentences.iter().all(|one| one.given_up || one.is_heard());
        let interrupted = cut && !heard_all;
        let heard_of_brain = turn.heard_of_brain();
        let ended_ms = turn.last_audio_ms.min(self.now_ms);
        self.last_agent_words = turn.sent();
        if !turn.sentences.is_empty() {
            out.push(Output::Log(EventKind::AgentTurn {
                turn: turn.id,
                started_ms: turn.started_ms.unwrap_or(self.now_ms).min(self.now_ms),
                ended_ms: ended_ms.max(turn.started_ms.unwrap_or(self.now_ms).min(self.now_ms)),
                generated: turn.generated(),
                sent: turn.sent(),
                heard: turn.heard(),
                interrupted,
            }));
        }
        self.turn_is_over(&turn, cut, interrupted, out);
        interrupted.then_some(heard_of_brain)
    }
}

/// The parts add up to the total, whatever order things came in.
fn latency(stages: &Stages, sent_ms: u64) -> LatencyParts {
    let mut from = stages.ended_ms;
    let mut part = |until: u64| {
        let length = until.saturating_sub(from);
        from = from.max(until);
        u32::try_from(length).unwrap_or(u32::MAX)
    };
    let endpointing_ms = part(stages.declared_ms);
    let stt_ms = part(stages.final_ms);
    let brain_ms = part(stages.said_ms.unwrap_or(stages.final_ms));
    let tts_ms = part(stages.audio_ms.unwrap_or(sent_ms));
    let hop_ms = part(sent_ms);
    let total_ms = endpointing_ms + stt_ms + brain_ms + tts_ms + hop_ms;
    LatencyParts { endpointing_ms, stt_ms, brain_ms, tts_ms, hop_ms, total_ms }
}
