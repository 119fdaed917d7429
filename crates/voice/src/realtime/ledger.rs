//! What of the model's audio the caller has heard.
//!
//! The far end plays what it is sent in order and sends each mark back when the audio before it has been played; a
//! `clear` makes it send **all** waiting marks back at once. So each mark names the generation of audio it belongs
//! to, and marks of an older generation count for nothing. Between marks the position is estimated by the clock,
//! never beyond the next mark and never beyond what was sent.

use std::collections::VecDeque;

use bytes::Bytes;

/// Audio between two marks, in milliseconds. Short, because it bounds the error of the position.
pub const PIECE_MS: u64 = 200;
/// mu-law bytes in a millisecond.
const BYTES_PER_MS: usize = 8;
/// Pieces that wait to be played: three minutes of audio. A model that is further ahead of the caller is out of its
/// mind.
const MOST_PIECES: usize = 900;
/// So much later than it should be played to its end, audio whose marks don't come back counts as played.
const MARKS_WITHIN_MS: u64 = 1_500;

/// Where audio comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The model's item; `None` for words of our own (a filler), which the model knows nothing of.
    pub item: Option<String>,
    /// The part of the item.
    pub content_index: u32,
}

/// A piece of audio and the mark that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// mu-law.
    pub audio: Bytes,
    /// To be sent behind it.
    pub mark: String,
}

/// What an interruption left of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The item.
    pub source: Source,
    /// Milliseconds that were heard; 0 when it never began to sound.
    pub heard_ms: u64,
    /// Milliseconds that were made.
    pub made_ms: u64,
}

struct Sent {
    source: usize,
    len_ms: u64,
}

struct SourceState {
    source: Source,
    /// Bytes, because pieces of a model need not be whole milliseconds.
    sent_bytes: usize,
    played_ms: u64,
}

/// The ledger of one call.
#[derive(Default)]
pub struct Ledger {
    generation: u32,
    sources: Vec<SourceState>,
    /// Not yet known to be played, oldest first.
    waiting: VecDeque<Sent>,
    /// Milliseconds of them.
    waiting_ms: u64,
    /// Marks are numbered within a generation.
    next_mark: u64,
    /// The mark that will come back next.
    first_waiting_mark: u64,
    /// Since when the oldest waiting piece has been playing, by our clock.
    playing_since_ms: u64,
}

impl Ledger {
    /// Takes audio on its way to the caller and cuts it into pieces with marks. Returns nothing when far too much
    /// is waiting already.
    pub fn send(&mut self, source: &Source, audio: &Bytes, now_ms: u64) -> Vec<Piece> {
        let number = match self.sources.iter().position(|state| state.source == *source) {
            Some(number) => number,
            None => {
                self.sources.push(SourceState { source: source.clone(), sent_bytes: 0, played_ms: 0 });
                self.sources.len() - 1
            }
        };
        let mut pieces = Vec::new();
        let mut from = 0;
        while from < audio.len() && self.waiting.len() < MOST_PIECES {
            let to = audio.len().min(from + PIECE_MS as usize * BYTES_PER_MS);
            if self.waiting.is_empty() {
                self.playing_since_ms = now_ms;
            }
            let state = &mut self.sources[number];
            let before_ms = state.sent_bytes / BYTES_PER_MS;
            state.sent_bytes += to - from;
            let len_ms = (state.sent_bytes / BYTES_PER_MS - before_ms) as u64;
            self.waiting.push_back(Sent { source: number, len_ms });
            self.waiting_ms += len_ms;
            let mark = format!("r{}:{}", self.generation, self.next_mark);
            self.next_mark += 1;
            pieces.push(Piece { audio: audio.slice(from..to), mark });
            from = to;
        }
        pieces
    }

    /// A mark came back. Returns whether it told something new: not one of ours, of an older generation, or come
    /// twice tells nothing. A mark that overtook others tells for them too.
    pub fn mark(&mut self, name: &str, now_ms: u64) -> bool {
        let Some((generation, number)) = read(name) else { return false };
        if generation != self.generation || number < self.first_waiting_mark || number >= self.next_mark {
            return false;
        }
        while self.first_waiting_mark <= number {
            let Some(piece) = self.waiting.pop_front() else { break };
            self.first_waiting_mark += 1;
            self.waiting_ms -= piece.len_ms;
            self.sources[piece.source].played_ms += piece.len_ms;
        }
        self.playing_since_ms = now_ms;
        true
    }

    /// Whether something may still sound.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether something sounds at `now_ms`: like [`Self::is_sounding`], but a far end that sends no marks back is not
    /// believed to play for ever.
    #[must_use]
    pub fn sounds(&self, now_ms: u64) -> bool {
        self.is_sounding() && now_ms < self.playing_since_ms + self.waiting_ms() + MARKS_WITHIN_MS
    }

    /// Whether no more audio is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_PIECES
    }

    /// Milliseconds of audio sent and not known to be played.
    #[must_use]
    pub fn waiting_ms(&self) -> u64 {
        self.waiting_ms
    }

    /// Milliseconds until everything sent will have been played, reckoned by the clock.
    #[must_use]
    pub fn left_ms(&self, now_ms: u64) -> u64 {
        let playing = self.waiting.front().map_or(0, |piece| self.heard_of_first(piece, now_ms));
        self.waiting_ms() - playing
    }

    /// Milliseconds of an item that were heard by now.
    #[must_use]
    pub fn heard_ms(&self, source: &Source, now_ms: u64) -> u64 {
        let Some(number) = self.sources.iter().position(|state| state.source == *source) else { return 0 };
        let playing = match self.waiting.front() {
            Some(piece) if piece.source == number => self.heard_of_first(piece, now_ms),
            _ => 0,
        };
        self.sources[number].played_ms + playing
    }

    fn heard_of_first(&self, piece: &Sent, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.playing_since_ms).min(piece.len_ms)
    }

    /// The audio that waits is thrown away (send `clear`): what of each item was heard. Items that were heard to
    /// their end are not told.
    pub fn cut(&mut self, now_ms: u64) -> Vec<Cut> {
        let first = self.waiting.front().map(|piece| (piece.source, self.heard_of_first(piece, now_ms)));
        let mut numbers: Vec<usize> = Vec::new();
        for piece in &self.waiting {
            if !numbers.contains(&piece.source) {
                numbers.push(piece.source);
            }
        }
        let cuts = numbers
            .into_iter()
            .map(|number| {
                let state = &self.sources[number];
                let playing = first.filter(|(source, _)| *source == number).map_or(0, |(_, heard)| heard);
                Cut {
                    source: state.source.clone(),
                    heard_ms: state.played_ms + playing,
                    made_ms: (state.sent_bytes / BYTES_PER_MS) as u64,
                }
            })
            .collect();
        self.waiting.clear();
        self.waiting_ms = 0;
        self.sources.clear();
        self.generation += 1;
        self.next_mark = 0;
        self.first_waiting_mark = 0;
        cuts
    }

    /// Forgets an item that is complete and was heard to its end, so that a long call keeps no list of them.
    /// Items with audio on the way stay.
    pub fn forget_played(&mut self, keep: Option<&Source>) {
        if self.waiting.is_empty() {
            self.sources.retain(|state| Some(&state.source) == keep);
        }
    }
}

/// `r3:17`: generation 3, mark 17.
fn read(name: &str) -> Option<(u32, u64)> {
    let (generation, number) = name.strip_prefix('r')?.split_once(':')?;
    Some((generation.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(name: &str) -> Source {
        Source { item: Some(name.to_owned()), content_index: 0 }
    }

    fn audio(ms: usize) -> Bytes {
        Bytes::from(vec![0x7F; ms * BYTES_PER_MS])
    }

    #[test]
    fn long_audio_goes_out_in_pieces_each_with_its_mark() {
        let mut ledger = Ledger::default();
        let pieces = ledger.send(&item("a"), &audio(450), 0);
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.audio.len() / BYTES_PER_MS).collect();
        assert_eq!(lengths, [200, 200, 50]);
        let marks: Vec<&str> = pieces.iter().map(|piece| piece.mark.as_str()).collect();
        assert_eq!(marks, ["r0:0", "r0:1", "r0:2"]);
        assert_eq!(ledger.waiting_ms(), 450);
    }

    #[test]
    fn between_marks_the_clock_counts_up_to_the_next_mark() {
        let mut ledger = Ledger::default();
        ledger.send(&item("a"), &audio(600), 1_000);
        assert_eq!(ledger.heard_ms(&item("a"), 1_150), 150);
        assert_eq!(ledger.heard_ms(&item("a"), 1_900), 200, "a late mark is no proof that more was heard");
        assert!(ledger.mark("r0:0", 1_230));
        assert_eq!(ledger.heard_ms(&item("a"), 1_250), 220);
    }

    #[test]
    fn an_interruption_tells_each_item_what_was_heard_of_it() {
        let mut ledger = Ledger::default();
        ledger.send(&item("played"), &audio(200), 0);
        ledger.send(&item("cut"), &audio(400), 0);
        ledger.send(&item("never begun"), &audio(300), 0);
        assert!(ledger.mark("r0:0", 200));
        let cuts = ledger.cut(260);
        let told: Vec<_> =
            cuts.iter().map(|cut| (cut.source.item.as_deref(), cut.heard_ms, cut.made_ms)).collect();
        assert_eq!(told, [(Some("cut"), 60, 400), (Some("never begun"), 0, 300)]);
        assert!(!ledger.is_sounding());
    }

    #[test]
    fn marks_that_a_clear_sends_back_count_for_nothing() {
        let mut ledger = Ledger::default();
        ledger.send(&item("a"), &audio(400), 0);
        ledger.cut(50);
        ledger.send(&item("b"), &audio(400), 60);
        assert!(!ledger.mark("r0:0", 61) && !ledger.mark("r0:1", 61));
        assert_eq!(ledger.heard_ms(&item("b"), 100), 40);
    }

    #[test]
    fn marks_that_are_not_ours_or_come_twice_count_for_nothing() {
        let mut ledger = Ledger::default();
        ledger.send(&item("a"), &audio(400), 0);
        for name in ["", "r", "r0", "r0:", "r0:9", "g0:0", "r1:0", "r-1:0", "r0:99999999999999999999"] {
            assert!(!ledger.mark(name, 10), "{name}");
        }
        assert!(ledger.mark("r0:1", 400), "it tells for the one before it too");
        assert!(!ledger.mark("r0:0", 400) && !ledger.mark("r0:1", 400));
        assert_eq!(ledger.heard_ms(&item("a"), 500), 400);
    }

    proptest! {
        /// Whatever the far end sends back and whenever: nobody heard more than was sent, and time does not run
        /// backwards within a generation.
        #[test]
        fn nobody_hears_more_than_was_sent(
            steps in proptest::collection::vec((0u8..4, 0usize..700, 0u64..6, 0u64..400), 1..60)
        ) {
            let mut ledger = Ledger::default();
            let (mut now_ms, mut sent_ms, mut last_heard) = (0, 0, 0);
            let source = item("a");
            for (kind, ms, number, later_ms) in steps {
                now_ms += later_ms;
                match kind {
                    0 | 1 => {
                        ledger.send(&source, &audio(ms), now_ms);
                        sent_ms += ms as u64;
                    }
                    2 => {
                        ledger.mark(&format!("r{}:{number}", ledger.generation), now_ms);
                    }
                    _ => {
                        for cut in ledger.cut(now_ms) {
                            prop_assert!(cut.heard_ms <= cut.made_ms && cut.made_ms == sent_ms);
                            prop_assert!(cut.heard_ms >= last_heard);
                        }
                        (sent_ms, last_heard) = (0, 0);
                    }
                }
                let heard = ledger.heard_ms(&source, now_ms);
                prop_assert!(heard <= sent_ms, "{heard} of {sent_ms}");
                prop_assert!(heard >= last_heard);
                last_heard = heard;
            }
        }
    }
}
