//! Pages of a list: as many items as asked for, and where to go on.

use std::str::FromStr;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::ApiError;

/// Items when nobody says how many.
const USUAL: u32 = 25;

/// Items of a list that is read page by page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Send it as `cursor` for the items that follow; `null` at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of the store, with its rows as `show` shows them. `place` is the cursor behind a row.
    pub fn of<R>(page: store::page::Page<R>, place: impl Fn(&R) -> String, show: impl Fn(R) -> T) -> Self {
        let next_cursor = page.items.last().filter(|_| page.has_more).map(place);
        Self { items: page.items.into_iter().map(show).collect(), next_cursor }
    }

    /// A list that is short enough to come at once.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
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
