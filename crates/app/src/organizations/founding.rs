//! Founding an organization below one's own, able to take calls from its first moment.

use chrono::{DateTime, Utc};
use domain::email::EmailAddress;
use domain::ids::{AgentId, OrgId, QuestionId};
use domain::leads::{AnswerType, LeadField, LeadQuestion};
use domain::organizations::{OrgKind, OrgSettings, OrgStatus};
use domain::regions::{Country, Currency, TimeZone};
use serde_json::json;
use store::agents::AgentSettings;
use store::organizations::{OrgProfile, Organization, below};
use store::{OrgTx, SystemTx};

use super::below::choose_plan;
use super::checked_name;
use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::invitations;
use crate::runtime::App;

/// The name that a new business's agent gives itself.
const AGENT_NAME: &str = "Nova";

/// An organization to be founded.
#[derive(Debug)]
pub struct NewOrganization {
    /// A partner or a business.
    pub kind: OrgKind,
    /// The name as spoken.
    pub name: String,
    /// The partner that it belongs to, when the platform founds a business for one; `None` means the founder's own.
    pub parent_id: Option<OrgId>,
    /// A plan on offer; for businesses only.
    pub plan: Option<String>,
    /// When the trial ends; `None`: it is active at once.
    pub trial_ends_at: Option<DateTime<Utc>>,
    /// Time zone.
    pub timezone: TimeZone,
    /// Country of numbers without country code.
    pub default_country: Country,
    /// Currency of amounts said without one.
    pub currency: Currency,
    /// Who is invited to own it; notifications go there.
    pub owner_email: Option<EmailAddress>,
}

/// Founds an organization below the actor's own. A business gets an agent and the usual lead questions, so that it
/// lacks nothing but a number.
///
/// # Errors
/// [`AppError::Invalid`] naming the field; [`AppError::Conflict`] when one of that name is there already.
pub async fn found(
    app: &App,
    actor: &Actor,
    above: OrgKind,
    new: NewOrganization,
) -> Result<Organization, AppError> {
    let now = app.ambient.now();
    let name = checked_name(&new.name)?;
    let wrong = |field, message: &str| Err(AppError::Invalid { field, message: message.to_owned() });
    if !above.may_have(new.kind) {
        return wrong("kind", "is not one that your organization may have below it");
    }
    if new.trial_ends_at.is_some_and(|end| end <= now) {
        return wrong("trial_ends_at", "must lie in the future");
    }
    if new.kind != OrgKind::Business && new.trial_ends_at.is_some() {
        return wrong("trial_ends_at", "is for businesses only");
    }
    let mut tx = SystemTx::begin(&app.db, "a tenant is made by one above it").await?;
    let parent_id = match new.parent_id {
        Some(id) if id != actor.org_id => parent_below(&mut tx, actor.org_id, id, new.kind).await?,
        _ => actor.org_id,
    };
    let plan_id = match (&new.plan, new.kind) {
        (Some(plan), kind) => choose_plan(&mut tx, kind, plan).await?.entitlements.plan,
        // Not metered, whatever stands there.
        (None, _) => "free".to_owned(),
    };
    if below::is_named(&mut tx, parent_id, &name).await? {
        let reason = format!("there is an organization named {name} already");
        return Err(AppError::Conflict { reason });
    }
    let id = OrgId(app.ambient.new_id());
    let status = if new.trial_ends_at.is_some() { OrgStatus::Trial } else { OrgStatus::Active };
    let settings = serde_json::to_value(OrgSettings::default())
        .map_err(|error| AppError::Bug(format!("settings can't be written: {error}")))?;
    store::organizations::insert(
        &mut tx,
        &store::organizations::NewOrganization {
            id,
            kind: new.kind,
            parent_id: Some(parent_id),
            name: name.clone(),
            status,
            plan_id: plan_id.clone(),
            profile: OrgProfile {
                timezone: new.timezone.into(),
                default_country: new.default_country.into(),
                currency: new.currency.into(),
                contact_name: None,
                transfer_to: None,
                notification_email: new.owner_email.as_ref().map(|email| email.as_str().to_owned()),
                settings,
            },
            created_at: now,
        },
    )
    .await?;
    if new.trial_ends_at.is_some() {
        let standing = below::NewStanding { status, trial_ends_at: new.trial_ends_at, reason: "" };
        below::set_standing(&mut tx, id, &standing, now).await?;
    }
    let detail = json!({ "name": name, "kind": new.kind, "plan": plan_id, "status": status });
    audit::record_in_both(&mut tx, app, actor, id, "organization:create", detail).await?;
    let mut tx = below::enter(tx, id);
    if let Some(email) = &new.owner_email {
        // Entered in the new organization's own log, in the name of whoever founds it.
        let founder = Actor { org_id: id, ..*actor };
        invitations::invite_founder(&mut tx, app, &founder, email.as_str()).await?;
    }
    if new.kind == OrgKind::Business {
        furnish(app, &mut tx).await?;
    }
    let founded = store::organizations::get(&mut tx).await?;
    tx.commit().await?;
    tracing::info!(org.id = %id, kind = ?new.kind, "an organization was founded");
    Ok(founded)
}

async fn parent_below(tx: &mut SystemTx, above: OrgId, id: OrgId, kind: OrgKind) -> Result<OrgId, AppError> {
    let wrong = |message: &str| Err(AppError::Invalid { field: "parent_id", message: message.to_owned() });
    match below::get(tx, above, id).await {
        Ok(parent) if parent.status == OrgStatus::Closed => wrong("is a closed organization"),
        Ok(parent) if parent.kind.may_have(kind) => Ok(id),
        Ok(_) => wrong("can't have an organization of this kind below it"),
        Err(store::StoreError::NotFound { .. }) => wrong("is no organization below yours"),
        Err(error) => Err(error.into()),
    }
}

/// What every business begins with.
async fn furnish(app: &App, tx: &mut OrgTx) -> Result<(), AppError> {
    let settings = AgentSettings {
        name: AGENT_NAME.to_owned(),
        language: "en-US".to_owned(),
        // Empty means the usual voice and words.
        voice: String::new(),
        greeting: String::new(),
        client_greeting: String::new(),
        greeting_interruptible: true,
        engine: "pipeline".to_owned(),
        ..AgentSettings::default()
    };
    store::agents::insert(tx, AgentId(app.ambient.new_id()), &settings, app.ambient.now()).await?;
    store::lead_questions::replace(tx, &usual_questions(app)).await?;
    Ok(())
}

/// As many as the smallest plan has.
fn usual_questions(app: &App) -> Vec<LeadQuestion> {
    [
        ("May I have your name, please?", "Name", AnswerType::Name, LeadField::Name, true),
        ("What is the best email address to reach you?", "E-mail", AnswerType::Email, LeadField::Email, true),
        ("What kind of project is it?", "Service", AnswerType::Text, LeadField::Service, true),
        ("Do you have a budget in mind?", "Budget", AnswerType::MoneyRange, LeadField::Budget, false),
        (
            "And when would you like to have it finished?",
            "Timeline",
            AnswerType::Date,
            LeadField::Timeline,
            false,
        ),
    ]
    .into_iter()
    .map(|(text, label, answer_type, field, required)| LeadQuestion {
        id: QuestionId(app.ambient.new_id()),
        text: text.to_owned(),
        label: label.to_owned(),
        answer_type,
        field,
        required,
        choices: Vec::new(),
        retry_text: None,
        skip_when: None,
        urgency_weight: 0,
    })
    .collect()
}
