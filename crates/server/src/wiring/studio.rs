//! The demonstration's studio: a server with the agency "Aurora Branding" on it, and a caller who can ring it.

use std::sync::Arc;

use anyhow::Context as _;
use app::demo_seed::DemoAgency;
use simulator::scenario::http_records::HttpRecords;
use simulator::scenario::records::Records;
use simulator::scenario::run::Stage;
use store::Database;
use tokio::net::TcpListener;

use super::secrets;
use super::server::{self, RunningServer};
use super::simulation::{self, Reach};
use crate::config::Config;

/// A server, its agency, a caller.
pub struct Studio {
    /// The server.
    pub running: RunningServer,
    /// The agency.
    pub agency: DemoAgency,
    /// What its owner signs in with, new each time.
    pub password: String,
    /// What the caller needs.
    pub stage: Stage,
}

/// Starts the server, enters the agency unless it is there, signs the caller's observer in.
///
/// # Errors
/// When a part can't be started.
pub async fn open(config: &Config, db: Database, listener: TcpListener) -> anyhow::Result<Studio> {
    let running = server::start(config, db, listener).await?;
    let password = secrets::password();
    let agency = running.app.seed_demo(&password).await.context("could not enter the demo agency")?;
    let http = simulation::http_client()?;
    let base = running.local_url().parse().context("the server's own address")?;
    let records = HttpRecords::sign_in(http.clone(), base, &agency.owner_email, &password).await?;
    let reach = Reach {
        url: running.local_url(),
        public_url: running.public_url.clone(),
        account_sid: None,
        auth_token: None,
    };
    // Loaded before the first call: a machine that is busy takes seconds for it, and a caller can't wait so long.
    if let Err(error) = running.app.prepare_calls(agency.org_id).await {
        tracing::warn!(%error, "callers will not be understood");
    }
    let stage = simulation::stage(
        &http,
        &reach,
        Some(Arc::new(records) as Arc<dyn Records>),
        agency.samples.clone(),
    )?;
    Ok(Studio { running, agency, password, stage })
}
