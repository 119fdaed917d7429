//! The telephone's playout: audio in order at the pace of media time, marks echoed as Twilio echoes them.

use std::collections::VecDeque;

use super::{FRAME_BYTES, FRAME_MS, Frame, SILENCE};

/// Audio waiting to be heard, with the marks between it.
#[derive(Debug, Default)]
pub struct Playout {
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    most_bytes: usize,
}

#[derive(Debug)]
enum Queued {
    Audio { bytes: Vec<u8>, played: usize },
    Mark(String),
}

/// What 20 ms of playing came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Played {
    /// What was heard; silence where nothing was queued.
    pub frame: Frame,
    /// How many of the frame's bytes came from the server.
    pub bytes: usize,
    /// Marks to be echoed now, in order.
    pub marks: Vec<String>,
}

/// What a `clear` dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Cleared {
    /// Marks to be echoed now, in order.
    pub marks: Vec<String>,
    /// Milliseconds of audio never heard.
    pub dropped_ms: u64,
}

impl Playout {
    /// Queues audio of any length.
    pub fn media(&mut self, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.most_bytes = self.most_bytes.max(self.queued_bytes);
        self.queue.push_back(Queued::Audio { bytes, played: 0 });
    }

    /// Queues a mark; given back when nothing is queued, to be echoed at once.
    #[must_use]
    pub fn mark(&mut self, name: String) -> Option<String> {
        if self.queue.is_empty() {
            return Some(name);
        }
        self.queue.push_back(Queued::Mark(name));
        None
    }

    /// Drops everything.
    #[must_use]
    pub fn clear(&mut self) -> Cleared {
        let dropped_ms = self.queued_ms();
        self.queued_bytes = 0;
        let marks = self
            .queue
            .drain(..)
            .filter_map(|queued| match queued {
                Queued::Mark(name) => Some(name),
                Queued::Audio { .. } => None,
            })
            .collect();
        Cleared { marks, dropped_ms }
    }

    /// Plays the next 20 ms.
    #[must_use]
    pub fn play(&mut self) -> Played {
        let mut frame = SILENCE;
        let mut filled = 0;
        let mut marks = Vec::new();
        while let Some(front) = self.queue.front_mut() {
            match front {
                // A mark behind audio that ends exactly here is due: its audio has been played.
                Queued::Mark(name) => {
                    marks.push(std::mem::take(name));
                    self.queue.pop_front();
                }
                Queued::Audio { bytes, played } => {
                    if filled == FRAME_BYTES {
                        break;
                    }
                    let count = (bytes.len() - *played).min(FRAME_BYTES - filled);
                    frame[filled..filled + count].copy_from_slice(&bytes[*played..*played + count]);
                    filled += count;
                    *played += count;
                    if *played == bytes.len() {
                        self.queue.pop_front();
                    }
                }
            }
        }
        self.queued_bytes -= filled;
        Played { frame, bytes: filled, marks }
    }

    /// Milliseconds waiting.
    #[must_use]
    pub fn queued_ms(&self) -> u64 {
        self.queued_bytes as u64 * FRAME_MS / FRAME_BYTES as u64
    }

    /// The most milliseconds that ever waited.
    #[must_use]
    pub fn most_queued_ms(&self) -> u64 {
        self.most_bytes as u64 * FRAME_MS / FRAME_BYTES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(marks: &[&str]) -> Vec<String> {
        marks.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn mark_is_echoed_when_the_audio_before_it_has_been_played() {
        let mut playout = Playout::default();
        playout.media(vec![1; 320]);
        assert_eq!(playout.mark("a".into()), None);
        playout.media(vec![2; 80]);
        assert_eq!(playout.mark("b".into()), None);
        assert_eq!(playout.play().marks, names(&[]));
        assert_eq!(playout.play().marks, names(&["a"]));
        let last = playout.play();
        assert_eq!((last.marks, last.bytes), (names(&["b"]), 80));
        assert_eq!(&last.frame[78..82], [2, 2, 0xFF, 0xFF]);
    }

    #[test]
    fn mark_is_echoed_at_once_when_nothing_is_queued() {
        let mut playout = Playout::default();
        assert_eq!(playout.mark("a".into()), Some("a".into()));
    }

    #[test]
    fn clear_drops_the_audio_and_gives_back_all_marks() {
        let mut playout = Playout::default();
        playout.media(vec![1; 1600]);
        let _ = playout.mark("a".into());
        playout.media(vec![1; 1600]);
        let _ = playout.mark("b".into());
        let _ = playout.play();
        assert_eq!(playout.clear(), Cleared { marks: names(&["a", "b"]), dropped_ms: 380 });
        assert_eq!(playout.play(), Played { frame: SILENCE, bytes: 0, marks: vec![] });
        assert_eq!(playout.most_queued_ms(), 380 + 20);
    }

    #[test]
    fn audio_of_any_length_is_played_without_a_seam() {
        let mut playout = Playout::default();
        let audio: Vec<u8> = (0..=249).cycle().take(1000).collect();
        for piece in audio.chunks(33) {
            playout.media(piece.to_vec());
        }
        let mut heard = Vec::new();
        for _ in 0..7 {
            let played = playout.play();
            heard.extend_from_slice(&played.frame[..played.bytes]);
        }
        assert_eq!(heard, audio);
    }
}
