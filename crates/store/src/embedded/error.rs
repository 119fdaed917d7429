//! Why the private PostgreSQL can't be had, in words that say what to do.

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Lines of the server's log that an error quotes.
const QUOTED_LINES: usize = 12;

/// A private PostgreSQL that can't be started, reached or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Another process runs on this data folder.
    #[error(
        "the data folder {folder} is in use by process {pid}: stop that one, or choose another folder",
        folder = .folder.display()
    )]
    DataDirInUse {
        /// The data folder.
        folder: PathBuf,
        /// The process, `?` when it can't be told.
        pid: String,
    },
    /// No process runs on this data folder.
    #[error("nothing runs on the data folder {folder}: start it with `studioconnect serve`", folder = .folder.display())]
    NotRunning {
        /// The data folder.
        folder: PathBuf,
    },
    /// A server without parent does not end.
    #[error(
        "a PostgreSQL left over from a crash (process {pid}) does not end: end it with `kill -QUIT {pid}`"
    )]
    PredecessorStays {
        /// The server.
        pid: i32,
    },
    /// The programs are not there.
    #[error(
        "PostgreSQL is not at {folder}: fetch it with scripts/fetch-postgres.sh, or set DATABASE_URL to a server of yours",
        folder = .folder.display()
    )]
    BinariesMissing {
        /// Where they were looked for.
        folder: PathBuf,
    },
    /// Files belong to somebody else.
    #[error("{folder} belongs to user {owner}: run as that user or as root", folder = .folder.display())]
    WrongOwner {
        /// The folder.
        folder: PathBuf,
        /// Its owner's uid.
        owner: u32,
    },
    /// The server did not come up.
    #[error("the private PostgreSQL did not start: {reason}; the end of {log}:\n{quote}", log = .log.display())]
    StartFailed {
        /// What was seen.
        reason: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        quote: String,
    },
    /// Something could not be done.
    #[error("could not {doing}: {reason}")]
    Failed {
        /// What was being done.
        doing: String,
        /// Why it failed.
        reason: String,
    },
    /// The server runs, but can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EmbeddedError {
    pub(crate) fn failed(doing: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Failed { doing: doing.into(), reason: reason.into() }
    }

    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::failed(format!("{doing} {}", path.display()), error.to_string())
    }

    pub(super) fn start_failed(reason: &str, log: &Path) -> Self {
        let text = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let quote = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n");
        Self::StartFailed { reason: reason.to_owned(), log: log.to_owned(), quote }
    }
}
