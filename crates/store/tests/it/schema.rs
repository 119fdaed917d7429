//! Rules that every table keeps, also those that come later.

use sqlx::PgConnection;

use crate::agency::open;

async fn names(conn: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(conn).await.expect("names")
}

#[tokio::test]
async fn every_table_is_protected_and_forced() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let open_tables = names(
        &mut owner,
        "SELECT relname::text FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '_sqlx_migrations'
           AND NOT (relrowsecurity AND relforcerowsecurity)",
    )
    .await;
    assert_eq!(open_tables, [""; 0]);
}

#[tokio::test]
async fn every_table_with_a_tenant_requires_it_and_has_an_index_on_it() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let optional = names(
        &mut owner,
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'org_id' AND is_nullable = 'YES'",
    )
    .await;
    assert_eq!(optional, [""; 0]);
    let without_index = names(
        &mut owner,
        "SELECT c.relname::text
         FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'sessions'
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)",
    )
    .await;
    assert_eq!(without_index, [""; 0]);
}

#[tokio::test]
async fn every_constraint_has_a_chosen_name() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    // Names that PostgreSQL chooses for checks and uniqueness end like this; ours say more.
    let chosen_by_postgres = names(
        &mut owner,
        r"SELECT conname::text FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u') AND conname ~ '(_check\d*|_key\d*)$'",
    )
    .await;
    assert_eq!(chosen_by_postgres, [""; 0]);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let agency = open().await;
    let again = store::migrate::migrate(&agency.target).await.expect("a second time");
    assert_eq!(again.applied, 0);
    assert!(again.total >= 13);
}
