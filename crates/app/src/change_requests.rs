//! Clients who ask for more than was agreed: written down once, told to whoever looks after the project, decided on
//! later by a person.

use chrono::{DateTime, TimeDelta, Utc};
use domain::call_plan::KnownClient;
use domain::ids::{CallId, ChangeRequestId};
use domain::notification_settings::Event;
use domain::plans::Feature;
use domain::projects::{Match, Named, find};
use domain::scope::ScopeChange;
use domain::words::words;
use serde_json::json;
use store::OrgTx;
use store::change_requests::{self, ChangeRequest, ChangeState};
use store::projects::Project;

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::notifications::{self, Facts, ScopeNews};
use crate::runtime::App;
use crate::version;

/// The same words of the same client within so much time are one request.
const ONE_REQUEST_FOR: TimeDelta = TimeDelta::hours(24);
/// Longest quotation, in characters.
const LONGEST_QUOTE: usize = 500;

/// What came of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Who will come back to the client about it.
    pub(crate) manager: String,
    /// Whether it was new.
    pub(crate) is_new: bool,
}

/// Writes a client's request down and tells of it, unless that was done. `None` when the plan does not have it.
pub(crate) async fn report(
    tx: &mut OrgTx,
    app: &App,
    call_id: CallId,
    client: &KnownClient,
    change: &ScopeChange,
) -> Result<Option<Reported>, AppError> {
    if !store::plans::entitlements(tx).await?.allows(Feature::ScopeGuard) {
        return Ok(None);
    }
    let projects = store::projects::list_for_client(tx, client.id).await?;
    let project = meant(&projects, &change.quote);
    let contact = store::organizations::get(tx).await?.profile.contact_name;
    let manager = project
        .and_then(|project| project.facts.people.first().cloned())
        .or(contact)
        .unwrap_or_else(|| "the team".to_owned());
    let now = app.ambient.now();
    let request = ChangeRequest {
        id: ChangeRequestId(app.ambient.new_id()),
        client_id: Some(client.id),
        project_id: project.map(|project| project.id),
        call_id: Some(call_id),
        quote: change.quote.chars().take(LONGEST_QUOTE).collect(),
        words: words(&change.quote).join(" "),
        confidence: change.confidence.clamp(0.0, 1.0),
        manager: manager.clone(),
        state: ChangeState::Draft,
        note: String::new(),
        created_at: now,
        updated_at: now,
    };
    let is_new = change_requests::insert_once(tx, &request, now - ONE_REQUEST_FOR).await?;
    if is_new {
        let facts = Facts::Scope(ScopeNews {
            call_id: Some(call_id),
            client: client.name.clone(),
            project: project.map(|project| project.facts.name.clone()),
            quote: request.quote.clone(),
            manager: Some(manager.clone()),
            at: now,
        });
        let key = format!("scope/{}", request.id);
        // Whoever looks after the project is told first: nobody is told twice by the same way.
        let looks_after = notifications::person(tx, &manager).await?;
        notifications::notify_these(tx, app, Event::ScopeAlert, &key, &facts, &looks_after).await?;
        notifications::notify(tx, app, Event::ScopeAlert, &key, &facts).await?;
        tracing::info!(org.id = %tx.org_id(), call.id = %call_id, "a client asks for more than was agreed");
    }
    Ok(Some(Reported { manager, is_new }))
}

/// The project that is meant: named in the words, or the only one in work.
fn meant<'a>(projects: &'a [Project], quote: &str) -> Option<&'a Project> {
    let in_work: Vec<&Project> = projects
        .iter()
        .filter(|project| !matches!(project.facts.status.as_str(), "done" | "cancelled"))
        .collect();
    let named: Vec<Named<'_>> = in_work
        .iter()
        .map(|project| Named { name: &project.facts.name, aliases: &project.facts.aliases })
        .collect();
    match (find(quote, &named), in_work.as_slice()) {
        (Match::One(place), all) => all.get(place).copied(),
        (Match::None, [only]) => Some(only),
        (Match::None | Match::Several(_), _) => None,
    }
}

/// What to change; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct Decision {
    /// What becomes of it.
    pub state: Option<ChangeState>,
    /// What the business notes about it.
    pub note: Option<String>,
}

/// Decides on a request, if it is still as the asker saw it.
///
/// # Errors
/// Not found; [`AppError::OutOfDate`]; storage errors.
pub async fn decide(
    app: &App,
    actor: &Actor,
    id: ChangeRequestId,
    based_on: Option<DateTime<Utc>>,
    decision: Decision,
) -> Result<ChangeRequest, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    version::demand(based_on, change_requests::lock(&mut tx, id).await?)?;
    let before = change_requests::get(&mut tx, id).await?;
    let state = decision.state.unwrap_or(before.state);
    let words = decision.note.unwrap_or(before.note);
    change_requests::decide(&mut tx, id, state, &words, app.ambient.now()).await?;
    let after = change_requests::get(&mut tx, id).await?;
    let detail = json!({ "state": after.state });
    audit::record(&mut tx, app, actor, "change_requests:update", &id, detail).await?;
    tx.commit().await?;
    Ok(after)
}
