//! Data for measurements never gets into a database that somebody works with.

use domain::ids::OrgId;
use store::bulk::{self, Size};
use store::organizations::OrgKind;
use store::{StoreError, SystemTx};

use crate::agency::open;

#[tokio::test]
async fn a_database_with_organizations_is_left_alone() {
    let agency = open().await;
    let size = Size { calls: 10, turns: 100, organizations: 2 };
    for refused in [
        bulk::mark(&agency.target).await,
        bulk::explain(&agency.target, true).await,
        bulk::lift_limit_of_calls(&agency.target).await,
        bulk::fill(&agency.target, agency.aurora.0, size, |_| {}).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::Unsuitable { .. })), "{refused:?}");
    }
    assert!(!bulk::is_for_measurements(&agency.target).await.expect("an answer"));
    let mut tx = SystemTx::begin(&agency.db, "a test").await.expect("a transaction");
    let found = store::organizations::find(&mut tx, OrgId(agency.aurora.0)).await.expect("still there");
    assert_eq!(found.kind, OrgKind::Business);
}
