//! What the stand-ins for voices and transcribers have in common: a voice that hums, an ear that tells phrases apart
//! by their loudness, and the record of what was said on sockets.

use std::sync::{Arc, Mutex, PoisonError};

use crate::openai::ear::{MS_PER_WORD, loudness};

/// Milliseconds that the humming voice takes for a character.
pub const MS_PER_CHARACTER: usize = 60;
/// Phrases that are told apart.
const PHRASES: usize = 10;
/// Below this a sample is silence.
const QUIET: i16 = 1_000;
/// Loud samples without which nobody has spoken: 20 ms.
const LEAST_LOUD: u64 = 160;

/// A text, hummed: 16-bit samples.
#[must_use]
pub fn hummed(text: &str, rate_hz: u32) -> Vec<i16> {
    let count = text.trim().chars().count() * MS_PER_CHARACTER * rate_hz as usize / 1_000;
    let step = 220.0 * std::f32::consts::TAU / rate_hz as f32;
    (0..count).map(|at| (8_000.0 * (at as f32 * step).sin()) as i16).collect()
}

/// The same as telephone audio.
#[must_use]
pub fn hummed_mu_law(text: &str) -> Vec<u8> {
    hummed(text, 8_000).into_iter().map(audio::g711::encode).collect()
}

/// An utterance, as it is heard.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    loud_samples: u64,
    sum: u64,
    /// All samples.
    pub samples: u64,
}

impl Heard {
    /// More of it, at 8 kHz.
    pub fn hear(&mut self, samples: impl IntoIterator<Item = i16>) {
        for sample in samples {
            self.samples += 1;
            let level = sample.unsigned_abs();
            if level >= QUIET.unsigned_abs() {
                self.loud_samples += 1;
                self.sum += u64::from(level);
            }
        }
    }

    /// What was said: the phrase of that loudness, as far as there was time to say it.
    #[must_use]
    pub fn words(&self, phrases: &[String]) -> String {
        let ms = self.loud_samples / 8;
        if ms < MS_PER_WORD / 2 {
            return String::new();
        }
        let level = self.sum / self.loud_samples;
        let distance = |number: &usize| level.abs_diff(u64::from(loudness(*number).unsigned_abs()));
        let number = (0..PHRASES).min_by_key(distance).unwrap_or_default();
        let count = usize::try_from((ms + 80) / MS_PER_WORD).unwrap_or(usize::MAX);
        let words =
            phrases.get(number).map(|phrase| phrase.split(' ').take(count).collect::<Vec<_>>().join(" "));
        words.unwrap_or_default()
    }
}

/// What a caller is saying, told by the caller's side: a transcriber that hears a real voice, which no stand-in can tell
/// apart by its loudness, gives these words. For one caller at a time.
#[derive(Debug, Clone, Default)]
pub struct Cue(Arc<Mutex<String>>);

impl Cue {
    /// The words of the utterance, as far as they are said.
    pub fn says(&self, words: &str) {
        words.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What somebody who has heard so much of it understands.
    pub(crate) fn understood(&self, heard: &Heard) -> String {
        if heard.loud_samples < LEAST_LOUD {
            return String::new();
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A message on a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether the client said it.
    pub by_client: bool,
    /// Its text; `<n bytes>` for binary ones.
    pub text: String,
}

/// Messages that are remembered.
const MOST_SAID: usize = 20_000;

/// The record of all sockets of a stand-in.
#[derive(Debug, Default)]
pub struct Record {
    said: Mutex<Vec<Said>>,
    lost: tokio::sync::Notify,
}

impl Record {
    /// Notes a message.
    pub fn note(&self, by_client: bool, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < MOST_SAID {
            said.push(Said { by_client, text: text.to_owned() });
        }
    }

    /// Loses every socket that is open, without a word.
    pub fn lose_sockets(&self) {
        self.lost.notify_waiters();
    }

    /// Waits until sockets are lost.
    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Everything so far.
    #[must_use]
    pub fn all(&self) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::ear::voiced_frame;

    #[test]
    fn a_cue_is_understood_once_a_voice_is_heard() {
        let cue = Cue::default();
        cue.says("one two");
        let mut heard = Heard::default();
        heard.hear([0; 1_600]);
        assert_eq!(cue.understood(&heard), "");
        heard.hear([2_000; 160]);
        assert_eq!(cue.understood(&heard), "one two");
        cue.says("one two three");
        assert_eq!(cue.understood(&heard), "one two three");
    }

    #[test]
    fn phrases_are_told_apart_by_loudness_and_cut_by_time() {
        let phrases = ["one two three".to_owned(), "four five six".to_owned()];
        for (number, frames, expect) in
            [(0, 45, "one two three"), (1, 45, "four five six"), (1, 30, "four five"), (1, 2, "")]
        {
            let mut heard = Heard::default();
            for _ in 0..frames {
                heard.hear(voiced_frame(number).map(audio::g711::decode));
            }
            heard.hear([0; 1_600]);
            assert_eq!(heard.words(&phrases), expect);
        }
    }
}
