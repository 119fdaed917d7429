//! Recording clients' verdicts.

use chrono::{DateTime, Utc};
use domain::ids::{CallId, ClientId, ProjectId, SatisfactionId};
use domain::satisfaction::Scale;
use domain::webhooks::EventType;
use serde_json::{Value, json};
use store::satisfaction::{self, Verdict, VerdictSource};
use store::{OrgTx, StoreError};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;
use crate::webhooks;

/// A verdict to be recorded.
#[derive(Debug)]
pub struct NewVerdict {
    /// Whose; taken from the call or the project when it is not said.
    pub client_id: Option<ClientId>,
    /// On which project.
    pub project_id: Option<ProjectId>,
    /// On which conversation.
    pub call_id: Option<CallId>,
    /// What the score means.
    pub scale: Scale,
    /// The score.
    pub score: u8,
    /// Words that came with it.
    pub comment: String,
    /// How it reached us.
    pub source: VerdictSource,
    /// When it was given; now when it is not said.
    pub given_at: Option<DateTime<Utc>>,
}

/// Records a verdict.
///
/// # Errors
/// [`AppError::Invalid`] for a score that the scale does not have, a moment to come, or a client, project or call
/// that there is not; storage errors.
pub async fn record(app: &App, actor: &Actor, new: NewVerdict) -> Result<Verdict, AppError> {
    let invalid = |field: &'static str, message: String| Err(AppError::Invalid { field, message });
    let scores = new.scale.scores();
    if !scores.contains(&new.score) {
        return invalid("score", format!("must be between {} and {}", scores.start(), scores.end()));
    }
    let now = app.ambient.now();
    let given_at = new.given_at.unwrap_or(now);
    if given_at > now {
        return invalid("given_at", "must not be in the future".to_owned());
    }
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let mut client_id = new.client_id;
    if let Some(id) = new.call_id {
        match store::calls::get(&mut tx, id).await {
            Ok(call) => client_id = client_id.or(call.client_id),
            Err(StoreError::NotFound { .. }) => {
                return invalid("call_id", "there is no such call".to_owned());
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(id) = new.project_id {
        match store::projects::get(&mut tx, id).await {
            Ok(project) => client_id = client_id.or(Some(project.facts.client_id)),
            Err(StoreError::NotFound { .. }) => {
                return invalid("project_id", "there is no such project".to_owned());
            }
            Err(error) => return Err(error.into()),
        }
    }
    let verdict = Verdict {
        id: SatisfactionId(app.ambient.new_id()),
        client_id,
        project_id: new.project_id,
        call_id: new.call_id,
        scale: new.scale,
        score: new.score,
        comment: new.comment,
        source: new.source,
        given_at,
        created_at: now,
    };
    satisfaction::insert(&mut tx, &verdict).await.map_err(explain)?;
    let detail = json!({ "scale": verdict.scale, "score": verdict.score });
    audit::record(&mut tx, app, actor, "satisfaction:record", &verdict.id, detail).await?;
    let told = view(&verdict);
    webhooks::publish(&mut tx, app, EventType::SatisfactionRecorded, &verdict.id.to_string(), told).await?;
    tx.commit().await?;
    Ok(verdict)
}

/// A verdict as programs are told of it.
pub(crate) fn view(verdict: &Verdict) -> Value {
    json!({
        "id": verdict.id,
        "client_id": verdict.client_id,
        "project_id": verdict.project_id,
        "call_id": verdict.call_id,
        "scale": verdict.scale,
        "score": verdict.score,
        "comment": verdict.comment,
        "source": verdict.source,
        "given_at": verdict.given_at,
    })
}

fn explain(error: StoreError) -> AppError {
    if error.is_conflict_with("satisfaction_client_fkey") {
        return AppError::Invalid { field: "client_id", message: "there is no such client".to_owned() };
    }
    error.into()
}

/// Removes a verdict.
///
/// # Errors
/// Not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: SatisfactionId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    satisfaction::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "satisfaction:delete", &id, serde_json::Value::Null).await?;
    Ok(tx.commit().await?)
}
