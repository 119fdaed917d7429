//! Jobs: work that is promised inside a transaction and done afterwards, through a restart if need be.

use std::time::Duration;

use chrono::{DateTime, Utc};
use graphile_worker::{LocalQueueConfig, RefetchDelayConfig, WorkerOptions, WorkerRecoveryConfig};

use crate::database::Database;
use crate::error::StoreError;
use crate::tx::{InTransaction, SystemTx};

/// The schema of the job queue.
pub(crate) const SCHEMA: &str = "graphile_worker";
/// Jobs fetched at once. Without a local queue each worker takes one job per signal and a backlog of 2,000 jobs
/// took minutes; with it 1.6 s (measured 2026-11).
const LOCAL_QUEUE: usize = 50;
/// The longest between two looks for jobs; half of it the shortest. A job that comes in is announced, and looked for at
/// once; this is for those whose time has come. Without it a local queue of graphile_worker 0.14.1 that finds nothing
/// looks again at once, for ever: a third of a processor in the server and as much in the database (measured 2026-11).
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often a process says that its worker is alive, and looks for workers that are not.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A worker that was silent for so long is dead: what it had begun is begun again. Without this, jobs of a process that
/// was killed would stay locked for ever (graphile_worker 0.14.1 recovers nothing unless told so).
const DEAD_AFTER: Duration = Duration::from_secs(30);

/// A job to be done.
#[derive(Debug, Clone, Default)]
pub struct NewJob<'a> {
    /// The name of the task.
    pub task: &'a str,
    /// What the task is told. Carries the organization's id when the task works for one.
    pub payload: serde_json::Value,
    /// Jobs of one key are one job: a later one replaces an earlier one that has not begun.
    pub key: Option<&'a str>,
    /// Jobs of one queue run one after another.
    pub queue: Option<&'a str>,
    /// Not before this moment.
    pub run_at: Option<DateTime<Utc>>,
    /// Given up after this many attempts; 25 unless set.
    pub max_attempts: Option<u16>,
}

/// Promises a job: it exists when the transaction commits, and never when it doesn't.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn enqueue(tx: &mut impl InTransaction, job: &NewJob<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "SELECT enqueue_job($1, $2, $3, $4, $5, $6)",
        job.task,
        job.payload,
        job.key,
        job.queue,
        job.run_at,
        job.max_attempts.map(i32::from),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Jobs that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that are due and nobody works on.
    pub waiting: u64,
    /// When the oldest of them was due.
    pub oldest: Option<DateTime<Utc>>,
    /// Jobs that were given up.
    pub given_up: u64,
}

/// What waits to be done.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn backlog(tx: &mut SystemTx, now: DateTime<Utc>) -> Result<Backlog, StoreError> {
    // Not checked at compile time: the queue's tables are made by its own migrations, not by ours.
    let (waiting, oldest, given_up): (i64, Option<DateTime<Utc>>, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE attempts < max_attempts AND locked_at IS NULL AND run_at <= $1),
                min(run_at) FILTER (WHERE attempts < max_attempts AND locked_at IS NULL AND run_at <= $1),
                count(*) FILTER (WHERE attempts >= max_attempts)
         FROM graphile_worker._private_jobs",
    )
    .bind(now)
    .fetch_one(tx.conn())
    .await?;
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(Backlog { waiting: count(waiting), oldest, given_up: count(given_up) })
}

/// A job runner on this database, ready to have its tasks defined. It runs under the system's role; shutdown is
/// the caller's (`shutdown_signal`), not the operating system's signals.
#[must_use]
pub fn worker_options(db: &Database) -> WorkerOptions {
    // One announcement ends the wait.
    let pause = RefetchDelayConfig::default().with_duration(LOOK_AGAIN_AFTER).with_max_abort_threshold(1);
    let recovery = WorkerRecoveryConfig::default()
        .heartbeat_interval(HEARTBEAT)
        .sweep_interval(HEARTBEAT)
        .sweep_threshold(DEAD_AFTER)
        .recovery_delay(Duration::ZERO);
    WorkerOptions::default()
        .worker_recovery(recovery)
        .poll_interval(LOOK_AGAIN_AFTER)
        .pg_pool(db.system.clone())
        .schema(SCHEMA)
        .local_queue(LocalQueueConfig::default().with_size(LOCAL_QUEUE).with_refetch_delay(pause))
        .listen_os_shutdown_signals(false)
}
