//! The hot paths, walked as those walk them who use them: over HTTP, and the recorder's appending by its use case.

use anyhow::{Context as _, ensure};
use app::demo_seed::DemoAgency;
use domain::call_log::{CallEvent, EventKind};
use domain::ids::CallId;
use serde_json::{Value, json};
use store::{OrgTx, SystemTx, calls};

use crate::wiring::server::RunningServer;
use crate::wiring::simulation;

/// How often each is walked.
const ROUNDS: u32 = 20;

struct Asker<'a> {
    http: reqwest::Client,
    base: String,
    public_url: &'a str,
    token: String,
}

/// Walks them all, each for another call, client and page.
pub(super) async fn run(running: &RunningServer, agency: &DemoAgency, password: &str) -> anyhow::Result<()> {
    let mut asker = Asker {
        http: simulation::http_client()?,
        base: running.local_url(),
        public_url: &running.public_url,
        token: String::new(),
    };
    for round in 0..ROUNDS {
        let body = json!({ "email": agency.owner_email, "password": password });
        let signed_in =
            asker.http.post(format!("{}/api/v1/auth/login", asker.base)).json(&body).send().await?;
        let signed_in: Value = signed_in.error_for_status()?.json().await?;
        asker.token = signed_in["token"].as_str().context("a token")?.to_owned();
        read(&asker, round).await?;
        ring(&asker, running, agency, round).await?;
    }
    Ok(())
}

/// What the dashboard and integrators read.
async fn read(asker: &Asker<'_>, round: u32) -> anyhow::Result<()> {
    asker.get("/api/v1/auth/me").await?;
    let first = asker.get("/api/v1/calls?limit=100").await?;
    let calls = first["items"].as_array().context("calls")?;
    ensure!(calls.len() == 100, "the data set is too small: only {} calls", calls.len());
    let call = &calls[round as usize];
    let id = call["id"].as_str().context("an id")?;
    asker.get(&format!("/api/v1/calls/{id}")).await?;
    let mut cursor = first["next_cursor"].as_str().map(str::to_owned);
    for _ in 0..3 {
        let Some(behind) = cursor else { break };
        let page = asker.get(&format!("/api/v1/calls?limit=100&cursor={behind}")).await?;
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    for filter in [
        "status=failed".to_owned(),
        "status=completed".to_owned(),
        format!(
            "agent_id={}",
            call["agent"]["id"].as_str().or(call["agent_id"].as_str()).unwrap_or_default()
        ),
        "from=2025-02-01T00:00:00Z&to=2025-02-02T00:00:00Z".to_owned(),
    ] {
        asker.get(&format!("/api/v1/calls?{filter}")).await?;
    }
    let clients = asker.get("/api/v1/clients?limit=50").await?;
    let clients = clients["items"].as_array().context("clients")?;
    let client = clients[round as usize % clients.len()]["id"].as_str().context("an id")?;
    asker.get(&format!("/api/v1/clients/{client}")).await?;
    asker.get(&format!("/api/v1/calls?client_id={client}")).await?;
    let leads = asker.get("/api/v1/leads?limit=25").await?;
    let lead = leads["items"][round as usize % 25]["id"].as_str().context("a lead")?.to_owned();
    asker.get(&format!("/api/v1/leads/{lead}")).await?;
    for path in
        ["/api/v1/leads?status=open", "/api/v1/leads?status=won", "/api/v1/messages", "/api/v1/projects"]
    {
        asker.get(path).await?;
    }
    Ok(())
}

/// A call comes in, is written down, and its carrier reports.
async fn ring(
    asker: &Asker<'_>,
    running: &RunningServer,
    agency: &DemoAgency,
    round: u32,
) -> anyhow::Result<()> {
    let sid = format!("CA{}", CallId(running.app.ambient.new_id()).0.simple());
    let from = format!("+1{}", 2_000_000_000u64 + u64::from(round) * 7);
    let form = |status: &'static str| {
        vec![
            ("CallSid", sid.clone()),
            ("AccountSid", "AC00000000000000000000000000000000".to_owned()),
            ("From", from.clone()),
            ("To", agency.number.clone()),
            ("CallStatus", status.to_owned()),
            ("Direction", "inbound".to_owned()),
            ("ApiVersion", "2010-04-01".to_owned()),
        ]
    };
    asker.post_form("/api/voice/inbound", &form("ringing")).await?;
    let mut tx = SystemTx::begin(&running.app.db, "the call that was just announced").await?;
    let (_, call) = calls::life::find_by_sid(&mut tx, &sid).await?.context("the call that just came in")?;
    drop(tx);
    let mut tx = OrgTx::begin(&running.app.db, agency.org_id).await?;
    let events: Vec<CallEvent> = (0..20)
        .map(|seq| CallEvent { seq, at_ms: u64::from(seq) * 20, kind: EventKind::SpeechStarted })
        .collect();
    calls::events::append(&mut tx, call, &events, running.app.ambient.now()).await?;
    tx.commit().await?;
    let mut ended = form("completed");
    ended.push(("SequenceNumber", "3".to_owned()));
    ended.push(("CallDuration", "12".to_owned()));
    asker.post_form("/api/voice/status", &ended).await
}

impl Asker<'_> {
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn post_form(&self, path: &str, form: &[(&str, String)]) -> anyhow::Result<()> {
        let answer = self.http.post(format!("{}{path}", self.base)).form(form).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path} of {}: {status} {}", self.public_url, answer.text().await?);
        Ok(())
    }
}
