//! The scenario file (TOML). Unknown fields and impossible values are refused with the line they are in.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::line::session::Pace;
use crate::twilio::call::DialResult;

/// Why a scenario can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file can't be read.
    #[error("could not read the scenario {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not a scenario; the text names line, field and what is allowed.
    #[error("{name}: {reason}")]
    Invalid {
        /// File name.
        name: String,
        /// What is wrong where.
        reason: String,
    },
}

/// A scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: lower-case words joined by `_`, as the file is called.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The caller's number as Twilio writes it; `anonymous` when withheld.
    pub from: String,
    /// The number called.
    pub to: String,
    /// The caller's voice, unless another is asked for when it is run.
    #[serde(default = "default_voice")]
    pub voice: String,
    /// The pace, unless another is asked for when it is run.
    #[serde(default = "default_pace")]
    pub pace: Pace,
    /// Decides all randomness.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// The caller hangs up after this many seconds of media time.
    #[serde(default = "default_max_seconds")]
    pub max_seconds: u32,
    /// How long the agent must be quiet before the caller takes it to have finished.
    #[serde(default = "default_patience_ms")]
    pub patience_ms: u64,
    /// How long the caller waits for an answer.
    #[serde(default = "default_answer_timeout_ms")]
    pub answer_timeout_ms: u64,
    /// Noise that is there all the time.
    pub background: Option<BackgroundTable>,
    /// Frames are late by up to this many milliseconds (real time only).
    #[serde(default)]
    pub jitter_ms: u64,
    /// What becomes of a `<Dial>`.
    #[serde(default = "default_dial")]
    pub dial: DialResult,
    /// The voice webhook is delivered twice.
    #[serde(default)]
    pub deliver_twice: bool,
    /// Marks a scenario whose expectations are wrong on purpose: running it must fail.
    #[serde(default)]
    pub must_fail: bool,
    /// A text file, named relative to the scenario, with sentences the agent may say, one a line; `#` begins a
    /// comment. The caller's ear is prepared for them.
    pub agent_phrases: Option<PathBuf>,
    /// The sentences of that file.
    #[serde(skip)]
    pub phrases: Vec<String>,
    /// What the caller does.
    #[serde(rename = "step")]
    pub steps: Vec<Spanned<StepTable>>,
    /// What must be true after the call.
    #[serde(default)]
    pub expect: FinalExpect,
    /// Where files named in it lie.
    #[serde(skip)]
    pub folder: PathBuf,
}

fn default_voice() -> String {
    "slt".to_owned()
}
fn default_pace() -> Pace {
    Pace::Lockstep
}
fn default_seed() -> u64 {
    1
}
fn default_max_seconds() -> u32 {
    300
}
fn default_patience_ms() -> u64 {
    900
}
fn default_answer_timeout_ms() -> u64 {
    25_000
}
fn default_dial() -> DialResult {
    DialResult::Completed
}

/// Noise all the time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundTable {
    /// What it sounds like.
    pub noise: NoiseName,
    /// Its level, -90 to 0.
    pub dbfs: f32,
}

/// Kinds of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseName {
    /// Hiss.
    White,
    /// Rooms, wind, traffic.
    Pink,
    /// Crackles.
    Clicks,
}

/// A step: exactly one of the actions, when it begins, what is expected of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTable {
    /// Action: says a line.
    pub say: Option<String>,
    /// Action: plays a WAV file, named relative to the scenario.
    pub play: Option<PathBuf>,
    /// Action: makes a noise for `ms`, at `dbfs`.
    pub noise: Option<NoiseName>,
    /// Action: says nothing for this many milliseconds.
    pub silence_ms: Option<u64>,
    /// Action: no frame arrives for this many milliseconds.
    pub gap_ms: Option<u64>,
    /// Action: presses keys.
    pub dtmf: Option<String>,
    /// Action: sends messages outside the protocol: `all` or the text of one.
    pub malformed: Option<String>,
    /// Action: hangs up (`stop`) or breaks the connection (`break`).
    pub hang_up: Option<HangUp>,
    /// Action: waits, at most this many milliseconds, until the agent ends the call.
    pub await_end_ms: Option<u64>,

    /// With `noise`: how long.
    pub ms: Option<u64>,
    /// With `noise`: how loud.
    pub dbfs: Option<f32>,
    /// With `say` and `play`: the sound is cut off after this many milliseconds.
    pub cut_after_ms: Option<u64>,
    /// With `say`: another voice than the scenario's.
    pub voice: Option<String>,
    /// With `say` and `play`: whether an answer is waited for (yes by default).
    pub wants_answer: Option<bool>,
    /// With `play`: the words of the file, for the figures.
    pub words: Option<String>,
    /// With `say` and `play`: parts that are lost, doubled or swapped on the way.
    #[serde(default)]
    pub faults: Vec<FaultTable>,

    /// When it begins; when the agent has finished, by default.
    pub when: Option<WhenTable>,
    /// Left out when the agent has finished and `when` has not come true.
    #[serde(default)]
    pub optional: bool,
    /// What is expected until the next step.
    #[serde(default)]
    pub expect: StepExpect,
}

/// How a caller ends the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HangUp {
    /// `stop`, then the socket is closed.
    Stop,
    /// The connection breaks.
    Break,
}

/// A fault of the network.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultTable {
    /// From the beginning of the sound.
    pub at_ms: u64,
    /// How long.
    pub ms: u64,
    /// What happens.
    pub fate: FateName,
}

/// What happens to frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FateName {
    /// They never arrive.
    Lost,
    /// They arrive twice.
    Doubled,
    /// Two by two they change places.
    Swapped,
}

/// When a step begins.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WhenTable {
    /// At once.
    Now,
    /// The agent has answered and been quiet for the scenario's `patience_ms`.
    AgentDone,
    /// The agent has been speaking for this many milliseconds.
    AgentSpeakingMs(u64),
    /// The agent has been quiet for this many milliseconds.
    AgentQuietMs(u64),
    /// The call is this old.
    AtMs(u64),
    /// This long after the step before.
    AfterMs(u64),
    /// The agent has said this since the last line.
    Heard(String),
}

/// What is expected between a step and the next. Words are compared without regard to case, punctuation,
/// figures or endings; `|` separates alternatives.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepExpect {
    /// All of these were heard.
    #[serde(default)]
    pub heard_all: Vec<String>,
    /// At least one of these was heard.
    #[serde(default)]
    pub heard_any: Vec<String>,
    /// None of these was heard.
    #[serde(default)]
    pub heard_none: Vec<String>,
    /// That many of these were heard.
    pub heard_some: Option<SomeOf>,
    /// Whether the agent said anything.
    pub answered: Option<bool>,
    /// The agent went quiet within this many milliseconds of the step's beginning.
    pub agent_stops_within_ms: Option<u64>,
    /// The agent never paused for longer, as long as it was speaking.
    pub agent_pause_at_most_ms: Option<u64>,
    /// The agent went on where it was stopped, not from the beginning.
    pub resumed: Option<bool>,
    /// Nobody was silent for longer.
    pub silence_at_most_ms: Option<u64>,
    /// The server understood all of these words of this line.
    #[serde(default)]
    pub understood: Vec<String>,
}

/// So many of these.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SomeOf {
    /// The phrases.
    pub of: Vec<String>,
    /// How many of them.
    pub at_least: usize,
}

/// What must be true after the call, in the server's records.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalExpect {
    /// The call's status.
    pub status: Option<String>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// No silence of both sides was longer, in the whole call.
    pub silence_at_most_ms: Option<u64>,
    /// At least so many turns of the caller.
    pub caller_turns_at_least: Option<usize>,
    /// At most so many turns of the caller.
    pub caller_turns_at_most: Option<usize>,
    /// Turns that must be there.
    #[serde(default)]
    pub turns: Vec<TurnExpect>,
    /// What was not taken as a turn: at least one by each of these layers.
    #[serde(default)]
    pub rejected_by: Vec<String>,
    /// At least so many rejected turns, by any layer.
    pub rejected_at_least: Option<usize>,
    /// Tools that were run.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Tools that were not.
    #[serde(default)]
    pub tools_not: Vec<String>,
    /// The lead; fields by name.
    #[serde(default)]
    pub lead: std::collections::BTreeMap<String, ValueExpect>,
    /// Whether there is a lead at all.
    pub has_lead: Option<bool>,
    /// The client the caller was recognised as.
    pub client: Option<String>,
    /// The call's urgency is at least that, 0 to 10.
    pub urgency_at_least: Option<u8>,
    /// The message taken.
    pub message: Option<ValueExpect>,
    /// The numbers dialled for a transfer.
    pub dialled: Option<String>,
    /// Words spoken by the carrier after the stream (`<Say>`).
    #[serde(default)]
    pub carrier_says: Vec<String>,
    /// Whether there is a recording with two channels, neither silent.
    pub recording: Option<bool>,
    /// Whether the agent's last words were heard to their end.
    pub goodbye_heard: Option<bool>,
}

/// A turn of the transcript.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnExpect {
    /// Whose.
    pub who: Who,
    /// Phrases in it.
    pub contains: Vec<String>,
    /// Whether it was interrupted.
    pub interrupted: Option<bool>,
}

/// Whose turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The caller's.
    Caller,
    /// The agent's.
    Agent,
}

/// What a value must be: any given condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueExpect {
    /// The same, without regard to case, punctuation and how numbers are written.
    pub equals: Option<String>,
    /// This part of it, without regard to case.
    pub contains: Option<String>,
    /// A regular expression.
    pub matches: Option<String>,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read or is no scenario.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Unreadable { path: path.to_owned(), source })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, &name, folder)
    }

    /// Reads a text; `name` is for messages, `folder` is where files named in it lie.
    ///
    /// # Errors
    /// When it is no scenario.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, ScenarioError> {
        let invalid = |reason: String| ScenarioError::Invalid { name: name.to_owned(), reason };
        let mut scenario: Self =
            toml::from_str(text).map_err(|error| invalid(error.to_string().trim_end().to_owned()))?;
        scenario.folder = folder.to_owned();
        if let Some(file) = &scenario.agent_phrases {
            let path = folder.join(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| invalid(format!("agent_phrases = {}: {error}", path.display())))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            scenario.phrases = lines.map(str::to_owned).collect();
        }
        scenario.check_values().map_err(|reason| invalid(format!("at the top: {reason}")))?;
        for (index, step) in scenario.steps.iter().enumerate() {
            step.get_ref().check_values().map_err(|reason| {
                let line = text[..step.span().start.min(text.len())].matches('\n').count() + 1;
                invalid(format!("line {line}, step {}: {reason}", index + 1))
            })?;
        }
        Ok(scenario)
    }

    fn check_values(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(format!("name = {:?}: lower-case letters, digits and _ only", self.name));
        }
        if self.steps.is_empty() {
            return Err("there is no [[step]]".to_owned());
        }
        if !(5..=3600).contains(&self.max_seconds) {
            return Err(format!("max_seconds = {}: 5 to 3600", self.max_seconds));
        }
        if let Some(background) = &self.background {
            check_level(background.dbfs)?;
        }
        for value in self.expect.lead.values().chain(&self.expect.message) {
            value.check_values()?;
        }
        Ok(())
    }
}

fn check_level(dbfs: f32) -> Result<(), String> {
    if (-90.0..=0.0).contains(&dbfs) { Ok(()) } else { Err(format!("dbfs = {dbfs}: -90 to 0")) }
}

impl ValueExpect {
    fn check_values(&self) -> Result<(), String> {
        if self.equals.is_none() && self.contains.is_none() && self.matches.is_none() {
            return Err("a value needs `equals`, `contains` or `matches`".to_owned());
        }
        if let Some(pattern) = &self.matches {
            regex::Regex::new(pattern).map_err(|error| format!("matches = {pattern:?}: {error}"))?;
        }
        Ok(())
    }
}

impl StepTable {
    fn check_values(&self) -> Result<(), String> {
        let actions = [
            ("say", self.say.is_some()),
            ("play", self.play.is_some()),
            ("noise", self.noise.is_some()),
            ("silence_ms", self.silence_ms.is_some()),
            ("gap_ms", self.gap_ms.is_some()),
            ("dtmf", self.dtmf.is_some()),
            ("malformed", self.malformed.is_some()),
            ("hang_up", self.hang_up.is_some()),
            ("await_end_ms", self.await_end_ms.is_some()),
        ];
        let given: Vec<&str> = actions.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        match given.as_slice() {
            [_] => {}
            [] => {
                let names = actions.map(|(name, _)| name).join(", ");
                return Err(format!("no action; one of {names} is needed"));
            }
            several => return Err(format!("more than one action: {}", several.join(", "))),
        }
        let sounds = self.say.is_some() || self.play.is_some();
        let misplaced = [
            ("ms", self.ms.is_some() && self.noise.is_none(), "noise"),
            ("dbfs", self.dbfs.is_some() && self.noise.is_none(), "noise"),
            ("cut_after_ms", self.cut_after_ms.is_some() && !sounds, "say or play"),
            ("voice", self.voice.is_some() && self.say.is_none(), "say"),
            ("words", self.words.is_some() && self.play.is_none(), "play"),
            ("wants_answer", self.wants_answer.is_some() && !sounds, "say or play"),
            ("faults", !self.faults.is_empty() && !sounds, "say or play"),
        ];
        if let Some((field, _, with)) = misplaced.iter().find(|(_, wrong, _)| *wrong) {
            return Err(format!("{field} only goes with {with}"));
        }
        if self.optional && self.when.is_none() {
            return Err("an optional step needs when".to_owned());
        }
        if self.noise.is_some() && self.ms.is_none() {
            return Err("noise needs ms".to_owned());
        }
        if let Some(dbfs) = self.dbfs {
            check_level(dbfs)?;
        }
        if self.say.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err("say is empty".to_owned());
        }
        if let Some(keys) = &self.dtmf
            && (keys.is_empty() || !keys.chars().all(|key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')))
        {
            return Err(format!("dtmf = {keys:?}: 0-9, *, #, A-D"));
        }
        if let Some(some) = &self.expect.heard_some
            && (some.at_least == 0 || some.at_least > some.of.len())
        {
            return Err(format!("heard_some.at_least = {}: 1 to {}", some.at_least, some.of.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
