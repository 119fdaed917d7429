//! Defaults < file < `.env` < environment < flags: which layer says what, and the merge. Reads nothing itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::dotenv;
use super::error::{ConfigError, Problem};
use super::later;
use super::setting::{Setting, Values};

/// Every variable that begins with this is ours; an unknown one is refused.
pub(super) const ENV_PREFIX: &str = "STUDIOCONNECT_";

/// The variable that names the configuration file.
pub(super) const ENV_FILE: &str = "STUDIOCONNECT_CONFIG";

/// Variables of ours that are no settings: they belong to one command each.
const OF_COMMANDS: [&str; 2] = [ENV_FILE, "STUDIOCONNECT_CALL_PASSWORD"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable of the `.env` file.
    Dotenv(String),
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Dotenv(name) => write!(f, ".env variable {name}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// The layers laid over each other.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) values: Values,
    /// Names that are accepted without effect.
    pub(super) notes: Vec<String>,
    /// Names that are not accepted.
    pub(super) problems: Vec<Problem>,
}

/// What each layer says, as text.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Defaults that depend on the machine, by key; they replace those of the table.
    pub machine_defaults: Vec<(&'static str, String)>,
    /// The configuration file: its path and its text.
    pub file: Option<(PathBuf, String)>,
    /// The `.env` file: its path and its text.
    pub dotenv: Option<(PathBuf, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Flags, by key.
    pub flags: Vec<(String, String)>,
}

impl Layers {
    pub(super) fn merge(&self, table: &[Setting]) -> Result<Merged, ConfigError> {
        let mut merge = Merge::new(table);
        for (key, text) in &self.machine_defaults {
            merge.set(key, text.clone(), Origin::Default);
        }
        if let Some((path, text)) = &self.file {
            merge.file(path, text)?;
        }
        if let Some((path, text)) = &self.dotenv {
            let pairs =
                dotenv::parse(text).map_err(|line| ConfigError::NotDotenv { path: path.clone(), line })?;
            merge.variables(&pairs, Origin::Dotenv);
        }
        merge.variables(&self.environment, Origin::Environment);
        for (key, text) in &self.flags {
            if !merge.set(key, text.clone(), Origin::Flag) {
                let said = format!("{key} (command line) is not a setting; {}", known_keys(table, key));
                merge.merged.problems.push(Problem(said));
            }
        }
        merge.note_sections();
        Ok(merge.merged)
    }
}

struct Merge<'a> {
    table: &'a [Setting],
    merged: Merged,
}

impl<'a> Merge<'a> {
    fn new(table: &'a [Setting]) -> Self {
        let defaults = table.iter().map(|one| (one.key, (one.default.to_owned(), Origin::Default))).collect();
        Self { table, merged: Merged { values: Values(defaults), notes: Vec::new(), problems: Vec::new() } }
    }

    fn note_sections(&mut self) {
        for (prefix, missing) in later::LATER_SECTIONS {
            let set = self
                .merged
                .values
                .0
                .iter()
                .filter(|(key, (_, origin))| key.starts_with(prefix) && *origin != Origin::Default);
            self.merged.notes.extend(
                set.map(|(key, _)| format!("{key} is set but has no effect in this version: {missing}")),
            );
        }
    }

    /// False when there is no such key.
    fn set(&mut self, key: &str, text: String, origin: Origin) -> bool {
        let slot = self.merged.values.0.get_mut(key);
        slot.map(|slot| *slot = (text, origin)).is_some()
    }

    fn file(&mut self, path: &std::path::Path, text: &str) -> Result<(), ConfigError> {
        let root: toml::Table = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
            ConfigError::NotToml { path: path.to_owned(), said: error.message().to_owned(), line }
        })?;
        let mut found = Vec::new();
        flatten("", &root, &mut found);
        for (key, value) in found {
            let origin = Origin::File(path.to_owned());
            let Some(text) = value else {
                self.merged.problems.push(Problem(format!(
                    "{key} ({origin}) must be a text, a number, true or false, or a list of texts"
                )));
                continue;
            };
            if !self.set(&key, text, origin.clone()) {
                let known = known_keys(self.table, &key);
                self.merged.problems.push(Problem(format!("{key} ({origin}) is not a setting; {known}")));
            }
        }
        Ok(())
    }

    /// An empty variable counts as not set, as shells and containers cannot unset one that is inherited.
    fn variables(&mut self, pairs: &[(String, String)], origin: fn(String) -> Origin) {
        let present: BTreeMap<&str, &str> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        for setting in self.table {
            let prefixed = setting.prefixed_env();
            // The prefixed name is ours alone, so it wins over one that other software may have set.
            for name in setting.known_env.into_iter().chain([prefixed.as_str()]) {
                if let Some(text) = present.get(name) {
                    self.set(setting.key, (*text).to_owned(), origin(name.to_owned()));
                }
            }
        }
        let is_known = |name: &str| {
            OF_COMMANDS.contains(&name) || self.table.iter().any(|one| one.prefixed_env() == name)
        };
        for name in present.keys().filter(|name| name.starts_with(ENV_PREFIX) && !is_known(name)) {
            let known = "allowed are the names of `studioconnect config docs`";
            self.merged
                .problems
                .push(Problem(format!("{} is not a setting; {known}", origin((*name).to_owned()))));
        }
        self.merged.notes.extend(
            later::LATER
                .iter()
                .filter(|one| present.contains_key(one.env))
                .map(|one| format!("{} is set but has no effect in this version: {}", one.env, one.meaning)),
        );
    }
}

/// Every leaf of a TOML table with its dotted key; `None` for a value that no setting can have.
fn flatten(prefix: &str, table: &toml::Table, found: &mut Vec<(String, Option<String>)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, found),
            toml::Value::Array(items) => {
                let words: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
                found.push((key, words.map(|words| words.join(","))));
            }
            other => found.push((key, scalar(other))),
        }
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

/// The keys beside an unknown one: those of its section, else the sections.
fn known_keys(table: &[Setting], unknown: &str) -> String {
    let section = unknown.split_once('.').map(|(section, _)| format!("{section}."));
    let beside: Vec<&str> = table
        .iter()
        .map(|one| one.key)
        .filter(|key| section.as_ref().is_some_and(|section| key.starts_with(section)))
        .collect();
    if !beside.is_empty() {
        return format!("allowed are {}", beside.join(", "));
    }
    let mut sections: Vec<&str> =
        table.iter().map(|one| one.key.split('.').next().unwrap_or(one.key)).collect();
    sections.dedup();
    format!("allowed at the top are {}", sections.join(", "))
}
