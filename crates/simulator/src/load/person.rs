//! Who speaks when: the caller half of the time, the agent the other half.

use super::FRAME_MS;

/// Quiet after the agent before the caller speaks, in frames: 200 ms.
const POLITE: u32 = (200 / FRAME_MS) as u32;
/// A greeting that has not begun by then is not waited for any more: 5 s.
const GREETING_WITHIN: u32 = (5_000 / FRAME_MS) as u32;
/// An answer that has not begun by then is missing: 8 s.
const ANSWER_WITHIN: u32 = (8_000 / FRAME_MS) as u32;

/// How a caller talks.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// How long a turn is, in milliseconds.
    pub ms: u64,
    /// The caller interrupts an answer that has sounded for so many milliseconds; `None` hears each to its end.
    pub interrupts_after_ms: Option<u64>,
}

/// A caller who speaks for a fixed time, listens to the answer, and speaks again.
#[derive(Debug)]
pub(crate) struct Person {
    talk: u32,
    /// Frames of an answer that are listened to at most.
    listens: u32,
    doing: Doing,
    frames: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Speaking,
    /// Waits for the first sound: of the greeting, or of an answer.
    Waiting {
        greeting: bool,
    },
    /// Hears the agent; since how many frames it has been quiet.
    Listening {
        quiet: u32,
    },
}

/// What a frame brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The caller speaks in it.
    pub(crate) is_speech: bool,
    /// With it a turn of the caller is over.
    pub(crate) turn_over: bool,
    /// With it an answer was given up.
    pub(crate) unanswered: bool,
}

impl Person {
    /// A caller who first waits for the greeting.
    pub(crate) fn new(talk: Talk) -> Self {
        let frames = |ms: u64| u32::try_from(ms / FRAME_MS).unwrap_or(u32::MAX).max(1);
        let listens = talk.interrupts_after_ms.map_or(u32::MAX, frames);
        Self { talk: frames(talk.ms), listens, doing: Doing::Waiting { greeting: true }, frames: 0 }
    }

    /// Whether the first sound of an answer is waited for.
    pub(crate) fn waits_for_answer(&self) -> bool {
        self.doing == Doing::Waiting { greeting: false }
    }

    /// The next frame, while the agent sounds or does not.
    pub(crate) fn next(&mut self, agent_sounds: bool) -> Frame {
        let mut frame =
            Frame { is_speech: self.doing == Doing::Speaking, turn_over: false, unanswered: false };
        self.frames += 1;
        let next = match self.doing {
            Doing::Speaking if self.frames >= self.talk => {
                frame.turn_over = true;
                Doing::Waiting { greeting: false }
            }
            Doing::Waiting { .. } if agent_sounds => Doing::Listening { quiet: 0 },
            Doing::Waiting { greeting: true } if self.frames >= GREETING_WITHIN => Doing::Speaking,
            Doing::Waiting { greeting: false } if self.frames >= ANSWER_WITHIN => {
                frame.unanswered = true;
                Doing::Speaking
            }
            Doing::Listening { .. } if self.frames >= self.listens => Doing::Speaking,
            Doing::Listening { .. } if agent_sounds => Doing::Listening { quiet: 0 },
            Doing::Listening { quiet } if quiet + 1 >= POLITE => Doing::Speaking,
            Doing::Listening { quiet } => Doing::Listening { quiet: quiet + 1 },
            same => same,
        };
        if std::mem::discriminant(&next) != std::mem::discriminant(&self.doing) {
            self.frames = 0;
        }
        self.doing = next;
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_and_agent_take_turns() {
        let mut person = Person::new(Talk { ms: 100, interrupts_after_ms: None });
        let mut spoken = 0;
        // The greeting sounds for ten frames, then nothing.
        for tick in 0..10 + POLITE + 5 {
            let frame = person.next(tick < 10);
            spoken += u32::from(frame.is_speech);
            assert_eq!(frame.turn_over, tick == 10 + POLITE + 4);
        }
        assert_eq!(spoken, 5);
        assert!(person.waits_for_answer());
        assert!(!person.next(true).is_speech);
        assert!(!person.waits_for_answer());
    }

    #[test]
    fn a_caller_without_patience_interrupts() {
        let mut person = Person::new(Talk { ms: 100, interrupts_after_ms: Some(200) });
        // The greeting never ends.
        let spoken = (0..12).map(|_| person.next(true).is_speech).position(|is_speech| is_speech);
        assert_eq!(spoken, Some(11));
    }

    #[test]
    fn silence_is_not_waited_for_for_ever() {
        let mut person = Person::new(Talk { ms: 20, interrupts_after_ms: None });
        let frames: Vec<Frame> =
            (0..GREETING_WITHIN + 1 + ANSWER_WITHIN).map(|_| person.next(false)).collect();
        assert_eq!(frames.iter().filter(|frame| frame.is_speech).count(), 1);
        assert_eq!(frames.iter().filter(|frame| frame.unanswered).count(), 1);
        assert!(frames.last().is_some_and(|frame| frame.unanswered));
    }
}
