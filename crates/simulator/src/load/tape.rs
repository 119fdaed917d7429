//! What the carrier has yet to play to the caller, by its length alone.

use std::collections::VecDeque;

use super::FRAME_BYTES;

/// The queue of a call: audio in bytes, marks at the position behind which they are sent back.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    received: u64,
    played: u64,
    marks: VecDeque<(u64, String)>,
}

impl Tape {
    /// Audio to play.
    pub(crate) fn media(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// A mark behind what was received; given back at once when nothing is before it.
    pub(crate) fn mark(&mut self, name: String) -> Option<String> {
        if self.played == self.received && self.marks.is_empty() {
            return Some(name);
        }
        self.marks.push_back((self.received, name));
        None
    }

    /// Drops what was not played; every mark comes back.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = String> + '_ {
        self.played = self.received;
        self.marks.drain(..).map(|(_, name)| name)
    }

    /// Plays a frame. Tells whether anything sounded.
    pub(crate) fn play(&mut self) -> bool {
        let waiting = self.received - self.played;
        self.played += waiting.min(FRAME_BYTES as u64);
        waiting > 0
    }

    /// The next mark whose audio has been played.
    pub(crate) fn due(&mut self) -> Option<String> {
        let is_due = self.marks.front().is_some_and(|(at, _)| *at <= self.played);
        if is_due { self.marks.pop_front().map(|(_, name)| name) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_when_their_audio_was_played() {
        let mut tape = Tape::default();
        assert_eq!(tape.mark("at once".to_owned()), Some("at once".to_owned()));
        tape.media(FRAME_BYTES + 1);
        assert_eq!(tape.mark("one".to_owned()), None);
        assert!(tape.play());
        assert_eq!(tape.due(), None);
        assert!(tape.play());
        assert_eq!(tape.due(), Some("one".to_owned()));
        assert_eq!(tape.due(), None);
        assert!(!tape.play());
    }

    #[test]
    fn a_clear_brings_all_marks_back_and_ends_the_sound() {
        let mut tape = Tape::default();
        tape.media(10 * FRAME_BYTES);
        tape.mark("a".to_owned());
        tape.mark("b".to_owned());
        assert_eq!(tape.clear().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!tape.play());
    }
}
