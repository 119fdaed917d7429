//! Why a configuration is refused.

use std::fmt::Write as _;
use std::path::PathBuf;

/// A configuration that can't be used; the program does not start with it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file can't be read.
    #[error("could not read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML. The parser's message shows the line, which may hold a secret, so only its
    /// place is told.
    #[error("{path} is not a TOML file: {said} (line {line})")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the line itself.
        said: String,
        /// Counted from one.
        line: usize,
    },
    /// A line of a `.env` file is not `NAME=value`.
    #[error("{path}, line {line}: a line must be NAME=value, a comment (#) or empty")]
    NotDotenv {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
    },
    /// Keys or values that are not allowed, all of them.
    #[error("the configuration is refused:{}", listed(.0))]
    Refused(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub String);

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut out, Problem(said)| {
        // Writing to a string can't fail.
        let _written = write!(out, "\n  - {said}");
        out
    })
}
