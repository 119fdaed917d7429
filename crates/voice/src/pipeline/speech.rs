//! An agent's turn as speech: its sentences, how much of each was made, sent and heard.

use domain::call_log::Purpose;
use domain::ids::TurnId;

/// Milliseconds of a frame.
pub const FRAME_MS: u64 = audio::frame::FRAME_MS as u64;
/// Time that a voice takes for a character, spaces included, when the sentence's length is not known yet.
const MS_PER_CHARACTER: u64 = 66;
/// A resumed sentence begins at the quietest frame at most this far back: 400 ms, about a word.
const LOOK_BACK_FRAMES: usize = 20;

/// A sentence of the agent's.
#[derive(Debug, Clone)]
pub struct Sentence {
    /// Numbers the sentences of a call.
    pub id: u32,
    /// The words.
    pub text: String,
    /// Why it is said.
    pub purpose: Purpose,
    /// Whether the caller may talk over it.
    pub interruptible: bool,
    /// Whether its audio was asked for.
    pub requested: bool,
    /// How often its audio was asked for in vain.
    pub failures: u32,
    /// Level of each frame that was made, any scale; only compared.
    pub levels: Vec<u8>,
    /// Whether all its audio is there.
    pub complete: bool,
    /// Whether it can't be spoken.
    pub given_up: bool,
    /// The next frame to be sent.
    pub next_frame: usize,
    /// Frames that were ever sent.
    pub sent_frames: usize,
    /// Frames that were heard.
    pub heard_frames: usize,
    /// Whether its beginning is in the log.
    pub announced: bool,
}

impl Sentence {
    /// A sentence without audio yet.
    #[must_use]
    pub fn new(id: u32, text: String, purpose: Purpose, interruptible: bool) -> Self {
        Self {
            id,
            text,
            purpose,
            interruptible,
            requested: false,
            failures: 0,
            levels: Vec::new(),
            complete: false,
            given_up: false,
            next_frame: 0,
            sent_frames: 0,
            heard_frames: 0,
            announced: false,
        }
    }

    /// Frames ready to be sent.
    #[must_use]
    pub fn ready_frames(&self) -> usize {
        self.levels.len().saturating_sub(self.next_frame)
    }

    /// Whether nothing of it is left to be sent.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.given_up || (self.complete && self.ready_frames() == 0)
    }

    /// Whether all of it was heard.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        !self.given_up && self.complete && self.heard_frames >= self.levels.len()
    }

    /// The whole length in frames; reckoned from the words while audio is still being made.
    fn length_frames(&self) -> usize {
        if self.complete {
            return self.levels.len();
        }
        let reckoned = self.text.chars().count() as u64 * MS_PER_CHARACTER / FRAME_MS;
        self.levels.len().max(reckoned as usize)
    }

    /// The words within the first `frames`: rather a word too few than one that was not heard.
    #[must_use]
    pub fn words_within(&self, frames: usize) -> &str {
        let length = self.length_frames();
        if frames == 0 || length == 0 {
            return "";
        }
        if frames >= length && (self.complete || self.given_up) {
            return &self.text;
        }
        // By characters, not by words: long words take longer. The last word must be whole.
        let within = self.text.chars().count() * frames / length;
        let mut end = 0;
        let mut characters = 0;
        for (at, c) in self.text.char_indices() {
            if c.is_whitespace() && !self.text[..at].ends_with(char::is_whitespace) {
                end = at;
            }
            characters += 1;
            if characters > within {
                break;
            }
        }
        self.text[..end].trim_end()
    }

    /// Where to go on after a stop at `frame`: the quietest frame a little before, so that no word is cut.
    #[must_use]
    pub fn resume_frame(&self, frame: usize) -> usize {
        let frame = frame.min(self.levels.len());
        let from = frame.saturating_sub(LOOK_BACK_FRAMES);
        if from == 0 {
            return 0;
        }
        // The latest of equally quiet ones repeats least.
        (from..frame).rev().min_by_key(|&at| self.levels[at]).unwrap_or(frame)
    }
}

/// When the parts of an answer were there, in media milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stages {
    /// The caller's last speech.
    pub ended_ms: u64,
    /// The turn was declared over.
    pub declared_ms: u64,
    /// The transcript was final.
    pub final_ms: u64,
    /// The brain's first sentence.
    pub said_ms: Option<u64>,
    /// Its first audio.
    pub audio_ms: Option<u64>,
}

/// What made the agent speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The call was picked up.
    PickedUp,
    /// The caller said or dialled something.
    Caller,
    /// A silence, first, second or last.
    Silence(u8),
    /// The call has lasted long enough.
    TimeIsUp,
    /// The speech loop's own words.
    Own,
}

/// A turn of the agent's, from the moment that it is owed.
#[derive(Debug, Clone)]
pub struct AgentTurn {
    /// The turn.
    pub id: TurnId,
    /// What made the agent speak.
    pub occasion: Occasion,
    /// What is known of the caller's turn that it answers.
    pub stages: Option<Stages>,
    /// The caller's words that it answers.
    pub callers_words: String,
    /// Its sentences, in order.
    pub sentences: Vec<Sentence>,
    /// Whether more may come.
    pub thinking: bool,
    /// The mind's answer that it is; `None` while the mind has not been asked.
    pub asked: Option<u32>,
    /// First audio sent.
    pub started_ms: Option<u64>,
    /// Last audio sent or heard.
    pub last_audio_ms: u64,
    /// The sentence that is being sent.
    pub cursor: usize,
}

impl AgentTurn {
    /// A turn that is owed.
    #[must_use]
    pub fn new(id: TurnId, occasion: Occasion) -> Self {
        Self {
            id,
            occasion,
            stages: None,
            callers_words: String::new(),
            sentences: Vec::new(),
            thinking: true,
            asked: None,
            started_ms: None,
            last_audio_ms: 0,
            cursor: 0,
        }
    }

    /// The sentence that is being sent, or the next one.
    #[must_use]
    pub fn current(&self) -> Option<&Sentence> {
        self.sentences.get(self.cursor)
    }

    /// Whether everything that is known of it was sent.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sentences.iter().all(Sentence::is_sent)
    }

    /// Milliseconds of its audio that were made and not sent.
    #[must_use]
    pub fn unsent_ms(&self) -> u64 {
        self.sentences.iter().map(|sentence| sentence.ready_frames() as u64 * FRAME_MS).sum()
    }

    /// Milliseconds of its audio that were heard.
    #[must_use]
    pub fn heard_ms(&self) -> u64 {
        self.sentences.iter().map(|sentence| sentence.heard_frames as u64 * FRAME_MS).sum()
    }

    /// All its words.
    #[must_use]
    pub fn generated(&self) -> String {
        join(self.sentences.iter().map(|sentence| sentence.text.as_str()))
    }

    /// The words whose audio was sent. Ends with the first sentence that was not sent whole.
    #[must_use]
    pub fn sent(&self) -> String {
        join(self.up_to(|sentence| sentence.sent_frames))
    }

    /// The words that can have been heard. Ends with the first sentence that was not heard whole.
    #[must_use]
    pub fn heard(&self) -> String {
        join(self.up_to(|sentence| sentence.heard_frames))
    }

    /// The brain's words that can have been heard: without the loop's own fillers.
    #[must_use]
    pub fn heard_of_brain(&self) -> String {
        let sentences = self.sentences.iter().filter(|sentence| sentence.purpose != Purpose::Filler);
        join(sentences.map(|sentence| sentence.words_within(sentence.heard_frames)))
    }

    fn up_to<'a>(&'a self, frames: impl Fn(&Sentence) -> usize + 'a) -> impl Iterator<Item = &'a str> {
        let mut whole = true;
        self.sentences.iter().map_while(move |sentence| {
            if !whole {
                return None;
            }
            let frames = frames(sentence);
            // What could not be spoken is not the end of what was.
            if sentence.given_up && frames == 0 {
                return Some("");
            }
            let words = sentence.words_within(frames);
            whole = words.len() == sentence.text.trim_end().len();
            Some(words)
        })
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str, frames: usize) -> Sentence {
        let mut sentence = Sentence::new(1, text.into(), Purpose::Reply, true);
        sentence.levels = vec![50; frames];
        sentence.complete = true;
        sentence
    }

    #[test]
    fn heard_words_are_whole_and_never_more_than_the_share_of_time() {
        let sentence = sentence("Your website is in review.", 100);
        let check = |frames, expect| assert_eq!(sentence.words_within(frames), expect, "{frames}");
        check(0, "");
        check(10, "");
        check(20, "Your");
        check(50, "Your website");
        check(99, "Your website is in");
        check(100, "Your website is in review.");
    }

    #[test]
    fn a_sentence_still_being_made_is_reckoned_by_its_letters() {
        let mut sentence = sentence("Your website is in review.", 20);
        sentence.complete = false;
        assert_eq!(sentence.words_within(20), "Your");
    }

    #[test]
    fn speech_goes_on_at_a_pause_shortly_before_the_stop() {
        let mut sentence = sentence("Your website is in review.", 100);
        sentence.levels[45] = 3;
        assert_eq!(sentence.resume_frame(60), 45);
        assert_eq!(sentence.resume_frame(66), 65, "nothing is quiet: repeat least");
        assert_eq!(sentence.resume_frame(15), 0, "the beginning is near");
        assert_eq!(sentence.resume_frame(500), 99, "never beyond what was made");
    }

    #[test]
    fn heard_is_a_beginning_of_sent_and_sent_of_generated() {
        let mut turn = AgentTurn::new(TurnId(uuid::Uuid::nil()), Occasion::Caller);
        turn.sentences = vec![sentence("One two three.", 100), sentence("Four five six.", 100)];
        turn.sentences[0].sent_frames = 100;
        turn.sentences[0].heard_frames = 60;
        turn.sentences[1].sent_frames = 40;
        assert_eq!(turn.generated(), "One two three. Four five six.");
        assert_eq!(turn.sent(), "One two three. Four");
        assert_eq!(turn.heard(), "One two");
    }
}
