//! Beginning a transaction so that nobody finds it begun who did not begin it.
//!
//! Whoever waits for the database with a limit may stop waiting after `BEGIN` went out and before it was answered. The
//! driver (0.9) then puts the connection back with the transaction open: it begins no other one before a statement of
//! its own fails, keeps what it locked, and is cut off by the server as idle. So a beginning that nobody waits for any
//! more is waited for here, and taken back.

use std::pin::Pin;
use std::task::{Context, Poll};

use sqlx::{AssertSqlSafe, PgPool, Postgres, SqlSafeStr as _, Transaction};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::database::Database;

/// A beginning, or what is said instead of it.
type Begun = Result<Transaction<'static, Postgres>, sqlx::Error>;

/// Begins a transaction by `statement`. What is begun for nobody is taken back by a task of the database's.
pub(super) async fn begin(db: &Database, pool: &PgPool, statement: String) -> Begun {
    // Whoever stops waiting here has begun nothing.
    let connection = pool.acquire().await?;
    let statement = AssertSqlSafe(statement).into_sql_str();
    Beginning { work: Some(Transaction::begin(connection, Some(statement))), tasks: db.beginnings.clone() }
        .await
}

struct Beginning {
    /// `None` once it is over.
    work: Option<Pin<Box<dyn Future<Output = Begun> + Send>>>,
    tasks: TaskTracker,
}

impl Future for Beginning {
    type Output = Begun;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Begun> {
        let work = self.work.as_mut().expect("nobody asks again for what was answered");
        let begun = work.as_mut().poll(cx);
        if begun.is_ready() {
            self.work = None;
        }
        begun
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && let Ok(runtime) = Handle::try_current()
        {
            // Begun, it is dropped, and with that rolled back.
            self.tasks.spawn_on(async move { drop(work.await) }, &runtime);
        }
    }
}
