//! Pages of long lists: no function of this crate returns an unbounded one.
//!
//! Lists that are narrowed and ordered in many ways are read through [`fetch`]: its statement holds only the
//! conditions that were asked for, so each stays on an index of its own, and a page begins behind a row's sort key
//! and id, so what is added meanwhile shifts nothing.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::error::StoreError;

/// Most rows that one page holds.
pub const MAX_PAGE: u32 = 200;
/// Most rows that are counted for a total.
pub const MAX_TOTAL: u32 = 10_000;

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
            at: storable(micros).ok_or(InvalidCursor)?,
            id: Uuid::try_parse(id).map_err(|_| InvalidCursor)?,
        })
    }
}

/// A moment that PostgreSQL can hold too: within the years 0 to 9999.
fn storable(micros: i64) -> Option<DateTime<Utc>> {
    const FIRST: i64 = -62_167_219_200_000_000;
    const LAST: i64 = 253_402_300_799_999_999;
    (FIRST..=LAST).contains(&micros).then(|| DateTime::from_timestamp_micros(micros)).flatten()
}

/// A cursor as two nullable parameters.
pub(crate) fn split(cursor: Option<Cursor>) -> (Option<DateTime<Utc>>, Option<Uuid>) {
    (cursor.map(|c| c.at), cursor.map(|c| c.id))
}

/// What kind of value a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A moment.
    Time,
    /// A text, by its bytes.
    Text,
    /// A day.
    Day,
}

/// The value that a row has its place by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A moment.
    Time(DateTime<Utc>),
    /// A text.
    Text(String),
    /// A day.
    Day(NaiveDate),
}

impl Key {
    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// [`InvalidCursor`].
    pub fn parse(kind: KeyKind, text: &str) -> Result<Self, InvalidCursor> {
        match kind {
            KeyKind::Time => text.parse().ok().and_then(storable).map(Self::Time),
            // PostgreSQL has no such character.
            KeyKind::Text => (!text.contains('\0')).then(|| Self::Text(text.to_owned())),
            KeyKind::Day => text.parse().ok().filter(|day| in_calendar(*day)).map(Self::Day),
        }
        .ok_or(InvalidCursor)
    }

    fn push(&self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Time(at) => query.push_bind(*at),
            Self::Text(text) => query.push_bind(text.clone()),
            Self::Day(day) => query.push_bind(*day),
        };
    }

    fn of_row(kind: KeyKind, row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(match kind {
            KeyKind::Time => Self::Time(row.try_get("sort_key")?),
            KeyKind::Text => Self::Text(row.try_get("sort_key")?),
            KeyKind::Day => Self::Day(row.try_get("sort_key")?),
        })
    }
}

fn in_calendar(day: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (1..=9_999).contains(&day.year())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(at) => write!(f, "{}", at.timestamp_micros()),
            Self::Text(text) => f.write_str(text),
            Self::Day(day) => write!(f, "{day}"),
        }
    }
}

/// A column that a list can be ordered by: never null, and in an index behind the organization.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    sql: &'static str,
    kind: KeyKind,
}

impl Column {
    pub(crate) const fn time(sql: &'static str) -> Self {
        Self { sql, kind: KeyKind::Time }
    }

    pub(crate) const fn text(sql: &'static str) -> Self {
        Self { sql, kind: KeyKind::Text }
    }

    pub(crate) const fn day(sql: &'static str) -> Self {
        Self { sql, kind: KeyKind::Day }
    }

    /// What kind of value it holds.
    #[must_use]
    pub const fn kind(self) -> KeyKind {
        self.kind
    }
}

/// The ways in which a list can be ordered.
pub trait SortKey: Copy + fmt::Debug + Send + Sync {
    /// The column behind it.
    fn column(self) -> Column;
}

/// A row's place in a list of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is ordered by.
    pub key: Key,
    /// Decides between rows of the same key.
    pub id: Uuid,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct Wanted<S> {
    /// What the list is ordered by.
    pub sort: S,
    /// Whether the greatest come first.
    pub descending: bool,
    /// Only what follows this place.
    pub behind: Option<Place>,
    /// How many rows at most.
    pub limit: u32,
    /// Whether all rows are to be counted.
    pub count: bool,
}

impl<S> Wanted<S> {
    /// The beginning of a list, greatest first, without a total.
    pub const fn first(sort: S, limit: u32) -> Self {
        Self { sort, descending: true, behind: None, limit, count: false }
    }
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number, at most [`MAX_TOTAL`].
    pub count: u32,
    /// Whether there are more than were counted.
    pub capped: bool,
}

/// Part of a list that can be ordered in several ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the following ones begin; `None` at the end.
    pub next: Option<Place>,
    /// How many there are in all, when that was asked for.
    pub total: Option<Total>,
}

/// Where the rows of a list come from. Parts of a statement, written in this crate only.
pub(crate) struct Source {
    /// The columns of a row.
    pub(crate) columns: &'static str,
    /// The tables.
    pub(crate) from: &'static str,
    /// The row's id, unique within the organization.
    pub(crate) id: &'static str,
}

/// Reads a page. `conditions` writes what rows must meet, beginning with the organization.
pub(crate) async fn fetch<R, T>(
    conn: &mut PgConnection,
    source: &Source,
    wanted: &Wanted<impl SortKey>,
    conditions: impl Fn(&mut QueryBuilder<Postgres>),
    read: impl Fn(R) -> Result<T, StoreError>,
) -> Result<Listed<T>, StoreError>
where
    R: for<'r> FromRow<'r, PgRow>,
{
    let column = wanted.sort.column();
    let (order, beyond) = if wanted.descending { ("DESC", "<") } else { ("ASC", ">") };
    let mut query = QueryBuilder::new("SELECT ");
    query.push(source.columns).push(", ").push(column.sql).push(" AS sort_key, ").push(source.id);
    query.push(" AS sort_id FROM ").push(source.from).push(" WHERE ");
    conditions(&mut query);
    if let Some(place) = &wanted.behind {
        query.push(" AND (").push(column.sql).push(", ").push(source.id).push(") ").push(beyond).push(" (");
        place.key.push(&mut query);
        query.push(", ").push_bind(place.id).push(")");
    }
    query.push(" ORDER BY ").push(column.sql).push(" ").push(order);
    query.push(", ").push(source.id).push(" ").push(order);
    query.push(" LIMIT ").push_bind(rows_for(wanted.limit));
    let rows = query.build().fetch_all(&mut *conn).await?;

    let page = Page::cut(rows, wanted.limit);
    let next = match page.items.last().filter(|_| page.has_more) {
        Some(row) => Some(Place { key: Key::of_row(column.kind, row)?, id: row.try_get("sort_id")? }),
        None => None,
    };
    let items = page.items.iter().map(|row| read(R::from_row(row)?)).collect::<Result<_, _>>()?;
    let total = if wanted.count { Some(count(conn, source, conditions).await?) } else { None };
    Ok(Listed { items, next, total })
}

async fn count(
    conn: &mut PgConnection,
    source: &Source,
    conditions: impl Fn(&mut QueryBuilder<Postgres>),
) -> Result<Total, StoreError> {
    let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT FROM ");
    query.push(source.from).push(" WHERE ");
    conditions(&mut query);
    query.push(" LIMIT ").push_bind(i64::from(MAX_TOTAL) + 1).push(") AS counted");
    let found: i64 = query.build_query_scalar().fetch_one(conn).await?;
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    Ok(Total { count: found.min(MAX_TOTAL), capped: found > MAX_TOTAL })
}

/// A span of time that begins at `from` and ends before `until`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// At this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub until: Option<DateTime<Utc>>,
}

impl Span {
    pub(crate) fn push(self, query: &mut QueryBuilder<Postgres>, column: &'static str) {
        if let Some(from) = self.from {
            query.push(" AND ").push(column).push(" >= ").push_bind(from);
        }
        if let Some(until) = self.until {
            query.push(" AND ").push(column).push(" < ").push_bind(until);
        }
    }
}

/// Adds "the column has this value" when there is one.
pub(crate) fn push_equal<'t, V>(query: &mut QueryBuilder<Postgres>, column: &'static str, value: Option<V>)
where
    V: sqlx::Encode<'t, Postgres> + sqlx::Type<Postgres> + 't,
{
    if let Some(value) = value {
        query.push(" AND ").push(column).push(" = ").push_bind(value);
    }
}

/// Adds "the id is one of these" when some are named; none of an empty list is found.
pub(crate) fn push_ids(query: &mut QueryBuilder<Postgres>, column: &'static str, ids: Option<Vec<Uuid>>) {
    if let Some(ids) = ids {
        query.push(" AND ").push(column).push(" = ANY(").push_bind(ids).push(")");
    }
}

/// Adds "one of the texts contains these words, in whatever case".
pub(crate) fn push_contains(query: &mut QueryBuilder<Postgres>, texts: &[&'static str], words: Option<&str>) {
    let Some(words) = words else { return };
    for (place, text) in texts.iter().enumerate() {
        query.push(if place == 0 { " AND (" } else { " OR " });
        query.push("position(lower(").push_bind(words.to_owned());
        query.push(") IN lower(").push(text).push(")) > 0");
    }
    query.push(")");
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

    #[test]
    fn a_key_survives_its_text_form() {
        let at = DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("a valid time");
        let day = NaiveDate::from_ymd_opt(2027, 2, 12).expect("a valid day");
        for (kind, key) in [
            (KeyKind::Time, Key::Time(at)),
            (KeyKind::Text, Key::Text("Çelik & Söhne. 3".to_owned())),
            (KeyKind::Day, Key::Day(day)),
        ] {
            assert_eq!(Key::parse(kind, &key.to_string()), Ok(key));
        }
    }

    #[test]
    fn a_key_that_the_database_can_not_hold_is_refused() {
        for (kind, text) in [
            (KeyKind::Time, "9223372036854775807"),
            (KeyKind::Time, "soon"),
            (KeyKind::Text, "a\0b"),
            (KeyKind::Day, "-4713-01-01"),
            (KeyKind::Day, "+262000-01-01"),
        ] {
            assert_eq!(Key::parse(kind, text), Err(InvalidCursor), "{text:?}");
        }
    }
}
