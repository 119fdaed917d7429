//! Jobs: work that is promised inside a transaction and done afterwards, through a restart if need be.

use chrono::{DateTime, Utc};
use graphile_worker::{LocalQueueConfig, WorkerOptions};

use crate::database::Database;
use crate::error::StoreError;
use crate::tx::InTransaction;

/// The schema of the job queue.
pub(crate) const SCHEMA: &str = "graphile_worker";
/// Jobs fetched at once. Without a local queue each worker takes one job per signal and a backlog of 2,000 jobs
/// took minutes; with it 1.6 s (measured 2026-11).
const LOCAL_QUEUE: usize = 50;

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

/// A job runner on this database, ready to have its tasks defined. It runs under the system's role; shutdown is
/// the caller's (`shutdown_signal`), not the operating system's signals.
#[must_use]
pub fn worker_options(db: &Database) -> WorkerOptions {
    WorkerOptions::default()
        .pg_pool(db.system.clone())
        .schema(SCHEMA)
        .local_queue(LocalQueueConfig::default().with_size(LOCAL_QUEUE))
        .listen_os_shutdown_signals(false)
}
