//! What is done with the audit log itself: exports, which it records, and forgetting what is too old.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::ids::OrgId;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::audit::expire;
use store::{OrgTx, SystemTx};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// How long entries are kept.
pub const RETENTION: TimeDelta = TimeDelta::days(365);
/// Entries that one transaction forgets: a lock on more would be felt.
const AT_ONCE: u32 = 5_000;
/// What the log is called as an object of its own entries.
const LOG: &str = "audit_log";

/// Records that somebody takes the log away.
///
/// # Errors
/// Storage errors.
pub async fn note_export(app: &App, actor: &Actor, detail: Value) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    audit::record(&mut tx, app, actor, "audit:export", &LOG, detail).await?;
    Ok(tx.commit().await?)
}

/// Forgets entries that are older than [`RETENTION`]; each organization's log says how many of its own. Returns how
/// many there were.
///
/// # Errors
/// Storage errors; what was forgotten before stays so.
pub async fn forget_old(app: &App) -> Result<u64, AppError> {
    let before = app.ambient.now() - RETENTION;
    let mut forgotten: BTreeMap<OrgId, u64> = BTreeMap::new();
    loop {
        let mut tx = SystemTx::begin(&app.db, "retention concerns every organization's log").await?;
        let gone = expire(&mut tx, before, AT_ONCE).await?;
        for &(org_id, count) in &gone {
            let detail = json!({ "entries": count, "before": before });
            audit::record_by_system(
                &mut tx,
                &app.ambient,
                &Actor::system(org_id),
                "audit:expire",
                &LOG,
                detail,
            )
            .await?;
            *forgotten.entry(org_id).or_default() += count;
        }
        tx.commit().await?;
        if gone.iter().map(|(_, count)| count).sum::<u64>() < u64::from(AT_ONCE) {
            break;
        }
    }
    let entries: u64 = forgotten.values().sum();
    tracing::info!(entries, organizations = forgotten.len(), "old entries of the audit log were forgotten");
    Ok(entries)
}

/// The daily run of [`forget_old`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForgetOldEntries {}

impl TaskHandler for ForgetOldEntries {
    const IDENTIFIER: &'static str = "forget_old_audit_entries";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        forget_old(app).await.map(drop).map_err(|error| format!("{error:#}"))
    }
}
