//! Entering, changing and removing knowledge entries.

use std::sync::PoisonError;

use chrono::{DateTime, Utc};
use domain::ids::{KnowledgeId, OrgId};
use serde_json::json;
use store::OrgTx;
use store::knowledge::{self, Entry, EntryContent, Visibility};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::runtime::App;
use crate::version;

/// What to change of an entry; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct EntryChange {
    /// The heading it stands under.
    pub category: Option<String>,
    /// The question.
    pub question: Option<String>,
    /// Other ways to ask it.
    pub variants: Option<Vec<String>>,
    /// The answer.
    pub answer: Option<String>,
    /// Who may hear it.
    pub visibility: Option<Visibility>,
}

/// Enters an entry. The next call knows it.
///
/// # Errors
/// Storage errors.
pub async fn create(app: &App, actor: &Actor, content: &EntryContent) -> Result<Entry, AppError> {
    let id = KnowledgeId(app.ambient.new_id());
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    knowledge::insert(&mut tx, id, content, app.ambient.now()).await?;
    let entry = knowledge::get(&mut tx, id).await?;
    let detail = json!({ "question": content.question });
    audit::record(&mut tx, app, actor, "knowledge:create", &id, detail).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(entry)
}

/// Enters many entries at once, all or none. The next call knows them.
///
/// # Errors
/// Storage errors.
pub async fn import(app: &App, actor: &Actor, entries: &[EntryContent]) -> Result<(), AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    for content in entries {
        knowledge::insert(&mut tx, KnowledgeId(app.ambient.new_id()), content, now).await?;
    }
    let detail = json!({ "entries": entries.len() });
    audit::record(&mut tx, app, actor, "knowledge:import", &actor.org_id, detail).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(())
}

/// An entry to be saved by its question.
#[derive(Debug)]
pub struct SavedEntry {
    /// The heading it stands under.
    pub category: String,
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// Saves entries by their questions: one that is asked already is changed, any other is entered for everybody. The
/// rest stays as it is.
///
/// # Errors
/// Storage errors.
pub async fn save(app: &App, actor: &Actor, entries: &[SavedEntry]) -> Result<(), AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    for entry in entries {
        let known = knowledge::find_by_question(&mut tx, &entry.question).await?;
        let content = EntryContent {
            category: entry.category.clone(),
            question: entry.question.clone(),
            answer: entry.answer.clone(),
            variants: known.as_ref().map_or_else(Vec::new, |known| known.content.variants.clone()),
            visibility: known.as_ref().map_or(Visibility::Public, |known| known.content.visibility),
        };
        match known {
            Some(known) => knowledge::update(&mut tx, known.id, &content, now).await?,
            None => knowledge::insert(&mut tx, KnowledgeId(app.ambient.new_id()), &content, now).await?,
        }
    }
    let detail = json!({ "entries": entries.len() });
    audit::record(&mut tx, app, actor, "knowledge:save", &actor.org_id, detail).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(())
}

/// Changes an entry, if it is still as the asker saw it (`based_on` is the `updated_at` of what they saw).
///
/// # Errors
/// Not found; [`AppError::OutOfDate`]; storage errors.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: KnowledgeId,
    based_on: Option<DateTime<Utc>>,
    change: EntryChange,
) -> Result<Entry, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    version::demand(based_on, knowledge::lock(&mut tx, id).await?)?;
    let before = knowledge::get(&mut tx, id).await?.content;
    let content = EntryContent {
        category: change.category.unwrap_or(before.category),
        question: change.question.unwrap_or(before.question),
        variants: change.variants.unwrap_or(before.variants),
        answer: change.answer.unwrap_or(before.answer),
        visibility: change.visibility.unwrap_or(before.visibility),
    };
    knowledge::update(&mut tx, id, &content, app.ambient.now()).await?;
    let entry = knowledge::get(&mut tx, id).await?;
    let detail = json!({ "question": content.question });
    audit::record(&mut tx, app, actor, "knowledge:update", &id, detail).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(entry)
}

/// Removes an entry, with a line in the audit log.
///
/// # Errors
/// Not found; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: KnowledgeId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let entry = knowledge::get(&mut tx, id).await?;
    knowledge::delete(&mut tx, id).await?;
    let detail = json!({ "question": entry.content.question });
    audit::record(&mut tx, app, actor, "knowledge:delete", &id, detail).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(())
}

/// Fetches entries from a Google Drive folder now.
///
/// # Errors
/// [`AppError::Conflict`]: no folder can be connected yet.
pub fn sync_drive() -> Result<(), AppError> {
    let reason =
        "no Google Drive folder is connected: connect one before fetching knowledge from it".to_owned();
    Err(AppError::Conflict { reason })
}

/// What callers of this business are expected to say is worked out anew for the next call.
pub(crate) fn forget_vocabulary(app: &App, org_id: OrgId) {
    app.vocabularies.lock().unwrap_or_else(PoisonError::into_inner).remove(&org_id);
}
