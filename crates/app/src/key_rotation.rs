//! Sealing stored secrets anew under the current key, and telling whether all of them can be opened.
//!
//! The operator makes the new key the current one and keeps the old one among the former. Then this goes through
//! every sealed column in batches, each its own transaction: a run that is broken off is continued by the next,
//! which finds what it did. Servers may run meanwhile, as long as they know both keys.

use store::sealed::{COLUMNS, SealedColumn, page, replace};
use store::{Database, SystemTx};

use crate::error::AppError;
use crate::secrets::{Envelope, SecretError};

/// Values of one transaction.
const BATCH: i64 = 200;
/// Most records of a column that are told by name.
const NAMED: usize = 20;

/// What is done with values under a former key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are sealed anew.
    Rotate,
    /// They are counted.
    Check,
}

/// What was found in a column.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// `table.column`.
    pub column: String,
    /// Under the current key before.
    pub current: u64,
    /// Under a former key: sealed anew, or only counted.
    pub outdated: u64,
    /// Neither: no configured key opens them.
    pub unreadable: u64,
    /// The owners of the first of those, with the reason.
    pub named: Vec<(String, SecretError)>,
}

/// Goes through all sealed columns.
///
/// # Errors
/// Storage errors. What can't be opened is no error: it is left as it is, and told.
pub async fn go_through(db: &Database, envelope: &Envelope, mode: Mode) -> Result<Vec<Tally>, AppError> {
    let mut tallies = Vec::new();
    for column in COLUMNS {
        tallies.push(one_column(db, envelope, column, mode).await?);
    }
    Ok(tallies)
}

async fn one_column(
    db: &Database,
    envelope: &Envelope,
    column: &SealedColumn,
    mode: Mode,
) -> Result<Tally, AppError> {
    let mut tally = Tally { column: format!("{}.{}", column.table, column.column), ..Tally::default() };
    let mut after = None;
    loop {
        let mut tx = SystemTx::begin(db, "secrets of all organizations are sealed anew").await?;
        let values = page(&mut tx, column, after, BATCH).await?;
        let Some(last) = values.last() else { return Ok(tally) };
        after = Some(last.key);
        for value in &values {
            let owner = (column.owner)(value.key);
            let opened = match envelope.open(column.purpose, &owner, &value.sealed) {
                Ok(opened) => opened,
                Err(reason) => {
                    tally.unreadable += 1;
                    if tally.named.len() < NAMED {
                        tally.named.push((owner, reason));
                    }
                    continue;
                }
            };
            if !envelope.is_outdated(&value.sealed) {
                tally.current += 1;
                continue;
            }
            tally.outdated += 1;
            if mode == Mode::Rotate {
                let sealed = envelope.seal(column.purpose, &owner, &opened)?;
                replace(&mut tx, column, value, &sealed).await?;
            }
        }
        tx.commit().await?;
    }
}
