//! What the tests stand on: a fresh database with two businesses in it.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{AgentId, CallId, NumberId, OrgId};
use store::agents::{self, AgentSettings};
use store::calls::life::{self, NewCall};
use store::database::{DatabaseSsl, Target};
use store::numbers::{self, Number};
use store::organizations::{self, NewOrganization, OrgKind, OrgProfile, OrgStatus};
use store::{Database, OrgTx, SystemTx, testing};
use uuid::Uuid;

/// A database with two businesses, each with an agent and a number.
pub(crate) struct Agency {
    pub(crate) db: Database,
    pub(crate) target: Target,
    pub(crate) aurora: OrgId,
    pub(crate) rival: OrgId,
}

/// Where the tests' programs of PostgreSQL are.
#[expect(clippy::disallowed_methods, reason = "tests find their database by themselves")]
pub(crate) fn postgres_dir() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache"));
    cache.join("studioconnect/postgres").join(store::embedded::POSTGRES_VERSION)
}

#[expect(clippy::disallowed_methods, reason = "tests find their database by themselves")]
async fn server() -> Target {
    match std::env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => {
            Target::from_url(&url, DatabaseSsl::FromUrl).expect("DATABASE_URL can be read")
        }
        _ => testing::shared_cluster(&postgres_dir()).await.expect("the test cluster starts"),
    }
}

/// A number that differs in every place, so that ids tell where they come from.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A moment of the tests' time.
pub(crate) fn minute(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a valid time") + TimeDelta::minutes(number)
}

pub(crate) async fn open() -> Agency {
    let (db, target) = testing::fresh_database(&server().await).await.expect("a fresh database");
    let (platform, aurora, rival) = (OrgId(id(1)), OrgId(id(2)), OrgId(id(3)));
    let mut tx = SystemTx::begin(&db, "seed").await.expect("a connection");
    for (org, kind, parent, name) in [
        (platform, OrgKind::Platform, None, "Platform"),
        (aurora, OrgKind::Business, Some(platform), "Aurora"),
        (rival, OrgKind::Business, Some(platform), "Rival"),
    ] {
        let new = NewOrganization {
            id: org,
            kind,
            parent_id: parent,
            name: name.to_owned(),
            status: OrgStatus::Active,
            plan_id: "enterprise".to_owned(),
            profile: profile(),
            created_at: minute(0),
        };
        organizations::insert(&mut tx, &new).await.expect("an organization");
    }
    tx.commit().await.expect("a commit");
    for (org, number) in [(aurora, 100u128), (rival, 200)] {
        let mut tx = OrgTx::begin(&db, org).await.expect("a connection");
        agents::insert(&mut tx, AgentId(id(number)), &agent(), minute(0)).await.expect("an agent");
        numbers::insert(&mut tx, &phone_number(number)).await.expect("a number");
        tx.commit().await.expect("a commit");
    }
    Agency { db, target, aurora, rival }
}

impl Agency {
    /// A transaction of Aurora's.
    pub(crate) async fn tx(&self) -> OrgTx {
        OrgTx::begin(&self.db, self.aurora).await.expect("a connection")
    }

    /// A transaction of the rival's.
    pub(crate) async fn rival_tx(&self) -> OrgTx {
        OrgTx::begin(&self.db, self.rival).await.expect("a connection")
    }

    pub(crate) async fn system_tx(&self) -> SystemTx {
        SystemTx::begin(&self.db, "test").await.expect("a connection")
    }

    /// An incoming call of Aurora's, stored.
    pub(crate) async fn call(&self, number: u128, at: DateTime<Utc>) -> CallId {
        let mut tx = self.tx().await;
        let call = incoming(number, at);
        life::insert_incoming(&mut tx, &call).await.expect("a call");
        tx.commit().await.expect("a commit");
        call.id
    }
}

pub(crate) fn incoming(number: u128, at: DateTime<Utc>) -> NewCall {
    NewCall {
        id: CallId(id(number)),
        agent_id: AgentId(id(100)),
        number_id: NumberId(id(1100)),
        call_sid: format!("CA{number}"),
        from_number: Some("+15135550111".to_owned()),
        to_number: "+15135550100".to_owned(),
        client_id: None,
        engine: "pipeline".to_owned(),
        started_at: at,
    }
}

pub(crate) fn profile() -> OrgProfile {
    OrgProfile {
        timezone: "UTC".to_owned(),
        default_country: "US".to_owned(),
        currency: "USD".to_owned(),
        contact_name: None,
        transfer_to: None,
        notification_email: None,
        settings: serde_json::json!({}),
    }
}

pub(crate) fn agent() -> AgentSettings {
    AgentSettings {
        name: "Ava".to_owned(),
        language: "en-US".to_owned(),
        voice: String::new(),
        greeting: String::new(),
        client_greeting: String::new(),
        greeting_interruptible: true,
        engine: "pipeline".to_owned(),
        ..AgentSettings::default()
    }
}

pub(crate) fn phone_number(agent: u128) -> Number {
    Number {
        id: NumberId(id(1000 + agent)),
        agent_id: AgentId(id(agent)),
        e164: format!("+15135550{agent}"),
        label: String::new(),
        fallback_number: None,
        recording: true,
        notice: String::new(),
        greeting: String::new(),
    }
}
