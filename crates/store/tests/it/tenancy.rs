//! No tenant sees or touches another, whatever the statement says: raw SQL under the roles of requests.

use domain::ids::{AgentId, ClientId, ProjectId};
use sqlx::{Connection, Executor, PgConnection};
use store::clients::{self, ClientFacts, Contact, ContactKind};
use store::database::{APP_ROLE, SYSTEM_ROLE};
use store::projects::{self, ProjectFacts};
use store::{StoreError, agents, numbers};

use crate::agency::{Agency, agent, id, minute, open, phone_number};

/// A bare connection that acts as requests do, inside a transaction of the given organization.
async fn as_app(agency: &Agency, org: Option<uuid::Uuid>) -> PgConnection {
    let mut conn = agency.target.connect_owner().await.expect("a connection");
    conn.execute("BEGIN").await.expect("a transaction");
    conn.execute(sqlx::AssertSqlSafe(format!("SET LOCAL ROLE {APP_ROLE}"))).await.expect("the role");
    if let Some(org) = org {
        sqlx::query("SELECT set_config('app.org_id', $1, true)")
            .bind(org.to_string())
            .execute(&mut conn)
            .await
            .expect("the setting");
    }
    conn
}

async fn count(conn: &mut PgConnection, table: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(conn)
        .await
        .expect("a count")
}

/// A row in every table of tenant data, for both businesses where that is cheap, for Aurora everywhere.
async fn fill(agency: &Agency) {
    let call = agency.call(7, minute(1)).await;
    let mut tx = agency.tx().await;
    let bakery = ClientFacts {
        name: "Bright Bakery".to_owned(),
        contacts: vec![Contact { kind: ContactKind::Phone, value: "+15135550111".to_owned(), person: None }],
        ..ClientFacts::default()
    };
    clients::insert(&mut tx, ClientId(id(10)), &bakery, minute(0)).await.expect("a client");
    projects::insert(&mut tx, ProjectId(id(11)), &facts(10), minute(0)).await.expect("a project");
    tx.commit().await.expect("a commit");
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let rows = [
        "INSERT INTO knowledge_entries (id, org_id, question, answer) VALUES (gen_random_uuid(), $1, 'q', 'a')",
        "INSERT INTO lead_questions (id, org_id, position, text, label, answer_type, field)
         VALUES (gen_random_uuid(), $1, 0, 't', 'l', 'text', 'notes')",
        "INSERT INTO leads (id, org_id, created_at, updated_at) VALUES (gen_random_uuid(), $1, now(), now())",
        "INSERT INTO messages (id, org_id, text, priority, created_at)
         VALUES (gen_random_uuid(), $1, 't', 'NORMAL', now())",
        "INSERT INTO audit_log (id, org_id, at, action, object) VALUES (gen_random_uuid(), $1, now(), 'a', 'o')",
        "INSERT INTO satisfaction (id, org_id, scale, score, source, given_at, created_at)
         VALUES (gen_random_uuid(), $1, 'csat', 5, 'manual', now(), now())",
        "INSERT INTO widget_configs (org_id, config, updated_at) VALUES ($1, '{}', now())",
        "INSERT INTO roles (id, org_id, name, permissions, created_at, updated_at)
         VALUES (gen_random_uuid(), $1, 'n', '{}', now(), now())",
        "INSERT INTO invitations (id, org_id, email, role, token_hash, created_at, sent_at, expires_at)
         VALUES (gen_random_uuid(), $1, 'a@b.example', 'viewer', '\\x02', now(), now(), now())",
        "INSERT INTO api_keys (id, org_id, name, key_hash, hint, permissions, created_at, updated_at)
         VALUES (gen_random_uuid(), $1, 'n', '\\x03', 'h', '{}', now(), now())",
        "WITH person AS (INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), 'a@b.example', 'A') RETURNING id)
         INSERT INTO members (org_id, user_id, role) SELECT $1, id, 'owner' FROM person",
    ];
    owner.execute(sqlx::AssertSqlSafe(format!("SET ROLE {SYSTEM_ROLE}"))).await.expect("the role");
    for row in rows {
        sqlx::query(row).bind(agency.aurora.0).execute(&mut owner).await.expect(row);
    }
    for row in [
        "INSERT INTO call_events (org_id, call_id, seq, at_ms, recorded_at, event) VALUES ($1, $2, 0, 0, now(), '{}')",
        "INSERT INTO turns (id, org_id, call_id, position, kind, started_ms, ended_ms, text)
         VALUES (gen_random_uuid(), $1, $2, 0, 'caller', 0, 1, 't')",
        "INSERT INTO tool_calls (id, org_id, call_id, position, at_ms, name, arguments, result, ok, duration_ms)
         VALUES (gen_random_uuid(), $1, $2, 0, 0, 'n', '{}', '{}', true, 1)",
        "INSERT INTO media_tickets (token_hash, org_id, call_id, call_sid, expires_at)
         VALUES ('\\x01', $1, $2, 'CA7', now())",
    ] {
        sqlx::query(row).bind(agency.aurora.0).bind(call.0).execute(&mut owner).await.expect(row);
    }
    owner.close().await.expect("a farewell");
}

const TENANT_TABLES: [&str; 21] = [
    "agents",
    "api_keys",
    "audit_log",
    "call_events",
    "calls",
    "client_contacts",
    "clients",
    "invitations",
    "knowledge_entries",
    "lead_questions",
    "leads",
    "media_tickets",
    "members",
    "messages",
    "phone_numbers",
    "projects",
    "roles",
    "satisfaction",
    "tool_calls",
    "turns",
    "widget_configs",
];

fn facts(client: u128) -> ProjectFacts {
    ProjectFacts::named(ClientId(id(client)), "Website", "active")
}

#[tokio::test]
async fn raw_sql_shows_a_tenant_its_own_rows_only() {
    let agency = open().await;
    fill(&agency).await;
    let mut own = as_app(&agency, Some(agency.aurora.0)).await;
    let mut other = as_app(&agency, Some(agency.rival.0)).await;
    let mut nobody = as_app(&agency, None).await;
    for table in TENANT_TABLES {
        assert!(count(&mut own, table).await > 0, "{table}: its own rows");
        let allowed = i64::from(matches!(table, "agents" | "phone_numbers"));
        assert_eq!(count(&mut other, table).await, allowed, "{table}: the rival");
        assert_eq!(count(&mut nobody, table).await, 0, "{table}: without a tenant");
    }
    assert_eq!(count(&mut own, "organizations").await, 1);
    // People are seen through their membership.
    let people = |conn| async move {
        sqlx::query_scalar::<_, i64>("SELECT count(id) FROM users").fetch_one(conn).await.expect("a count")
    };
    assert_eq!(people(&mut own).await, 1);
    assert_eq!(people(&mut other).await, 0);
}

#[tokio::test]
async fn raw_sql_changes_no_row_of_another_tenant() {
    let agency = open().await;
    fill(&agency).await;
    let mut other = as_app(&agency, Some(agency.rival.0)).await;
    for (statement, what) in [
        ("UPDATE clients SET name = 'taken'", "update"),
        ("DELETE FROM clients", "delete"),
        ("UPDATE calls SET status = 'failed'", "update of calls"),
        ("DELETE FROM leads", "delete of leads"),
    ] {
        let done = other.execute(statement).await.expect(what);
        assert_eq!(done.rows_affected(), 0, "{what}");
    }
}

/// What is refused ends the transaction, so each statement gets its own.
async fn refused(agency: &Agency, statement: &'static str) -> String {
    let mut conn = as_app(agency, Some(agency.rival.0)).await;
    let error = sqlx::query(statement).bind(agency.aurora.0).execute(&mut conn).await.expect_err(statement);
    error.as_database_error().and_then(|cause| cause.code()).expect(statement).into_owned()
}

#[tokio::test]
async fn raw_sql_writes_no_row_for_another_tenant() {
    let agency = open().await;
    fill(&agency).await;
    for statement in [
        "INSERT INTO clients (id, org_id, name) VALUES (gen_random_uuid(), $1, 'planted')",
        "INSERT INTO messages (id, org_id, text, priority, created_at) VALUES (gen_random_uuid(), $1, 't', 'LOW', now())",
        // Giving one's own row away.
        "UPDATE agents SET org_id = $1",
    ] {
        assert_eq!(refused(&agency, statement).await, "42501", "{statement}");
    }
}

#[tokio::test]
async fn requests_may_not_leave_their_pen() {
    let agency = open().await;
    for statement in [
        "SELECT $1::uuid, * FROM sessions",
        "SELECT $1::uuid, * FROM webhook_receipts",
        "SELECT $1::uuid, password_hash FROM users",
        "DELETE FROM organizations WHERE id = $1",
        "DELETE FROM audit_log WHERE org_id = $1",
        "UPDATE audit_log SET action = 'nothing' WHERE org_id = $1",
        "SELECT $1::uuid, token_hash FROM invitations",
        "SELECT $1::uuid, key_hash FROM api_keys",
        "DELETE FROM api_keys WHERE org_id = $1",
        "UPDATE call_events SET event = '{}' WHERE org_id = $1",
        "SELECT $1::uuid, * FROM graphile_worker._private_jobs",
        "SELECT $1::uuid, protect_tenant_table('clients')",
    ] {
        assert_eq!(refused(&agency, statement).await, "42501", "{statement}");
    }
    let mut conn = as_app(&agency, Some(agency.aurora.0)).await;
    let error = conn.execute("CREATE TABLE mine (id int)").await.expect_err("a table of its own");
    assert_eq!(error.as_database_error().and_then(|cause| cause.code()).as_deref(), Some("42501"));
}

#[tokio::test]
async fn the_pools_connect_under_the_roles_without_power() {
    let agency = open().await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    let roles: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT usename::text FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1",
    )
    .fetch_all(&mut owner)
    .await
    .expect("the activity");
    // On a server given by DATABASE_URL the owner logs in and becomes the role.
    if std::env::vars().any(|(name, value)| name == "DATABASE_URL" && !value.is_empty()) {
        return;
    }
    assert_eq!(roles, [APP_ROLE, SYSTEM_ROLE]);
    let powerful: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY($1)
         AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)",
    )
    .bind([APP_ROLE, SYSTEM_ROLE].map(str::to_owned).to_vec())
    .fetch_one(&mut owner)
    .await
    .expect("the roles");
    assert_eq!(powerful, 0);
}

#[tokio::test]
async fn a_tenant_is_forgotten_with_its_transaction() {
    let agency = open().await;
    // The pool hands the same connection out again.
    for _ in 0..3 {
        let mut tx = agency.tx().await;
        assert_eq!(agents::list(&mut tx).await.expect("a list").len(), 1);
        drop(tx);
        let mut tx = agency.rival_tx().await;
        let listed = agents::list(&mut tx).await.expect("a list");
        assert_eq!(listed.iter().map(|agent| agent.id).collect::<Vec<_>>(), [AgentId(id(200))]);
    }
}

#[tokio::test]
async fn another_tenants_ids_are_not_found() {
    let agency = open().await;
    fill(&agency).await;
    let mut tx = agency.rival_tx().await;
    let gone = |result: Result<(), StoreError>| matches!(result, Err(StoreError::NotFound { .. }));
    assert!(gone(agents::get(&mut tx, AgentId(id(100))).await.map(drop)));
    assert!(gone(agents::update(&mut tx, AgentId(id(100)), &agent(), minute(1)).await));
    assert!(gone(clients::get(&mut tx, ClientId(id(10))).await.map(drop)));
    assert!(gone(clients::update(&mut tx, ClientId(id(10)), &ClientFacts::default(), minute(1)).await));
    assert!(gone(clients::delete(&mut tx, ClientId(id(10))).await));
    assert!(gone(projects::get(&mut tx, ProjectId(id(11))).await.map(drop)));
    assert!(gone(projects::update(&mut tx, ProjectId(id(11)), &facts(10), minute(1)).await));
    assert!(gone(store::calls::get(&mut tx, domain::ids::CallId(id(7))).await.map(drop)));
}

#[tokio::test]
async fn a_row_can_not_point_into_another_tenant() {
    let agency = open().await;
    fill(&agency).await;
    let mut tx = agency.rival_tx().await;
    let error = projects::insert(&mut tx, ProjectId(id(99)), &facts(10), minute(0))
        .await
        .expect_err("a stranger's client");
    assert!(error.is_conflict_with("projects_client_fkey"), "{error}");
    let mut tx = agency.rival_tx().await;
    let mut number = phone_number(300);
    number.agent_id = AgentId(id(100));
    let error = numbers::insert(&mut tx, &number).await.expect_err("a stranger's agent");
    assert!(error.is_conflict_with("phone_numbers_agent_fkey"), "{error}");
}
