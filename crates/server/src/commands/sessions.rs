//! `studioconnect sessions …`: what nodes keep to go on with each other's calls, and removing what nobody needs.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use app::calls::sweep::{self, Patience};
use provider_traits::ambient::Ambient;
use store::Database;
use store::call_sessions::{FailoverSessions, SessionStore as _};

use crate::cli::SessionsCommand;
use crate::config::Config;
use crate::database::{self, OpenDatabase};
use crate::exit::Exit;
use crate::wiring::sessions;

/// Every page is read within the limit of an answer; a command has time for more.
const ANSWERS: Duration = Duration::from_secs(2);

/// Lists or cleans up, also beside running servers.
///
/// # Errors
/// When the database or Redis can't be reached.
pub async fn run(config: &Config, command: SessionsCommand, out: &mut impl Write) -> anyhow::Result<Exit> {
    let kept = sessions::open(config)?;
    if config.redis.url.is_some() {
        tokio::time::timeout(ANSWERS, kept.ping()).await.context("redis does not answer")??;
    } else {
        writeln!(out, "redis.url is not set: sessions are only in the memory of running servers")?;
    }
    let open = OpenDatabase::open_beside(config).await?;
    store::migrate::migrate(&open.target).await.context("could not bring the database up to date")?;
    let db = Database::connect(&open.target, database::pool_sizes(config)).await?;
    let done = match command {
        SessionsCommand::List => list(&kept, out).await,
        SessionsCommand::Cleanup { dry_run } => cleanup(config, &db, &kept, dry_run, out).await,
    };
    db.close().await;
    open.close().await?;
    done.map(|()| Exit::Done)
}

async fn list(kept: &Arc<FailoverSessions>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut sessions = kept.list(None).await?;
    sessions.sort_by(|a, b| (&a.node, a.heartbeat_at).cmp(&(&b.node, b.heartbeat_at)));
    for session in &sessions {
        let left = if session.left.is_some() { ", left" } else { "" };
        writeln!(
            out,
            "{}  {}  {}  resumed {} times, last sign of life {}{left}",
            session.call_id,
            session.call_sid,
            session.node,
            session.resumptions,
            session.heartbeat_at.to_rfc3339()
        )?;
    }
    writeln!(out, "{} sessions", sessions.len())?;
    Ok(())
}

async fn cleanup(
    config: &Config,
    db: &Database,
    kept: &Arc<FailoverSessions>,
    dry_run: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let now = Ambient::system().now();
    let stuck = sweep::stuck_sessions(db, kept, now).await?;
    for found in &stuck {
        writeln!(out, "session of {}: {}", found.session.call_id, found.why)?;
        if !dry_run {
            kept.delete(found.session.call_id, found.session.resumptions).await?;
        }
    }
    // No node has this name: only calls that are lost for everybody count.
    let patience = Patience { resume_within: config.sessions.resume_within };
    let lost = sweep::lost_calls(db, kept, "", patience, now).await?;
    for call in &lost {
        let node = call.node.as_deref().unwrap_or("no node");
        writeln!(out, "call {} of {node}: nobody carries it", call.call_id)?;
    }
    if !dry_run && !lost.is_empty() {
        let calls: Vec<_> = lost.iter().map(|call| (call.org_id, call.call_id)).collect();
        sweep::promise(db, &calls).await?;
    }
    let (stuck, lost) = (stuck.len(), lost.len());
    if dry_run {
        writeln!(out, "{stuck} sessions would be removed, {lost} calls would be completed")?;
    } else {
        writeln!(
            out,
            "{stuck} sessions removed; {lost} calls are completed by a running server, or at its next start"
        )?;
    }
    Ok(())
}
