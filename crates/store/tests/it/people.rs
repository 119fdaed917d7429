//! People, sessions, messages, the audit log.

use domain::ids::{MessageId, SessionId, UserId};
use domain::leads::Priority;
use store::audit;
use store::messages::{self, Message, MessageFilter, MessageSort};
use store::page::Wanted;
use store::refresh;
use store::sessions::{self, Method, NewSession, Which};
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

fn session(number: u128, agency: &Agency) -> NewSession<'static> {
    NewSession {
        id: SessionId(id(number)),
        user_id: UserId(id(50)),
        org_id: agency.aurora,
        method: Method::Password,
        created_at: minute(0),
        expires_at: minute(60),
        ends_at: minute(600),
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
async fn a_session_holds_until_it_is_over_or_revoked() {
    let agency = open().await;
    owner(&agency).await;
    let mut tx = agency.system_tx().await;
    for number in [1, 2] {
        sessions::create(&mut tx, &session(number, &agency)).await.expect("a session");
    }
    let (one, other) = (SessionId(id(1)), SessionId(id(2)));
    let found = sessions::find(&mut tx, one, minute(59)).await.expect("a look-up").expect("a session");
    assert_eq!((found.org_id, found.method), (agency.aurora, Method::Password));
    assert_eq!(sessions::find(&mut tx, one, minute(60)).await.expect("a look-up"), None);
    assert_eq!(sessions::find(&mut tx, SessionId(id(9)), minute(1)).await.expect("a look-up"), None);
    assert!(sessions::revoke(&mut tx, one, "a test", minute(5)).await.expect("an end"));
    assert!(!sessions::revoke(&mut tx, one, "a test", minute(5)).await.expect("a second end"));
    assert_eq!(sessions::find(&mut tx, one, minute(6)).await.expect("a look-up"), None);
    sessions::extend(&mut tx, other, minute(90), minute(50)).await.expect("more time");
    let found = sessions::find(&mut tx, other, minute(89)).await.expect("a look-up").expect("a session");
    assert_eq!(found.last_seen_at, minute(50));
    assert_eq!(sessions::prune(&mut tx, minute(6)).await.expect("a clearing"), 1);
    assert_eq!(sessions::prune(&mut tx, minute(91)).await.expect("a clearing"), 1);
}

#[tokio::test]
async fn sessions_are_ended_together_by_person_and_organization() {
    let agency = open().await;
    owner(&agency).await;
    let mut tx = agency.system_tx().await;
    for number in 1..=4 {
        let mut new = session(number, &agency);
        if number == 4 {
            new.org_id = agency.rival;
        }
        sessions::create(&mut tx, &new).await.expect("a session");
    }
    let mut left = async |which| {
        let user = UserId(id(50));
        sessions::revoke_of_user(&mut tx, user, which, "a test", minute(1)).await.expect("an end");
        let listed = sessions::list(&mut tx, user, None, minute(2)).await.expect("a list");
        let mut ids: Vec<u128> = listed.iter().map(|session| session.id.0.as_u128()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(left(Which::InBut(agency.aurora, SessionId(id(2)))).await, [2, 4]);
    assert_eq!(left(Which::AllBut(SessionId(id(2)))).await, [2]);
    assert_eq!(left(Which::In(agency.rival)).await, [2]);
    assert_eq!(left(Which::All).await, [0u128; 0]);
}

#[tokio::test]
async fn a_refresh_token_tells_whether_it_was_exchanged_and_goes_with_its_session() {
    let agency = open().await;
    owner(&agency).await;
    let mut tx = agency.system_tx().await;
    let new = session(1, &agency);
    sessions::create(&mut tx, &new).await.expect("a session");
    refresh::insert(&mut tx, new.id, &[7], minute(0), minute(60)).await.expect("a token");
    let found = refresh::lock(&mut tx, &[7]).await.expect("a look-up").expect("a token");
    assert_eq!((found.session_id, found.rotated_at), (new.id, None));
    refresh::mark_rotated(&mut tx, &[7], minute(3)).await.expect("an exchange");
    let found = refresh::lock(&mut tx, &[7]).await.expect("a look-up").expect("a token");
    assert_eq!(found.rotated_at, Some(minute(3)));
    sessions::prune(&mut tx, minute(61)).await.expect("a clearing");
    assert_eq!(refresh::lock(&mut tx, &[7]).await.expect("a look-up"), None);
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_by_call() {
    let agency = open().await;
    let call = agency.call(7, minute(0)).await;
    let mut tx = agency.tx().await;
    for number in 1..=3u8 {
        let message = Message {
            id: MessageId(id(u128::from(number))),
            call_id: (number < 3).then_some(call),
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
    assert_eq!(ids(Some(call)).await, [2, 1]);
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
