//! People, sessions, messages, the audit log.

use domain::ids::{CallId, MessageId, SessionId, UserId};
use domain::leads::Priority;
use store::audit;
use store::messages::{self, Message, MessageFilter, MessageSort};
use store::page::Wanted;
use store::sessions::{self, NewSession};
use store::users::{self, User};

use crate::agency::{Agency, id, minute, open};

async fn owner(agency: &Agency) -> User {
    let user = User {
        id: UserId(id(50)),
        email: "Owner@Aurora.example".to_owned(),
        name: "Dana".to_owned(),
        password_hash: Some("$argon2id$".to_owned()),
    };
    let mut tx = agency.system_tx().await;
    users::insert(&mut tx, &user, minute(0)).await.expect("a person");
    users::set_member(&mut tx, agency.aurora, user.id, "business_admin").await.expect("a member");
    tx.commit().await.expect("a commit");
    user
}

fn session(token: &[u8], agency: &Agency) -> NewSession<'static> {
    NewSession {
        id: SessionId(id(u128::from(token[0]))),
        user_id: UserId(id(50)),
        org_id: agency.aurora,
        token_hash: Vec::leak(token.to_vec()),
        created_at: minute(0),
        expires_at: minute(60),
        ip: None,
        user_agent: Some("test"),
    }
}

#[tokio::test]
async fn a_person_is_found_by_address_in_any_case_and_only_once() {
    let agency = open().await;
    let user = owner(&agency).await;
    let mut tx = agency.system_tx().await;
    let found = users::find_by_email(&mut tx, " owner@aurora.EXAMPLE ").await.expect("a look-up");
    assert_eq!(found, Some(user.clone()));
    assert_eq!(users::memberships(&mut tx, user.id).await.expect("the places")[0].role, "business_admin");
    let again = User { id: UserId(id(51)), email: "OWNER@aurora.example".to_owned(), ..user };
    let error = users::insert(&mut tx, &again, minute(0)).await.expect_err("a second");
    assert!(error.is_conflict_with("users_email_unique"));
}

#[tokio::test]
async fn a_session_holds_until_it_is_over_or_revoked_or_its_person_leaves() {
    let agency = open().await;
    owner(&agency).await;
    let mut tx = agency.system_tx().await;
    for token in [[1u8], [2]] {
        sessions::create(&mut tx, &session(&token, &agency)).await.expect("a session");
    }
    let found = sessions::find(&mut tx, &[1], minute(59)).await.expect("a look-up").expect("a session");
    assert_eq!((found.org_id, found.role.as_str()), (agency.aurora, "business_admin"));
    assert_eq!(sessions::find(&mut tx, &[1], minute(60)).await.expect("a look-up"), None);
    assert_eq!(sessions::find(&mut tx, &[9], minute(1)).await.expect("a look-up"), None);
    sessions::revoke(&mut tx, found.id, minute(5)).await.expect("an end");
    assert_eq!(sessions::find(&mut tx, &[1], minute(6)).await.expect("a look-up"), None);
    assert!(sessions::find(&mut tx, &[2], minute(6)).await.expect("a look-up").is_some());
    assert_eq!(sessions::prune(&mut tx, minute(6)).await.expect("a clearing"), 1);
    assert_eq!(sessions::prune(&mut tx, minute(61)).await.expect("a clearing"), 1);
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_by_call() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    for number in 1..=3u8 {
        let message = Message {
            id: MessageId(id(u128::from(number))),
            call_id: (number < 3).then(|| CallId(id(7))),
            from_name: None,
            reply_to: Some("+15135550142".to_owned()),
            text: "call me".to_owned(),
            priority: Priority::High,
            created_at: minute(i64::from(number)),
        };
        messages::insert(&mut tx, &message).await.expect("a message");
    }
    let mut ids = async |call_id| {
        let filter = MessageFilter { call_id, ..MessageFilter::default() };
        let wanted = Wanted::first(MessageSort::CreatedAt, 10);
        let page = messages::list(&mut tx, &filter, &wanted).await.expect("a page");
        page.items.iter().map(|kept| kept.message.id.0.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(ids(None).await, [3, 2, 1]);
    assert_eq!(ids(Some(CallId(id(7)))).await, [2, 1]);
}

#[tokio::test]
async fn the_audit_log_tells_the_newest_first() {
    let agency = open().await;
    let mut tx = agency.tx().await;
    for number in 1..=2u8 {
        let entry = audit::Entry {
            id: id(u128::from(number)),
            at: minute(i64::from(number)),
            user_id: None,
            api_key_id: None,
            home_org_id: tx.org_id(),
            action: "agents:write".to_owned(),
            object: "agent_x".to_owned(),
            ip: None,
            detail: serde_json::json!({}),
        };
        audit::record(&mut tx, &entry).await.expect("an entry");
    }
    let page = audit::list(&mut tx, &audit::Filter::default(), None, 1).await.expect("a page");
    assert_eq!((page.items[0].entry.id, page.has_more), (id(2), true));
}
