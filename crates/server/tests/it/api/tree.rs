//! Organizations above and beside an agency, and short forms of asking.

use axum::http::StatusCode;
use domain::ids::OrgId;
use serde_json::{Value, json};
use store::SystemTx;
use store::organizations::{NewOrganization, OrgKind, OrgProfile, OrgStatus};

use super::world::{Agency, Answer, World, request};

/// A platform, a partner of it with a business, and a direct business of the platform's.
pub(crate) struct Tree {
    pub(crate) platform: Agency,
    pub(crate) partner: Agency,
    /// Below the partner.
    pub(crate) business: Agency,
    /// Beside the partner.
    pub(crate) stranger: Agency,
}

impl Tree {
    pub(crate) async fn plant(world: &World) -> Self {
        let stranger = world.agency("Borealis", 2).await;
        let mut tx = SystemTx::begin(&world.app.db, "a test looks for the platform").await.unwrap();
        let platform_id = store::organizations::platform(&mut tx).await.unwrap().unwrap();
        let (partner_id, business_id) =
            (OrgId(world.app.ambient.new_id()), OrgId(world.app.ambient.new_id()));
        for (id, kind, parent, name) in [
            (partner_id, OrgKind::Partner, platform_id, "Resell Inc"),
            (business_id, OrgKind::Business, partner_id, "Aurora"),
        ] {
            let new = NewOrganization {
                id,
                kind,
                parent_id: Some(parent),
                name: name.to_owned(),
                status: OrgStatus::Active,
                plan_id: "enterprise".to_owned(),
                profile: OrgProfile {
                    timezone: "UTC".to_owned(),
                    default_country: "US".to_owned(),
                    currency: "USD".to_owned(),
                    contact_name: None,
                    transfer_to: None,
                    notification_email: None,
                    settings: json!({}),
                },
                created_at: world.app.ambient.now(),
            };
            store::organizations::insert(&mut tx, &new).await.unwrap();
        }
        tx.commit().await.unwrap();
        let at = |id: OrgId| {
            let mut agency = stranger.clone();
            agency.id = id;
            agency
        };
        Self { platform: at(platform_id), partner: at(partner_id), business: at(business_id), stranger }
    }
}

/// Asks with whatever is given.
pub(crate) async fn ask(
    world: &World,
    method: &str,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answer {
    world.send(request(method, path, Some(token), headers, body.as_ref())).await
}

/// Changes whatever is there.
pub(crate) async fn patch(world: &World, path: &str, token: &str, body: Value) -> Answer {
    ask(world, "PATCH", path, token, &[("if-match", "*")], Some(body)).await
}

pub(crate) async fn delete(world: &World, path: &str, token: &str) -> Answer {
    ask(world, "DELETE", path, token, &[], None).await
}

/// The id of the person who is signed in.
pub(crate) async fn user_of(world: &World, token: &str) -> String {
    let me = world.get("/api/v1/auth/me", Some(token)).await;
    assert_eq!(me.status, StatusCode::OK, "{me:?}");
    me.json()["user"]["id"].as_str().unwrap().to_owned()
}

/// The actions in an organization's log, newest first, with who is asked for it.
pub(crate) async fn actions(world: &World, token: &str) -> Vec<Value> {
    let answer = world.get("/api/v1/audit-log?limit=100", Some(token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}
