//! This process among the others that share its database.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use store::nodes::{self, Node, Presence};
use store::tx::SystemTx;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::deadlines;
use crate::error::AppError;
use crate::runtime::App;

/// How often a node says that it is there.
const SEEN_EVERY: Duration = Duration::from_secs(5);
/// A node that has not said so for this long is not counted on.
const SEEN_WITHIN: TimeDelta = TimeDelta::seconds(15);
/// A node that has not said so for this long is forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);
/// Calls that are handed over are told so one after the other, this far apart.
const NEXT_IS_TOLD_AFTER: Duration = Duration::from_millis(100);
/// Unless there are so many that it would take longer than this.
const ALL_TOLD_WITHIN: Duration = Duration::from_secs(30);

impl App {
    /// Tells the other nodes that this one is there, until `stop`. Run it once, in a tracked task.
    pub async fn stay_known(self: Arc<Self>, stop: CancellationToken) {
        let started_at = self.ambient.now();
        let mut presence = None;
        let mut every = tokio::time::interval(SEEN_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_of_the_end = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.stopping.cancelled(), if !told_of_the_end => told_of_the_end = true,
                _ = every.tick() => {}
            }
            self.show_presence(&mut presence).await;
            if let Err(error) = deadlines::database(self.say_alive(started_at)).await {
                tracing::warn!(%error, "the other nodes could not be told that this one is there");
            }
        }
        if let Some(presence) = presence {
            // A connection that does not close in time is closed with the process.
            let _late = deadlines::database(async {
                presence.hide().await;
                Ok::<_, AppError>(())
            })
            .await;
        }
        if let Err(error) = deadlines::database(self.say_goodbye()).await {
            tracing::info!(%error, "the other nodes could not be told that this one stops");
        }
    }

    async fn show_presence(&self, presence: &mut Option<Presence>) {
        if let Some(shown) = presence {
            match deadlines::database(shown.check()).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the connection that shows this node's presence broke"),
            }
        }
        // Gone before another is shown: the lock is one connection's.
        *presence = None;
        *presence = match deadlines::database(Presence::show(&self.db, &self.settings.node)).await {
            Ok(shown) => {
                if shown.is_none() {
                    tracing::error!(node = %self.settings.node, "another process runs under this node's name: each needs a data folder of its own");
                }
                shown
            }
            Err(error) => {
                tracing::warn!(%error, "this node's presence could not be shown");
                None
            }
        };
    }

    async fn say_alive(&self, started_at: DateTime<Utc>) -> Result<(), AppError> {
        let node = Node {
            name: self.settings.node.clone(),
            started_at,
            seen_at: self.ambient.now(),
            draining: self.stopping.is_cancelled(),
        };
        let mut tx = SystemTx::begin(&self.db, "nodes are of the installation, not of a tenant").await?;
        nodes::say_alive(&mut tx, &node).await?;
        let others = others(self, &mut tx).await?;
        tx.commit().await?;
        self.has_company.store(others, Ordering::Relaxed);
        Ok(())
    }

    async fn say_goodbye(&self) -> Result<(), AppError> {
        let mut tx = SystemTx::begin(&self.db, "nodes are of the installation, not of a tenant").await?;
        nodes::forget(&mut tx, &self.settings.node, self.ambient.now() - FORGET_AFTER).await?;
        Ok(tx.commit().await?)
    }

    /// Whether another node could go on with this one's calls now.
    pub async fn another_node_is_there(&self) -> bool {
        let asked = async {
            let mut tx = SystemTx::begin(&self.db, "nodes are of the installation, not of a tenant").await?;
            others(self, &mut tx).await
        };
        deadlines::database(asked).await.unwrap_or_else(|error: AppError| {
            tracing::warn!(%error, "whether there is another node could not be found out");
            false
        })
    }

    /// Hands the calls in progress over to other nodes, each at its next quiet moment, one after the other: all at once
    /// would ask the other nodes and the database for as many beginnings at the same time. Returns when the last was told.
    pub async fn hand_calls_over(&self) {
        let calls = u32::try_from(self.active_calls()).unwrap_or(u32::MAX).max(1);
        let mut next = tokio::time::interval((ALL_TOLD_WITHIN / calls).min(NEXT_IS_TOLD_AFTER));
        next.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            next.tick().await;
            if !self.hand_next_call_over() {
                return;
            }
        }
    }
}

/// Whether a node other than this one is there that takes calls: seen lately, not stopping, and its process connected.
async fn others(app: &App, tx: &mut SystemTx) -> Result<bool, AppError> {
    for node in nodes::seen_since(tx, app.ambient.now() - SEEN_WITHIN).await? {
        if node.name != app.settings.node && !node.draining && nodes::is_present(tx, &node.name).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
