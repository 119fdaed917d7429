//! Heeding what callers say while they say it, whoever answers them: what can't wait is raised, what goes beyond what was
//! agreed is written down. A brain or a model that notices it too changes nothing: both happen once.

use std::sync::Arc;

use domain::call_plan::CallPlan;
use domain::urgency::{self, URGENT};
use domain::{intents, scope};
use store::OrgTx;
use tokio::sync::mpsc;

use crate::error::AppError;
use crate::runtime::App;
use crate::{change_requests, deadlines};

/// Turns that wait to be heeded; a caller says one in seconds. Beyond it they are passed over here, and the urgent ones
/// are found when the record is made.
pub(crate) const WAITING: usize = 32;

/// Heeds the turns of a call until there are no more.
pub(crate) async fn heed(app: Arc<App>, plan: Arc<CallPlan>, mut turns: mpsc::Receiver<String>) {
    while let Some(words) = turns.recv().await {
        if let Err(error) = deadlines::database(Box::pin(heed_turn(&app, &plan, &words))).await {
            tracing::warn!(call.id = %plan.call_id, %error, "a turn could not be heeded");
        }
    }
}

async fn heed_turn(app: &App, plan: &CallPlan, words: &str) -> Result<(), AppError> {
    let urgency = urgency::assess(words, &plan.urgency);
    let client = plan.caller.client.as_ref();
    let is_urgent = urgency.score >= URGENT;
    let change = client.map(|_| scope::assess(words)).filter(|change| {
        // "We need another page at once" is a request; "the site is down, we need another server" is none.
        change.is_change && !is_urgent && intents::classify(words) == intents::Intent::ScopeChange
    });
    if !is_urgent && change.is_none() {
        return Ok(());
    }
    if is_urgent {
        app.flag_urgent(plan.org_id, plan.call_id, urgency.score, words).await?;
    }
    if let (Some(client), Some(change)) = (client, change) {
        let mut tx = OrgTx::begin(&app.db, plan.org_id).await?;
        change_requests::report(&mut tx, app, plan.call_id, client, &change).await?;
        tx.commit().await?;
    }
    Ok(())
}
