//! How the stand-in behaves when nothing is wrong.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a session lasts at the vendor.
const SESSION_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Milliseconds of audio for a letter, when an answer does not say how long it is.
const MS_PER_CHARACTER: u32 = 60;

/// How the stand-in behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The port of 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The bearer key that is asked for; `None` takes anybody.
    pub key: Option<String>,
    /// Models begin with one of these, or there is no such model.
    pub models: Vec<String>,
    /// What a caller says at [`super::ear::loudness`]`(n)`: phrase `n`, 300 ms for each word.
    pub phrases: Vec<String>,
    /// What is written down of speech at any other loudness.
    pub otherwise_heard: String,
    /// When the caller's words come.
    pub transcripts: TranscriptOrder,
    /// What is answered.
    pub script: Script,
    /// From the request for an answer to its first event.
    pub thinking: Duration,
    /// How much faster than real time audio is made.
    pub speed: f64,
    /// When sessions are ended.
    pub session_limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            key: None,
            models: vec!["gpt-realtime".to_owned()],
            phrases: Vec::new(),
            otherwise_heard: "Hello, how are you?".to_owned(),
            transcripts: TranscriptOrder::During,
            script: Script::default(),
            thinking: Duration::from_millis(60),
            speed: 8.0,
            session_limit: SESSION_LIMIT,
        }
    }
}

/// When the words of the caller come. All three were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranscriptOrder {
    /// Before the turn is complete.
    Before,
    /// While the answer is being made.
    During,
    /// After the answer.
    After,
}

/// What an answer is made from.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What the caller said since the last answer.
    pub caller: Option<&'a str>,
    /// What the function said that was called last, when nothing was said since.
    pub output: Option<&'a str>,
    /// The instructions for this answer alone.
    pub instructions: Option<&'a str>,
    /// Which answer of the session it is, from 1.
    pub number: usize,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What is said; may be empty when a function is called.
    pub words: String,
    /// Milliseconds of audio; `None` makes it as long as the words.
    pub audio_ms: Option<u32>,
    /// A function that is called, after the words.
    pub call: Option<FunctionCall>,
}

/// A function that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCall {
    /// Its name.
    pub name: String,
    /// Its arguments as the model writes them, good JSON or not.
    pub arguments: String,
}

impl Answer {
    /// An answer in words.
    #[must_use]
    pub fn words(words: &str) -> Self {
        Self { words: words.to_owned(), ..Self::default() }
    }

    /// A call of a function, without a word.
    #[must_use]
    pub fn call(name: &str, arguments: &str) -> Self {
        let call = FunctionCall { name: name.to_owned(), arguments: arguments.to_owned() };
        Self { call: Some(call), ..Self::default() }
    }

    /// Milliseconds of its audio.
    #[must_use]
    pub fn milliseconds(&self) -> u32 {
        let characters = u32::try_from(self.words.chars().count()).unwrap_or(u32::MAX);
        self.audio_ms.unwrap_or(characters.saturating_mul(MS_PER_CHARACTER))
    }
}

/// What is answered to whom.
#[derive(Clone)]
pub struct Script(Arc<dyn Fn(&Asked<'_>) -> Answer + Send + Sync>);

impl Script {
    /// A script.
    #[must_use]
    pub fn new(answer: impl Fn(&Asked<'_>) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// Answers to what the caller's words contain; anything else is answered as by default.
    #[must_use]
    pub fn by_phrase(table: Vec<(String, Answer)>) -> Self {
        Self::new(move |asked| {
            let said = asked.caller.filter(|_| asked.output.is_none() && asked.instructions.is_none());
            let found = said.and_then(|said| table.iter().find(|(phrase, _)| said.contains(phrase.as_str())));
            found.map_or_else(|| plain(asked), |(_, answer)| answer.clone())
        })
    }

    pub(super) fn answer(&self, asked: &Asked<'_>) -> Answer {
        (self.0)(asked)
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new(plain)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}

/// Says what it was told to say, repeats what it heard.
fn plain(asked: &Asked<'_>) -> Answer {
    if let Some(instructions) = asked.instructions {
        // "Greet the caller with: "Hello."": what is in quotation marks is said word for word.
        let quoted = instructions.split('"').nth(1).filter(|text| !text.is_empty());
        return Answer::words(quoted.unwrap_or(instructions));
    }
    match (asked.output, asked.caller) {
        (Some(output), _) => Answer::words(&format!("I found this: {output}")),
        (None, Some(caller)) => Answer::words(&format!("You said: {caller} What else can I do for you?")),
        (None, None) => Answer::words("Hello, how can I help you?"),
    }
}
