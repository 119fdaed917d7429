//! The cases: what each operation needs to be asked, read from `cases.toml`. One line for each operation.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

const TEXT: &str = include_str!("cases.toml");

/// The registry of all cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// Things that are made by an operation when a case asks for them, each time anew: `$webhook` by
    /// `create_webhook`. Those of [`super::side`] are there already.
    pub(super) made_by: BTreeMap<String, String>,
    /// By operation id.
    pub(super) operation: BTreeMap<String, Case>,
}

/// How an operation is asked, and where its answers differ from the rule.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Case {
    /// The thing for `{id}`, without its dollar: `client`.
    pub(super) id: Option<String>,
    /// Things or words for path parameters of other names: `{ version = "1" }`, `{ delivery_id = "$delivery" }`.
    pub(super) path: BTreeMap<String, String>,
    /// Members over the example body of the document. `$client` becomes a client's id, `$new` something unused.
    pub(super) body: Value,
    /// Query parameters.
    pub(super) query: BTreeMap<String, String>,
    /// Asked by the admin of the `partner` above the business, not by the owner of the business.
    pub(super) asker: Option<String>,
    /// What the rightful owner is answered, where it is no success. Needs `why`.
    pub(super) own: Option<u16>,
    /// What a path with somebody else's id is answered, where it is not 404. Needs `why`.
    pub(super) foreign: Option<u16>,
    /// What an owner of a suspended organization is answered to a change, where it is not 403. Needs `why`.
    pub(super) suspended: Option<u16>,
    /// Parts of the matrix that don't apply. Needs `why`.
    pub(super) not: Vec<Part>,
    /// Single wrong bodies that are taken, in the words of the test: `password too long`. Needs `why`.
    pub(super) takes: Vec<String>,
    /// The reason of every exception.
    pub(super) why: Option<String>,
}

/// A part of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// The owner's own request.
    Own,
    /// Another tenant's ids.
    Foreign,
    /// A suspended organization.
    Suspended,
    /// Bodies that are wrong.
    Body,
    /// Queries that are wrong.
    Query,
    /// A person without the permission.
    Permission,
}

impl Cases {
    pub(super) fn read() -> Self {
        toml::from_str(TEXT)
            .unwrap_or_else(|error| panic!("crates/server/tests/it/api/matrix/cases.toml: {error}"))
    }
}

impl Case {
    pub(super) fn has(&self, part: Part) -> bool {
        !self.not.contains(&part)
    }

    pub(super) fn is_an_exception(&self) -> bool {
        self.own.is_some()
            || self.foreign.is_some()
            || self.suspended.is_some()
            || !self.not.is_empty()
            || !self.takes.is_empty()
    }

    /// Everything that is put in place of path parameters.
    pub(super) fn path_values(&self) -> BTreeMap<String, String> {
        let mut values = self.path.clone();
        if let Some(id) = &self.id {
            values.insert("id".to_owned(), format!("${id}"));
        }
        values
    }
}
