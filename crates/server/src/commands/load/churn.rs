//! `studioconnect load --churn`: is anything left behind by calls that come and go?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use simulator::load::board::Board;
use simulator::load::churn::{self, Counted, Counts, Moment, Plan};
use simulator::load::peer::Peer;
use simulator::load::phone::Door;
use simulator::load::process::Sample;
use tokio::time::Instant;

use super::subject::Subject;
use crate::cli::Load;
use crate::exit::Exit;
use crate::wiring::simulation;

/// The first part of the time fills pools, caches and allocators, and is not judged.
const WARM_UP_PART: f64 = 0.25;
/// Memory may rise by so much in a minute, of what it is after warming up: noise of the allocator.
const FLAT_PART: f64 = 0.005;
/// After the last call everything must be gone within this time: the longest wait of the server for a phone.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);

/// What came of it.
#[derive(Debug, Serialize)]
struct Churned {
    calls: Counted,
    series: Vec<Moment>,
    /// After the last call, when all had time to go.
    end: Moment,
    /// KiB of memory in a minute, after warming up.
    rss_kib_per_minute: f64,
    /// What is not as it should be.
    complaints: Vec<String>,
}

/// Runs the churn and prints its series.
pub(super) async fn run(
    options: &Load,
    door: &Door,
    board: &Arc<Board>,
    peer: Option<&Peer>,
    subject: Option<&Subject>,
    pid: Option<u32>,
) -> anyhow::Result<Exit> {
    let pid = pid.context("whose memory is to be looked at? --pid tells")?;
    let mut health = Health::new(subject)?;
    let counts = Arc::new(Counts::default());
    let plan = Plan {
        calls: options.calls,
        call: Duration::from_secs_f64(options.call_seconds.clamp(0.5, 600.0)),
        talk_ms: options.talk_ms,
        lasts: Duration::from_secs(options.seconds),
        seed: 1,
        door: door.clone(),
    };
    let before = moment(Duration::ZERO, pid, &mut health, peer, &counts).await?;
    tell(options.json, &header(&before));
    let began = Instant::now();
    let mut series = Vec::new();
    let placing = churn::run(&plan, board, &counts);
    tokio::pin!(placing);
    let every = Duration::from_secs(options.every.max(1));
    let mut next = began + every;
    loop {
        tokio::select! {
            () = &mut placing => break,
            () = tokio::time::sleep_until(next) => {
                next += every;
                let seen = moment(began.elapsed(), pid, &mut health, peer, &counts).await?;
                tell(options.json, &row(&seen));
                series.push(seen);
            }
        }
    }
    let settled = Instant::now() + SETTLES_WITHIN;
    let end = loop {
        let seen = moment(began.elapsed(), pid, &mut health, peer, &counts).await?;
        if is_empty(&seen, &before) || Instant::now() >= settled {
            break seen;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tell(options.json, &row(&end));
    let (slope, complaints) = judge(&before, &series, &end, plan.lasts);
    let churned = Churned { calls: counts.now(), series, end, rss_kib_per_minute: slope, complaints };
    let mut table = format!(
        "\ncalls: {}\nmemory after the first quarter: {slope:+.0} KiB a minute\n",
        serde_json::to_string(&churned.calls)?
    );
    for complaint in &churned.complaints {
        table += &format!("NOT FLAT: {complaint}\n");
    }
    super::show(options.json, &churned, &table)?;
    Ok(if churned.complaints.is_empty() { Exit::Done } else { Exit::NotAsExpected })
}

/// What may be above its beginning without being left behind: connections that are kept for the next request.
const KEPT_SOCKETS: usize = 40;

fn is_empty(seen: &Moment, before: &Moment) -> bool {
    let own = |name: &str| seen.own.get(name).copied().unwrap_or(0.0);
    own("calls") == 0.0
        && own("media sockets") == 0.0
        && own("sessions of the peer") == 0.0
        && seen.process.sockets <= before.process.sockets + KEPT_SOCKETS
}

fn judge(before: &Moment, series: &[Moment], end: &Moment, lasts: Duration) -> (f64, Vec<String>) {
    let from_s = lasts.as_secs_f64() * WARM_UP_PART;
    let judged: Vec<(u64, f64)> = series
        .iter()
        .filter(|seen| seen.at_s as f64 >= from_s && seen.at_s <= lasts.as_secs())
        .map(|seen| (seen.at_s, seen.process.rss_kib as f64))
        .collect();
    let slope = churn::slope_per_minute(&judged);
    let mut complaints = Vec::new();
    let most = judged.first().map_or(f64::INFINITY, |(_, rss)| rss * FLAT_PART);
    if slope > most {
        complaints.push(format!("memory rises by {slope:.0} KiB a minute, allowed are {most:.0}"));
    }
    for (name, value) in end.own.iter().filter(|(name, _)| name.as_str() != "tasks") {
        if *value > 0.0 {
            complaints.push(format!("{value} {name} are left after the last call"));
        }
    }
    let tasks = |seen: &Moment| seen.own.get("tasks").copied();
    if let (Some(first), Some(last)) = (tasks(before), tasks(end))
        && last > first + KEPT_SOCKETS as f64
    {
        complaints.push(format!("{last} tasks after the last call, {first} before the first"));
    }
    let (first, last) = (before.process.sockets, end.process.sockets);
    if last > first + KEPT_SOCKETS {
        complaints
            .push(format!("{last} sockets are open after the last call, {first} were before the first"));
    }
    (slope, complaints)
}

async fn moment(
    at: Duration,
    pid: u32,
    health: &mut Option<Health>,
    peer: Option<&Peer>,
    counts: &Counts,
) -> anyhow::Result<Moment> {
    let process = Sample::of(pid).context("the process under load is gone")?;
    let mut own = match health {
        // A server that is busy may miss one look.
        Some(health) => health.look().await.unwrap_or_default(),
        None => BTreeMap::new(),
    };
    if let Some(peer) = peer {
        own.insert("sessions of the peer".to_owned(), peer.open() as f64);
    }
    Ok(Moment { at_s: at.as_secs(), process, own, placed: counts.now().placed })
}

fn header(before: &Moment) -> String {
    let names: Vec<String> = before.own.keys().map(|name| format!("{name:>21}")).collect();
    format!(
        "{:>6} {:>9} {:>8} {:>8} {:>8} {}\n{}",
        "s",
        "RSS KiB",
        "sockets",
        "threads",
        "placed",
        names.join(" "),
        row(before)
    )
}

fn row(seen: &Moment) -> String {
    let own: Vec<String> = seen.own.values().map(|value| format!("{value:>21}")).collect();
    let process = &seen.process;
    format!(
        "{:>6} {:>9} {:>8} {:>8} {:>8} {}",
        seen.at_s,
        process.rss_kib,
        process.sockets,
        process.threads,
        seen.placed,
        own.join(" ")
    )
}

fn tell(json: bool, line: &str) {
    if !json {
        super::say(line);
    }
}

/// Asks the server how it is, as its operator.
struct Health {
    http: reqwest::Client,
    address: String,
    email: String,
    password: String,
    token: Option<String>,
}

impl Health {
    fn new(subject: Option<&Subject>) -> anyhow::Result<Option<Self>> {
        let Some((address, email, password)) = subject.and_then(Subject::operator) else { return Ok(None) };
        Ok(Some(Self {
            http: simulation::http_client()?,
            address: address.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            token: None,
        }))
    }

    async fn look(&mut self) -> anyhow::Result<BTreeMap<String, f64>> {
        for _ in 0..2 {
            let token = match &self.token {
                Some(token) => token.clone(),
                None => self.sign_in().await?,
            };
            let url = format!("{}/health", self.address);
            let answer: Value =
                self.http.get(url).bearer_auth(&token).send().await?.json().await.context("no health")?;
            if answer["sessions"].is_object() {
                self.token = Some(token);
                return Ok(figures(&answer));
            }
            // The token is over: strangers are told one word.
            self.token = None;
        }
        anyhow::bail!("the server does not tell its operator how it is")
    }

    async fn sign_in(&self) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/auth/login", self.address);
        let body = serde_json::json!({ "email": self.email, "password": self.password });
        let answer: Value = self.http.post(url).json(&body).send().await?.json().await?;
        answer["token"].as_str().map(str::to_owned).context("the operator could not sign in")
    }
}

fn figures(health: &Value) -> BTreeMap<String, f64> {
    let found = [
        ("calls", &health["sessions"]["activeVoiceSessions"]),
        ("media sockets", &health["webSocket"]["activeConnections"]),
        ("tasks", &health["environment"]["tasks"]),
    ];
    found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.as_f64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_s: u64, rss_kib: u64, own: &[(&str, f64)]) -> Moment {
        let process = Sample { rss_kib, sockets: 10, ..Sample::default() };
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Moment { at_s, process, own, placed: 0 }
    }

    fn complaints(rise_kib: u64, left: &[(&str, f64)]) -> Vec<String> {
        let before = moment(0, 50_000, &[("tasks", 100.0)]);
        let series: Vec<Moment> =
            (1..=120).map(|step| moment(step * 10, 100_000 + step * rise_kib, &[])).collect();
        judge(&before, &series, &moment(1_200, 90_000, left), Duration::from_secs(1_200)).1
    }

    #[test]
    fn memory_that_rises_is_complained_of() {
        assert_eq!(complaints(0, &[]), [""; 0]);
        assert_eq!(complaints(50, &[]), [""; 0]);
        assert_eq!(complaints(200, &[]).len(), 1);
    }

    #[test]
    fn what_is_left_behind_is_complained_of() {
        assert_eq!(complaints(0, &[("calls", 0.0), ("tasks", 110.0)]), [""; 0]);
        assert_eq!(complaints(0, &[("calls", 1.0)]).len(), 1);
        assert_eq!(complaints(0, &[("media sockets", 2.0), ("tasks", 300.0)]).len(), 2);
    }
}
