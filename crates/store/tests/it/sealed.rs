//! Sealed secrets: every column that holds some is known, and can be gone through.

use store::SystemTx;
use store::sealed::{COLUMNS, in_catalogue};

use crate::agency::open;

/// Columns whose values are gone before a key can be taken away, with the reason.
const PASSING: &[(&str, &str)] = &[(
    "single_sign_on_tries.secrets_sealed",
    "a sign-in that went off to an identity provider lives ten minutes",
)];

#[tokio::test]
async fn every_sealed_column_of_the_catalogue_can_be_sealed_anew() {
    let agency = open().await;
    let mut tx = SystemTx::begin(&agency.db, "a test").await.expect("a transaction");
    let found = in_catalogue(&mut tx).await.expect("the catalogue");
    for column in &found {
        let known = COLUMNS.iter().any(|known| format!("{}.{}", known.table, known.column) == *column);
        let passing = PASSING.iter().any(|(name, _)| name == column);
        assert!(known || passing, "{column} is not in store::sealed::COLUMNS: add a line there");
    }
    for known in COLUMNS {
        let name = format!("{}.{}", known.table, known.column);
        assert!(found.contains(&name), "{name} is not in the database (or its name does not end in _sealed)");
    }
}

#[tokio::test]
async fn every_sealed_column_can_be_paged_through() {
    let agency = open().await;
    for column in COLUMNS {
        let mut tx = SystemTx::begin(&agency.db, "a test").await.expect("a transaction");
        let page = store::sealed::page(&mut tx, column, None, 10).await;
        assert!(page.is_ok_and(|page| page.is_empty()), "{column:?}");
    }
}
