//! Entering and changing projects.

use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::{ClientId, ProjectId};
use domain::webhooks::EventType;
use serde_json::json;
use store::projects::{self, Project, ProjectFacts};
use store::{OrgTx, StoreError};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;
use crate::version;
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
    /// How much is done, 0 to 100.
    pub progress_percent: Option<u8>,
    /// Who works on it.
    pub people: Vec<String>,
    /// Where it is found.
    pub link: Option<String>,
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
    /// How much is done, 0 to 100.
    pub progress_percent: Option<Option<u8>>,
    /// Who works on it.
    pub people: Option<Vec<String>>,
    /// Where it is found.
    pub link: Option<Option<String>>,
    /// Whose it is.
    pub client_id: Option<ClientId>,
    /// Whether it is put away.
    pub archived: Option<bool>,
}

impl ProjectChange {
    /// The first field that a project tool decides, if this names one. What is ours alone (other names, whose it
    /// is, being put away) may always be changed.
    fn synced_field(&self) -> Option<&'static str> {
        [
            ("name", self.name.is_some()),
            ("status", self.status.is_some()),
            ("last_update", self.last_update.is_some()),
            ("next_milestone", self.next_milestone.is_some()),
            ("due_on", self.due_on.is_some()),
            ("progress_percent", self.progress_percent.is_some()),
            ("people", self.people.is_some()),
            ("link", self.link.is_some()),
        ]
        .into_iter()
        .find_map(|(field, named)| named.then_some(field))
    }
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
        progress_percent: new.progress_percent,
        people: new.people,
        link: new.link,
        archived_at: None,
        provider: None,
        synced_at: None,
    };
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    projects::insert(&mut tx, id, &facts, app.ambient.now()).await.map_err(explain)?;
    let project = projects::get(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "projects:create", &id, json!({ "name": facts.name })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(project)
}

/// Changes a project, if it is still as the asker saw it (`based_on` is the `updated_at` of what they saw). What a
/// project tool decides can't be changed here: the next sync would undo it.
///
/// # Errors
/// Not found; [`AppError::OutOfDate`]; [`AppError::Invalid`] for a field that the tool decides, or a client that
/// there is not; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: ProjectId,
    based_on: Option<DateTime<Utc>>,
    change: ProjectChange,
) -> Result<Project, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    version::demand(based_on, projects::lock(&mut tx, id).await?)?;
    let before = projects::get(&mut tx, id).await?.facts;
    if let (Some(provider), Some(field)) = (&before.provider, change.synced_field()) {
        let message = format!("is kept by {provider}: change it there");
        return Err(AppError::Invalid { field, message });
    }
    let now = app.ambient.now();
    let facts = ProjectFacts {
        name: change.name.unwrap_or(before.name),
        aliases: change.aliases.unwrap_or(before.aliases),
        status: change.status.unwrap_or(before.status),
        last_update: change.last_update.unwrap_or(before.last_update),
        next_milestone: change.next_milestone.unwrap_or(before.next_milestone),
        due_on: change.due_on.unwrap_or(before.due_on),
        progress_percent: change.progress_percent.unwrap_or(before.progress_percent),
        people: change.people.unwrap_or(before.people),
        link: change.link.unwrap_or(before.link),
        client_id: change.client_id.unwrap_or(before.client_id),
        archived_at: match change.archived {
            Some(true) => before.archived_at.or(Some(now)),
            Some(false) => None,
            None => before.archived_at,
        },
        provider: before.provider,
        synced_at: before.synced_at,
    };
    projects::update(&mut tx, id, &facts, now).await.map_err(explain)?;
    let project = projects::get(&mut tx, id).await?;
    let key = format!("{id}:{}", app.ambient.new_id());
    webhooks::publish(&mut tx, app, EventType::ProjectUpdated, &key, webhooks::project(&project)).await?;
    audit::record(&mut tx, app, actor, "projects:update", &id, json!({ "name": facts.name })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(project)
}

/// Removes a project. A mirrored one would come back with the next sync: it can be put away instead. Verdicts on it
/// stay, without it.
///
/// # Errors
/// Not found; [`AppError::Conflict`] when a tool keeps it; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: ProjectId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let facts = projects::get(&mut tx, id).await?.facts;
    if let Some(provider) = facts.provider {
        let reason =
            format!("{provider} keeps this project: delete it there, or put it away with `archived`");
        return Err(AppError::Conflict { reason });
    }
    projects::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "projects:delete", &id, json!({ "name": facts.name })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(())
}

/// Fetches projects from the connected project tool now.
///
/// # Errors
/// [`AppError::Conflict`]: no tool can be connected yet.
pub fn sync() -> Result<(), AppError> {
    let reason = "no project tool is connected: connect one before fetching projects from it".to_owned();
    Err(AppError::Conflict { reason })
}

fn explain(error: StoreError) -> AppError {
    if error.is_conflict_with("projects_client_fkey") {
        return AppError::Invalid { field: "client_id", message: "there is no such client".to_owned() };
    }
    error.into()
}
