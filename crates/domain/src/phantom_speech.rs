//! Noise, echo and a transcriber's inventions that look like words: one judgement per utterance.
//!
//! Evidence of the audio comes first and lists come last, because inventions vary and lists are evaded.
//! Each layer can be switched off and says why it refused.

use serde::{Deserialize, Serialize};

use crate::call_plan::Vocabulary;
use crate::expected_answer::ExpectedAnswer;
use crate::language::{LISTS, has_phrase_of, listed, phrases};
use crate::words::{find_phrase, is_close, words};

/// What is known of an utterance.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The transcriber's words.
    pub text: &'a str,
    /// Its confidence, 0 to 1, when it gives one.
    pub confidence: Option<f32>,
    /// Milliseconds of the utterance that voice activity was found in.
    pub speech_ms: u32,
    /// Mean voice score of those frames, 0 to 1.
    pub mean_voice_score: f32,
    /// Speech level above the line's noise floor in decibels, when a floor is known.
    pub above_noise_db: Option<f32>,
    /// What the agent had asked for.
    pub expecting: ExpectedAnswer,
    /// Whether the agent's own voice was on the line at the time.
    pub agent_was_speaking: bool,
    /// The agent's last words.
    pub agent_words: &'a str,
    /// What the business expects to hear, when the transcriber was not limited to it already.
    pub vocabulary: Option<&'a Vocabulary>,
}

/// A layer of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Energy and voice activity do not back the words.
    Audio,
    /// The transcriber doubts them.
    Confidence,
    /// Too short or too few words.
    Length,
    /// Known inventions on silence, and endless repetition.
    Invention,
    /// The agent's own last words coming back.
    Echo,
    /// Nothing in them belongs to the business or to ordinary talk.
    Vocabulary,
}

impl Layer {
    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Confidence => "confidence",
            Self::Length => "length",
            Self::Invention => "invention",
            Self::Echo => "echo",
            Self::Vocabulary => "vocabulary",
        }
    }
}

/// Which layers are on and where they cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layers {
    /// Energy and voice activity.
    pub audio: bool,
    /// The transcriber's confidence.
    pub confidence: bool,
    /// Length and word count.
    pub length: bool,
    /// Known inventions.
    pub invention: bool,
    /// Echo of the agent.
    pub echo: bool,
    /// Business vocabulary; off, because it costs callers who say something new.
    pub vocabulary: bool,
    /// Least voiced milliseconds.
    pub min_speech_ms: u32,
    /// Least confidence, 0 to 1.
    pub min_confidence: f32,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            audio: true,
            confidence: true,
            length: true,
            invention: true,
            echo: true,
            vocabulary: false,
            min_speech_ms: 120,
            min_confidence: 0.25,
        }
    }
}

/// Why an utterance is not taken as a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Which layer said no.
    pub layer: Layer,
    /// Why, in plain words.
    pub reason: String,
}

/// Judges an utterance.
///
/// # Errors
/// The first layer that refuses it.
pub fn judge(evidence: &Evidence<'_>, layers: &Layers) -> Result<(), Rejection> {
    let said = words(evidence.text);
    let checks: [(bool, Layer, Check); 6] = [
        (layers.audio, Layer::Audio, audio),
        (layers.confidence, Layer::Confidence, confidence),
        (layers.length, Layer::Length, length),
        (layers.invention, Layer::Invention, invention),
        (layers.echo, Layer::Echo, echo),
        (layers.vocabulary, Layer::Vocabulary, vocabulary),
    ];
    for (on, layer, check) in checks {
        if on && let Some(reason) = check(evidence, &said, layers) {
            return Err(Rejection { layer, reason });
        }
    }
    Ok(())
}

type Check = fn(&Evidence<'_>, &[String], &Layers) -> Option<String>;

fn audio(evidence: &Evidence<'_>, said: &[String], layers: &Layers) -> Option<String> {
    if evidence.speech_ms < layers.min_speech_ms {
        return Some(format!("only {} ms of voice", evidence.speech_ms));
    }
    if evidence.mean_voice_score < 0.35 {
        return Some(format!("voice score {:.2} is too low", evidence.mean_voice_score));
    }
    if let Some(db) = evidence.above_noise_db.filter(|db| *db < 3.0) {
        return Some(format!("only {db:.0} dB above the noise"));
    }
    // Nobody says more than about eight words a second; twelve leaves room for a late voice onset.
    let possible = 2 + (evidence.speech_ms as usize * 12) / 1_000;
    (said.len() > possible)
        .then(|| format!("{} words can't be said in {} ms", said.len(), evidence.speech_ms))
}

fn confidence(evidence: &Evidence<'_>, said: &[String], layers: &Layers) -> Option<String> {
    let confidence = evidence.confidence?;
    let least = if is_expected(said, evidence.expecting) {
        layers.min_confidence / 2.0
    } else {
        layers.min_confidence
    };
    (confidence < least).then(|| format!("confidence {confidence:.2} is below {least:.2}"))
}

fn length(evidence: &Evidence<'_>, said: &[String], _: &Layers) -> Option<String> {
    if said.is_empty() {
        return Some("no words".to_owned());
    }
    if is_expected(said, evidence.expecting) {
        return None;
    }
    if said.iter().all(|w| listed("fillers", w)) {
        return Some("only a filler sound".to_owned());
    }
    let letters: usize = said.iter().map(|w| w.chars().count()).sum();
    (said.len() == 1 && letters < 3).then(|| format!("a lone “{}” answers nothing", said[0]))
}

fn invention(evidence: &Evidence<'_>, said: &[String], _: &Layers) -> Option<String> {
    if is_stage_direction(evidence.text) {
        return Some("it describes a sound".to_owned());
    }
    // English is the only language pack: words without one letter of its script were not said here.
    if said.iter().any(|w| w.chars().any(char::is_alphabetic))
        && !said.iter().any(|w| w.chars().any(|c| c.is_ascii_alphanumeric()))
    {
        return Some("not a word of it is in the language spoken here".to_owned());
    }
    if evidence.text.trim_start().to_ascii_lowercase().starts_with("www.")
        && evidence.expecting != ExpectedAnswer::Email
    {
        return Some("a bare web address is what transcribers write for silence".to_owned());
    }
    if phrases("whole_inventions").iter().any(|p| p == said) && !is_expected(said, evidence.expecting) {
        return Some("those words alone answer nothing".to_owned());
    }
    if let Some(phrase) = LISTS.get("inventions").iter().find(|p| {
        let phrase = words(p);
        find_phrase(said, &phrase).is_some() && said.len() <= phrase.len() + MORE_THAN_INVENTED
    }) {
        return Some(format!("“{phrase}” is what transcribers write for silence"));
    }
    // Digits and letters repeat in honest dictation.
    let wordy = |w: &String| w.len() > 1 && !crate::spoken_forms::numbers::is_digit_word(w);
    let repeats = |size: usize| {
        said.len() >= size * 4
            && said.chunks(size).take(4).all(|c| c == &said[..size])
            && said[..size].iter().any(wordy)
    };
    (1..=4).any(repeats).then(|| "the same words over and over".to_owned())
}

/// Words around an invention that still belong to it; a longer sentence was meant.
const MORE_THAN_INVENTED: usize = 5;

/// Whether the whole text stands in brackets, between asterisks or among notes: "[Music]", "(phone ringing)".
fn is_stage_direction(text: &str) -> bool {
    let text = text.trim();
    let between = |open: char, close: char| {
        text.len() > 1 && text.starts_with(open) && text.ends_with(close) && !text.contains('@')
    };
    between('[', ']') || between('(', ')') || between('*', '*') || text.starts_with(['♪', '♫'])
}

fn echo(evidence: &Evidence<'_>, said: &[String], _: &Layers) -> Option<String> {
    if !evidence.agent_was_speaking || said.len() < 2 {
        return None;
    }
    let spoken = words(evidence.agent_words);
    if spoken.is_empty() {
        return None;
    }
    // Words of the caller found in the agent's, in order.
    let mut at = 0;
    let mut found = 0;
    for word in said {
        if let Some(i) = spoken[at..].iter().position(|w| is_close(w, word)) {
            found += 1;
            at += i + 1;
        }
    }
    let share = found as f32 / said.len() as f32;
    (share >= if said.len() <= 3 { 0.99 } else { 0.7 })
        .then(|| format!("{found} of {} words are the agent's own", said.len()))
}

fn vocabulary(evidence: &Evidence<'_>, said: &[String], _: &Layers) -> Option<String> {
    let vocabulary = evidence.vocabulary?;
    if is_expected(said, evidence.expecting) || said.len() < 3 {
        return None;
    }
    let known =
        |w: &String| vocabulary.words.iter().any(|v| v == w) || listed("stopwords", w) || w.len() == 1;
    let strange = said.iter().filter(|w| !known(w)).count();
    (strange * 10 > said.len() * 7).then(|| format!("{strange} of {} words are unknown here", said.len()))
}

/// Whether the words are a legitimate short answer to what was asked.
fn is_expected(said: &[String], expecting: ExpectedAnswer) -> bool {
    use crate::spoken_forms::{numbers, yes_no};
    let text = said.join(" ");
    if yes_no::read(&text).is_some() || has_phrase_of("short_answers", said) {
        return true;
    }
    match expecting {
        ExpectedAnswer::Open | ExpectedAnswer::YesNo => {
            said.len() == 1 && said.iter().all(|w| crate::language::FIRST_NAMES.contains(&w.as_str()))
        }
        ExpectedAnswer::Name | ExpectedAnswer::Choice => {
            said.iter().any(|w| w.len() > 1 && !listed("fillers", w))
        }
        ExpectedAnswer::Email => said.iter().any(|w| !listed("fillers", w)),
        ExpectedAnswer::Digits | ExpectedAnswer::Money | ExpectedAnswer::Date => {
            said.iter().any(|w| numbers::is_digit_word(w) || numbers::number(w).is_some())
        }
    }
}

/// Whether the words only show that the caller listens ("mm-hm", "okay", "right"), so that the agent goes on.
#[must_use]
pub fn is_back_channel(text: &str) -> bool {
    let said = words(text);
    !said.is_empty()
        && said.len() <= 4
        && (LISTS.get("back_channels").iter().any(|p| words(p) == said)
            || said.iter().all(|w| listed("back_channel_words", w)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn honest(text: &str) -> Evidence<'_> {
        Evidence {
            text,
            confidence: Some(0.8),
            speech_ms: 1_200,
            mean_voice_score: 0.8,
            above_noise_db: Some(20.0),
            expecting: ExpectedAnswer::Open,
            agent_was_speaking: false,
            agent_words: "",
            vocabulary: None,
        }
    }

    fn layer(evidence: &Evidence<'_>) -> Option<Layer> {
        judge(evidence, &Layers::default()).err().map(|r| r.layer)
    }

    #[test]
    fn ordinary_turns_and_short_answers_pass() {
        for text in ["how is my website", "yes", "no", "nope", "maria", "okay", "hello", "stop", "goodbye"] {
            assert_eq!(layer(&honest(text)), None, "{text}");
        }
        for (text, expecting) in
            [("two", ExpectedAnswer::Digits), ("jo", ExpectedAnswer::Name), ("m", ExpectedAnswer::Email)]
        {
            assert_eq!(layer(&Evidence { expecting, ..honest(text) }), None, "{text}");
        }
    }

    #[test]
    fn words_without_audio_behind_them_are_refused() {
        assert_eq!(layer(&Evidence { speech_ms: 80, ..honest("yes") }), Some(Layer::Audio));
        assert_eq!(layer(&Evidence { mean_voice_score: 0.2, ..honest("how are you") }), Some(Layer::Audio));
        assert_eq!(
            layer(&Evidence { above_noise_db: Some(1.0), ..honest("how are you") }),
            Some(Layer::Audio)
        );
        let long = "one two three four five six seven eight nine ten";
        assert_eq!(layer(&Evidence { speech_ms: 300, ..honest(long) }), Some(Layer::Audio));
    }

    #[test]
    fn doubtful_words_are_refused_unless_they_were_asked_for() {
        assert_eq!(
            layer(&Evidence { confidence: Some(0.1), ..honest("the cat sat") }),
            Some(Layer::Confidence)
        );
        let asked = Evidence { confidence: Some(0.15), expecting: ExpectedAnswer::YesNo, ..honest("yes") };
        assert_eq!(layer(&asked), None);
    }

    #[test]
    fn fillers_and_nothing_are_no_turn() {
        for text in ["", "um", "uh er", "a"] {
            assert_eq!(layer(&honest(text)), Some(Layer::Length), "{text:?}");
        }
    }

    #[test]
    fn inventions_and_endless_repetition_are_refused() {
        for text in [
            "thank you for watching",
            "Subtitles by the community",
            "the the the the",
            "so good so good so good so good",
            "[Music]",
            "(phone ringing)",
            "♪ la la la ♪",
            "www.example.org",
            "字幕由字幕",
            "You.",
        ] {
            assert_eq!(layer(&honest(text)), Some(Layer::Invention), "{text}");
        }
        assert_eq!(layer(&honest("five five five five")), None);
    }

    #[test]
    fn the_agents_own_words_are_echo_only_while_it_speaks() {
        let evidence = Evidence {
            agent_was_speaking: true,
            agent_words: "We are open Monday to Friday from nine to six.",
            ..honest("open monday to friday from nine")
        };
        assert_eq!(layer(&evidence), Some(Layer::Echo));
        assert_eq!(layer(&Evidence { agent_was_speaking: false, ..evidence }), None);
        assert_eq!(layer(&Evidence { text: "are you open on saturday", ..evidence }), None);
    }

    #[test]
    fn each_layer_can_be_switched_off() {
        let off = Layers {
            audio: false,
            confidence: false,
            length: false,
            invention: false,
            echo: false,
            vocabulary: false,
            ..Layers::default()
        };
        let worst = Evidence { speech_ms: 0, confidence: Some(0.0), ..honest("thank you for watching") };
        assert_eq!(judge(&worst, &off), Ok(()));
    }

    #[test]
    fn the_vocabulary_layer_refuses_what_nobody_here_says() {
        let known = Vocabulary { words: vec!["website".into(), "logo".into()], ..Vocabulary::default() };
        let on = Layers { vocabulary: true, ..Layers::default() };
        let strange = Evidence { vocabulary: Some(&known), ..honest("quantum zebra parliament") };
        assert_eq!(judge(&strange, &on).map_err(|r| r.layer), Err(Layer::Vocabulary));
        let fine = Evidence { vocabulary: Some(&known), ..honest("the website and the logo") };
        assert_eq!(judge(&fine, &on), Ok(()));
    }

    #[test]
    fn back_channels_are_told_from_answers() {
        for text in ["mm-hm", "uh huh", "okay", "right", "i see", "yeah", "ok great", "sure okay"] {
            assert!(is_back_channel(text), "{text}");
        }
        for text in ["yes please tell me", "no", "stop", "wait", "okay but how much", "", "right now"] {
            assert!(!is_back_channel(text), "{text}");
        }
    }
}
