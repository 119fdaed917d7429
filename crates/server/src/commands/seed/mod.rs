//! `studioconnect seed`: a large data set for measurements, and what the statements of the hot paths do on it.

mod plans;
mod requests;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use store::bulk::{self, Size};

use crate::cli;
use crate::config::Config;
use crate::exit::Exit;
use crate::telemetry;
use crate::wiring::{database, secrets, server};

/// Makes the data set, or checks the statements on it.
///
/// # Errors
/// When the database is in use for something else, or a part can't be started.
pub async fn run(options: cli::Seed, config: &Config, out: &mut impl Write) -> anyhow::Result<Exit> {
    let mut config = config.clone();
    // Nobody is to reach this server but this command.
    config.server.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.server.port = 0;
    config.speech.prerender = false;
    if options.check_plans {
        return plans::check(&config, options.most_ms, out).await;
    }
    telemetry::start(&config.log)?;
    let database = database::open(&config).await?;
    bulk::mark(&database.open.target).await?;
    let listener = server::listen(&config).await?;
    let running = server::start(&config, database.db.clone(), listener).await?;
    let password = secrets::password();
    let agency = running.app.seed_demo(&password).await.context("could not enter the demo agency")?;
    running.stop(std::time::Duration::from_secs(5)).await;
    let size = Size {
        calls: i64::try_from(options.calls).context("too many calls")?,
        turns: i64::try_from(options.turns).context("too many turns")?,
        organizations: i32::try_from(options.organizations.max(1)).context("too many organizations")?,
    };
    let counts = bulk::fill(&database.open.target, agency.org_id.0, size, |calls| {
        tracing::info!(calls, of = size.calls, "seeding");
    })
    .await?;
    database.close().await?;
    writeln!(
        out,
        "{} calls, {} turns, {} events, {} leads, {} clients in {} businesses: {} MiB",
        counts.calls,
        counts.turns,
        counts.events,
        counts.leads,
        counts.clients,
        size.organizations,
        counts.bytes / (1 << 20),
    )?;
    writeln!(out, "e-mail: {}\npassword: {password}", agency.owner_email)?;
    Ok(Exit::Done)
}
