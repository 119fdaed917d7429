//! What rights follow from, invitations, keys.

use domain::ids::{ApiKeyId, InvitationId, RoleId, UserId};
use domain::permissions::PermissionSet;
use domain::roles::{Role, RoleRef};
use store::api_keys::{self, KeyTerms, NewKey};
use store::invitations::{self, NewInvitation};
use store::roles::{self, RoleContent};
use store::users::{self, User};
use store::{access, audit, members};

use crate::agency::{Agency, id, minute, open};

async fn person(agency: &Agency, number: u128) -> UserId {
    let user = User {
        id: UserId(id(number)),
        email: format!("person{number}@aurora.example"),
        name: "Dana".to_owned(),
        password_hash: None,
    };
    let mut tx = agency.system_tx().await;
    users::insert(&mut tx, &user, minute(0)).await.expect("a person");
    tx.commit().await.expect("a commit");
    user.id
}

async fn own_role(agency: &Agency) -> RoleId {
    let content = RoleContent {
        name: "Desk".to_owned(),
        description: String::new(),
        permissions: PermissionSet::of_names(["calls:read"]),
        child_permissions: PermissionSet::default(),
    };
    let mut tx = agency.tx().await;
    roles::insert(&mut tx, RoleId(id(70)), &content, minute(0)).await.expect("a role");
    tx.commit().await.expect("a commit");
    RoleId(id(70))
}

#[tokio::test]
async fn the_way_up_shows_the_roles_on_it() {
    let agency = open().await;
    let (user, role) = (person(&agency, 50).await, own_role(&agency).await);
    let mut tx = agency.system_tx().await;
    let platform = store::organizations::platform(&mut tx).await.expect("a look-up").expect("a platform");
    members::insert(&mut tx, agency.aurora, user, RoleRef::Own(role), minute(0)).await.expect("a place");
    members::insert(&mut tx, platform, user, Role::PlatformAdmin.into(), minute(0)).await.expect("a place");
    let way = access::way_up(&mut tx, Some(user), agency.aurora).await.expect("a way");
    assert_eq!(way.iter().map(|step| step.id).collect::<Vec<_>>(), [agency.aurora, platform]);
    let here = way[0].role.as_ref().expect("a role");
    assert_eq!((here.name.as_str(), here.permissions.names()), ("Desk", vec!["calls:read"]));
    assert_eq!(way[1].role.as_ref().and_then(|held| held.role), Some(Role::PlatformAdmin.into()));
    let nobody = access::way_up(&mut tx, None, agency.aurora).await.expect("a way");
    assert!(nobody.len() == 2 && nobody.iter().all(|step| step.role.is_none()));
    let nowhere = access::way_up(&mut tx, Some(user), domain::ids::OrgId(id(999))).await.expect("a way");
    assert!(nowhere.is_empty());
}

#[tokio::test]
async fn a_role_of_another_organization_can_not_be_given() {
    let agency = open().await;
    let (user, role) = (person(&agency, 50).await, own_role(&agency).await);
    let mut tx = agency.system_tx().await;
    let given = members::insert(&mut tx, agency.rival, user, RoleRef::Own(role), minute(0)).await;
    assert!(given.expect_err("a stranger's role").is_conflict_with("members_role_fkey"));
}

#[tokio::test]
async fn a_role_in_use_is_not_deleted() {
    let agency = open().await;
    let (user, role) = (person(&agency, 50).await, own_role(&agency).await);
    let mut tx = agency.system_tx().await;
    members::insert(&mut tx, agency.aurora, user, RoleRef::Own(role), minute(0)).await.expect("a place");
    tx.commit().await.expect("a commit");
    let mut tx = agency.tx().await;
    let holders = roles::holders(&mut tx, role, minute(0)).await.expect("a count");
    assert_eq!((holders.members, holders.invitations), (1, 0));
    let deleted = roles::delete(&mut tx, role, minute(0)).await;
    assert!(deleted.expect_err("in use").is_conflict_with("members_role_fkey"));
}

#[tokio::test]
async fn an_invitation_is_accepted_once_and_not_after_its_time() {
    let agency = open().await;
    let invite = async |number: u8| {
        let email = format!("lee{number}@aurora.example");
        let new = NewInvitation {
            id: InvitationId(id(u128::from(number))),
            email: &email,
            role: Role::Viewer.into(),
            token_hash: &[number],
            invited_by: None,
            now: minute(0),
            expires_at: minute(10),
        };
        let mut tx = agency.tx().await;
        invitations::insert(&mut tx, &new).await.expect("an invitation");
        tx.commit().await.expect("a commit");
        new.id
    };
    let (one, late) = (invite(1).await, invite(2).await);
    let mut tx = agency.system_tx().await;
    assert!(invitations::find(&mut tx, &[1], minute(9)).await.is_ok());
    invitations::accept(&mut tx, one, minute(9)).await.expect("the first time");
    assert!(invitations::accept(&mut tx, one, minute(9)).await.is_err());
    assert!(invitations::find(&mut tx, &[1], minute(9)).await.is_err());
    assert!(invitations::accept(&mut tx, late, minute(10)).await.is_err());
    assert!(invitations::find(&mut tx, &[2], minute(10)).await.is_err());
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_until_it_is_over_or_revoked() {
    let agency = open().await;
    let terms = KeyTerms {
        name: "Sync".to_owned(),
        permissions: PermissionSet::of_names(["calls:read"]),
        child_permissions: PermissionSet::default(),
        allowed_networks: vec!["203.0.113.0/24".to_owned()],
        expires_at: Some(minute(60)),
    };
    let key = NewKey {
        id: ApiKeyId(id(80)),
        terms: &terms,
        key_hash: &[8],
        hint: "sc_live_ab…yz",
        created_by: None,
        now: minute(0),
    };
    let mut tx = agency.tx().await;
    api_keys::insert(&mut tx, &key).await.expect("a key");
    tx.commit().await.expect("a commit");
    let mut tx = agency.system_tx().await;
    let (org, found) = api_keys::find(&mut tx, &[8], minute(59)).await.expect("a look-up").expect("a key");
    assert_eq!((org, found.terms), (agency.aurora, terms.clone()));
    assert!(api_keys::find(&mut tx, &[8], minute(60)).await.expect("a look-up").is_none());
    for (at, ip) in [(2, "a"), (1, "b")] {
        api_keys::note_use(&mut tx, key.id, minute(at), Some(ip)).await.expect("a note");
    }
    tx.commit().await.expect("a commit");
    let mut tx = agency.tx().await;
    let seen = api_keys::get(&mut tx, key.id).await.expect("a key");
    assert_eq!((seen.last_used_at, seen.last_used_ip.as_deref()), (Some(minute(2)), Some("a")));
    api_keys::revoke(&mut tx, key.id, minute(3)).await.expect("an end");
    tx.commit().await.expect("a commit");
    let mut tx = agency.system_tx().await;
    assert!(api_keys::find(&mut tx, &[8], minute(4)).await.expect("a look-up").is_none());
}

#[tokio::test]
async fn old_entries_of_the_log_are_forgotten_oldest_first_and_counted() {
    let agency = open().await;
    for number in 1..=5u8 {
        let mut tx = agency.tx().await;
        let entry = audit::Entry {
            id: id(u128::from(number)),
            at: minute(i64::from(number)),
            user_id: None,
            api_key_id: None,
            home_org_id: agency.aurora,
            action: "agents:write".to_owned(),
            object: "agent_x".to_owned(),
            ip: None,
            detail: serde_json::json!({}),
        };
        audit::record(&mut tx, &entry).await.expect("an entry");
        tx.commit().await.expect("a commit");
    }
    let mut tx = agency.system_tx().await;
    assert_eq!(audit::expire(&mut tx, minute(4), 2).await.expect("a sweep"), [(agency.aurora, 2)]);
    assert_eq!(audit::expire(&mut tx, minute(4), 2).await.expect("a sweep"), [(agency.aurora, 1)]);
    assert_eq!(audit::expire(&mut tx, minute(4), 2).await.expect("a sweep"), []);
    tx.commit().await.expect("a commit");
    let mut tx = agency.tx().await;
    let left = audit::list(&mut tx, &audit::Filter::default(), None, 10).await.expect("a page");
    assert_eq!(left.items.len(), 2);
}
