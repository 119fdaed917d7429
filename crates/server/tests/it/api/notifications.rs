//! Who is told, by whom it is seen, and the test e-mail.

use std::time::Duration;

use domain::branding::{Branding, Color};
use domain::ids::CallId;
use domain::notification_settings::{Channel, Event};
use serde_json::{Value, json};
use simulator::vendor::fault::{Failure, Fault};
use store::OrgTx;
use store::notifications::{Notification, NotificationFilter, NotificationSort};
use store::organizations::OrgStatus;
use store::page::Wanted;

use app::notifications::{Facts, UrgentNews, notify};

use super::incidents::Desk;
use super::world::{Agency, World, request};

async fn told(world: &World, agency: &Agency) -> Vec<Notification> {
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let wanted = Wanted::first(NotificationSort::CreatedAt, 100);
    store::notifications::list(&mut tx, &NotificationFilter::default(), &wanted).await.unwrap().items
}

fn news(world: &World) -> Facts {
    Facts::Urgent(UrgentNews {
        call_id: None,
        who: "Maria\r\nBcc: x@y.example".to_owned(),
        phone: Some("+15135550199".to_owned()),
        quote: "The shop is <b>down</b>.".to_owned(),
        details: None,
        reasons: vec!["shop is down".to_owned()],
        score: 9,
        standing: String::new(),
        at: world.app.ambient.now(),
    })
}

async fn tell(world: &World, agency: &Agency, event: Event, key: &str, facts: &Facts) -> usize {
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    let written = notify(&mut tx, &world.app, event, key, facts).await.unwrap();
    tx.commit().await.unwrap();
    written
}

#[tokio::test]
async fn the_same_fact_is_told_once_to_each_address_by_each_way() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let body = json!({ "recipients": [{ "name": "Dana", "email": "dana@aurora.example", "phone": "+15135550142",
        "notify": [{ "event": "lead.urgent", "channels": ["email", "sms", "phone"] }] }] });
    let path = "/api/v1/notification-settings";
    world.send(request("PUT", path, Some(&token), &[("if-match", "*")], Some(&body))).await;
    let facts = news(&world);
    assert_eq!(tell(&world, &agency, Event::LeadUrgent, "incident 1", &facts).await, 3);
    assert_eq!(tell(&world, &agency, Event::LeadUrgent, "incident 1", &facts).await, 0);
    assert_eq!(tell(&world, &agency, Event::LeadUrgent, "incident 2", &facts).await, 3);
    let mut to: Vec<String> = told(&world, &agency).await.into_iter().map(|one| one.address).collect();
    to.sort();
    to.dedup();
    assert_eq!(to, ["+15135550142", "dana@aurora.example", "notices@agency.example"]);
    // What is rolled back was never told.
    let mut tx = OrgTx::begin(&world.app.db, agency.id).await.unwrap();
    assert_eq!(notify(&mut tx, &world.app, Event::LeadUrgent, "incident 3", &facts).await.unwrap(), 3);
    drop(tx);
    assert_eq!(told(&world, &agency).await.len(), 6);
}

#[tokio::test]
async fn nobody_sees_what_another_business_is_told() {
    let world = World::new().await;
    let (mine, theirs) = (world.agency("Aurora", 1).await, world.agency("Borealis", 2).await);
    tell(&world, &theirs, Event::LeadUrgent, "incident", &news(&world)).await;
    let token = world.sign_in_as(&mine, "owner").await;
    assert_eq!(world.get("/api/v1/notifications", Some(&token)).await.json()["items"], json!([]));
    let id = told(&world, &theirs).await[0].id;
    let retried = world.post(&format!("/api/v1/notifications/{id}/retry"), Some(&token), &Value::Null).await;
    assert_eq!(retried.status, 404);
    // Whoever sends it sees only what is theirs.
    world.app.send_notification(mine.id, id).await.unwrap();
    assert_eq!(told(&world, &theirs).await[0].transport_id, None);
}

#[tokio::test]
async fn what_happened_to_a_text_message_is_shown_where_there_is_no_way_to_send_one() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "owner").await;
    let path = "/api/admin/business/notifications";
    let body = json!({ "notificationPhoneNumber": "+15135550142" });
    world.send(request("PUT", path, Some(&token), &[], Some(&body))).await;
    tell(&world, &agency, Event::LeadUrgent, "incident", &news(&world)).await;
    for one in told(&world, &agency).await {
        world.app.send_notification(agency.id, one.id).await.unwrap();
    }
    let shown = world.get("/api/v1/notifications?channel=sms", Some(&token)).await.json();
    assert_eq!(shown["items"][0]["state"], "failed");
    assert!(
        shown["items"][0]["reason"].as_str().unwrap().contains("no way to send text messages"),
        "{shown}"
    );
    assert_eq!(
        world.get("/api/v1/notifications?state=sent", Some(&token)).await.json()["items"][0]["channel"],
        "email"
    );
}

#[tokio::test]
async fn a_text_message_comes_from_the_businesss_own_number_once_and_stop_is_the_end_of_it() {
    let desk = Desk::on("enterprise").await;
    let (world, agency) = (&desk.world, &desk.agency);
    let dana = "+15135550142";
    let body = json!({ "notificationPhoneNumber": dana });
    let path = "/api/admin/business/notifications";
    world.send(request("PUT", path, Some(&desk.token), &[], Some(&body))).await;
    let text = async |key: &str| -> Notification {
        tell(world, agency, Event::LeadUrgent, key, &news(world)).await;
        let all = told(world, agency).await;
        let one = all.into_iter().find(|one| one.key == key && one.channel == Channel::Sms).unwrap();
        // A job that is done twice, as after the death of a worker.
        for _ in 0..2 {
            world.app.send_notification(agency.id, one.id).await.unwrap();
        }
        told(world, agency).await.into_iter().find(|again| again.id == one.id).unwrap()
    };
    let sent = text("incident 1").await;
    let messages = || desk.twilio.vendor().ledger().messages;
    let [message] = messages().try_into().unwrap();
    assert_eq!((message.to.as_str(), message.from.as_str()), (dana, "+15135550101"));
    assert_eq!(sent.transport_id.as_ref(), Some(&message.sid));
    assert!(message.text.starts_with("URGENT at Aurora: Maria") && message.text.contains("(shop is down)"));
    assert!(message.text.chars().count() <= 320 && !message.text.contains("5550199"), "{}", message.text);

    desk.twilio.vendor().stops_texts(dana);
    let refused = text("incident 2").await;
    assert_eq!((format!("{:?}", refused.state).as_str(), refused.attempts), ("Failed", 0));
    assert!(refused.reason.unwrap().contains("wants no text messages (STOP"));
    assert_eq!(messages().len(), 1);
}

#[tokio::test]
async fn a_text_message_comes_once_when_its_sender_dies_or_the_networks_word_is_lost() {
    let desk = Desk::on("enterprise").await;
    let (world, agency) = (&desk.world, &desk.agency);
    let dana = "+15135550142";
    let body = json!({ "notificationPhoneNumber": dana });
    let path = "/api/admin/business/notifications";
    world.send(request("PUT", path, Some(&desk.token), &[], Some(&body))).await;
    let never = Duration::from_secs(3_600);
    // The same words to the same person each time: what was sent for one fact is not taken for another's.
    let mut sent = std::collections::BTreeSet::new();
    for (fault, dies, was_taken) in [
        (Fault::SlowFirstByte(never), true, true),
        (Fault::Lose, true, false),
        (Fault::Cut(0), false, true),
        (Fault::Garbage, false, true),
        (Fault::Refuse, false, false),
        (Fault::Fail(Failure::Server(502)), false, false),
    ] {
        let key = format!("incident {fault:?}");
        tell(world, agency, Event::LeadUrgent, &key, &news(world)).await;
        let all = told(world, agency).await;
        let id = all.iter().find(|one| one.key == key && one.channel == Channel::Sms).unwrap().id;
        let (before, asked) = (desk.twilio.vendor().ledger().messages.len(), desk.twilio.seen().count());
        desk.twilio.set_fault_for(fault, 1);
        let sending = world.app.send_notification(agency.id, id);
        if dies {
            tokio::select! {
                ended = sending => panic!("{key}: {ended:?}"),
                () = desk.twilio.until(|seen| seen.count() > asked) => {}
            }
        } else {
            assert!(sending.await.is_err(), "{key}");
        }
        let messages = || desk.twilio.vendor().ledger().messages;
        assert_eq!(messages().len(), before + usize::from(was_taken), "{key}");
        // Somebody else takes it up, and once more when it is done.
        for _ in 0..2 {
            world.app.send_notification(agency.id, id).await.unwrap();
        }
        assert_eq!(messages().len(), before + 1, "{key}");
        let one = told(world, agency).await.into_iter().find(|one| one.id == id).unwrap();
        assert_eq!(one.transport_id.as_ref(), messages().last().map(|message| &message.sid), "{key}");
        sent.extend(one.transport_id);
    }
    assert_eq!(sent.len(), 6);
}

#[tokio::test]
async fn the_letters_of_accounts_and_invitations_wear_the_partners_look_and_name() {
    let world = World::new().await;
    let (agency, partner) = world.agency_of_a_partner("Aurora", 1, OrgStatus::Active).await;
    let look = Branding {
        name: Some("North Studio".to_owned()),
        accent_color: Color::parse("#7a1f4d").ok(),
        sender_name: Some("North Studio Team".to_owned()),
        ..Branding::default()
    };
    let mut tx = OrgTx::begin(&world.app.db, partner).await.unwrap();
    store::branding::put(&mut tx, &look, world.app.ambient.now()).await.unwrap();
    tx.commit().await.unwrap();
    let token = world.sign_in_as(&agency, "owner").await;
    let email = world.get("/api/v1/account", Some(&token)).await.json()["email"].as_str().unwrap().to_owned();
    let invited = json!({ "email": "kim@aurora.example", "role": "viewer" });
    assert_eq!(world.post("/api/v1/invitations", Some(&token), &invited).await.status, 201);
    let asked = world.post("/api/v1/auth/password-reset", None, &json!({ "email": email })).await;
    assert!(asked.status.is_success(), "{asked:?}");
    world.app.clone().work_off_jobs().await.unwrap();
    for (to, words) in [
        ("kim@aurora.example", "invites you to join Aurora on North Studio as viewer"),
        (email.as_str(), "Somebody, hopefully you, asked for a new password."),
    ] {
        let letters = world.whole_letters_to(to);
        let [letter] = letters.as_slice() else { panic!("{to}: {letters:?}") };
        assert!(letter.contains("From: \"North Studio Team\" <studio@here.example>"), "{letter}");
        assert!(letter.contains(words) && letter.contains("#7a1f4d"), "{letter}");
        assert!(letter.contains("text/plain") && letter.contains("text/html"), "{letter}");
    }
}

#[tokio::test]
async fn what_it_tells_of_is_gone() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let facts = Facts::Call { call_id: CallId(world.app.ambient.new_id()) };
    tell(&world, &agency, Event::CallEnded, "a call", &facts).await;
    let id = told(&world, &agency).await[0].id;
    world.app.send_notification(agency.id, id).await.unwrap();
    let one = &told(&world, &agency).await[0];
    assert_eq!(format!("{:?}", one.state), "Dropped");
}

#[tokio::test]
async fn a_test_e_mail_tells_what_came_of_it_in_both_forms() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "admin").await;
    let body = json!({ "email": "dana@aurora.example" });
    let new = world.post("/api/v1/notifications/test", Some(&token), &body).await.json();
    assert_eq!((&new["sent"], &new["transport"]), (&json!(true), &json!("outbox")), "{new}");
    let old = world.post("/api/admin/test-sendgrid", Some(&token), &body).await.json();
    assert_eq!(
        (&old["success"], &old["transport"], &old["error"]),
        (&json!(true), &json!("outbox"), &Value::Null)
    );
    assert_eq!(old["message"], "The test e-mail was handed over by outbox.");
    for path in ["/api/v1/notifications/test", "/api/admin/test-sendgrid"] {
        let wrong = world.post(path, Some(&token), &json!({ "email": "dana" })).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.json()["errors"]["email"].is_string(), "{wrong:?}");
    }
    // Each is sent to somebody: not as often as one likes.
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(world.post("/api/v1/notifications/test", Some(&token), &body).await.status.as_u16());
    }
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
}

#[tokio::test]
async fn a_test_that_can_t_be_sent_says_why() {
    let nowhere = std::sync::Arc::new(Nowhere);
    let world = World::with_email(nowhere).await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "admin").await;
    let body = json!({ "email": "dana@aurora.example" });
    let new = world.post("/api/v1/notifications/test", Some(&token), &body).await.json();
    assert_eq!((&new["sent"], &new["error"]), (&json!(false), &json!("refused")), "{new}");
    assert_eq!(new["detail"], "nowhere refused the request: SMTP 535");
    let old = world.post("/api/admin/test-sendgrid", Some(&token), &body).await.json();
    assert_eq!((&old["success"], &old["error"]), (&json!(false), &json!("refused")));
}

/// A transport that nobody may use.
struct Nowhere;

#[async_trait::async_trait]
impl provider_traits::email::Email for Nowhere {
    fn descriptor(&self) -> &'static provider_traits::descriptor::Descriptor {
        const NOWHERE: provider_traits::descriptor::Descriptor = provider_traits::descriptor::Descriptor {
            id: "nowhere",
            name: "Nowhere",
            locality: provider_traits::descriptor::Locality::Cloud,
        };
        &NOWHERE
    }

    async fn send(
        &self,
        _message: &provider_traits::email::EmailMessage,
    ) -> Result<String, provider_traits::error::ProviderError> {
        Err(provider_traits::error::ProviderError::Refused {
            provider: "nowhere",
            reason: "SMTP 535".to_owned(),
        })
    }
}
