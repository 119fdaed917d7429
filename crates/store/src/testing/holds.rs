//! Holding somebody else's transaction up at a chosen place, from outside, for tests that kill a process exactly there.
//!
//! Triggers, made in the test's own database, ask for a lock at each place. As long as nobody holds it that is nothing;
//! the product knows nothing of it.

use std::fmt;

use domain::ids::{CallId, NotificationId};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::database::{Database, Target};
use crate::error::StoreError;
use crate::tx::SystemTx;

/// Where somebody can be held up: table, when, and the columns by which a place is told from others.
const TRIGGERS: [(&str, &str, &str); 8] = [
    ("call_steps", "INSERT OR UPDATE", "'call_id', 'step'"),
    ("webhook_events", "INSERT", "'type'"),
    ("timeline_entries", "INSERT", "'call_id', 'subject'"),
    ("usage_events", "INSERT", "'key', 'kind'"),
    ("notifications", "INSERT", "'key', 'channel'"),
    ("notifications", "UPDATE", "'id', 'state'"),
    ("webhook_attempts", "INSERT", "'succeeded', 'status'"),
    ("graphile_worker._private_jobs", "DELETE", "'key'"),
];

/// A place at which somebody can be held up. All are inside a transaction that is rolled back when its process dies, and
/// that has done what the place says.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// A step after a call is begun; nothing of it is done.
    StepBegins(CallId, &'a str),
    /// All its effects are written.
    StepEnds(CallId, &'a str),
    /// A verdict is written, and programs are about to be told.
    VerdictIsTold,
    /// An entry in the history of a `lead` or a `client`.
    HistoryOf(CallId, &'a str),
    /// Something is counted: `voice_seconds` or `conversations`.
    Counted(CallId, &'a str),
    /// Somebody is to be told of a call, by `email` or `sms`.
    Told(CallId, &'a str),
    /// The chain is done, and its job is taken off the queue.
    ChainEnds(CallId),
    /// A notification was taken by its transport, which is about to be written down.
    Sent(NotificationId),
    /// A receiver of webhooks answered well with this status, which is about to be written down.
    Delivered(u16),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepBegins(call, step) => write!(f, "call_steps INSERT {} {step}", call.0),
            Self::StepEnds(call, step) => write!(f, "call_steps UPDATE {} {step}", call.0),
            Self::VerdictIsTold => write!(f, "webhook_events INSERT satisfaction.recorded"),
            Self::HistoryOf(call, subject) => write!(f, "timeline_entries INSERT {} {subject}", call.0),
            Self::Counted(call, kind) => write!(f, "usage_events INSERT {call} {kind}"),
            Self::Told(call, channel) => write!(f, "notifications INSERT {call} {channel}"),
            Self::ChainEnds(call) => write!(f, "_private_jobs DELETE follow_up_call:{call}"),
            Self::Sent(notification) => write!(f, "notifications UPDATE {} sent", notification.0),
            Self::Delivered(status) => write!(f, "webhook_attempts INSERT true {status}"),
        }
    }
}

/// A place where nobody passes. Dropping it lets them pass, soon.
#[derive(Debug)]
pub struct Hold {
    session: PgConnection,
    place: String,
}

/// Makes the places of a database. Once for each.
///
/// # Errors
/// [`StoreError`].
pub async fn prepare(target: &Target) -> Result<(), StoreError> {
    let mut owner = target.connect_owner().await?;
    owner
        .execute(
            "CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
             DECLARE
                 it jsonb;
             BEGIN
                 IF TG_OP = 'DELETE' THEN
                     it := to_jsonb(OLD);
                 ELSE
                     it := to_jsonb(NEW);
                 END IF;
                 PERFORM pg_advisory_xact_lock_shared(hashtextextended(
                     concat_ws(' ', TG_TABLE_NAME, TG_OP, it ->> TG_ARGV[0], it ->> TG_ARGV[1]), 0));
                 IF TG_OP = 'DELETE' THEN
                     RETURN OLD;
                 END IF;
                 RETURN NEW;
             END $$",
        )
        .await?;
    for (number, (table, when, columns)) in TRIGGERS.into_iter().enumerate() {
        let trigger = format!(
            "CREATE TRIGGER hold_up_{number} BEFORE {when} ON {table} FOR EACH ROW
             EXECUTE FUNCTION hold_up({columns})"
        );
        owner.execute(AssertSqlSafe(trigger)).await?;
    }
    Ok(owner.close().await?)
}

impl Hold {
    /// From now on nobody passes there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn at(target: &Target, place: Place<'_>) -> Result<Self, StoreError> {
        let mut session = target.connect_owner().await?;
        let place = place.to_string();
        sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
            .bind(&place)
            .execute(&mut session)
            .await?;
        Ok(Self { session, place })
    }

    /// Whether somebody has come there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_reached(&mut self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT FROM pg_locks
                 WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND ((classid::bigint << 32) | objid::bigint) = hashtextextended($1, 0))",
        )
        .bind(&self.place)
        .fetch_one(&mut self.session)
        .await?)
    }

    /// Lets everybody pass.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release(self) -> Result<(), StoreError> {
        Ok(self.session.close().await?)
    }
}

/// Takes the signs of life of all job runners away, as if half a minute had passed since one was killed: what it had begun
/// is begun again by the next that looks. Nobody may be running.
///
/// # Errors
/// [`StoreError`].
pub async fn age_dead_workers(db: &Database) -> Result<(), StoreError> {
    let mut tx = SystemTx::begin(db, "a test lets time pass for whoever was killed").await?;
    sqlx::query("UPDATE graphile_worker._private_workers SET last_heartbeat_at = now() - interval '1 hour'")
        .execute(tx.conn())
        .await?;
    // Deliveries of webhooks are leased for a while.
    sqlx::query("UPDATE webhook_deliveries SET leased_until = now() WHERE leased_until > now()")
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// What is yet to be done after calls, whoever's: jobs, notifications that wait, webhooks on their way. What failed and is
/// tried later is made due.
///
/// # Errors
/// [`StoreError`].
pub async fn left_to_do(db: &Database) -> Result<i64, StoreError> {
    let mut tx = SystemTx::begin(db, "a test waits until everything is done, whoever's it is").await?;
    sqlx::query(
        "UPDATE graphile_worker._private_jobs SET run_at = now() WHERE run_at > now() AND attempts > 0",
    )
    .execute(tx.conn())
    .await?;
    let left = sqlx::query_scalar(
        "SELECT (SELECT count(*)
                 FROM graphile_worker._private_jobs AS jobs
                 JOIN graphile_worker._private_tasks AS tasks ON tasks.id = jobs.task_id
                 WHERE tasks.identifier IN ('follow_up_call', 'send_notification', 'deliver_webhooks'))
              + (SELECT count(*) FROM notifications WHERE state = 'waiting')
              + (SELECT count(*) FROM webhook_deliveries WHERE state = 'pending')",
    )
    .fetch_one(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(left)
}
