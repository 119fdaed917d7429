//! The agency of the demonstration, entered into the database as a person would have done.

use chrono::{Duration, NaiveDate};
use domain::agent_phrases;
use domain::ids::{AgentId, ClientId, KnowledgeId, NumberId, OrgId, ProjectId, QuestionId, UserId};
use domain::leads::{AnswerType, LeadField, LeadQuestion};
use domain::phone::PhoneNumber;
use domain::projects;
use domain::spoken_forms::speak;
use serde::Deserialize;
use store::agents::AgentSettings;
use store::clients::{ClientFacts, Contact, ContactKind};
use store::knowledge::{EntryContent, Visibility};
use store::numbers::Number;
use store::organizations::{NewOrganization, OrgKind, OrgProfile, OrgStatus};
use store::projects::ProjectFacts;
use store::tx::{OrgTx, SystemTx};
use store::users::User;

use crate::auth::passwords;
use crate::error::AppError;
use crate::runtime::App;

const AURORA: &str = include_str!("../data/aurora.toml");

/// What the demonstration needs to know of the agency.
#[derive(Debug, Clone)]
pub struct DemoAgency {
    /// The business.
    pub org_id: OrgId,
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: String,
    /// The owner's e-mail address, to sign in with.
    pub owner_email: String,
    /// The agent's name.
    pub agent_name: String,
    /// The person who takes messages.
    pub contact_name: String,
    /// Samples of what the agent says, for whoever must understand it.
    pub samples: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    business: SeedBusiness,
    owner: SeedOwner,
    agent: SeedAgent,
    clients: Vec<SeedClient>,
    knowledge: Vec<SeedEntry>,
    lead_questions: Vec<SeedQuestion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedBusiness {
    name: String,
    timezone: String,
    default_country: String,
    currency: String,
    contact_name: String,
    transfer_to: String,
    number: String,
    fallback_number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedOwner {
    name: String,
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedAgent {
    name: String,
    greeting: String,
    client_greeting: String,
    notice: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedClient {
    name: String,
    person: String,
    phone: String,
    email: String,
    projects: Vec<SeedProject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedProject {
    name: String,
    aliases: Vec<String>,
    status: String,
    last_update: Option<String>,
    next_milestone: Option<String>,
    due_in_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedEntry {
    category: String,
    question: String,
    variants: Vec<String>,
    answer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedQuestion {
    text: String,
    label: String,
    answer_type: AnswerType,
    field: LeadField,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    choices: Vec<String>,
}

/// Dates a sentence about a due date may hold, in days from today.
const DUE_DAYS: std::ops::RangeInclusive<i64> = -10..=40;

/// What the agent may say of this agency, with many dates, addresses and numbers in it.
fn samples(seed: &Seed, today: NaiveDate) -> Vec<String> {
    let projects: Vec<&SeedProject> = seed.clients.iter().flat_map(|client| &client.projects).collect();
    let spoken = |email: &str| email.replace('@', " at ").replace('.', " dot ");
    let amounts = [
        "five one three five five five zero one seven seven",
        "ten thousand dollars",
        "fifteen thousand dollars",
    ];
    let values: Vec<String> = seed
        .clients
        .iter()
        .flat_map(|client| {
            let person = client.person.to_lowercase().replace(' ', " dot ");
            [spoken(&client.email), format!("{person} at gmail dot com")]
        })
        .chain(amounts.map(str::to_owned))
        .collect();
    let names = projects.iter().map(|project| project.name.as_str()).collect::<Vec<_>>();
    let choices: Vec<String> = names
        .iter()
        .flat_map(|one| names.iter().map(move |other| projects::choices(&[one, other])))
        .chain(seed.lead_questions.iter().map(|question| question.choices.join(", ")))
        .collect();
    let people: Vec<&str> =
        seed.clients.iter().filter_map(|client| client.person.split(' ').next()).collect();
    let mut samples: Vec<String> = seed.knowledge.iter().map(|entry| entry.answer.clone()).collect();
    samples.extend(seed.lead_questions.iter().map(|question| question.text.clone()));
    for template in
        agent_phrases::templates(&seed.business.name, &seed.agent.name, &seed.business.contact_name)
    {
        let fillings: Vec<(&str, &str)> = if template.contains("{value}") {
            values.iter().map(|value| ("value", value.as_str())).collect()
        } else if template.contains("{choices}") {
            choices.iter().map(|choice| ("choices", choice.as_str())).collect()
        } else {
            people.iter().flat_map(|name| [("first_name", *name), ("name", *name)]).collect()
        };
        samples.extend(fillings.iter().map(|filling| agent_phrases::fill(&template, &[*filling])));
    }
    for project in projects {
        let facts = projects::Facts {
            name: &project.name,
            status: &project.status,
            last_update: project.last_update.as_deref(),
            next_milestone: project.next_milestone.as_deref(),
            due_on: project.due_in_days.map(|days| today + Duration::days(days)),
            stale_hours: None,
        };
        samples.extend(projects::status_sentences(&facts, today, 24));
    }
    // Each date once: as often as there are projects they would drown everything else.
    samples
        .extend(DUE_DAYS.map(|days| format!("due on {}", speak::date(today + Duration::days(days), today))));
    samples.sort();
    samples.dedup();
    samples
}

impl App {
    /// Enters the demonstration's agency unless it is there, and sets its owner's password.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seed_demo(&self, owner_password: &str) -> Result<DemoAgency, AppError> {
        let seed: Seed =
            toml::from_str(AURORA).map_err(|error| AppError::Bug(format!("the demo seed: {error}")))?;
        let number = PhoneNumber::parse(&seed.business.number, None)
            .map_err(|error| AppError::Bug(format!("the demo seed's number: {error}")))?;
        let password = owner_password.to_owned();
        let password_hash = tokio::task::spawn_blocking(move || passwords::hash_password(&password))
            .await
            .map_err(|error| AppError::Bug(format!("hashing the password: {error}")))??;
        let mut tx = SystemTx::begin(&self.db, "the demo's tenant is looked up and made").await?;
        let org_id = match store::numbers::resolve(&mut tx, &number).await? {
            Some(route) => route.org_id,
            None => {
                let org_id = self.seed_organization(&mut tx, &seed).await?;
                tx.commit().await?;
                self.seed_business(org_id, &seed, &number).await?;
                tx = SystemTx::begin(&self.db, "the demo's owner is entered").await?;
                org_id
            }
        };
        self.seed_owner(&mut tx, org_id, &seed.owner, &password_hash).await?;
        tx.commit().await?;
        let samples = samples(&seed, self.ambient.now().date_naive());
        Ok(DemoAgency {
            org_id,
            name: seed.business.name,
            number: number.into(),
            owner_email: seed.owner.email,
            agent_name: seed.agent.name,
            contact_name: seed.business.contact_name,
            samples,
        })
    }

    async fn seed_organization(&self, tx: &mut SystemTx, seed: &Seed) -> Result<OrgId, AppError> {
        let now = self.ambient.now();
        let profile = OrgProfile {
            timezone: seed.business.timezone.clone(),
            default_country: seed.business.default_country.clone(),
            currency: seed.business.currency.clone(),
            contact_name: Some(seed.business.contact_name.clone()),
            transfer_to: Some(seed.business.transfer_to.clone()),
            notification_email: Some(seed.owner.email.clone()),
            settings: serde_json::json!({}),
        };
        let platform = match store::organizations::platform(tx).await? {
            Some(platform) => platform,
            None => {
                let id = OrgId(self.ambient.new_id());
                let platform = NewOrganization {
                    id,
                    kind: OrgKind::Platform,
                    parent_id: None,
                    name: "StudioConnect".to_owned(),
                    status: OrgStatus::Active,
                    plan_id: "enterprise".to_owned(),
                    profile: OrgProfile { contact_name: None, transfer_to: None, ..profile.clone() },
                    created_at: now,
                };
                store::organizations::insert(tx, &platform).await?;
                id
            }
        };
        let org_id = OrgId(self.ambient.new_id());
        let business = NewOrganization {
            id: org_id,
            kind: OrgKind::Business,
            parent_id: Some(platform),
            name: seed.business.name.clone(),
            status: OrgStatus::Active,
            plan_id: "enterprise".to_owned(),
            profile,
            created_at: now,
        };
        store::organizations::insert(tx, &business).await?;
        Ok(org_id)
    }

    async fn seed_business(&self, org_id: OrgId, seed: &Seed, number: &PhoneNumber) -> Result<(), AppError> {
        let now = self.ambient.now();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let agent_id = AgentId(self.ambient.new_id());
        let settings = AgentSettings {
            name: seed.agent.name.clone(),
            language: "en-US".to_owned(),
            voice: String::new(),
            greeting: seed.agent.greeting.clone(),
            client_greeting: seed.agent.client_greeting.clone(),
            greeting_interruptible: true,
            engine: "pipeline".to_owned(),
            ..AgentSettings::default()
        };
        store::agents::insert(&mut tx, agent_id, &settings, now).await?;
        let number = Number {
            id: NumberId(self.ambient.new_id()),
            agent_id,
            e164: number.as_str().to_owned(),
            label: "Studio".to_owned(),
            fallback_number: Some(seed.business.fallback_number.clone()),
            recording: true,
            notice: seed.agent.notice.clone(),
            greeting: String::new(),
        };
        store::numbers::insert(&mut tx, &number).await?;
        for client in &seed.clients {
            self.seed_client(&mut tx, client).await?;
        }
        for entry in &seed.knowledge {
            let content = EntryContent {
                category: entry.category.clone(),
                question: entry.question.clone(),
                variants: entry.variants.clone(),
                answer: entry.answer.clone(),
                visibility: Visibility::Public,
            };
            store::knowledge::insert(&mut tx, KnowledgeId(self.ambient.new_id()), &content, now).await?;
        }
        let questions: Vec<LeadQuestion> = seed
            .lead_questions
            .iter()
            .map(|question| LeadQuestion {
                id: QuestionId(self.ambient.new_id()),
                text: question.text.clone(),
                label: question.label.clone(),
                answer_type: question.answer_type,
                field: question.field,
                required: question.required,
                choices: question.choices.clone(),
                retry_text: None,
                skip_when: None,
                urgency_weight: 0,
            })
            .collect();
        store::lead_questions::replace(&mut tx, &questions).await?;
        Ok(tx.commit().await?)
    }

    async fn seed_client(&self, tx: &mut OrgTx, client: &SeedClient) -> Result<(), AppError> {
        let now = self.ambient.now();
        let client_id = ClientId(self.ambient.new_id());
        let contact = |kind, value: &str| Contact {
            kind,
            value: value.to_owned(),
            person: Some(client.person.clone()),
        };
        let contacts =
            [contact(ContactKind::Phone, &client.phone), contact(ContactKind::Email, &client.email)];
        let facts =
            ClientFacts { name: client.name.clone(), contacts: contacts.to_vec(), ..ClientFacts::default() };
        store::clients::insert(tx, client_id, &facts, now).await?;
        for project in &client.projects {
            let facts = ProjectFacts {
                aliases: project.aliases.clone(),
                last_update: project.last_update.clone(),
                next_milestone: project.next_milestone.clone(),
                due_on: project.due_in_days.map(|days| (now + Duration::days(days)).date_naive()),
                ..ProjectFacts::named(client_id, &project.name, &project.status)
            };
            store::projects::insert(tx, ProjectId(self.ambient.new_id()), &facts, now).await?;
        }
        Ok(())
    }

    async fn seed_owner(
        &self,
        tx: &mut SystemTx,
        org_id: OrgId,
        owner: &SeedOwner,
        password_hash: &str,
    ) -> Result<(), AppError> {
        let now = self.ambient.now();
        let user_id = match store::users::find_by_email(tx, &owner.email).await? {
            Some(user) => {
                store::users::set_password(tx, user.id, password_hash, now).await?;
                user.id
            }
            None => {
                let user = User {
                    id: UserId(self.ambient.new_id()),
                    email: owner.email.clone(),
                    name: owner.name.clone(),
                    password_hash: Some(password_hash.to_owned()),
                };
                store::users::insert(tx, &user, now).await?;
                user.id
            }
        };
        Ok(store::users::set_member(tx, org_id, user_id, "owner").await?)
    }
}
