//! Incidents: whose they are, who works on them, and what is written down once.

use domain::escalation::{AlertState, EscalationSettings};
use domain::ids::{AlertId, IncidentId};
use store::incidents::alerts::{self, StoredAlert};
use store::incidents::{self, Incident, IncidentState};
use store::{OrgTx, SystemTx};

use crate::agency::{Agency, id, minute, open};

fn incident(number: u128, subject: &str, at: i64) -> Incident {
    Incident {
        id: IncidentId(id(number)),
        subject: subject.to_owned(),
        state: IncidentState::Alerting,
        score: 9,
        reason: "the shop is down".to_owned(),
        details: None,
        caller_name: None,
        caller_number: None,
        client_id: None,
        our_number: None,
        settings: EscalationSettings::default(),
        told: false,
        raised_at: minute(at),
        acknowledged_at: None,
        acknowledged_by: None,
        next_at: Some(minute(at)),
        updated_at: minute(at),
    }
}

async fn with(incidents: &[Incident]) -> Agency {
    let agency = open().await;
    let mut tx = OrgTx::begin(&agency.db, agency.aurora).await.expect("the store works");
    for incident in incidents {
        incidents::insert(&mut tx, incident).await.expect("the store works");
    }
    tx.commit().await.expect("the store works");
    agency
}

#[tokio::test]
async fn a_conversation_belongs_to_one_incident_and_a_subject_has_one_for_an_hour() {
    let agency = with(&[incident(1, "client", 0), incident(2, "client", 90)]).await;
    let mut tx = OrgTx::begin(&agency.db, agency.aurora).await.expect("the store works");
    let call = agency.call(7, minute(0)).await;
    assert!(incidents::join(&mut tx, IncidentId(id(1)), call).await.expect("the store works"));
    assert!(!incidents::join(&mut tx, IncidentId(id(2)), call).await.expect("the store works"));
    assert_eq!(incidents::of_call(&mut tx, call).await.expect("the store works"), Some(IncidentId(id(1))));
    let recent = async |tx: &mut OrgTx, at| {
        incidents::recent(tx, "client", minute(at)).await.expect("the store works")
    };
    assert_eq!(recent(&mut tx, 95).await, Some(IncidentId(id(2))));
    assert_eq!(recent(&mut tx, 149).await, Some(IncidentId(id(2))));
    assert_eq!(recent(&mut tx, 151).await, None);
    assert_eq!(incidents::recent(&mut tx, "somebody else", minute(91)).await.expect("the store works"), None);
}

#[tokio::test]
async fn what_is_due_is_one_workers_own_until_its_lease_ends() {
    let agency = with(&[incident(1, "a", 0), incident(2, "b", 5)]).await;
    let lease = async |now: i64| {
        let mut tx = SystemTx::begin(&agency.db, "a test works").await.expect("the store works");
        let due = incidents::lease(&mut tx, minute(now), minute(now + 1), 10).await.expect("the store works");
        tx.commit().await.expect("the store works");
        due.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    assert_eq!(lease(0).await, [IncidentId(id(1))]);
    assert_eq!(lease(0).await, []);
    assert_eq!(lease(1).await, [IncidentId(id(1))], "its worker died");
    // Whatever is written down ends the lease.
    let mut tx = OrgTx::begin(&agency.db, agency.aurora).await.expect("the store works");
    let held = incidents::lock(&mut tx, IncidentId(id(1))).await.expect("the store works");
    incidents::update(&mut tx, &Incident { next_at: None, ..held }, minute(2))
        .await
        .expect("the store works");
    tx.commit().await.expect("the store works");
    assert_eq!(lease(10).await, [IncidentId(id(2))]);
}

#[tokio::test]
async fn each_person_is_called_once_and_a_call_is_one_alerts() {
    let agency = with(&[incident(1, "a", 0)]).await;
    let alert = |number: u128, position: usize| StoredAlert {
        id: AlertId(id(number)),
        incident_id: IncidentId(id(1)),
        position,
        name: "Dana".to_owned(),
        number: "+15135550142".to_owned(),
        state: AlertState::Placing,
        since: minute(0),
        placed_at: minute(0),
        call_sid: None,
    };
    let mut tx = OrgTx::begin(&agency.db, agency.aurora).await.expect("the store works");
    alerts::insert(&mut tx, &alert(10, 0)).await.expect("the store works");
    alerts::insert(&mut tx, &alert(11, 1)).await.expect("the store works");
    alerts::update(&mut tx, AlertId(id(10)), AlertState::Ringing, minute(1), Some("CA1"))
        .await
        .expect("the store works");
    // The id that is known stays.
    alerts::update(&mut tx, AlertId(id(10)), AlertState::Busy, minute(2), Some("CA2"))
        .await
        .expect("the store works");
    let known = alerts::list(&mut tx, IncidentId(id(1))).await.expect("the store works");
    assert_eq!(known[0].call_sid.as_deref(), Some("CA1"));
    assert_eq!((known[0].state, known[1].state), (AlertState::Busy, AlertState::Placing));
    assert!(alerts::is_known(&mut tx, "CA1").await.expect("the store works"));
    assert!(!alerts::is_known(&mut tx, "CA2").await.expect("the store works"));
    tx.commit().await.expect("the store works");
    for (again, constraint) in
        [(alert(12, 0), "incident_alerts_once"), (alert(10, 2), "incident_alerts_pkey")]
    {
        let mut tx = OrgTx::begin(&agency.db, agency.aurora).await.expect("the store works");
        let error = alerts::insert(&mut tx, &again).await.expect_err("it is refused");
        assert!(error.is_conflict_with(constraint), "{error}");
    }
    let mut tx = SystemTx::begin(&agency.db, "a test looks").await.expect("the store works");
    let found = alerts::find(&mut tx, AlertId(id(10))).await.expect("the store works");
    assert_eq!(found, (agency.aurora, IncidentId(id(1))));
    // The other business sees nothing of it.
    let mut tx = OrgTx::begin(&agency.db, agency.rival).await.expect("the store works");
    assert!(incidents::get(&mut tx, IncidentId(id(1))).await.is_err());
    assert_eq!(alerts::list(&mut tx, IncidentId(id(1))).await.expect("the store works"), []);
}
