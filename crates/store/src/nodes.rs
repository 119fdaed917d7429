//! The processes that share this database: who is alive, who is about to stop.
//!
//! A node says every few seconds that it is there. Beside that it holds an advisory lock on a connection of its own: the
//! operating system closes the connection of a process that is killed, so others see its death at once.

use chrono::{DateTime, Utc};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::database::Database;
use crate::error::StoreError;
use crate::tx::SystemTx;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// When its process started.
    pub started_at: DateTime<Utc>,
    /// When it last said that it is there.
    pub seen_at: DateTime<Utc>,
    /// Whether it was told to stop.
    pub draining: bool,
}

/// Says that a node is there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn say_alive(tx: &mut SystemTx, node: &Node) -> Result<(), StoreError> {
    sqlx::query!(
        r#"INSERT INTO nodes (name, started_at, seen_at, draining)
           VALUES ($1, $2, $3, $4)
           ON CONFLICT (name) DO UPDATE SET started_at = $2, seen_at = $3, draining = $4"#,
        node.name,
        node.started_at,
        node.seen_at,
        node.draining,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Nodes that have said since the given moment that they are there, by name.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn seen_since(tx: &mut SystemTx, since: DateTime<Utc>) -> Result<Vec<Node>, StoreError> {
    let rows = sqlx::query_as!(
        Node,
        "SELECT name, started_at, seen_at, draining FROM nodes WHERE seen_at >= $1 ORDER BY name",
        since,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Forgets a node that stops, and those that have not been seen since the given moment.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn forget(tx: &mut SystemTx, name: &str, unseen_since: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM nodes WHERE name = $1 OR seen_at < $2", name, unseen_since)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether the process of a node is connected to the database now. A node whose machine lost its power seems present
/// until the database server notices.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn is_present(tx: &mut SystemTx, name: &str) -> Result<bool, StoreError> {
    // Shared, so that two who ask at once don't take each other for the node; given back with the transaction.
    let absent = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock_shared(hashtextextended('node:' || $1, 0)) AS "absent!""#,
        name,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(!absent)
}

/// A node's connection that shows others that its process lives.
#[derive(Debug)]
pub struct Presence {
    connection: PgConnection,
}

impl Presence {
    /// Takes the lock of a node's name. `None` when another process has it: two processes with one data folder.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn show(db: &Database, name: &str) -> Result<Option<Self>, StoreError> {
        let mut connection = db.system.connect_options().connect().await?;
        let shown = sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_lock(hashtextextended('node:' || $1, 0)) AS "shown!""#,
            name,
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(shown.then_some(Self { connection }))
    }

    /// Whether the connection still stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not: show the presence anew.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.ping().await?)
    }

    /// Lets go.
    pub async fn hide(self) {
        // A connection that does not close well is closed all the same.
        let _closed = self.connection.close().await;
    }
}
