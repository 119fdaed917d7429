use chrono::TimeDelta;
use domain::history::Side;
use domain::ids::TurnId;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).expect("a time")
}

fn said(seq: u32, at_ms: u64, text: &str) -> CallEvent {
    let turn = TurnId(uuid::Uuid::nil());
    let kind =
        EventKind::CallerTurn { turn, started_ms: 0, ended_ms: 1, text: text.to_owned(), confidence: None };
    CallEvent { seq, at_ms, kind }
}

fn session(next_seq: u32, at_ms: u64, left: Option<ContinueCause>) -> CallSession {
    let mut history = History::default();
    history.note(&said(0, 0, "my name is maria").kind);
    history.note(&said(0, 0, "i need a website").kind);
    let state = CallState {
        engine: "pipeline".to_owned(),
        at_ms,
        next_seq,
        history,
        mind: Some(serde_json::json!({ "asked": "budget" })),
    };
    CallSession {
        org_id: OrgId(uuid::Uuid::nil()),
        call_id: CallId(uuid::Uuid::nil()),
        call_sid: "CA".to_owned(),
        node: "a".to_owned(),
        state: serde_json::to_value(state).expect("JSON"),
        state_at: at(8),
        heartbeat_at: at(9),
        resumptions: 0,
        left,
    }
}

fn taken(left_because: Option<LeftBecause>) -> Taken {
    Taken { left_because, heartbeat_at: Some(at(10)), resumptions: 1 }
}

#[test]
fn a_call_that_never_began_begins() {
    assert_eq!(begin(&[], None, None, &taken(None), "b", at(10)), (Start::default(), None));
}

#[test]
fn a_session_that_is_ahead_of_the_log_decides() {
    let log = [said(0, 1_000, "my name is maria")];
    let known = session(7, 5_000, None);
    let (start, first) = begin(&log, Some(at(5)), Some(&known), &taken(None), "b", at(10));
    assert_eq!(start.next_seq, 8, "the entry that tells of it comes before");
    assert_eq!(start.at_ms, 7_000, "the log's 1 s and 5 s since, the session's 5 s and 2 s since: the later");
    assert_eq!(start.history.lines.len(), 2);
    assert_eq!(start.mind, Some(serde_json::json!({ "asked": "budget" })));
    assert_eq!(start.continued, Some(ContinueCause::CutOff));
    let first = first.expect("an entry");
    assert_eq!((first.seq, first.at_ms), (7, 7_000));
    let told = EventKind::Continued { node: "b".to_owned(), gap_ms: 1_000, cause: ContinueCause::CutOff };
    assert_eq!(first.kind, told);
}

#[test]
fn without_a_session_the_log_does() {
    let log = [said(0, 1_000, "my name is maria"), said(5, 4_000, "i need a logo")];
    let (start, first) = begin(&log, Some(at(7)), None, &taken(None), "b", at(10));
    assert_eq!((start.next_seq, start.at_ms), (7, 7_000));
    let words: Vec<_> = start.history.lines.iter().map(|line| (line.by, line.text.as_str())).collect();
    assert_eq!(words, [(Side::Caller, "my name is maria"), (Side::Caller, "i need a logo")]);
    assert_eq!(start.mind, None);
    assert_eq!(first.expect("an entry").seq, 6);
}

#[test]
fn a_log_that_is_ahead_has_the_words_and_an_older_snapshot_the_mind() {
    let log = [said(0, 1_000, "my name is maria"), said(20, 9_000, "and a logo")];
    let (start, _) = begin(&log, Some(at(9)), Some(&session(7, 5_000, None)), &taken(None), "b", at(10));
    assert_eq!(start.next_seq, 22);
    assert_eq!(start.history.lines[1].text, "and a logo");
    assert!(start.mind.is_some());
}

#[test]
fn a_hand_over_is_known_by_the_record_or_the_session() {
    let log = [said(0, 1_000, "hello")];
    let begins = |left, because| {
        let known = session(7, 5_000, left);
        begin(&log, Some(at(5)), Some(&known), &taken(because), "b", at(10)).0.continued
    };
    assert_eq!(begins(None, Some(LeftBecause::HandedOver)), Some(ContinueCause::HandedOver));
    assert_eq!(begins(Some(ContinueCause::HandedOver), None), Some(ContinueCause::HandedOver));
    assert_eq!(begins(None, Some(LeftBecause::ConnectionLost)), Some(ContinueCause::CutOff));
    assert_eq!(begins(None, None), Some(ContinueCause::CutOff));
    assert_eq!(begins(None, Some(LeftBecause::Transferring)), Some(ContinueCause::NotConnected));
}

#[test]
fn a_clock_that_runs_ahead_of_ours_turns_no_time_back() {
    let log = [said(0, 1_000, "hello")];
    let (start, _) = begin(&log, Some(at(10) + TimeDelta::seconds(9)), None, &taken(None), "b", at(10));
    assert_eq!(start.at_ms, 1_000);
}
