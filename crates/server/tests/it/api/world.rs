//! Two agencies with everything in them, and the router before them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use api::voice::edge::{Verification, VoiceEdge, VoiceSettings};
use api::{ApiSettings, ApiState};
use app::auth::passwords::hash_password;
use app::domains::hosts::HostSettings;
use app::secrets::Envelope;
use app::{App, AppParts, AppSettings};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use domain::call_plan::CallPlan;
use domain::domain_names::DomainName;
use domain::ids::{
    AgentId, CallId, CallbackId, ChangeRequestId, ClientId, IncidentId, KnowledgeId, LeadId, MessageId,
    NumberId, OrgId, ProjectId, QuestionId, RoleId, UserId,
};
use domain::permissions::PermissionSet;
use domain::roles::RoleRef;
use provider_traits::ambient::{Ambient, Clock, RandomIds};
use provider_traits::brain::{Brain, Mind};
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::email::Email;
use provider_traits::error::ProviderError;
use provider_traits::llm::LanguageModel;
use provider_traits::stt::{SpeechToText, SttConfig, SttStream};
use provider_traits::tools::Tools;
use provider_traits::vad::{VoiceScorer, VoiceScorerFactory};
use providers::email::outbox::Outbox;
use providers::safe_http::{Patience, Policy, SafeHttp};
use providers::twilio::rest::{TwilioRest, TwilioSettings};
use providers::twilio::signature::SignatureVerifier;
use serde_json::Value;
use server::wiring::listener::{ConnectionLimits, serve};
use store::database::Target;
use store::organizations::{NewOrganization, OrgKind, OrgProfile, OrgStatus};
use store::users::User;
use store::{OrgTx, SystemTx};
use testkit::database::TestDatabase;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use voice::stand_ins::{HummingTts, TtsFault};

use super::fake_dns::FakeDns;
use super::furnishing;

/// How long receivers of webhooks are waited for: tests of silent ones wait so long.
const PATIENCE: Patience = Patience { connect: Duration::from_secs(2), total: Duration::from_secs(2) };

/// The account at the telephone network.
pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
/// Signs the network's webhooks, and lets us in.
pub(crate) const ACCOUNT_SECRET: &str = "an auth token that is only used in tests";

/// What secrets in the database are encrypted with.
pub(crate) const PASSPHRASE: &str = "a passphrase that is only used in tests";

/// What everybody signs in with.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A clock that stands until it is told to move.
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

impl TestClock {
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_microseconds().unwrap(), Ordering::Relaxed);
    }
}

/// Stands where a provider must stand; no test here listens or thinks.
struct Mute;

const MUTE: Descriptor = Descriptor { id: "mute", name: "Mute", locality: Locality::Local };

fn mute() -> ProviderError {
    ProviderError::Unavailable { provider: "mute", reason: "this test does not speak".to_owned() }
}

#[async_trait::async_trait]
impl SpeechToText for Mute {
    fn descriptor(&self) -> &'static Descriptor {
        &MUTE
    }
    async fn open(&self, _config: &SttConfig) -> Result<SttStream, ProviderError> {
        Err(mute())
    }
}

impl VoiceScorerFactory for Mute {
    fn scorer(&self) -> Box<dyn VoiceScorer> {
        unreachable!("this test does not listen")
    }
}

impl Brain for Mute {
    fn descriptor(&self) -> &'static Descriptor {
        &MUTE
    }
    fn begin(&self, _plan: Arc<CallPlan>, _tools: Arc<dyn Tools>) -> Box<dyn Mind> {
        unreachable!("this test does not think")
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The last part of a problem's type.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["type"].as_str().unwrap().trim_start_matches("urn:studioconnect:problem:").to_owned()
    }
}

/// An agency with one of everything.
#[derive(Debug, Clone)]
pub(crate) struct Agency {
    pub(crate) id: OrgId,
    pub(crate) agent: AgentId,
    pub(crate) client: ClientId,
    pub(crate) project: ProjectId,
    pub(crate) lead: LeadId,
    pub(crate) entry: KnowledgeId,
    pub(crate) call: CallId,
    pub(crate) number: NumberId,
}

impl Agency {
    /// The message that a caller left.
    pub(crate) fn message(&self) -> MessageId {
        MessageId(self.entry.0)
    }

    /// A call that is to be made.
    pub(crate) fn callback(&self) -> CallbackId {
        CallbackId(self.entry.0)
    }

    /// Something that could not wait.
    pub(crate) fn incident(&self) -> IncidentId {
        IncidentId(self.entry.0)
    }

    /// A client's request for more than was agreed.
    pub(crate) fn change_request(&self) -> ChangeRequestId {
        ChangeRequestId(self.entry.0)
    }

    /// The one question that prospects are asked.
    pub(crate) fn question(&self) -> QuestionId {
        QuestionId(self.entry.0)
    }
}

/// The database, the use cases and the router of a test.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) dns: Arc<FakeDns>,
    /// Where the database is: for processes on it.
    pub(crate) target: Target,
    router: Router,
    password_hash: String,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(ApiSettings::default()).await
    }

    pub(crate) async fn with(settings: ApiSettings) -> Self {
        Self::made(settings, 10, None).await
    }

    /// One that reaches the telephone network, and that the network reaches.
    pub(crate) async fn on_the_phone(network: &str) -> Self {
        Self::made(ApiSettings::default(), 10, Some(network)).await
    }

    /// One that carries so many calls at once.
    pub(crate) async fn with_lines(lines: usize) -> Self {
        Self::made(ApiSettings::default(), lines, None).await
    }

    /// One whose e-mail goes that way.
    pub(crate) async fn with_email(email: Arc<dyn Email>) -> Self {
        Self::build(ApiSettings::default(), 10, None, Some(email), None).await
    }

    /// The same, with summaries written by a model.
    pub(crate) async fn with_email_and_summarizer(
        email: Arc<dyn Email>,
        model: Option<Arc<dyn LanguageModel>>,
    ) -> Self {
        Self::build(ApiSettings::default(), 10, None, Some(email), model).await
    }

    async fn made(settings: ApiSettings, lines: usize, network: Option<&str>) -> Self {
        Self::build(settings, lines, network, None, None).await
    }

    async fn build(
        settings: ApiSettings,
        lines: usize,
        network: Option<&str>,
        email: Option<Arc<dyn Email>>,
        summarizer: Option<Arc<dyn LanguageModel>>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook_url = match network {
            Some(_) => format!("http://{}", listener.local_addr().unwrap()),
            None => "https://studio.example".to_owned(),
        };
        let telephony = TwilioSettings {
            account_sid: network.map(|_| ACCOUNT.to_owned()),
            api_key: None,
            secret: Some(ACCOUNT_SECRET.to_owned().into()),
            base_url: network.unwrap_or("http://127.0.0.1:9").parse().unwrap(),
            calls_per_second: 1_000,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let TestDatabase { db, target } = testkit::database::fresh().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000_000)));
        let drain = CancellationToken::new();
        let dns = Arc::new(FakeDns::default());
        let http = SafeHttp::new(laboratory(), PATIENCE).unwrap();
        let app = App::new(AppParts {
            db,
            ambient: Ambient { clock: clock.clone(), ids: Arc::new(RandomIds) },
            objects: Arc::new(providers::objects::local::LocalFolder::open(folder.path()).unwrap()),
            email: email.unwrap_or_else(|| Arc::new(outbox(&folder.path().join("outbox")))),
            telephony: Arc::new(TwilioRest::new(telephony)),
            identity_provider: Some(Arc::new(providers::oidc::Oidc::new(http.clone(), clock.clone()))),
            http: Arc::new(http),
            dns: dns.clone(),
            secrets: Envelope::new(&PASSPHRASE.to_owned().into(), &[]).unwrap(),
            stt: Arc::new(Mute),
            tts: Arc::new(HummingTts::new(TtsFault::None)),
            vad: Arc::new(Mute),
            brain: Arc::new(Mute),
            summarizer,
            realtime: None,
            watched_models: Vec::new(),
            settings: AppSettings {
                public_url: "https://studio.example".to_owned(),
                webhook_url: webhook_url.clone(),
                hosts: HostSettings::of(
                    &["https://studio.example"],
                    DomainName::parse("base.example").ok(),
                    false,
                ),
                token_key: "a token key that is only used in tests".to_owned().into(),
                node: "test".to_owned(),
                spool_dir: folder.path().join("spool"),
                allow_lockstep: false,
                ticket_ttl: Duration::from_secs(60),
                max_calls: lines,
                max_call_minutes: 10,
                prices: domain::prices::Prices::known(),
                resume_within: Duration::from_secs(15),
            },
            sessions: Arc::new(store::call_sessions::FailoverSessions::new(None, Duration::from_secs(5))),
            drain: drain.clone(),
        })
        .unwrap();
        let verification = match network {
            Some(_) => Verification::Signed(SignatureVerifier::new(ACCOUNT_SECRET, None).unwrap()),
            None => Verification::LoopbackOnly,
        };
        let voice = VoiceEdge::new(
            app.clone(),
            VoiceSettings::new(&webhook_url, verification),
            drain.clone(),
            TaskTracker::new(),
        );
        let router = api::router(ApiState::new(app.clone(), settings), voice);
        if network.is_some() {
            let limits = ConnectionLimits { connections: 100, header_timeout: Duration::from_secs(10) };
            let tasks = TaskTracker::new();
            tasks.spawn(serve(listener, router.clone(), limits, drain.clone(), tasks.clone()));
        }
        let password_hash = hash_password(PASSWORD).unwrap();
        let _stop = drain.drop_guard();
        Self { app, clock, dns, target, router, password_hash, _stop, _folder: folder }
    }

    /// Founds an agency. `digit` keeps the numbers of two agencies apart.
    pub(crate) async fn agency(&self, name: &str, digit: u8) -> Agency {
        self.founded(name, digit, OrgStatus::Active, "enterprise").await
    }

    /// Founds an agency on a plan of the catalogue.
    pub(crate) async fn agency_on(&self, plan: &str, name: &str, digit: u8) -> Agency {
        self.founded(name, digit, OrgStatus::Active, plan).await
    }

    /// Founds an agency below a partner of its own; returns the partner, too.
    pub(crate) async fn agency_of_a_partner(
        &self,
        name: &str,
        digit: u8,
        status: OrgStatus,
    ) -> (Agency, OrgId) {
        let partner = OrgId(self.app.ambient.new_id());
        let mut tx = SystemTx::begin(&self.app.db, "a test founds a partner").await.unwrap();
        let platform = self.platform(&mut tx).await;
        let founded = NewOrganization {
            kind: OrgKind::Partner,
            ..organization(partner, Some(platform), "Partner", OrgStatus::Active, self.app.ambient.now())
        };
        store::organizations::insert(&mut tx, &founded).await.unwrap();
        tx.commit().await.unwrap();
        (self.founded_below(Some(partner), name, digit, status, "enterprise").await, partner)
    }

    /// The platform, founded if need be.
    async fn platform(&self, tx: &mut SystemTx) -> OrgId {
        if let Some(platform) = store::organizations::platform(tx).await.unwrap() {
            return platform;
        }
        let platform = OrgId(self.app.ambient.new_id());
        let founded = organization(platform, None, "Platform", OrgStatus::Active, self.app.ambient.now());
        store::organizations::insert(tx, &founded).await.unwrap();
        platform
    }

    async fn founded(&self, name: &str, digit: u8, status: OrgStatus, plan: &str) -> Agency {
        self.founded_below(None, name, digit, status, plan).await
    }

    async fn founded_below(
        &self,
        above: Option<OrgId>,
        name: &str,
        digit: u8,
        status: OrgStatus,
        plan: &str,
    ) -> Agency {
        let id = |_: &str| self.app.ambient.new_id();
        let now = self.app.ambient.now();
        let org = OrgId(id("org"));
        let mut tx = SystemTx::begin(&self.app.db, "a test founds an agency").await.unwrap();
        let above = match above {
            Some(above) => above,
            None => self.platform(&mut tx).await,
        };
        let business =
            NewOrganization { plan_id: plan.to_owned(), ..organization(org, Some(above), name, status, now) };
        store::organizations::insert(&mut tx, &business).await.unwrap();
        tx.commit().await.unwrap();

        let agency = Agency {
            id: org,
            agent: AgentId(id("agent")),
            client: ClientId(id("client")),
            project: ProjectId(id("project")),
            lead: LeadId(id("lead")),
            entry: KnowledgeId(id("entry")),
            call: CallId(id("call")),
            number: NumberId(id("number")),
        };
        let mut tx = OrgTx::begin(&self.app.db, org).await.unwrap();
        furnishing::furnish(&mut tx, &agency, digit, now).await;
        tx.commit().await.unwrap();
        self.record_call(&agency, agency.call, now).await;
        let mut tx = OrgTx::begin(&self.app.db, org).await.unwrap();
        furnishing::remember(&mut tx, &agency, now).await;
        tx.commit().await.unwrap();
        agency
    }

    /// Records an incoming call from the agency's caller.
    pub(crate) async fn record_call(&self, agency: &Agency, call_id: CallId, at: DateTime<Utc>) {
        let mut tx = OrgTx::begin(&self.app.db, agency.id).await.unwrap();
        let call = store::calls::life::NewCall {
            id: call_id,
            agent_id: agency.agent,
            number_id: agency.number,
            call_sid: format!("CA{}", call_id.0.simple()),
            from_number: Some("+15135550199".to_owned()),
            to_number: "+15135550100".to_owned(),
            client_id: Some(agency.client),
            engine: "pipeline".to_owned(),
            started_at: at,
        };
        store::calls::life::insert_incoming(&mut tx, &call).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Employs a person and signs them in; returns the bearer token.
    pub(crate) async fn sign_in_as(&self, agency: &Agency, role: &str) -> String {
        self.sign_in_at(agency.id, role).await
    }

    /// Signs in a person with exactly these permissions, by a role of the organization's own.
    pub(crate) async fn sign_in_with(&self, org: OrgId, permissions: PermissionSet) -> String {
        let email = self.employ_at(org, "viewer").await;
        let role = RoleId(self.app.ambient.new_id());
        let content = store::roles::RoleContent {
            name: format!("Role {}", role.0.simple()),
            description: String::new(),
            permissions,
            child_permissions: PermissionSet::default(),
        };
        let now = self.app.ambient.now();
        let mut tx = SystemTx::begin(&self.app.db, "a test finds a person").await.unwrap();
        let user = store::users::find_by_email(&mut tx, &email).await.unwrap().unwrap();
        drop(tx);
        let mut tx = OrgTx::begin(&self.app.db, org).await.unwrap();
        store::roles::insert(&mut tx, role, &content, now).await.unwrap();
        store::members::set_role(&mut tx, user.id, RoleRef::Own(role), now).await.unwrap();
        tx.commit().await.unwrap();
        self.log_in(&email).await
    }

    /// Signs in a person of an organization that may be no agency.
    pub(crate) async fn sign_in_at(&self, org: OrgId, role: &str) -> String {
        let email = self.employ_at(org, role).await;
        self.log_in(&email).await
    }

    async fn log_in(&self, email: &str) -> String {
        let body = serde_json::json!({ "email": email, "password": PASSWORD });
        let answer = self.post("/api/v1/auth/login", None, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Employs a person; returns the address they sign in with.
    pub(crate) async fn employ(&self, agency: &Agency, role: &str) -> String {
        self.employ_at(agency.id, role).await
    }

    async fn employ_at(&self, org: OrgId, role: &str) -> String {
        let user_id = UserId(self.app.ambient.new_id());
        let email = format!("{role}.{}@agency.example", user_id.0.simple());
        let user = User {
            id: user_id,
            email: email.clone(),
            name: "Dana".to_owned(),
            password_hash: Some(self.password_hash.clone()),
        };
        let mut tx = SystemTx::begin(&self.app.db, "a test employs a person").await.unwrap();
        store::users::insert(&mut tx, &user, self.app.ambient.now()).await.unwrap();
        store::users::set_member(&mut tx, org, user_id, role).await.unwrap();
        tx.commit().await.unwrap();
        email
    }

    /// Puts an agency on the plan of that name, as it is offered first.
    pub(crate) async fn put_on_plan(&self, agency: &Agency, plan: &str) {
        let mut tx = SystemTx::begin(&self.app.db, "a test changes a plan").await.unwrap();
        store::organizations::below::set_plan(&mut tx, agency.id, (plan, 1), self.app.ambient.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Sends a request as it is and hands back the answer before its body is read.
    pub(crate) async fn open(&self, request: Request<Body>) -> axum::response::Response {
        self.open_from([192, 0, 2, 7], request).await
    }

    async fn open_from(&self, address: [u8; 4], mut request: Request<Body>) -> axum::response::Response {
        let peer = SocketAddr::from((address, 40_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a webhook of the carrier's, who is believed here when it sits on this machine.
    pub(crate) async fn send_as_carrier(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.open_from([127, 0, 0, 1], request).await.into_parts();
        let body = axum::body::to_bytes(body, 64 << 10).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request as it is; of an answer that goes on for ever only its head is read.
    pub(crate) async fn send_briefly(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.open(request).await.into_parts();
        let endless = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = match endless {
            true => Bytes::from_static(b": an event stream"),
            false => axum::body::to_bytes(body, 64 << 20).await.unwrap(),
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The secret of the link that the newest letter to an address holds behind `marker`.
    pub(crate) fn letter_to(&self, email: &str, marker: &str) -> String {
        let folder = std::fs::read_dir(self._folder.path().join("outbox")).unwrap();
        let letters = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        // Quoted-printable: a soft line break, and the equals sign itself.
        let plain = letters.map(|text| text.replace("=\r\n", "").replace("=3D", "="));
        let found: Vec<String> = plain
            .filter(|text| text.lines().any(|line| line.starts_with("To:") && line.contains(email)))
            .filter_map(|text| Some(text.split_once(marker)?.1.split_whitespace().next()?.to_owned()))
            .collect();
        assert_eq!(found.len(), 1, "letters to {email} with {marker}");
        found.into_iter().next().unwrap()
    }

    /// How many letters went to an address.
    pub(crate) fn letters_to(&self, email: &str) -> usize {
        self.whole_letters_to(email).len()
    }

    /// The letters to an address, whole.
    pub(crate) fn whole_letters_to(&self, email: &str) -> Vec<String> {
        let folder = std::fs::read_dir(self._folder.path().join("outbox")).unwrap();
        let letters = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        letters
            .filter(|text| text.lines().any(|line| line.starts_with("To:") && line.contains(email)))
            .map(|text| text.replace("=\r\n", "").replace("=3D", "="))
            .collect()
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(request("GET", path, token, &[], None)).await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.send(request("POST", path, token, &[], Some(body))).await
    }

    /// Changes whatever version is there.
    pub(crate) async fn patch(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send(request("PATCH", path, Some(token), &[("if-match", "*")], Some(body))).await
    }
}

fn outbox(folder: &std::path::Path) -> Outbox {
    Outbox::open(folder, "studio@here.example").unwrap()
}

/// Receivers of tests listen on this machine.
fn laboratory() -> Policy {
    Policy { allow_insecure: true, allowed_networks: vec!["127.0.0.0/8".parse().unwrap()] }
}

/// Builds a request.
pub(crate) fn request(
    method: &str,
    path: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    match body {
        Some(body) => {
            builder.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
        }
        None => builder.body(Body::empty()),
    }
    .unwrap()
}

fn organization(
    id: OrgId,
    parent_id: Option<OrgId>,
    name: &str,
    status: OrgStatus,
    now: DateTime<Utc>,
) -> NewOrganization {
    NewOrganization {
        id,
        kind: if parent_id.is_some() { OrgKind::Business } else { OrgKind::Platform },
        parent_id,
        name: name.to_owned(),
        status,
        plan_id: "enterprise".to_owned(),
        profile: OrgProfile {
            timezone: "America/New_York".to_owned(),
            default_country: "US".to_owned(),
            currency: "USD".to_owned(),
            contact_name: None,
            transfer_to: None,
            notification_email: Some("notices@agency.example".to_owned()),
            settings: serde_json::json!({}),
        },
        created_at: now,
    }
}
