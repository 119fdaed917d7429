//! A large data set for measurements, made inside the database. Never on a database that somebody works with: it
//! must be marked, and only one that nobody has entered an organization into can be marked.
//!
//! The businesses are copies of one that is there (the demonstration's agency), so that they have everything a
//! business has. How calls are spread: over two years, the first business has the most, each next one less; three
//! of ten callers are clients; a call has few turns or many, never the same number.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use crate::database::{SYSTEM_ROLE, Target};
use crate::error::StoreError;

/// The comment that marks a database as one for measurements.
const MARK: &str = "studioconnect: data for measurements, made by `studioconnect seed`";
/// Calls of one transaction.
const BATCH: i64 = 25_000;
/// Under which name the log shows what the database says beside its answers.
pub const NOTICES: &str = "sqlx::postgres::notice";

/// How large the data set is to be.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Calls.
    pub calls: i64,
    /// Turns of all calls together, about.
    pub turns: i64,
    /// Businesses.
    pub organizations: i32,
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Calls.
    pub calls: i64,
    /// Turns.
    pub turns: i64,
    /// Events of calls.
    pub events: i64,
    /// Leads.
    pub leads: i64,
    /// Clients.
    pub clients: i64,
    /// Bytes of the whole database.
    pub bytes: i64,
}

/// Marks a database that has no organization yet as one for measurements; tells whether it is one.
///
/// # Errors
/// [`StoreError::Unsuitable`] when organizations are in it and it is not marked.
pub async fn mark(target: &Target) -> Result<(), StoreError> {
    let mut owner = target.connect_owner().await?;
    if is_marked(&mut owner).await? {
        return Ok(owner.close().await?);
    }
    owner.execute(AssertSqlSafe(format!("SET ROLE {SYSTEM_ROLE}"))).await?;
    let taken: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM organizations)").fetch_one(&mut owner).await?;
    owner.execute("RESET ROLE").await?;
    if taken {
        return Err(StoreError::Unsuitable {
            reason: "there are organizations in it; data for measurements goes into a database of its own: \
                     choose another with --data-dir or DATABASE_URL"
                .to_owned(),
        });
    }
    let name: String =
        sqlx::query_scalar("SELECT quote_ident(current_database())").fetch_one(&mut owner).await?;
    owner.execute(AssertSqlSafe(format!("COMMENT ON DATABASE {name} IS '{MARK}'"))).await?;
    Ok(owner.close().await?)
}

/// Whether a database is marked.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_for_measurements(target: &Target) -> Result<bool, StoreError> {
    let mut owner = target.connect_owner().await?;
    let marked = is_marked(&mut owner).await?;
    owner.close().await?;
    Ok(marked)
}

async fn is_marked(owner: &mut PgConnection) -> Result<bool, StoreError> {
    let comment: Option<String> = sqlx::query_scalar(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(owner)
    .await?;
    Ok(comment.as_deref() == Some(MARK))
}

/// Takes the limit of calls at the same time from every plan of a marked database: a load is larger than any offer.
///
/// # Errors
/// [`StoreError::Unsuitable`] when the database is not marked.
pub async fn lift_limit_of_calls(target: &Target) -> Result<(), StoreError> {
    let mut owner = target.connect_owner().await?;
    if !is_marked(&mut owner).await? {
        return Err(not_marked());
    }
    owner.execute(AssertSqlSafe(format!("SET ROLE {SYSTEM_ROLE}"))).await?;
    owner.execute("UPDATE plans SET limits = limits - 'concurrent_calls'").await?;
    Ok(owner.close().await?)
}

fn not_marked() -> StoreError {
    StoreError::Unsuitable { reason: "it is not marked as one for measurements".to_owned() }
}

/// Fills a marked database up to a size. `model` is the business that the others are copies of, and the largest;
/// `progress` is told how many calls there are, now and then.
///
/// # Errors
/// [`StoreError::Unsuitable`] when the database is not marked.
pub async fn fill(
    target: &Target,
    model: Uuid,
    size: Size,
    mut progress: impl FnMut(i64),
) -> Result<Counts, StoreError> {
    let mut conn = target.connect_owner().await?;
    if !is_marked(&mut conn).await? {
        return Err(not_marked());
    }
    // Where the owner may, foreign keys are not checked row by row; the rows are right by the way they are made.
    let _checked_then = conn.execute("SET session_replication_role = replica").await;
    conn.execute("SET synchronous_commit = off").await?;
    conn.execute(AssertSqlSafe(format!("SET ROLE {SYSTEM_ROLE}"))).await?;
    // Whoever measures asks more than a customer does.
    conn.execute("UPDATE plans SET limits = limits - 'api_requests_per_day'").await?;
    conn.execute(sqlx::raw_sql(HELP)).await?;
    sqlx::query(BUSINESSES).bind(model).bind(size.organizations).execute(&mut conn).await?;
    for copy in COPIES {
        conn.execute(*copy).await?;
    }
    conn.execute(SHARES).await?;
    sqlx::query(CALLERS).bind(size.calls).execute(&mut conn).await?;
    conn.execute(CLIENTS).await?;
    conn.execute(CONTACTS).await?;
    let per_call = (size.turns / size.calls.max(1)).max(1);
    let mut from: i64 = sqlx::query_scalar("SELECT count(*) FROM calls WHERE call_sid LIKE 'CAseed%'")
        .fetch_one(&mut conn)
        .await?;
    while from < size.calls {
        let to = size.calls.min(from + BATCH);
        let mut tx = conn.begin().await?;
        tx.execute("TRUNCATE pg_temp.batch").await?;
        sqlx::query(PLAN_CALLS).bind(from).bind(to).bind(size.calls).bind(per_call).execute(&mut *tx).await?;
        for statement in [CALLS, TURNS, EVENTS, LEADS, MESSAGES] {
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        from = to;
        progress(from);
    }
    conn.execute("RESET ROLE").await?;
    conn.execute("VACUUM (ANALYZE)").await?;
    conn.execute(AssertSqlSafe(format!("SET ROLE {SYSTEM_ROLE}"))).await?;
    let (calls, turns, events, leads, clients, bytes) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM turns), (SELECT count(*) FROM call_events),
                (SELECT count(*) FROM leads), (SELECT count(*) FROM clients), pg_database_size(current_database())",
    )
    .fetch_one(&mut conn)
    .await?;
    conn.close().await?;
    Ok(Counts { calls, turns, events, leads, clients, bytes })
}

/// Ids that sort by time, numbers by lot that are the same each time, and sentences.
const HELP: &str = r"
    CREATE FUNCTION pg_temp.id_at(at timestamptz, lot text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                || '7' || substr(md5(lot), 1, 3) || '8' || substr(md5(lot), 4, 15))::uuid $$;
    CREATE FUNCTION pg_temp.lot(what text, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
        SELECT (hashtextextended(what, 7) & 9223372036854775807) % below $$;
    CREATE TEMP TABLE sentences (n int, text text);
    INSERT INTO sentences SELECT row_number() OVER () - 1, t FROM unnest(ARRAY[
        'Hello, this is Ava, the assistant of the studio, how can I help you today?',
        'Hi, I wanted to ask about the website relaunch we talked about in spring.',
        'Of course. The home page is drawn and the shop comes next week.',
        'That is good to hear, when will we be able to see it?',
        'The review is planned for Thursday, shall I take a message for the team?',
        'Yes please, tell them that the logo on the packaging has to change.',
        'I have noted that. Is there anything else that you would like to know?',
        'We would also need a quote for a trade fair stand, about forty square metres.',
        'What budget do you have in mind for it, roughly?',
        'Something between twenty and thirty thousand, and it must be ready in March.',
        'May I have your name and a number where we can reach you?',
        'The invoice of last month has a wrong address, it is quite urgent.']) AS t;
    CREATE TEMP TABLE batch (
        i bigint, org_id uuid, agent_id uuid, number_id uuid, to_number text, from_number text, id uuid, at timestamptz,
        turns int, client_id uuid);";

/// The businesses; the model is the first of them. Those of an earlier run are found again by their place.
const BUSINESSES: &str = "
    CREATE TEMP TABLE businesses AS
    SELECT n, $1::uuid AS model,
           CASE n WHEN 0 THEN $1 ELSE pg_temp.id_at('2026-01-01', 'business ' || n) END AS org_id
    FROM generate_series(0, $2::int - 1) AS n";

/// Everything that a business must have to be called, copied whole, whatever columns there are.
const COPIES: &[&str] = &[
    "INSERT INTO organizations
     SELECT (jsonb_populate_record(o, jsonb_build_object('id', b.org_id, 'name', 'Business ' || b.n))).*
     FROM businesses b JOIN organizations o ON o.id = b.model WHERE b.n > 0 ON CONFLICT DO NOTHING",
    "INSERT INTO agents
     SELECT (jsonb_populate_record(a, jsonb_build_object(
         'id', pg_temp.id_at('2026-01-01', 'agent ' || b.n), 'org_id', b.org_id))).*
     FROM businesses b JOIN agents a ON a.id = (SELECT id FROM agents WHERE org_id = b.model ORDER BY id LIMIT 1)
     WHERE b.n > 0 ON CONFLICT DO NOTHING",
    "DO $$ BEGIN
         IF to_regclass('agent_versions') IS NOT NULL THEN
             INSERT INTO agent_versions
             SELECT (jsonb_populate_record(v, jsonb_build_object(
                 'agent_id', pg_temp.id_at('2026-01-01', 'agent ' || b.n), 'org_id', b.org_id))).*
             FROM businesses b JOIN agent_versions v ON v.org_id = b.model
             WHERE b.n > 0 AND v.agent_id = (SELECT id FROM agents WHERE org_id = b.model ORDER BY id LIMIT 1)
             ON CONFLICT DO NOTHING;
         END IF;
     END $$",
    "INSERT INTO phone_numbers
     SELECT (jsonb_populate_record(p, jsonb_build_object(
         'id', pg_temp.id_at('2026-01-01', 'number ' || b.n), 'org_id', b.org_id,
         'agent_id', pg_temp.id_at('2026-01-01', 'agent ' || b.n), 'e164', '+1555' || (1000000 + b.n)))).*
     FROM businesses b JOIN phone_numbers p ON p.id = (SELECT id FROM phone_numbers WHERE org_id = b.model ORDER BY id LIMIT 1)
     WHERE b.n > 0 ON CONFLICT DO NOTHING",
];

/// Which part of all calls is whose: as 1, 1/2, 1/3 …, ends of intervals between 0 and 1.
const SHARES: &str = "
    CREATE TEMP TABLE shares AS
    SELECT b.n, b.org_id, a.id AS agent_id, p.id AS number_id, p.e164,
           (1.0 / (b.n + 1)) / sum(1.0 / (b.n + 1)) OVER () AS share,
           sum(1.0 / (b.n + 1)) OVER (ORDER BY b.n) / sum(1.0 / (b.n + 1)) OVER () AS up_to
    FROM businesses b
    JOIN LATERAL (SELECT id FROM agents WHERE org_id = b.org_id ORDER BY id LIMIT 1) a ON true
    JOIN LATERAL (SELECT id, e164 FROM phone_numbers WHERE org_id = b.org_id ORDER BY id LIMIT 1) p ON true";

/// A business has a caller for every five calls, at least a hundred; three of ten are clients.
const CALLERS: &str = "
    CREATE TEMP TABLE callers AS
    SELECT n, org_id, greatest(100, ($1::bigint * share / 5)::bigint) AS callers FROM shares";

const CLIENTS: &str = "
    INSERT INTO clients (id, org_id, name)
    SELECT pg_temp.id_at('2026-01-02', 'client ' || n || ' ' || c), org_id, 'Client ' || n || '-' || c
    FROM callers CROSS JOIN LATERAL generate_series(0, callers * 3 / 10) AS c
    ON CONFLICT DO NOTHING";

const CONTACTS: &str = "
    INSERT INTO client_contacts (org_id, client_id, kind, value, person)
    SELECT org_id, pg_temp.id_at('2026-01-02', 'client ' || n || ' ' || c), 'phone', '+1' || (2000000000 + c), 'Person ' || c
    FROM callers CROSS JOIN LATERAL generate_series(0, callers * 3 / 10) AS c
    ON CONFLICT DO NOTHING";

/// $1 and $2: from which call to which; $3: all calls; $4: turns of a call on average.
const PLAN_CALLS: &str = "
    INSERT INTO batch
    SELECT i, s.org_id, s.agent_id, s.number_id, s.e164, '+1' || (2000000000 + caller), pg_temp.id_at(at, 'call ' || i), at,
           1 + pg_temp.lot('turns ' || i, $4::bigint * 2 - 1)::int,
           CASE WHEN caller <= w.callers * 3 / 10 THEN pg_temp.id_at('2026-01-02', 'client ' || s.n || ' ' || caller) END
    FROM generate_series($1::bigint, $2::bigint - 1) AS i
    CROSS JOIN LATERAL (SELECT pg_temp.lot('business ' || i, 1000000) / 1000000.0 AS place) p
    CROSS JOIN LATERAL (SELECT * FROM shares WHERE up_to > p.place ORDER BY up_to LIMIT 1) s
    JOIN callers w ON w.n = s.n
    CROSS JOIN LATERAL (SELECT pg_temp.lot('caller ' || i, w.callers) AS caller,
        timestamptz '2026-11-01' - interval '2 years' * (1 - i::float8 / $3::bigint) AS at) c";

const CALLS: &str = "
    INSERT INTO calls (id, org_id, agent_id, number_id, call_sid, from_number, to_number, client_id, engine, status,
                       started_at, answered_at, ended_at, duration_ms, end_reason, intent, urgency_score, recording_key,
                       recording_ms, finalized_at)
    SELECT id, org_id, agent_id, number_id, 'CAseed' || lpad(i::text, 26, '0'), from_number, to_number, client_id,
           'pipeline',
           CASE WHEN r < 90 THEN 'completed' WHEN r < 95 THEN 'no_answer' WHEN r < 98 THEN 'busy' ELSE 'failed' END,
           at, CASE WHEN r < 90 THEN at + interval '2 s' END, at + interval '8 s' * turns, turns * 8000,
           'caller_hung_up', (ARRAY['project_status', 'new_lead', 'faq', 'message', 'other'])[1 + r % 5],
           CASE WHEN r % 50 = 0 THEN 8 ELSE r % 4 END,
           CASE WHEN r < 60 THEN 'recordings/' || id END, CASE WHEN r < 60 THEN turns * 8000 END,
           at + interval '8 s' * turns + interval '1 s'
    FROM batch CROSS JOIN LATERAL (SELECT pg_temp.lot('kind ' || i, 100)::int AS r) k";

const TURNS: &str = "
    INSERT INTO turns (id, org_id, call_id, position, kind, started_ms, ended_ms, text, total_ms)
    SELECT pg_temp.id_at(at + interval '8 s' * p, i || ' turn ' || p), org_id, batch.id, p,
           CASE p % 2 WHEN 0 THEN 'agent' ELSE 'caller' END, p * 8000, p * 8000 + 6000,
           s.text || ' ' || substr(md5(i::text || p), 1, 6), CASE p % 2 WHEN 0 THEN 600 + (i % 400)::int END
    FROM batch CROSS JOIN LATERAL generate_series(0, turns - 1) AS p JOIN sentences s ON s.n = (i + p) % 12";

const EVENTS: &str = "
    INSERT INTO call_events (org_id, call_id, seq, at_ms, recorded_at, event)
    SELECT org_id, id, p, p * 4000, at + interval '4 s' * p,
           jsonb_build_object('seq', p, 'at_ms', p * 4000,
                              'type', CASE p % 2 WHEN 0 THEN 'speech_started' ELSE 'speech_ended' END)
    FROM batch CROSS JOIN LATERAL generate_series(0, turns - 1) AS p";

const LEADS: &str = "
    INSERT INTO leads (id, org_id, status, complete, priority, call_id, name, phone, company, notes, created_at, updated_at)
    SELECT pg_temp.id_at(at, 'lead ' || i), org_id,
           (ARRAY['open', 'contacted', 'qualified', 'won', 'lost'])[1 + pg_temp.lot('lead ' || i, 5)],
           i % 3 > 0, (ARRAY['LOW', 'NORMAL', 'HIGH', 'URGENT'])[1 + pg_temp.lot('priority ' || i, 4)], id,
           'Person ' || i, from_number, 'Company ' || i % 5000, '', at, at
    FROM batch WHERE i % 10 = 0 AND client_id IS NULL ON CONFLICT DO NOTHING";

const MESSAGES: &str = "
    INSERT INTO messages (id, org_id, call_id, from_name, text, priority, created_at)
    SELECT pg_temp.id_at(at, 'message ' || i), org_id, id, 'Person ' || i, 'Please call back about the stand.', 'NORMAL', at
    FROM batch WHERE i % 20 = 0";

/// Has the database tell the plan of every statement that connections made from now on run (as notices, in JSON), or
/// no longer. Only for a database that is marked; needs a superuser.
///
/// # Errors
/// [`StoreError::Unsuitable`] when it is not marked or the owner may not.
pub async fn explain(target: &Target, on: bool) -> Result<(), StoreError> {
    const SETTINGS: [(&str, &str); 7] = [
        ("session_preload_libraries", "'auto_explain'"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_format", "json"),
        ("auto_explain.log_level", "notice"),
    ];
    let mut owner = target.connect_owner().await?;
    if !is_marked(&mut owner).await? {
        return Err(not_marked());
    }
    owner.execute("LOAD 'auto_explain'").await?;
    let name: String =
        sqlx::query_scalar("SELECT quote_ident(current_database())").fetch_one(&mut owner).await?;
    for (setting, value) in SETTINGS {
        let change = if on { format!("SET {setting} = {value}") } else { format!("RESET {setting}") };
        owner.execute(AssertSqlSafe(format!("ALTER DATABASE {name} {change}"))).await?;
    }
    Ok(owner.close().await?)
}
