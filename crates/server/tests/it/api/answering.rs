//! What a caller is told by the voice webhook, by where a business stands and by its plan.

use app::calls::voicemail::RecordedMessage;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use domain::ids::CallId;
use domain::organizations::OrgStatus;
use store::organizations::below::{self, NewStanding};
use store::{OrgTx, SystemTx};

use super::world::{Agency, World};

/// Announces a call as the carrier does; returns the TwiML.
async fn ring(world: &World, call_sid: &str, to: &str, from: &str) -> String {
    let form = format!(
        "CallSid={call_sid}&AccountSid=AC00000000000000000000000000000000&From={}&To={}&CallStatus=ringing",
        from.replace('+', "%2B"),
        to.replace('+', "%2B"),
    );
    let request = Request::builder()
        .method("POST")
        .uri("/api/voice/inbound")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let answer = world.send_as_carrier(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn connects(twiml: &str) -> bool {
    twiml.contains("<Connect")
}

/// Says something and takes a message.
fn takes_a_message(twiml: &str) -> bool {
    !connects(twiml) && twiml.contains("<Say") && twiml.contains("<Record")
}

fn sid(number: u32) -> String {
    format!("CA{number:032x}")
}

async fn stand(world: &World, agency: &Agency, status: OrgStatus, trial_days: Option<i64>) {
    let now = world.app.ambient.now();
    let mut tx = SystemTx::begin(&world.app.db, "a test decides where a business stands").await.unwrap();
    let trial_ends_at = trial_days.map(|days| now + TimeDelta::days(days));
    below::set_standing(&mut tx, agency.id, &NewStanding { status, trial_ends_at, reason: "" }, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn agents_answer_by_standing_and_plan_and_everybody_else_can_leave_a_message() {
    let world = World::new().await;
    for (digit, plan, status, trial, expect) in [
        (1, "pro", OrgStatus::Active, None, true),
        (2, "pro", OrgStatus::PastDue, None, true),
        (3, "pro", OrgStatus::Trial, Some(1), true),
        (4, "pro", OrgStatus::Trial, Some(-1), false),
        (5, "pro", OrgStatus::Suspended, None, false),
        (6, "pro", OrgStatus::Closed, None, false),
        (7, "free", OrgStatus::Active, None, false),
        (8, "basic", OrgStatus::Active, None, false),
    ] {
        let agency = world.agency_on(plan, "Aurora", digit).await;
        stand(&world, &agency, status, trial).await;
        end_calls(&world, &agency).await;
        let twiml = ring(&world, &sid(digit.into()), &format!("+1513555010{digit}"), "+15135550177").await;
        assert_eq!(connects(&twiml), expect, "{plan} {status:?}: {twiml}");
        assert_eq!(takes_a_message(&twiml), !expect, "{plan} {status:?}: {twiml}");
        if !expect {
            assert!(twiml.contains("Aurora"), "{twiml}");
            // The message finds its call, or it would be lost.
            let said = world.app.message_recorded(RecordedMessage {
                call_sid: sid(digit.into()),
                recording_sid: format!("RE{digit}"),
                url: "https://recordings.example/1".to_owned(),
                duration_s: 7,
                to: None,
                from: None,
            });
            let said = said.await;
            said.unwrap_or_else(|error| panic!("{plan} {status:?}: {error}"));
        }
    }
}

/// Ends what the world's agencies begin with.
async fn end_calls(world: &World, agency: &Agency) {
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let report = store::calls::life::StatusReport {
        status: store::calls::CallStatus::Completed,
        sequence: None,
        duration_s: None,
        at: world.app.ambient.now(),
    };
    store::calls::life::update_status(&mut tx, agency.call, report).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_call_after_the_last_line_of_the_plan_hears_that_all_are_taken() {
    let world = World::new().await;
    let agency = world.agency_on("pro", "Aurora", 1).await;
    end_calls(&world, &agency).await;
    // At once, as they come from several nodes.
    let calls = (1..=7).map(|number| {
        let world = &world;
        async move { ring(world, &sid(number), "+15135550101", "+15135550177").await }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|twiml| connects(twiml)).count(), 5, "{answers:?}");
    let turned_away: Vec<_> = answers.iter().filter(|twiml| !connects(twiml)).collect();
    assert!(turned_away.iter().all(|twiml| takes_a_message(twiml) && twiml.contains("lines are busy")));
    // A call that was announced twice has its line already.
    let first = answers.iter().position(|twiml| connects(twiml)).unwrap();
    let again = ring(&world, &sid(u32::try_from(first).unwrap() + 1), "+15135550101", "+15135550177").await;
    assert!(connects(&again), "{again}");
    // Those that never came through give their lines back.
    world.clock.advance(TimeDelta::minutes(3));
    assert!(connects(&ring(&world, &sid(8), "+15135550101", "+15135550177").await));
}

#[tokio::test]
async fn a_client_is_recognised_only_where_the_plan_has_it() {
    let world = World::new().await;
    for (digit, plan, expect) in [(1, "enterprise", true), (2, "pro", false)] {
        let agency = world.agency_on(plan, "Aurora", digit).await;
        end_calls(&world, &agency).await;
        ring(&world, &sid(digit.into()), &format!("+1513555010{digit}"), "+15135550199").await;
        let mut tx = SystemTx::begin(&world.app.db, "a test looks for a call").await.unwrap();
        let (_, id): (_, CallId) =
            store::calls::life::find_by_sid(&mut tx, &sid(digit.into())).await.unwrap().unwrap();
        drop(tx);
        let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
        let call = store::calls::get(&mut tx, id).await.unwrap();
        assert_eq!(call.client_name.is_some(), expect, "{plan}");
    }
}
