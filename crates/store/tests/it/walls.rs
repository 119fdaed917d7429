//! Row-level security of every table that the catalogue has, by raw SQL under the role of requests. No list of
//! tables: a row is made in each of them, and a new table without protection fails here.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use store::database::{APP_ROLE, SYSTEM_ROLE};
use uuid::Uuid;

use crate::agency::{Agency, open};

/// Tables that every tenant may read, with the reason. Nobody may write them.
const READ_BY_ALL: &[(&str, &str)] = &[("plans", "what is offered is the same for everybody")];

/// Policies for the role of requests that are not about `app.org_id` themselves, with the reason.
const OTHER_POLICIES: &[(&str, &str)] = &[
    ("plans.offer", "reading the offer"),
    ("users.fellow_members", "goes by the members that the tenant sees"),
];

/// Functions that run with their owner's rights, each looked at by a person.
const WITH_THE_OWNERS_RIGHTS: &[&str] = &["enqueue_job"];

/// A table as the catalogue has it.
struct Table {
    name: String,
    /// The column that names the tenant.
    tenant: Option<String>,
    /// Columns that can be written, with their type.
    columns: Vec<(String, String)>,
}

async fn tables(owner: &mut PgConnection) -> Vec<Table> {
    let rows = sqlx::query(
        "SELECT c.relname::text AS name,
                array_agg(a.attname::text ORDER BY a.attnum) AS columns,
                array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_sqlx_migrations'
           AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         GROUP BY c.relname ORDER BY 1",
    )
    .fetch_all(owner)
    .await
    .expect("the catalogue");
    let tables: Vec<Table> = rows
        .iter()
        .map(|row| {
            let name: String = row.get("name");
            let columns: Vec<(String, String)> = row
                .get::<Vec<String>, _>("columns")
                .into_iter()
                .zip(row.get::<Vec<String>, _>("types"))
                .collect();
            let has = |column: &str| columns.iter().any(|(name, _)| name == column);
            let tenant = match name.as_str() {
                "organizations" => Some("id".to_owned()),
                _ => has("org_id").then(|| "org_id".to_owned()),
            };
            Table { name, tenant, columns }
        })
        .collect();
    assert!(tables.len() > 20, "the tables are not found any more");
    tables
}

/// A value of a type. Rules about values are taken away before: they are not what is tested.
pub(crate) fn value(kind: &str) -> &'static str {
    match kind {
        "uuid" => "gen_random_uuid()",
        "text" | "character varying" => "md5(random()::text)",
        "integer" | "bigint" | "smallint" => "(random() * 30000)::int",
        "boolean" => "true",
        "timestamp with time zone" => "now()",
        "date" => "current_date",
        "jsonb" | "json" => "'{}'",
        "bytea" => "decode(md5(random()::text), 'hex')",
        "real" | "double precision" | "numeric" => "0.5",
        "inet" | "cidr" => "'192.0.2.1'",
        "interval" => "interval '1 hour'",
        "time without time zone" => "time '09:00'",
        array if array.ends_with("[]") => "'{}'",
        other => panic!("the type {other} is new here: say what a value of it looks like"),
    }
}

fn insert(table: &Table, tenant: Uuid, member: Option<Uuid>) -> String {
    let values: Vec<String> = table
        .columns
        .iter()
        .map(|(column, kind)| {
            if Some(column) == table.tenant.as_ref() {
                return format!("'{tenant}'");
            }
            match (table.name.as_str(), column.as_str(), member) {
                ("users", "id", Some(user)) | ("members", "user_id", Some(user)) => format!("'{user}'"),
                _ => value(kind).to_owned(),
            }
        })
        .collect();
    let names: Vec<String> = table.columns.iter().map(|(column, _)| format!("\"{column}\"")).collect();
    format!("INSERT INTO \"{}\" ({}) VALUES ({})", table.name, names.join(", "), values.join(", "))
}

/// A row of Aurora's in every table.
async fn fill(agency: &Agency, tables: &[Table]) {
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    // Without rules about values and foreign keys, and without triggers, a row can be made of types alone.
    owner
        .execute(
            "DO $$ DECLARE r record; BEGIN
                 FOR r IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
                     WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'c') ORDER BY contype DESC LOOP
                     EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.of, r.conname);
                 END LOOP;
                 FOR r IN SELECT tgrelid::regclass AS of, tgname FROM pg_trigger WHERE NOT tgisinternal LOOP
                     EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', r.of, r.tgname);
                 END LOOP;
             END $$",
        )
        .await
        .expect("no rules");
    let role = format!("SET ROLE {SYSTEM_ROLE}");
    let is_superuser: bool = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut owner)
        .await
        .expect("the role");
    if !is_superuser {
        owner.execute(AssertSqlSafe(role)).await.expect("the role");
    }
    let person = Uuid::from_u128(0xfeed);
    for table in tables.iter().filter(|table| table.name != "organizations") {
        let statement = insert(table, agency.aurora.0, Some(person));
        let done = owner.execute(AssertSqlSafe(statement.clone())).await;
        done.unwrap_or_else(|error| panic!("{}: {error}\n{statement}", table.name));
    }
}

/// What came of a statement under the role of requests, in a transaction of its own that is rolled back.
#[derive(Debug, PartialEq)]
enum Outcome {
    Rows(u64),
    /// No right, or refused by a policy.
    Refused,
}

async fn attempt(agency: &Agency, org: Option<Uuid>, statement: &str) -> Outcome {
    let mut conn = agency.target.connect_owner().await.expect("a connection");
    conn.execute("BEGIN").await.expect("a transaction");
    conn.execute(AssertSqlSafe(format!("SET LOCAL ROLE {APP_ROLE}"))).await.expect("the role");
    if let Some(org) = org {
        let setting = format!("SELECT set_config('app.org_id', '{org}', true)");
        conn.execute(AssertSqlSafe(setting)).await.expect("the setting");
    }
    let outcome = match sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut conn).await {
        Ok(rows) => Outcome::Rows(u64::try_from(rows.len()).expect("a count")),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => Outcome::Refused,
        Err(error) => panic!("{statement}: {error}"),
    };
    conn.close().await.expect("a farewell");
    outcome
}

/// A column that requests may write, else any.
async fn written_column(agency: &Agency, table: &Table) -> String {
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let found: Option<String> = sqlx::query_scalar(
        "SELECT a.attname::text FROM pg_attribute a
         WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
           AND has_column_privilege($2, a.attrelid, a.attnum, 'UPDATE') LIMIT 1",
    )
    .bind(format!("public.\"{}\"", table.name))
    .bind(APP_ROLE)
    .fetch_optional(&mut owner)
    .await
    .expect("the rights");
    found.unwrap_or_else(|| table.columns[0].0.clone())
}

#[tokio::test]
async fn no_row_of_any_table_is_seen_or_touched_by_another_tenant() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let tables = tables(&mut owner).await;
    fill(&agency, &tables).await;
    let mut own_rows = 0;
    for table in &tables {
        let name = &table.name;
        let of_all = READ_BY_ALL.iter().any(|(known, _)| known == name);
        let tenant = table.tenant.as_deref();
        // Of a table with tenants only Aurora's rows are asked for: the rival may have some, and sees those.
        let whose =
            tenant.map_or("true".to_owned(), |column| format!("\"{column}\" = '{}'", agency.aurora.0));
        let column = written_column(&agency, table).await;
        let select = format!("SELECT 1 FROM \"{name}\" WHERE {whose}");
        let update = format!("UPDATE \"{name}\" SET \"{column}\" = \"{column}\" WHERE {whose} RETURNING 1");
        let delete = format!("DELETE FROM \"{name}\" WHERE {whose} RETURNING 1");
        let insert = insert(table, agency.aurora.0, None);
        for org in [Some(agency.rival.0), None] {
            let seen = attempt(&agency, org, &select).await;
            if of_all {
                assert!(matches!(seen, Outcome::Rows(rows) if rows > 0), "{name} is said to be read by all");
            } else {
                assert!(matches!(seen, Outcome::Rows(0) | Outcome::Refused), "{name} as {org:?}: {seen:?}");
            }
            for (what, statement) in [("update", &update), ("delete", &delete)] {
                let outcome = attempt(&agency, org, statement).await;
                assert!(
                    matches!(outcome, Outcome::Rows(0) | Outcome::Refused),
                    "{what} {name} as {org:?}: {outcome:?}"
                );
            }
            let outcome = attempt(&agency, org, &insert).await;
            assert_eq!(outcome, Outcome::Refused, "insert into {name} as {org:?}");
        }
        // Its own tenant sees the row, or nobody does: otherwise the above would prove nothing.
        match attempt(&agency, Some(agency.aurora.0), &select).await {
            Outcome::Rows(0) => panic!("{name}: not even its own tenant sees the row"),
            Outcome::Rows(_) => own_rows += 1,
            Outcome::Refused => {}
        }
    }
    assert!(own_rows > 15, "only {own_rows} tables were seen by their own tenant");
}

#[tokio::test]
async fn every_table_is_protected_by_policies_about_the_tenant() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let unprotected: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f', 'v', 'm')
           AND relname <> '_sqlx_migrations' AND NOT (relrowsecurity AND relforcerowsecurity)
           AND pg_get_userbyid(relowner) NOT LIKE 'pg\\_%'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')",
    )
    .fetch_all(&mut owner)
    .await
    .expect("the catalogue");
    assert_eq!(unprotected, [""; 0], "tables (or views) without forced row-level security");
    let policies = sqlx::query(
        "SELECT tablename || '.' || policyname AS name, permissive, qual, with_check, cmd
         FROM pg_policies WHERE schemaname = 'public' AND (roles && ARRAY[$1::name, 'public'])",
    )
    .bind(APP_ROLE)
    .fetch_all(&mut owner)
    .await
    .expect("the policies");
    assert!(policies.len() > 15, "the policies are not found any more");
    for policy in &policies {
        let name: String = policy.get("name");
        let about_the_tenant =
            |part: &str| policy.get::<Option<String>, _>(part).is_none_or(|text| text.contains("app.org_id"));
        let known = OTHER_POLICIES.iter().any(|(known, _)| *known == name);
        assert!(
            known || about_the_tenant("qual") && about_the_tenant("with_check"),
            "{name} is not about the tenant"
        );
    }
}

#[tokio::test]
async fn what_runs_with_its_owners_rights_is_known_by_name() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let rows = sqlx::query(
        "SELECT p.proname::text AS name, p.proconfig::text AS config,
                has_function_privilege('public', p.oid, 'EXECUTE') AS by_all
         FROM pg_proc p
         WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
         ORDER BY 1",
    )
    .fetch_all(&mut owner)
    .await
    .expect("the functions");
    let names: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
    assert_eq!(names, WITH_THE_OWNERS_RIGHTS, "functions with SECURITY DEFINER");
    for row in &rows {
        let name: String = row.get("name");
        let config: Option<String> = row.get("config");
        assert!(
            config.is_some_and(|config| config.contains("search_path")),
            "{name} does not fix its search_path"
        );
        assert!(!row.get::<bool, _>("by_all"), "everybody may run {name}");
    }
}

#[tokio::test]
async fn the_role_of_requests_can_not_become_another() {
    let agency = open().await;
    for role in [SYSTEM_ROLE.to_owned(), "postgres".to_owned()] {
        let mut owner = agency.target.connect_owner().await.expect("a connection");
        let member: Option<bool> =
            sqlx::query_scalar("SELECT pg_has_role($1, oid, 'MEMBER') FROM pg_roles WHERE rolname = $2")
                .bind(APP_ROLE)
                .bind(&role)
                .fetch_optional(&mut owner)
                .await
                .expect("the roles");
        assert_ne!(member, Some(true), "{role}");
    }
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let reach: Vec<String> = sqlx::query_scalar(
        "SELECT nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE nspname NOT IN ('public', 'pg_catalog', 'information_schema', 'pg_toast') AND relkind IN ('r', 'p', 'v', 'm')
           AND has_schema_privilege($1, n.oid, 'USAGE') AND has_table_privilege($1, c.oid, 'SELECT')",
    )
    .bind(APP_ROLE)
    .fetch_all(&mut owner)
    .await
    .expect("the rights");
    assert_eq!(reach, [""; 0], "tables of other schemas that requests can read");
}
