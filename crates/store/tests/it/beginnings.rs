//! Transactions that nobody waits for any more.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use store::tx::{OrgTx, SystemTx};

use crate::agency::{Agency, open};

/// Asks a future so many times, with time for an answer in between, then gives it up.
async fn give_up_after(asked: u32, work: impl Future) {
    let mut work = pin!(work);
    for _ in 0..asked {
        let is_done = std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await;
        if is_done {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn left_open(agency: &Agency) -> i64 {
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&mut owner)
    .await
    .expect("the server's activity")
}

#[tokio::test]
async fn a_beginning_that_is_given_up_leaves_no_transaction_open() {
    let agency = open().await;
    for round in 0..10 {
        for asked in 1..=4 {
            give_up_after(asked, OrgTx::begin(&agency.db, agency.aurora)).await;
            give_up_after(asked, SystemTx::begin(&agency.db, "a test")).await;
        }
        // Connections come back by themselves; only a transaction that nobody ends stays.
        let mut patience = 500;
        while agency.db.pools().iter().any(|pool| pool.idle < pool.open) || left_open(&agency).await > 0 {
            patience -= 1;
            assert!(patience > 0, "round {round}: {} transactions are left open", left_open(&agency).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    agency.db.close().await;
}
