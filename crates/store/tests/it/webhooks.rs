//! What outsiders show us: tickets that work once, deliveries that count once.

use serde_json::json;
use store::calls::tickets;
use store::webhook_receipts::{self, Claim};

use crate::agency::{Agency, minute, open};

async fn with_ticket() -> Agency {
    let agency = open().await;
    let call = agency.call(7, minute(0)).await;
    let mut tx = agency.tx().await;
    tickets::create(&mut tx, b"hash", call, "CA7", minute(2)).await.expect("a ticket");
    tx.commit().await.expect("a commit");
    agency
}

async fn burns(agency: &Agency, hash: &[u8], sid: &str, at: i64) -> bool {
    let mut tx = agency.system_tx().await;
    let burned = tickets::burn(&mut tx, hash, sid, minute(at)).await.expect("an answer");
    tx.commit().await.expect("a commit");
    burned.is_some()
}

#[tokio::test]
async fn a_ticket_lets_in_its_own_call_in_time() {
    let agency = with_ticket().await;
    assert!(!burns(&agency, b"other", "CA7", 1).await, "an unknown ticket");
    assert!(!burns(&agency, b"hash", "CA8", 1).await, "another call");
    assert!(!burns(&agency, b"hash", "CA7", 2).await, "too late");
    assert!(burns(&agency, b"hash", "CA7", 1).await, "its own call in time");
    assert!(!burns(&agency, b"hash", "CA7", 1).await, "a second time");
}

#[tokio::test]
async fn of_many_who_show_a_ticket_at_once_one_gets_in() {
    let agency = with_ticket().await;
    let shown = (
        burns(&agency, b"hash", "CA7", 1),
        burns(&agency, b"hash", "CA7", 1),
        burns(&agency, b"hash", "CA7", 1),
        burns(&agency, b"hash", "CA7", 1),
    );
    let (a, b, c, d) = tokio::join!(shown.0, shown.1, shown.2, shown.3);
    assert_eq!([a, b, c, d].into_iter().filter(|&burned| burned).count(), 1);
    let mut tx = agency.system_tx().await;
    assert_eq!(tickets::prune(&mut tx, minute(3)).await.expect("a clearing"), 1);
}

async fn claim(agency: &Agency, at: i64) -> Claim {
    let mut tx = agency.system_tx().await;
    // A claim goes stale after two minutes.
    let claim = webhook_receipts::claim(&mut tx, "twilio", "token", minute(at), minute(at - 2))
        .await
        .expect("a claim");
    tx.commit().await.expect("a commit");
    claim
}

#[tokio::test]
async fn a_delivery_that_comes_again_gets_the_first_answer() {
    let agency = open().await;
    assert_eq!(claim(&agency, 0).await, Claim::Ours);
    assert_eq!(claim(&agency, 1).await, Claim::InProgress);
    let mut tx = agency.system_tx().await;
    webhook_receipts::complete(&mut tx, "twilio", "token", &json!({"twiml": "<x/>"}))
        .await
        .expect("an answer");
    tx.commit().await.expect("a commit");
    assert_eq!(claim(&agency, 9).await, Claim::Answered(json!({"twiml": "<x/>"})));
    let mut tx = agency.system_tx().await;
    assert_eq!(webhook_receipts::prune(&mut tx, minute(9)).await.expect("a clearing"), 1);
}

#[tokio::test]
async fn a_delivery_whose_worker_died_is_worked_on_again() {
    let agency = open().await;
    assert_eq!(claim(&agency, 0).await, Claim::Ours);
    assert_eq!(claim(&agency, 3).await, Claim::Ours);
    assert_eq!(claim(&agency, 4).await, Claim::InProgress);
}

#[tokio::test]
async fn of_two_equal_deliveries_at_once_one_is_worked_on() {
    let agency = open().await;
    let (one, two) = tokio::join!(claim(&agency, 0), claim(&agency, 0));
    assert_eq!([one, two].into_iter().filter(|claim| *claim == Claim::Ours).count(), 1);
}
