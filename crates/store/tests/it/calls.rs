//! The life of a call as records.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::call_log::{CallEvent, EndReason, EventKind, LatencyParts};
use domain::ids::{CallId, ClientId, ToolCallId, TurnId};
use store::calls::finalize::{self, Outcome};
use store::calls::life::{self, LeftBecause, StatusReport};
use store::calls::lost;
use store::calls::turns::{self, ToolCall, Turn, TurnKind};
use store::calls::{self, CallFilter, CallSort, CallStatus, events};
use store::clients::ClientFacts;
use store::page::{Span, Wanted};
use store::{StoreError, clients, nodes};

use crate::agency::{Agency, id, incoming, minute, open};

/// A status and its sequence.
type Reported = (CallStatus, Option<u32>);

fn report(status: CallStatus, sequence: Option<u32>) -> StatusReport {
    StatusReport { status, sequence, duration_s: None, at: minute(5) }
}

/// Applies reports in turn and tells the status that stands at the end.
async fn after(agency: &Agency, number: u128, reports: &[Reported]) -> CallStatus {
    let call = agency.call(number, minute(1)).await;
    let mut tx = agency.tx().await;
    for (status, sequence) in reports {
        life::update_status(&mut tx, call, report(*status, *sequence)).await.expect("a report");
    }
    calls::get(&mut tx, call).await.expect("the call").status
}

#[tokio::test]
async fn a_call_announced_twice_is_one_call() {
    let agency = open().await;
    let first = agency.call(7, minute(1)).await;
    let mut tx = agency.tx().await;
    let mut again = incoming(8, minute(2));
    again.call_sid = "CA7".to_owned();
    let announced = life::insert_incoming(&mut tx, &again).await.expect("the same call");
    assert_eq!((announced.call_id, announced.first), (first, false));
    let mut tx = agency.system_tx().await;
    let found = life::find_by_sid(&mut tx, "CA7").await.expect("a look-up");
    assert_eq!(found, Some((agency.aurora, first)));
}

#[tokio::test]
async fn a_call_announced_at_once_by_two_webhooks_is_one_call() {
    let agency = open().await;
    let announce = |number| {
        let agency = &agency;
        async move {
            let mut tx = agency.tx().await;
            let mut call = incoming(number, minute(1));
            call.call_sid = "CA-same".to_owned();
            let announced = life::insert_incoming(&mut tx, &call).await.expect("a call");
            tx.commit().await.expect("a commit");
            announced
        }
    };
    let (one, two) = tokio::join!(announce(7), announce(8));
    assert_eq!(one.call_id, two.call_id);
    assert!(one.first ^ two.first);
}

#[tokio::test]
async fn the_status_only_goes_forward() {
    use CallStatus::{Completed, Failed, InProgress, NoAnswer, Ringing};
    let agency = open().await;
    let cases: [(&[Reported], CallStatus); 7] = [
        (&[(InProgress, Some(1)), (Completed, Some(2))], Completed),
        // Callbacks that overtake each other.
        (&[(Completed, Some(2)), (InProgress, Some(1))], Completed),
        (&[(InProgress, Some(1)), (Ringing, Some(0))], InProgress),
        // The first end stands, whatever is claimed afterwards.
        (&[(NoAnswer, Some(1)), (Completed, Some(2))], NoAnswer),
        (&[(Completed, None), (Failed, None)], Completed),
        // An old sequence is no news even when the step would be.
        (&[(InProgress, Some(5)), (Completed, Some(4))], InProgress),
        (&[(InProgress, None), (Completed, None)], Completed),
    ];
    for (number, (reports, expect)) in (10u128..).zip(cases) {
        assert_eq!(after(&agency, number, reports).await, expect, "{reports:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_over_is_not_answered_again() {
    let agency = open().await;
    let call = agency.call(7, minute(1)).await;
    let mut tx = agency.tx().await;
    assert!(life::mark_answered(&mut tx, call, "node-1", minute(2)).await.expect("an answer").is_some());
    life::update_status(&mut tx, call, report(CallStatus::Completed, Some(3))).await.expect("a report");
    assert!(life::mark_answered(&mut tx, call, "node-1", minute(3)).await.expect("no answer").is_none());
    let stored = calls::get(&mut tx, call).await.expect("the call");
    assert_eq!(stored.answered_at, Some(minute(2)));
    assert_eq!(stored.ended_at, Some(minute(5)));
}

#[tokio::test]
async fn pages_hold_every_call_once_even_with_equal_times() {
    let agency = open().await;
    for number in 10..21u128 {
        // Groups of three share their moment.
        agency.call(number, minute(i64::try_from(number / 3).expect("small"))).await;
    }
    let mut tx = agency.tx().await;
    let mut seen = Vec::new();
    let mut behind = None;
    loop {
        let wanted = Wanted { behind: behind.take(), ..Wanted::first(CallSort::StartedAt, 4) };
        let page = calls::list(&mut tx, &CallFilter::default(), &wanted).await.expect("a page");
        behind = page.next;
        seen.extend(page.items.iter().map(|call| call.id));
        // A call that comes in meanwhile must not shift what follows.
        if seen.len() == 4 {
            life::insert_incoming(&mut tx, &incoming(500, minute(1_000))).await.expect("a call");
        }
        if behind.is_none() {
            break;
        }
    }
    let expect: Vec<CallId> = (10..21u128).rev().map(|number| CallId(id(number))).collect();
    assert_eq!(seen, expect);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let agency = open().await;
    let old = agency.call(10, minute(1)).await;
    let new = agency.call(11, minute(2)).await;
    let mut tx = agency.tx().await;
    let bakery = ClientFacts { name: "Bakery".to_owned(), ..ClientFacts::default() };
    clients::insert(&mut tx, ClientId(id(1)), &bakery, minute(0)).await.expect("a client");
    life::set_client(&mut tx, new, ClientId(id(1))).await.expect("a client of the call");
    life::update_status(&mut tx, old, report(CallStatus::Canceled, None)).await.expect("a report");
    let mut listed = async |filter: CallFilter| {
        let wanted = Wanted::first(CallSort::StartedAt, 10);
        let page = calls::list(&mut tx, &filter, &wanted).await.expect("a page");
        page.items.into_iter().map(|call| (call.id, call.client_name)).collect::<Vec<_>>()
    };
    let bakery = Some("Bakery".to_owned());
    let filter = CallFilter { client_id: Some(ClientId(id(1))), ..CallFilter::default() };
    assert_eq!(listed(filter).await, [(new, bakery.clone())]);
    let filter = CallFilter { status: Some(CallStatus::Canceled), ..CallFilter::default() };
    assert_eq!(listed(filter).await, [(old, None)]);
    let filter = CallFilter { started: Span { from: Some(minute(2)), until: None }, ..CallFilter::default() };
    assert_eq!(listed(filter).await, [(new, bakery)]);
    let filter = CallFilter { started: Span { from: None, until: Some(minute(2)) }, ..CallFilter::default() };
    assert_eq!(listed(filter).await, [(old, None)]);
}

fn event(seq: u32) -> CallEvent {
    CallEvent {
        seq,
        at_ms: u64::from(seq) * 20,
        kind: EventKind::CallerPartial { turn: TurnId(id(1)), text: format!("word {seq}") },
    }
}

#[tokio::test]
async fn events_come_back_in_order_and_repetition_changes_nothing() {
    let agency = open().await;
    let call = agency.call(7, minute(1)).await;
    let mut tx = agency.tx().await;
    events::append(&mut tx, call, &[event(1), event(0)], minute(1)).await.expect("a batch");
    let mut changed = event(1);
    changed.at_ms = 999;
    events::append(&mut tx, call, &[changed, event(2)], minute(2)).await.expect("a repeated batch");
    assert_eq!(events::list(&mut tx, call, 0, 100).await.expect("the log"), [event(0), event(1), event(2)]);
    assert_eq!(events::list(&mut tx, call, 1, 1).await.expect("the log"), [event(1)]);
    assert_eq!(events::last_recorded_at(&mut tx, call).await.expect("a time"), Some(minute(2)));
    events::append(&mut tx, call, &[], minute(2)).await.expect("an empty batch");
}

fn turn(number: u128, kind: TurnKind) -> Turn {
    Turn {
        id: TurnId(id(number)),
        kind,
        started_ms: 100,
        ended_ms: 900,
        text: "hello".to_owned(),
        generated: (kind == TurnKind::Agent).then(|| "hello there".to_owned()),
        sent: None,
        interrupted: kind == TurnKind::Agent,
        confidence: (kind == TurnKind::Caller).then_some(0.5),
        layer: (kind == TurnKind::Rejected).then(|| "energy".to_owned()),
        reason: None,
        intent: None,
        urgency: Default::default(),
        latency: (kind == TurnKind::Agent).then_some(LatencyParts {
            total_ms: 480,
            stt_ms: 200,
            ..Default::default()
        }),
    }
}

fn outcome() -> Outcome {
    Outcome {
        ended_at: minute(9),
        end_reason: EndReason::CallerHungUp,
        duration_ms: 61_000,
        intent: Some("status_update".to_owned()),
        intents: Vec::new(),
        urgency: Default::default(),
        summary: serde_json::json!({"turns": 3}),
        turns: vec![turn(1, TurnKind::Agent), turn(2, TurnKind::Caller), turn(3, TurnKind::Rejected)],
        tool_calls: vec![ToolCall {
            id: ToolCallId(id(4)),
            at_ms: 500,
            name: "list_projects".to_owned(),
            arguments: serde_json::json!({}),
            result: serde_json::json!(["Website"]),
            ok: true,
            duration_ms: 3,
        }],
        finalized_at: minute(10),
    }
}

#[tokio::test]
async fn a_record_is_closed_once() {
    let agency = open().await;
    let call = agency.call(7, minute(1)).await;
    let mut tx = agency.tx().await;
    assert!(finalize::finalize(&mut tx, call, &outcome()).await.expect("closing"));
    let mut other = outcome();
    other.turns.clear();
    other.duration_ms = 1;
    assert!(!finalize::finalize(&mut tx, call, &other).await.expect("closing again"));
    finalize::set_recording(&mut tx, call, "recordings/x.wav", 61_000).await.expect("a recording");
    let stored = calls::get(&mut tx, call).await.expect("the call");
    assert_eq!(stored.status, CallStatus::Completed);
    assert_eq!(stored.end_reason, Some(EndReason::CallerHungUp));
    assert_eq!((stored.duration_ms, stored.recording_ms), (Some(61_000), Some(61_000)));
    assert_eq!(turns::list(&mut tx, call).await.expect("the turns"), outcome().turns);
    assert_eq!(turns::list_tool_calls(&mut tx, call).await.expect("the tools"), outcome().tool_calls);
}

#[tokio::test]
async fn urgency_only_grows() {
    let agency = open().await;
    let call = agency.call(7, minute(1)).await;
    let mut tx = agency.tx().await;
    for (score, reason) in [(6, "today"), (9, "site down"), (7, "soon")] {
        life::flag_urgent(&mut tx, call, score, reason).await.expect("a flag");
    }
    let stored = calls::get(&mut tx, call).await.expect("the call");
    assert_eq!((stored.urgency_score, stored.urgency_reason.as_deref()), (9, Some("site down")));
    let error = life::flag_urgent(&mut tx, call, 11, "?").await.expect_err("beyond the scale");
    assert!(error.is_conflict_with("calls_urgency_range"));
}

#[tokio::test]
async fn recovery_finds_silent_calls_and_those_of_a_reborn_node() {
    let agency = open().await;
    let silent = agency.call(7, minute(1)).await;
    let alive = agency.call(8, minute(1)).await;
    let reborn = agency.call(9, minute(1)).await;
    let closed = agency.call(10, minute(1)).await;
    let mut tx = agency.tx().await;
    for (call, node) in [(silent, "a"), (alive, "a"), (reborn, "b"), (closed, "b")] {
        life::mark_answered(&mut tx, call, node, minute(1)).await.expect("an answer");
    }
    finalize::finalize(&mut tx, closed, &outcome()).await.expect("closing");
    tx.commit().await.expect("a commit");
    let mut tx = agency.system_tx().await;
    let all = [reborn, closed, alive];
    let of = async |tx: &mut _, node: &str| {
        lost::heartbeat(tx, node, &all, minute(20)).await.expect("a heartbeat")
    };
    assert_eq!(of(&mut tx, "a").await, HashSet::from([alive]), "neither another's nor one that is closed");
    assert_eq!(of(&mut tx, "b").await, HashSet::from([reborn]));
    let silence = lost::Silence {
        waiting_since: chrono::DateTime::UNIX_EPOCH,
        since: minute(20) - TimeDelta::seconds(30),
        node: "b",
        of_node_since: minute(20) + TimeDelta::seconds(1),
    };
    let found = lost::list_unfinished(&mut tx, silence, 10).await.expect("the unfinished");
    let mut ids: Vec<CallId> = found.iter().map(|call| call.call_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [silent, reborn]);
    assert!(found.iter().all(|call| call.org_id == agency.aurora));
}

#[tokio::test]
async fn a_node_that_was_given_up_writes_nothing_more_and_a_call_is_taken_so_often() {
    let agency = open().await;
    let call = agency.call(7, minute(1)).await;
    let entry = |seq| CallEvent { seq, at_ms: 0, kind: EventKind::SpeechStarted };
    let mut tx = agency.tx().await;
    life::mark_answered(&mut tx, call, "a", minute(1)).await.expect("an answer").expect("taken");
    assert!(events::append_as(&mut tx, call, "a", &[entry(0)], minute(1)).await.expect("writing"));
    let other = agency.call(8, minute(1)).await;
    life::mark_answered(&mut tx, other, "b", minute(1)).await.expect("an answer").expect("taken");
    let logs = [(call, Arc::from([entry(0), entry(2)])), (other, Arc::from([entry(0), entry(1)]))];
    let stored = events::append_together(&mut tx, "b", &logs, minute(1)).await.expect("writing");
    assert_eq!(stored, HashSet::from([other]), "the first is another node's");
    assert_eq!(events::list(&mut tx, call, 0, 10).await.expect("events").len(), 1);
    assert_eq!(events::list(&mut tx, other, 0, 10).await.expect("events").len(), 2);
    life::leave(&mut tx, call, "a", LeftBecause::HandedOver, minute(1)).await.expect("leaving");
    for count in 1..=2 {
        let claimed = life::claim_resumption(&mut tx, call, "b", 2, minute(2)).await.expect("claiming");
        assert_eq!(claimed, Some(count));
    }
    assert_eq!(life::claim_resumption(&mut tx, call, "b", 2, minute(2)).await.expect("claiming"), None);
    let taken = life::mark_answered(&mut tx, call, "b", minute(2)).await.expect("taking").expect("taken");
    assert_eq!((taken.left_because, taken.resumptions), (Some(LeftBecause::HandedOver), 2));
    let late = events::append_as(&mut tx, call, "a", &[entry(1)], minute(2)).await.expect("writing");
    assert!(!late, "the call is not this node's any more");
    life::leave(&mut tx, call, "a", LeftBecause::ConnectionLost, minute(2)).await.expect("leaving");
    assert_eq!(life::hold(&mut tx, call).await.expect("the call").left_because, None);
    assert_eq!(events::list(&mut tx, call, 0, 10).await.expect("events").len(), 1);
    tx.commit().await.expect("a commit");
    let mut tx = agency.system_tx().await;
    assert!(lost::heartbeat(&mut tx, "a", &[call], minute(3)).await.expect("a heartbeat").is_empty());
}

#[tokio::test]
async fn a_call_that_somebody_changes_holds_up_no_other_calls_log() {
    let agency = open().await;
    let (held, free) = (agency.call(7, minute(1)).await, agency.call(8, minute(1)).await);
    let mut tx = agency.tx().await;
    for call in [held, free] {
        life::mark_answered(&mut tx, call, "a", minute(1)).await.expect("an answer").expect("taken");
    }
    tx.commit().await.expect("a commit");
    let entry = CallEvent { seq: 0, at_ms: 0, kind: EventKind::SpeechStarted };
    let logs = [held, free].map(|call| (call, Arc::from([entry.clone()])));
    let mut holder = agency.tx().await;
    life::hold(&mut holder, held).await.expect("the call");
    let mut tx = agency.tx().await;
    let stored = events::append_together(&mut tx, "a", &logs, minute(1)).await.expect("writing");
    assert_eq!(stored, HashSet::from([free]));
    tx.commit().await.expect("a commit");
    holder.commit().await.expect("a commit");
    let mut tx = agency.tx().await;
    let stored = events::append_together(&mut tx, "a", &logs, minute(1)).await.expect("writing again");
    assert_eq!(stored, HashSet::from([held, free]), "what is there already is stored, too");
    for call in [held, free] {
        assert_eq!(events::list(&mut tx, call, 0, 10).await.expect("events").len(), 1);
    }
}

#[tokio::test]
async fn a_node_is_present_while_its_connection_stands() {
    let agency = open().await;
    let mut tx = agency.system_tx().await;
    assert!(!nodes::is_present(&mut tx, "a").await.expect("asking"));
    drop(tx);
    let presence = nodes::Presence::show(&agency.db, "a").await.expect("showing").expect("the only one");
    assert!(nodes::Presence::show(&agency.db, "a").await.expect("showing").is_none());
    let mut tx = agency.system_tx().await;
    assert!(nodes::is_present(&mut tx, "a").await.expect("asking"));
    assert!(!nodes::is_present(&mut tx, "b").await.expect("asking"));
    drop(tx);
    presence.hide().await;
    // The server takes a moment to end a session.
    for _ in 0..500 {
        let mut tx = agency.system_tx().await;
        if !nodes::is_present(&mut tx, "a").await.expect("asking") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("a node that is gone seems present");
}

#[tokio::test]
async fn what_is_said_of_an_unknown_call_is_not_found() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    let unknown = CallId(id(404));
    assert!(
        !life::update_status(&mut tx, unknown, report(CallStatus::Completed, None)).await.expect("no change")
    );
    let missing = life::flag_urgent(&mut tx, unknown, 9, "fire").await;
    assert!(matches!(missing, Err(StoreError::NotFound { noun: "call" })));
}

async fn spoken(agency: &Agency, number: u128, words: &str) -> CallId {
    let call = agency.call(number, minute(i64::try_from(number).expect("small"))).await;
    let mut owner = agency.target.connect_owner().await.expect("a connection");
    sqlx::query("SET ROLE studioconnect_system").execute(&mut owner).await.expect("the role");
    sqlx::query(
        "INSERT INTO turns (id, org_id, call_id, position, kind, started_ms, ended_ms, text)
         SELECT gen_random_uuid(), org_id, id, 0, 'caller', 0, 1, $2 FROM calls WHERE id = $1",
    )
    .bind(call.0)
    .bind(words)
    .execute(&mut owner)
    .await
    .expect("a turn");
    call
}

#[tokio::test]
async fn calls_are_found_by_the_words_of_one_business_only() {
    let agency = open().await;
    let old = spoken(&agency, 10, "Where is my Über-logo, please?").await;
    let new = spoken(&agency, 11, "is the logo ready").await;
    let mut tx = agency.system_tx().await;
    let mut found = async |org, words: &str| {
        let wanted = Wanted { count: true, ..Wanted::first(CallSort::StartedAt, 10) };
        let listed = calls::search::find(&mut tx, org, words, &CallFilter::default(), &wanted).await;
        let listed = listed.expect("a search");
        assert_eq!(listed.total.map(|total| total.count as usize), Some(listed.items.len()));
        listed.items
    };
    assert_eq!(found(agency.aurora, "LOGO").await, [new, old]);
    assert_eq!(found(agency.aurora, "logo über").await, [old]);
    assert_eq!(found(agency.aurora, "logo & 'quoted | ( ready").await, []);
    assert_eq!(found(agency.aurora, "?!").await, []);
    assert_eq!(found(agency.rival, "logo").await, []);
}

#[tokio::test]
async fn a_deleted_call_takes_its_turns_along_and_leaves_its_lead() {
    let agency = open().await;
    let call = spoken(&agency, 10, "hello").await;
    let mut tx = agency.tx().await;
    events::append(&mut tx, call, &[event(0)], minute(1)).await.expect("an entry");
    calls::delete(&mut tx, call).await.expect("a removal");
    assert!(turns::list(&mut tx, call).await.expect("the turns").is_empty());
    assert!(events::list(&mut tx, call, 0, 10).await.expect("the log").is_empty());
    assert!(matches!(calls::delete(&mut tx, call).await, Err(StoreError::NotFound { .. })));
}
