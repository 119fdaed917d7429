//! Pages of long lists: no function of this crate returns an unbounded one.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Most rows that one page holds.
pub const MAX_PAGE: u32 = 200;

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Whether there are more behind them.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows out of up to `limit + 1`.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32) -> Self {
        let limit = clamp(limit) as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}

fn clamp(limit: u32) -> u32 {
    limit.clamp(1, MAX_PAGE)
}

/// The number of rows to ask the database for: one more than shown, to know whether there are more.
pub(crate) fn rows_for(limit: u32) -> i64 {
    i64::from(clamp(limit)) + 1
}

/// A place in a list that is ordered newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the last row seen.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

/// A text that is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place in this list: pass the value that came with the page before")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Microseconds are what PostgreSQL keeps.
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (micros, id) = text.split_once('.').ok_or(InvalidCursor)?;
        let micros = micros.parse().map_err(|_| InvalidCursor)?;
        Ok(Self {
            at: DateTime::from_timestamp_micros(micros).ok_or(InvalidCursor)?,
            id: Uuid::try_parse(id).map_err(|_| InvalidCursor)?,
        })
    }
}

/// A cursor as two nullable parameters.
pub(crate) fn split(cursor: Option<Cursor>) -> (Option<DateTime<Utc>>, Option<Uuid>) {
    (cursor.map(|c| c.at), cursor.map(|c| c.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        let cursor = Cursor {
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("a valid time"),
            id: Uuid::from_u128(42),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn a_text_that_is_no_cursor_is_refused() {
        for text in ["", ".", "12", "x.y", "9223372036854775807.0"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_page_knows_whether_more_follows() {
        assert_eq!(Page::cut(vec![1, 2, 3], 2), Page { items: vec![1, 2], has_more: true });
        assert_eq!(Page::cut(vec![1, 2], 2), Page { items: vec![1, 2], has_more: false });
    }
}
