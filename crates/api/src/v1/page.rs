//! Pages of a list: as many items as asked for, and where to go on.
//!
//! A list that can be narrowed and ordered takes [`List`]: its query is the noun's own struct (unknown parameters are
//! refused by name) beside `limit`, `cursor` and `total`. A cursor carries the order and the filters that it was made
//! under; in another list, or under others, it is refused rather than answered with a page from nowhere.

use std::fmt;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use garde::Validate;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use store::page::{Key, Listed, Place, SortKey, Wanted};
use utoipa::{IntoParams, ToSchema};

use crate::problem::ApiError;

/// Items when nobody says how many.
const USUAL: u32 = 25;

/// Items of a list that is read page by page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Send it as `cursor`, with the same order and filters, for the items that follow; `null` at the end.
    pub next_cursor: Option<String>,
    /// How many items there are in all, when `total=true` was asked for. Counted up to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 10_000)]
    pub total: Option<u32>,
    /// Whether there are more than were counted, beside `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_capped: Option<bool>,
}

impl<T> Page<T> {
    /// A page of the store, with its rows as `show` shows them. `place` is the cursor behind a row.
    pub fn of<R>(page: store::page::Page<R>, place: impl Fn(&R) -> String, show: impl Fn(R) -> T) -> Self {
        let next_cursor = page.items.last().filter(|_| page.has_more).map(place);
        Self { next_cursor, ..Self::whole(page.items.into_iter().map(show).collect()) }
    }

    /// A list that is short enough to come at once.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None, total: None, total_capped: None }
    }
}

/// Which page is wanted.
#[derive(Debug, Clone, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; leave it out for the first page.
    #[garde(length(bytes, max = 200))]
    #[param(max_length = 200)]
    cursor: Option<String>,
}

impl PageQuery {
    /// How many items.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL)
    }

    /// Where to go on.
    ///
    /// # Errors
    /// When the cursor is not one of this list.
    pub fn behind<C: FromStr>(&self) -> Result<Option<C>, ApiError> {
        let cursor = self.cursor.as_deref().map(str::parse).transpose();
        cursor.map_err(|_| {
            ApiError::field(
                "cursor",
                "is not a place in this list: pass the `next_cursor` of the page before",
            )
        })
    }
}

/// Which page of a list is wanted, and whether it is to be counted.
#[derive(Debug, Clone, Default, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// How many items at most.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, under the same order and filters; leave it out for the first page.
    #[garde(length(bytes, max = 1_500))]
    #[param(max_length = 1_500)]
    cursor: Option<String>,
    /// Whether to count all items that meet the filters, up to 10,000.
    #[garde(skip)]
    #[param(default = false)]
    total: Option<bool>,
}

/// Parameters that stand beside a list's filters.
pub(crate) trait Beside: DeserializeOwned + Validate<Context = ()> {
    /// Their names.
    const NAMES: &'static [&'static str];
}

impl Beside for ListParams {
    const NAMES: &'static [&'static str] = &["limit", "cursor", "total"];
}

/// A query of a list's filters and of parameters beside them.
#[derive(Debug)]
pub(crate) struct WithFilter<F, B> {
    /// The filters.
    pub(crate) filter: F,
    /// What stands beside them.
    pub(crate) beside: B,
}

impl<F: Listing, B: Beside> WithFilter<F, B> {
    fn of(uri: &Uri) -> Result<Self, ApiError> {
        let query = uri.query().unwrap_or_default();
        if query.contains("%00") {
            return Err(ApiError::field("query", "must not hold the character U+0000"));
        }
        let is_beside = |part: &&str| {
            let name = part.split_once('=').map_or(*part, |(name, _)| name);
            B::NAMES.contains(&name)
        };
        let (beside, filter): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|part| !part.is_empty()).partition(is_beside);
        Ok(Self { filter: read(&filter)?, beside: read(&beside)? })
    }
}

impl<S: Send + Sync, F: Listing, B: Beside> FromRequestParts<S> for WithFilter<F, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

/// An order that a list offers.
pub(crate) trait Order: Copy + Default {
    /// What the store orders by.
    type Key: SortKey;

    /// The column, and whether the greatest come first.
    fn sort(self) -> (Self::Key, bool);
}

/// Defines the orders of a list: each sort key upwards and downwards. The first one, downwards, is the default. The
/// names are `tt`: wrapped as `literal` they are not seen by the macro that describes the schema.
macro_rules! orders {
    ($(#[$doc:meta])* $vis:vis enum $name:ident of $key:ty: $($up:ident $up_name:tt, $down:ident $down_name:tt => $column:expr;)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        $vis enum $name {
            $(
                /// The smallest first.
                #[serde(rename = $up_name)]
                $up,
                /// The greatest first.
                #[serde(rename = $down_name)]
                $down,
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                [$(Self::$down),+][0]
            }
        }

        impl $crate::v1::page::Order for $name {
            type Key = $key;

            fn sort(self) -> ($key, bool) {
                match self {
                    $(
                        Self::$up => ($column, false),
                        Self::$down => ($column, true),
                    )+
                }
            }
        }
    };
}
pub(crate) use orders;

/// What a noun's list can be narrowed by. It is a struct of query parameters that denies unknown ones.
pub(crate) trait Listing: DeserializeOwned + Serialize + Validate<Context = ()> {
    /// Names the list inside its cursors.
    const NOUN: &'static str;
    /// Its orders.
    type Order: Order;

    /// The order that was asked for.
    fn order(&self) -> Option<Self::Order>;
}

/// A list as it was asked for: the filters, the order, the page.
#[derive(Debug)]
pub(crate) struct List<F: Listing> {
    /// The filters.
    pub(crate) filter: F,
    /// The order and the page.
    pub(crate) wanted: Wanted<<F::Order as Order>::Key>,
    mark: u64,
}

impl<F: Listing> List<F> {
    /// A page of the list.
    pub(crate) fn page<R, T>(&self, listed: Listed<R>, show: impl Fn(R) -> T) -> Page<T> {
        Page {
            next_cursor: listed.next.map(|place| cursor_text(self.mark, &place)),
            total: listed.total.map(|total| total.count),
            total_capped: listed.total.map(|total| total.capped),
            items: listed.items.into_iter().map(show).collect(),
        }
    }

    fn of(uri: &Uri) -> Result<Self, ApiError> {
        let WithFilter { filter, beside: page } = WithFilter::<F, ListParams>::of(uri)?;
        let order = filter.order().unwrap_or_default();
        let (sort, descending) = order.sort();
        let mark = mark(F::NOUN, &filter, &format!("{:?}{descending}", sort.column()));
        let behind = match &page.cursor {
            Some(cursor) => Some(place(cursor, mark, sort)?),
            None => None,
        };
        let limit = page.limit.unwrap_or(USUAL);
        let wanted = Wanted { sort, descending, behind, limit, count: page.total.unwrap_or_default() };
        Ok(Self { filter, wanted, mark })
    }
}

impl<S: Send + Sync, F: Listing> FromRequestParts<S> for List<F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

/// Reads parts of a query, naming the parameter that is wrong.
fn read<T: DeserializeOwned + Validate<Context = ()>>(parts: &[&str]) -> Result<T, ApiError> {
    let malformed = || ApiError::field("query", "can't be read");
    let uri: Uri = format!("/?{}", parts.join("&")).parse().map_err(|_| malformed())?;
    let Query(value) = Query::<T>::try_from_uri(&uri).map_err(|rejection| {
        let text = rejection.body_text();
        let message = text.split_once("query string: ").map_or(text.as_str(), |(_, message)| message);
        let named = ["unknown field `", "duplicate field `"].iter().find_map(|start| {
            message.find(start).and_then(|at| message[at + start.len()..].split('`').next())
        });
        match (named, message.split_once(": ")) {
            (Some(name), _) => ApiError::field(name, message),
            (None, Some((name, rule))) if is_name(name) => ApiError::field(name, rule),
            _ => ApiError::field("query", message),
        }
    })?;
    crate::extract::check(&value)?;
    Ok(value)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Tells lists, filters and orders apart (FNV-1a): a cursor must not outlive a change of them.
fn mark(noun: &str, filter: &impl Serialize, order: &str) -> u64 {
    // A filter is a struct of plain values, which JSON can always write.
    let filter = serde_json::to_string(filter).unwrap_or_default();
    let text = format!("{noun} {filter} {order}");
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn cursor_text(mark: u64, place: &Place) -> String {
    let text = format!("{mark:016x}{}{}", place.id.simple(), place.key);
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(text)
}

fn place(cursor: &str, mark: u64, sort: impl SortKey) -> Result<Place, ApiError> {
    let wrong = |message: &str| ApiError::field("cursor", message);
    let unknown = || wrong("is not a place in this list: pass the `next_cursor` of the page before");
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(cursor).map_err(|_| unknown())?;
    let text = String::from_utf8(bytes).map_err(|_| unknown())?;
    let (Some(made_under), Some(id), Some(key)) = (text.get(..16), text.get(16..48), text.get(48..)) else {
        return Err(unknown());
    };
    if made_under != format!("{mark:016x}") {
        return Err(wrong("was made for another list, order or filter: begin again without it"));
    }
    Ok(Place {
        id: uuid::Uuid::try_parse(id).map_err(|_| unknown())?,
        key: Key::parse(sort.column().kind(), key).map_err(|_| unknown())?,
    })
}

/// Ids in a query, separated by commas; at most 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids<T>(pub(crate) Vec<T>);

/// Most ids that a list is asked for at once.
const MAX_IDS: usize = 100;

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Ids<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::parse);
        let ids = ids.collect::<Result<Vec<T>, _>>().map_err(D::Error::custom)?;
        if ids.len() > MAX_IDS { Err(D::Error::custom("at most 100 ids")) } else { Ok(Self(ids)) }
    }
}

impl<T: fmt::Display> Serialize for Ids<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(T::to_string))
    }
}

/// For garde: a moment that calendars and databases have.
pub(crate) fn moment(at: &Option<DateTime<Utc>>, _context: &()) -> garde::Result {
    in_calendar(at.map(|at| at.year()))
}

/// For garde: a day that calendars and databases have.
pub(crate) fn day(day: &Option<NaiveDate>, _context: &()) -> garde::Result {
    in_calendar(day.map(|day| day.year()))
}

fn in_calendar(year: Option<i32>) -> garde::Result {
    match year {
        Some(year) if !(1..=9_999).contains(&year) => {
            Err(garde::Error::new("must be between the years 1 and 9999"))
        }
        _ => Ok(()),
    }
}

/// What a list is searched for.
#[derive(Debug, Clone, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Only items whose name contains this, in whatever case.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    q: Option<String>,
}

impl SearchQuery {
    /// The words, if any.
    #[must_use]
    pub fn q(&self) -> Option<&str> {
        self.q.as_deref().map(str::trim).filter(|q| !q.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use store::clients::ClientSort;

    use super::*;

    orders! {
        /// The orders of these tests.
        enum TestOrder of ClientSort:
        CreatedAt "created_at", CreatedAtDown "-created_at" => ClientSort::CreatedAt;
        Name "name", NameDown "-name" => ClientSort::Name;
    }

    #[derive(Debug, Deserialize, Serialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        #[garde(skip)]
        sort: Option<TestOrder>,
        #[garde(length(chars, max = 5))]
        q: Option<String>,
        #[garde(skip)]
        ids: Option<Ids<domain::ids::ClientId>>,
        #[garde(custom(moment))]
        since: Option<DateTime<Utc>>,
    }

    impl Listing for Filter {
        const NOUN: &'static str = "tests";
        type Order = TestOrder;
        fn order(&self) -> Option<TestOrder> {
            self.sort
        }
    }

    fn list(query: &str) -> Result<List<Filter>, String> {
        let uri: Uri = format!("/tests?{query}").parse().expect("a valid address");
        List::of(&uri).map_err(|error| match error {
            ApiError::Invalid(errors) => errors.into_keys().collect(),
            other => other.to_string(),
        })
    }

    #[test]
    fn what_is_wrong_with_a_query_is_named() {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=many", "limit"),
            ("limit=101", "limit"),
            ("sort=size", "sort"),
            ("colour=red", "colour"),
            ("q=toolong", "q"),
            ("q=a&q=b", "q"),
            ("q=%00", "query"),
            ("ids=lead_1", "ids"),
            ("since=yesterday", "since"),
            ("since=%2B250000-01-01T00:00:00Z", "since"),
            ("total=perhaps", "total"),
            ("cursor=nonsense", "cursor"),
            ("cursor=%C3%A9", "cursor"),
        ] {
            assert_eq!(list(query).map(drop), Err(field.to_owned()), "{query}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let first = list("sort=name&q=a").expect("a list");
        let place = Place { key: Key::Text("Über. %".to_owned()), id: uuid::Uuid::from_u128(7) };
        let cursor = cursor_text(first.mark, &place);
        let next = list(&format!("sort=name&q=a&limit=5&cursor={cursor}")).expect("the next page");
        assert_eq!(next.wanted.behind, Some(place));
        for other in ["sort=-name&q=a", "sort=name&q=b", "sort=name", ""] {
            assert_eq!(
                list(&format!("{other}&cursor={cursor}")).map(drop),
                Err("cursor".to_owned()),
                "{other}"
            );
        }
    }

    #[test]
    fn the_default_order_may_be_said() {
        let (silent, said) = (list("").expect("a list"), list("sort=-created_at").expect("a list"));
        assert!(silent.wanted.descending && said.wanted.descending);
        assert_eq!(silent.wanted.sort, ClientSort::CreatedAt);
    }
}
