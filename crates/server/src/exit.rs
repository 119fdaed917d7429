//! How the program ends: exit statuses and the one sentence of an error.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::ConfigError;

/// The exit statuses, as `studioconnect --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: it failed; standard error says what and why.
    Failed,
    /// 3: the configuration is refused. (2 is a wrong command line, from its parser.)
    Configuration,
    /// 4: it ran, and what it found is not what was expected: a call missed its expectations, `doctor` found
    /// something to mend.
    NotAsExpected,
}

impl Exit {
    /// The status that an error leads to.
    #[must_use]
    pub fn from_error(error: &anyhow::Error) -> Self {
        if is_closed_pipe(error) {
            // `studioconnect config docs | head` is no failure.
            Self::Done
        } else if error.downcast_ref::<ConfigError>().is_some() {
            Self::Configuration
        } else {
            Self::Failed
        }
    }

    /// Says the error with its causes in one sentence, unless there is nothing to say.
    #[must_use]
    pub fn told(self, error: &anyhow::Error, to: &mut impl Write) -> Self {
        if self != Self::Done {
            let _told = writeln!(to, "studioconnect: {}", sentence(error));
        }
        self
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Configuration => Self::from(3),
            Exit::NotAsExpected => Self::from(4),
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error and its causes, outermost first. A cause that its parent's text already tells is left out.
#[must_use]
pub fn sentence(error: &anyhow::Error) -> String {
    let mut out = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !out.ends_with(&cause) {
            out.push_str(": ");
            out.push_str(&cause);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_in_one_line() {
        let error = anyhow::anyhow!("connection refused").context("could not reach the database");
        let mut out = Vec::new();
        assert_eq!(Exit::from_error(&error).told(&error, &mut out), Exit::Failed);
        let said = String::from_utf8(out).unwrap();
        assert_eq!(said, "studioconnect: could not reach the database: connection refused\n");
    }

    #[test]
    fn a_refused_configuration_has_a_status_of_its_own() {
        let error = anyhow::Error::new(ConfigError::Refused(Vec::new()));
        assert_eq!(Exit::from_error(&error), Exit::Configuration);
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let error = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe));
        let mut out = Vec::new();
        assert_eq!(Exit::from_error(&error).told(&error, &mut out), Exit::Done);
        assert!(out.is_empty());
    }
}
