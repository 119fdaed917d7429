//! A row that names a call names one of its own tenant: tried by raw SQL in every table that the catalogue has.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};
use store::database::SYSTEM_ROLE;
use uuid::Uuid;

use crate::agency::{id, minute, open};
use crate::walls::value;

/// Tables with a tenant and a call, and whether the call may be left out.
async fn tables(owner: &mut PgConnection) -> Vec<(String, bool)> {
    let rows = sqlx::query(
        "SELECT table_name::text AS name, is_nullable = 'YES' AS optional FROM information_schema.columns c
         WHERE table_schema = 'public' AND column_name = 'call_id'
           AND EXISTS (SELECT FROM information_schema.columns o
                       WHERE o.table_schema = 'public' AND o.table_name = c.table_name AND o.column_name = 'org_id')
         ORDER BY 1",
    )
    .fetch_all(owner)
    .await
    .expect("the catalogue");
    rows.iter().map(|row| (row.get("name"), row.get("optional"))).collect()
}

/// Takes away every rule that is not about calls: a row can then be made of types alone.
async fn leave_only_keys_to_calls(owner: &mut PgConnection) {
    owner
        .execute(
            "DO $$ DECLARE r record; BEGIN
                 FOR r IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
                     WHERE connamespace = 'public'::regnamespace AND conrelid <> 'calls'::regclass
                       AND (contype = 'c' OR contype = 'f' AND confrelid <> 'calls'::regclass) LOOP
                     EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.of, r.conname);
                 END LOOP;
                 FOR r IN SELECT tgrelid::regclass AS of, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
                     EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', r.of, r.tgname);
                 END LOOP;
             END $$",
        )
        .await
        .expect("only these rules");
    let is_superuser: bool = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut *owner)
        .await
        .expect("the role");
    if !is_superuser {
        owner.execute(AssertSqlSafe(format!("SET ROLE {SYSTEM_ROLE}"))).await.expect("the role");
    }
}

async fn insert(owner: &mut PgConnection, table: &str, org: Uuid, call: Uuid) -> Result<(), Option<String>> {
    let columns = sqlx::query(
        "SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS kind FROM pg_attribute a
         WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''",
    )
    .bind(format!("public.\"{table}\""))
    .fetch_all(&mut *owner)
    .await
    .expect("the columns");
    let (names, values): (Vec<String>, Vec<String>) = columns
        .iter()
        .map(|column| {
            let (name, kind): (String, String) = (column.get("name"), column.get("kind"));
            let value = match name.as_str() {
                "org_id" => format!("'{org}'"),
                "call_id" => format!("'{call}'"),
                _ => value(&kind).to_owned(),
            };
            (format!("\"{name}\""), value)
        })
        .unzip();
    let statement = format!("INSERT INTO \"{table}\" ({}) VALUES ({})", names.join(", "), values.join(", "));
    match owner.execute(AssertSqlSafe(statement)).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) => Err(error.code().map(Into::into)),
        Err(error) => panic!("{table}: {error}"),
    }
}

#[tokio::test]
async fn no_row_names_a_call_of_another_tenant_and_none_outlives_its_call_with_its_name() {
    const FOREIGN_KEY_VIOLATION: &str = "23503";
    let agency = open().await;
    let call = agency.call(7, minute(1)).await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let tables = tables(&mut owner).await;
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    for known in ["call_events", "leads", "messages", "satisfaction", "turns"] {
        assert!(names.contains(&known), "{known} is not found any more in {names:?}");
    }
    leave_only_keys_to_calls(&mut owner).await;
    for (table, optional) in &tables {
        for (org, of_call, what) in [
            (agency.rival.0, call.0, "another tenant's call"),
            (agency.aurora.0, id(404), "a call that never was"),
        ] {
            let refused = insert(&mut owner, table, org, of_call).await;
            assert_eq!(refused, Err(Some(FOREIGN_KEY_VIOLATION.to_owned())), "{table}: {what}");
        }
        assert_eq!(insert(&mut owner, table, agency.aurora.0, call.0).await, Ok(()), "{table}: its own call");
        let count = |clause: &str| {
            AssertSqlSafe(format!(
                "SELECT count(*) FROM \"{table}\" WHERE org_id = '{}' AND {clause}",
                agency.aurora.0
            ))
        };
        let of_the_call: i64 = sqlx::query_scalar(count(&format!("call_id = '{}'", call.0)))
            .fetch_one(&mut owner)
            .await
            .expect("a count");
        assert_eq!(of_the_call, 1, "{table}");
        // Retention deletes the call: what may be without one stays, without its name.
        owner.execute("BEGIN").await.expect("a transaction");
        owner
            .execute(AssertSqlSafe(format!("DELETE FROM calls WHERE id = '{}'", call.0)))
            .await
            .expect("gone");
        let left: i64 =
            sqlx::query_scalar(count("call_id IS NULL")).fetch_one(&mut owner).await.expect("a count");
        assert_eq!(left, i64::from(*optional), "{table}: what is left without its call");
        owner.execute("ROLLBACK").await.expect("as it was");
    }
}
