//! The stand-in's ear: energy is voice, loudness is the words.

use audio::{energy, g711};

/// Milliseconds that a caller takes for a word.
pub const MS_PER_WORD: u64 = 300;
/// Phrases that are told apart.
const PHRASES: usize = 10;
/// Milliseconds of voice in a row that are speech.
const SPEECH_MS: u64 = 60;
/// A window in milliseconds.
const WINDOW_MS: u64 = 20;

/// The amplitude at which phrase `number` (0 to 9) is said.
#[must_use]
pub fn loudness(number: usize) -> i16 {
    (2_000.0 * 1.3_f64.powi(i32::try_from(number).unwrap_or(i32::MAX))) as i16
}

/// 20 ms of a caller saying phrase `number`, as mu-law.
#[must_use]
pub fn voiced_frame(number: usize) -> [u8; 160] {
    let amplitude = loudness(number);
    std::array::from_fn(|at| g711::encode(if at % 8 < 4 { amplitude } else { -amplitude }))
}

/// How audio is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// 16 bit, 24 kHz.
    Pcm,
    /// 8 kHz.
    MuLaw,
    /// 8 kHz.
    ALaw,
}

impl Format {
    fn window(self) -> usize {
        if self == Self::Pcm { 480 } else { 160 }
    }
}

/// When voice is speech.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Detection {
    pub(super) threshold: f64,
    pub(super) prefix_ms: u64,
    pub(super) silence_ms: u64,
}

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noticed {
    /// Speech, from this millisecond of the session on (the prefix included).
    Started { start_ms: u64 },
    /// Its end.
    Stopped { end_ms: u64, heard: Utterance },
}

/// What was said, by its loudness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Utterance {
    ms: [u64; PHRASES],
    loud_ms: u64,
}

impl Utterance {
    /// The words of it.
    pub(super) fn words(&self, phrases: &[String], otherwise: &str) -> String {
        let most = self.ms.iter().enumerate().max_by_key(|&(_, ms)| *ms).filter(|&(_, &ms)| ms > 0);
        let phrase = most.and_then(|(number, &ms)| Some((phrases.get(number)?, ms)));
        match phrase {
            // A caller who stops in mid-phrase has said no more than that.
            Some((phrase, ms)) => {
                let count = usize::try_from((ms + 80) / MS_PER_WORD).unwrap_or(usize::MAX);
                phrase.split(' ').take(count).collect::<Vec<_>>().join(" ")
            }
            None if self.loud_ms >= MS_PER_WORD => otherwise.to_owned(),
            None => String::new(),
        }
    }

    pub(super) fn seconds(&self) -> u64 {
        self.loud_ms.div_ceil(1_000)
    }
}

/// The ear.
#[derive(Debug)]
pub(super) struct Ear {
    samples: Vec<i16>,
    /// A byte of a 16-bit sample that was cut in two.
    odd: Option<u8>,
    at_ms: u64,
    loud_in_a_row_ms: u64,
    quiet_ms: u64,
    speaking: bool,
    utterance: Utterance,
    /// Audio since the last commit.
    pub(super) buffered_ms: u64,
}

impl Ear {
    pub(super) fn new() -> Self {
        Self {
            samples: Vec::new(),
            odd: None,
            at_ms: 0,
            loud_in_a_row_ms: 0,
            quiet_ms: 0,
            speaking: false,
            utterance: Utterance::default(),
            buffered_ms: 0,
        }
    }

    pub(super) fn speaking(&self) -> bool {
        self.speaking
    }

    /// Milliseconds of voice of the utterance in progress.
    pub(super) fn loud_ms(&self) -> u64 {
        self.utterance.loud_ms
    }

    /// Drops what is buffered; when the caller was speaking, that was nothing.
    pub(super) fn clear(&mut self) {
        (self.speaking, self.buffered_ms, self.loud_in_a_row_ms) = (false, 0, 0);
        self.utterance = Utterance::default();
        self.samples.clear();
        self.odd = None;
    }

    /// What was said since the last commit, for a client that commits by itself.
    pub(super) fn commit(&mut self) -> Utterance {
        let said = self.utterance;
        self.clear();
        said
    }

    /// Takes audio. Without detection nothing is noticed.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        format: Format,
        detection: Option<Detection>,
    ) -> Vec<Noticed> {
        match format {
            Format::MuLaw => self.samples.extend(bytes.iter().map(|&code| g711::decode(code))),
            // Nobody in our part of the world sends A-law: it is accepted and heard as silence.
            Format::ALaw => self.samples.extend(bytes.iter().map(|_| 0_i16)),
            Format::Pcm => {
                let mut rest = bytes.iter().copied();
                while let Some(low) = self.odd.take().or_else(|| rest.next()) {
                    match rest.next() {
                        Some(high) => self.samples.push(i16::from_le_bytes([low, high])),
                        None => {
                            self.odd = Some(low);
                            break;
                        }
                    }
                }
            }
        }
        let window = format.window();
        let mut noticed = Vec::new();
        let whole = self.samples.len() / window * window;
        let samples: Vec<i16> = self.samples.drain(..whole).collect();
        for frame in samples.chunks_exact(window) {
            noticed.extend(self.window(frame, detection));
        }
        noticed
    }

    fn window(&mut self, frame: &[i16], detection: Option<Detection>) -> Option<Noticed> {
        self.at_ms += WINDOW_MS;
        self.buffered_ms += WINDOW_MS;
        // A threshold of 0.5 is -40 dBFS: a telephone's noise lies below, the softest voice above.
        let threshold = detection.map_or(0.5, |detection| detection.threshold);
        let loud = energy::rms_dbfs(frame) > (threshold * 40.0 - 60.0) as f32;
        if loud {
            self.loud_in_a_row_ms += WINDOW_MS;
            self.quiet_ms = 0;
            self.utterance.loud_ms += WINDOW_MS;
            let peak = frame.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
            if let Some(number) = phrase_of(peak) {
                self.utterance.ms[number] += WINDOW_MS;
            }
        } else {
            self.loud_in_a_row_ms = 0;
            self.quiet_ms += WINDOW_MS;
        }
        let detection = detection?;
        if !self.speaking && self.loud_in_a_row_ms >= SPEECH_MS {
            self.speaking = true;
            let start_ms = self.at_ms.saturating_sub(self.loud_in_a_row_ms + detection.prefix_ms);
            return Some(Noticed::Started { start_ms });
        }
        if self.speaking && self.quiet_ms >= detection.silence_ms {
            let heard = self.commit();
            return Some(Noticed::Stopped { end_ms: self.at_ms, heard });
        }
        // A crackle is not the beginning of the next sentence.
        if !self.speaking && self.quiet_ms >= SPEECH_MS {
            self.utterance = Utterance::default();
        }
        None
    }
}

fn phrase_of(peak: u16) -> Option<usize> {
    let peak = f64::from(peak);
    (0..PHRASES).find(|&number| (peak / f64::from(loudness(number)) - 1.0).abs() < 0.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETECTION: Detection = Detection { threshold: 0.5, prefix_ms: 300, silence_ms: 500 };

    fn silence(ms: usize) -> Vec<u8> {
        vec![0xFF; ms * 8]
    }

    fn voice(number: usize, ms: usize) -> Vec<u8> {
        voiced_frame(number).repeat(ms / 20)
    }

    #[test]
    fn a_phrase_is_heard_from_its_start_to_the_silence_behind_it() {
        let mut ear = Ear::new();
        let phrases = ["how is my website".to_owned(), "goodbye".to_owned()];
        let audio = [silence(1_000), voice(0, 1_200), silence(600)].concat();
        let noticed: Vec<Noticed> =
            audio.chunks(160).flat_map(|frame| ear.take(frame, Format::MuLaw, Some(DETECTION))).collect();
        let [Noticed::Started { start_ms: 700 }, Noticed::Stopped { end_ms: 2_700, heard }] = noticed[..]
        else {
            panic!("{noticed:?}");
        };
        assert_eq!(heard.words(&phrases, "?"), "how is my website");
        assert_eq!(heard.seconds(), 2);
    }

    #[test]
    fn telephone_audio_read_as_something_else_is_speech_that_nobody_said() {
        let mut ear = Ear::new();
        let noticed = ear.take(&voice(3, 600), Format::Pcm, Some(DETECTION));
        assert!(matches!(noticed[..], [Noticed::Started { .. }]), "{noticed:?}");
        let heard = ear.commit();
        assert_eq!(
            heard.words(&["a".into(), "b".into(), "c".into(), "d".into()], ""),
            "",
            "nothing sensible"
        );
    }

    #[test]
    fn half_a_phrase_is_half_its_words_and_a_crackle_is_nothing() {
        let phrases = ["one two three four".to_owned()];
        let mut ear = Ear::new();
        assert_eq!(ear.take(&[voice(0, 40), silence(800)].concat(), Format::MuLaw, Some(DETECTION)), []);
        let noticed = ear.take(&[voice(0, 600), silence(800)].concat(), Format::MuLaw, Some(DETECTION));
        let Some(Noticed::Stopped { heard, .. }) = noticed.last() else { panic!("{noticed:?}") };
        assert_eq!(heard.words(&phrases, ""), "one two");
    }
}
