//! `studioconnect load`: many calls at once against a server, and what they cost.

mod churn;
mod nodes;
mod relay;
mod subject;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use simulator::load::board::Board;
use simulator::load::idle;
use simulator::load::peer::{Manner, Peer};
use simulator::load::person::Talk;
use simulator::load::phone::{self, Door, Ended};
use simulator::load::steady;
use simulator::twilio::signature;
use simulator::twilio::webhook::{Account, Endpoint, Webhooks};

use self::subject::Subject;
use crate::cli::{Load, LoadCommand};
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::simulation;

/// The account of calls to a server that checks no signatures.
const NO_ACCOUNT: &str = "AC00000000000000000000000000000000";
/// All calls are up for so long before anything is measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// The first call of a server that was just started loads what later ones find: it is tried so often.
const FIRST_CALLS: u32 = 20;
/// How long a first call lasts, and the pause after one that failed.
const FIRST_CALL: Duration = Duration::from_secs(2);
/// How long the server is given to put away what calls took.
const COOL_DOWN: Duration = Duration::from_secs(5);

/// Runs a load, a churn, idle sockets, or the relay.
///
/// # Errors
/// When the server can't be started or reached.
pub async fn run(config: Config, options: Load, flags: &[(String, String)]) -> anyhow::Result<Exit> {
    match &options.other {
        Some(LoadCommand::Relay { port, peer }) => return relay::run(*port, peer).await,
        Some(LoadCommand::Nodes(options)) => return nodes::run(&config, options, flags).await,
        None => {}
    }
    let board = Arc::new(Board::new(if options.churn { 0 } else { options.calls as usize }));
    let manner =
        Manner { answer_ms: options.talk_ms, delta_ms: options.delta_ms.max(20), ..Manner::default() };
    let peer = match (options.engine_port, &options.url) {
        (None, Some(_)) => None,
        (port, _) => {
            let peer = Peer::start(port.unwrap_or(0), Arc::clone(&board), manner).await;
            Some(peer.context("the peer could not listen")?)
        }
    };
    let (subject, door) = match &options.url {
        Some(url) => (None, door(&config, &options, url)?),
        None => {
            let peer = peer.as_ref().map(Peer::url).unwrap_or_default();
            let subject = Subject::start(&config, &options, flags, &peer).await?;
            let door = subject.door()?;
            (Some(subject), door)
        }
    };
    let pid = options.pid.or(subject.as_ref().map(Subject::pid));
    if subject.is_some() && options.idle.is_none() {
        first_call(&door).await?;
    }
    let done = if let Some(sockets) = options.idle {
        hold_idle(&config, &options, &door, sockets, pid).await
    } else if options.churn {
        churn::run(&options, &door, &board, peer.as_ref(), subject.as_ref(), pid).await
    } else {
        let plan = steady::Plan {
            calls: options.calls,
            ramp: options.ramp,
            warm_up: WARM_UP,
            measured: Duration::from_secs(options.seconds),
            cool_down: COOL_DOWN,
            talk: Talk { ms: options.talk_ms, interrupts_after_ms: options.interrupt_after_ms },
            door,
            pid,
        };
        // Only a bridge and a relay have every call at the peer.
        let behind = peer.as_ref().filter(|_| options.subject != crate::cli::LoadSubject::Pipeline);
        let report = steady::run(&plan, &board, behind).await;
        show(options.json, &report, &report.table())?;
        Ok(if report.is_clean() { Exit::Done } else { Exit::NotAsExpected })
    };
    if let Some(subject) = subject {
        subject.stop().await?;
    }
    if let Some(peer) = peer {
        peer.stop().await;
    }
    done
}

/// Until a call was carried as it should be, there is nothing to measure.
async fn first_call(door: &Door) -> anyhow::Result<()> {
    let mut last = String::new();
    for _ in 0..FIRST_CALLS {
        match phone::one(door, FIRST_CALL).await {
            Ok(Ended::AsPlanned) => return Ok(()),
            Ok(ended) => last = format!("{ended:?}"),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(FIRST_CALL).await;
    }
    bail!("no call could be carried before the load: {last}")
}

/// The way to a running server.
fn door(config: &Config, options: &Load, url: &str) -> anyhow::Result<Door> {
    if url.starts_with("ws://") || url.starts_with("wss://") {
        return Ok(Door::Socket(url.parse().with_context(|| format!("{url} is not an address"))?));
    }
    let Some(to) = &options.to else { bail!("--to is needed: the number to call") };
    let public = options.public_url.as_deref().unwrap_or(url);
    let endpoint = Endpoint {
        base: url.parse().with_context(|| format!("{url} is not an address"))?,
        public: public.parse().with_context(|| format!("{public} is not an address"))?,
    };
    let account = Account {
        sid: config.twilio.account_sid.as_ref().map_or_else(|| NO_ACCOUNT.to_owned(), |sid| sid.0.clone()),
        auth_token: config
            .twilio
            .auth_token
            .as_ref()
            .map(|token| token.expose_secret().to_owned())
            .unwrap_or_default(),
    };
    let webhooks = Webhooks::new(simulation::http_client()?, account, endpoint);
    Ok(Door::Webhook { webhooks, to: to.clone() })
}

async fn hold_idle(
    config: &Config,
    options: &Load,
    door: &Door,
    sockets: usize,
    pid: Option<u32>,
) -> anyhow::Result<Exit> {
    let (url, signature) = match door {
        Door::Socket(url) => (url.clone(), None),
        Door::Webhook { webhooks, .. } => {
            let mut url = webhooks.endpoint().public.join("/api/voice/media")?;
            let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
            if url.set_scheme(scheme).is_err() {
                bail!("{url} can't be the address of a WebSocket");
            }
            let token = config.twilio.auth_token.as_ref();
            let signature = token.map(|token| signature::sign_url(token.expose_secret(), url.as_str()));
            (webhooks.endpoint().route(&url), signature)
        }
    };
    let hold = Duration::from_secs(options.seconds);
    let idle = idle::run(&url, signature.as_deref(), sockets, hold, pid).await;
    let mut text =
        format!("idle sockets   {} asked for, {} open, {} failed\n", idle.sockets, idle.open, idle.failed);
    if let (Some(before), Some(full), Some(each)) = (idle.before, idle.full, idle.kib_per_socket) {
        text += &format!(
            "memory         {} MiB before, {} MiB with them: {each:.1} KiB a socket\n",
            before.rss_kib / 1024,
            full.rss_kib / 1024
        );
    }
    show(options.json, &idle, &text)?;
    Ok(if idle.open == sockets { Exit::Done } else { Exit::NotAsExpected })
}

fn show(json: bool, result: &impl Serialize, table: &str) -> anyhow::Result<()> {
    let text = if json {
        serde_json::to_string(result).context("could not write the result")?
    } else {
        table.to_owned()
    };
    say(text.trim_end());
    Ok(())
}

fn say(line: &str) {
    // A closed standard output is nobody's fault.
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
