//! Entering and changing projects.

use chrono::NaiveDate;
use domain::ids::{ClientId, ProjectId};
use domain::webhooks::EventType;
use store::projects::{self, Project, ProjectFacts};
use store::{OrgTx, StoreError};

use crate::audit::Actor;
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;
use crate::webhooks;

/// What a person enters of a project.
#[derive(Debug)]
pub struct NewProject {
    /// Whose it is.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// Other names it goes by.
    pub aliases: Vec<String>,
    /// `planned`, `active`, `at_risk`, `on_hold`, `in_review`, `done`, `cancelled`.
    pub status: String,
    /// A sentence that the client may hear.
    pub last_update: Option<String>,
    /// The next milestone.
    pub next_milestone: Option<String>,
    /// When the milestone or the project is due.
    pub due_on: Option<NaiveDate>,
}

/// What to change of a project; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Default)]
pub struct ProjectChange {
    /// Its name.
    pub name: Option<String>,
    /// Other names it goes by.
    pub aliases: Option<Vec<String>>,
    /// Its status.
    pub status: Option<String>,
    /// A sentence that the client may hear.
    pub last_update: Option<Option<String>>,
    /// The next milestone.
    pub next_milestone: Option<Option<String>>,
    /// When the milestone or the project is due.
    pub due_on: Option<Option<NaiveDate>>,
}

/// Enters a project by hand.
///
/// # Errors
/// [`AppError::Invalid`] when there is no such client; storage errors.
pub async fn create(app: &App, actor: &Actor, new: NewProject) -> Result<Project, AppError> {
    let id = ProjectId(app.ambient.new_id());
    let facts = ProjectFacts {
        client_id: new.client_id,
        name: new.name,
        aliases: new.aliases,
        status: new.status,
        last_update: new.last_update,
        next_milestone: new.next_milestone,
        due_on: new.due_on,
        provider: None,
        synced_at: None,
    };
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    projects::insert(&mut tx, id, &facts, app.ambient.now()).await.map_err(explain)?;
    let project = projects::get(&mut tx, id).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(project)
}

/// Changes a project. A mirrored one keeps the change until the tool it comes from says otherwise.
///
/// # Errors
/// Not found; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    change: ProjectChange,
) -> Result<Project, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = projects::get(&mut tx, id).await?.facts;
    let facts = ProjectFacts {
        name: change.name.unwrap_or(before.name),
        aliases: change.aliases.unwrap_or(before.aliases),
        status: change.status.unwrap_or(before.status),
        last_update: change.last_update.unwrap_or(before.last_update),
        next_milestone: change.next_milestone.unwrap_or(before.next_milestone),
        due_on: change.due_on.unwrap_or(before.due_on),
        client_id: before.client_id,
        provider: before.provider,
        synced_at: before.synced_at,
    };
    projects::update(&mut tx, id, &facts, app.ambient.now()).await.map_err(explain)?;
    let project = projects::get(&mut tx, id).await?;
    let key = format!("{id}:{}", app.ambient.new_id());
    webhooks::publish(&mut tx, app, EventType::ProjectUpdated, &key, webhooks::project(&project)).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(project)
}

fn explain(error: StoreError) -> AppError {
    if error.is_conflict_with("projects_client_fkey") {
        return AppError::Invalid { field: "client_id", message: "there is no such client".to_owned() };
    }
    error.into()
}
