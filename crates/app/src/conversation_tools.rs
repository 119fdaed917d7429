//! The tools of one conversation, bound to its tenant, its call and the caller's rights.
//!
//! What a caller may see is decided here and not by the brain: a brain that is talked into asking for somebody
//! else's project gets [`ToolError::NotAllowed`].

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::call_plan::{CallPlan, KnownClient};
use domain::ids::{LeadId, MessageId, OrgId, ProjectId, SatisfactionId};
use domain::knowledge;
use domain::leads::{LeadAnswer, Priority};
use domain::phone::PhoneNumber;
use domain::plans::Feature;
use domain::satisfaction::Scale;
use domain::scope::{self, ScopeChange};
use domain::webhooks::EventType;
use provider_traits::tools::{
    ClientKey, KnowledgeHit, ScopeReport, SpokenProject, TakenMessage, ToolError, Tools, Verification,
    WantedCallback, WantedPerson,
};
use store::clients::ContactKind;
use store::knowledge::Visibility;
use store::leads::capture::{self, Conversation};
use store::projects::Project;
use store::tx::OrgTx;
use store::{Database, StoreError};

use crate::caller_identity;
use crate::error::AppError;
use crate::runtime::App;
use crate::{callbacks, change_requests, incidents, transfers, webhooks};

/// Candidates that the full-text search hands to the ranking.
const CANDIDATES: u32 = 24;

impl App {
    /// The tools of the conversation that the plan is for: its tenant, its call, its caller's rights.
    #[must_use]
    pub fn conversation_tools(self: &Arc<Self>, plan: Arc<CallPlan>) -> Arc<dyn Tools> {
        Arc::new(CallTools::new(Arc::clone(self), plan))
    }
}

/// How sure it is that words ask for more when a brain says so and the rules do not.
const SOMEBODY_THINKS_SO: f32 = 0.6;

/// The tools of one call.
pub(crate) struct CallTools {
    app: Arc<App>,
    plan: Arc<CallPlan>,
    /// Who is on the line: recognised by the number, or proved by a code since.
    client: RwLock<Option<KnownClient>>,
}

impl CallTools {
    pub(crate) fn new(app: Arc<App>, plan: Arc<CallPlan>) -> Self {
        let client = RwLock::new(plan.caller.client.clone());
        Self { app, plan, client }
    }

    async fn begin(&self) -> Result<OrgTx, ToolError> {
        OrgTx::begin(&self.app.db, self.plan.org_id).await.map_err(failed)
    }

    /// Whether the plan has a feature, now: a call may outlive a change of plan.
    async fn has(&self, tx: &mut OrgTx, feature: Feature) -> Result<bool, ToolError> {
        Ok(store::plans::entitlements(tx).await.map_err(failed)?.allows(feature))
    }

    /// The recognised client on the line; strangers have no projects.
    fn client(&self) -> Result<KnownClient, ToolError> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        client.clone().ok_or(ToolError::NotAllowed)
    }

    /// Tells receivers of webhooks about a lead.
    async fn tell_of_lead(
        &self,
        tx: &mut OrgTx,
        kind: EventType,
        id: LeadId,
        key: &str,
    ) -> Result<(), ToolError> {
        let lead = store::leads::get(tx, id).await.map_err(failed)?;
        webhooks::publish(tx, &self.app, kind, key, webhooks::lead(&lead)).await.map_err(failed)
    }

    fn speakable(&self, project: Project) -> SpokenProject {
        let facts = project.facts;
        let stale_hours = facts.synced_at.map(|synced_at| {
            u32::try_from((self.app.ambient.now() - synced_at).num_hours()).unwrap_or_default()
        });
        SpokenProject {
            id: project.id,
            client: facts.client_id,
            name: facts.name,
            aliases: facts.aliases,
            status: facts.status,
            last_update: facts.last_update,
            next_milestone: facts.next_milestone,
            due_on: facts.due_on,
            stale_hours,
        }
    }
}

#[async_trait]
impl Tools for CallTools {
    async fn identify_client(&self, key: ClientKey) -> Result<Option<KnownClient>, ToolError> {
        // Only the caller's own number counts as proof: what somebody says of themselves must be verified
        // before anything private is spoken.
        let ClientKey::Phone(number) = key else { return Ok(None) };
        if self.plan.caller.number.as_ref().map(|own| own.as_str()) != Some(number.as_str()) {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        if !self.has(&mut tx, Feature::ClientRecognition).await? {
            return Ok(None);
        }
        store::clients::find_by_contact(&mut tx, ContactKind::Phone, &number).await.map_err(failed)
    }

    async fn send_code(&self, key: ClientKey) -> Result<(), ToolError> {
        caller_identity::send_code(&self.app, &self.plan, &key).await
    }

    async fn verify_client(&self, code: &str) -> Result<Verification, ToolError> {
        let outcome = caller_identity::verify(&self.app, &self.plan, code).await?;
        if let Verification::Verified(client) = &outcome {
            *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        }
        Ok(outcome)
    }

    async fn list_projects(&self) -> Result<Vec<SpokenProject>, ToolError> {
        let client = self.client()?.id;
        let mut tx = self.begin().await?;
        if !self.has(&mut tx, Feature::ProjectStatus).await? {
            return Err(ToolError::NotAllowed);
        }
        let projects = store::projects::list_for_client(&mut tx, client).await.map_err(failed)?;
        Ok(projects.into_iter().map(|project| self.speakable(project)).collect())
    }

    async fn get_project_status(&self, project: ProjectId) -> Result<SpokenProject, ToolError> {
        let client = self.client()?.id;
        let mut tx = self.begin().await?;
        if !self.has(&mut tx, Feature::ProjectStatus).await? {
            return Err(ToolError::NotAllowed);
        }
        let found = store::projects::get(&mut tx, project).await.map_err(failed)?;
        // Of what was put away callers hear nothing, in no list and by no id.
        if found.facts.client_id != client || found.facts.archived_at.is_some() {
            return Err(ToolError::NotAllowed);
        }
        Ok(self.speakable(found))
    }

    async fn search_knowledge(&self, question: &str) -> Result<Vec<KnowledgeHit>, ToolError> {
        let visibilities: &[Visibility] = if self.client().is_ok() {
            &[Visibility::Public, Visibility::Clients]
        } else {
            &[Visibility::Public]
        };
        find_knowledge(&self.app.db, self.plan.org_id, question, visibilities).await.map_err(failed)
    }

    async fn save_lead_answer(&self, answer: LeadAnswer) -> Result<LeadId, ToolError> {
        if answer.value.chars().count() > 500 || answer.said.chars().count() > 2_000 {
            return Err(ToolError::BadArgument("an answer has at most 500 characters".to_owned()));
        }
        let mut tx = self.begin().await?;
        let conversation = Conversation {
            call_id: self.plan.call_id,
            caller_phone: self.plan.caller.number.as_ref().map(|number| number.as_str().to_owned()),
            new_lead: LeadId(self.app.ambient.new_id()),
        };
        let lead = capture::save_answer(&mut tx, &conversation, &answer, self.app.ambient.now())
            .await
            .map_err(failed)?;
        store::calls::life::set_lead(&mut tx, self.plan.call_id, lead).await.map_err(failed)?;
        if lead == conversation.new_lead {
            // Further answers are told together, when the call is over.
            self.tell_of_lead(&mut tx, EventType::LeadCreated, lead, &lead.to_string()).await?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(lead)
    }

    async fn finish_lead(&self, complete: bool, priority: Priority) -> Result<LeadId, ToolError> {
        let mut tx = self.begin().await?;
        let lead = capture::finish(&mut tx, self.plan.call_id, complete, priority, self.app.ambient.now())
            .await
            .map_err(failed)?;
        if priority == Priority::Urgent {
            let key = format!("{lead}:{}", self.plan.call_id);
            self.tell_of_lead(&mut tx, EventType::LeadUrgent, lead, &key).await?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(lead)
    }

    async fn flag_urgent(&self, score: u8, reason: &str) -> Result<(), ToolError> {
        if score > 10 {
            return Err(ToolError::BadArgument("the score is 0 to 10".to_owned()));
        }
        self.app.flag_urgent(self.plan.org_id, self.plan.call_id, score, reason).await.map_err(no_use)
    }

    async fn report_scope_change(&self, quote: &str) -> Result<ScopeReport, ToolError> {
        let client = self.client()?;
        let judged = scope::assess(quote);
        // The words are what somebody took for a request; where the rules see none, they are quoted whole.
        let quote = if judged.quote.is_empty() { quote.trim().to_owned() } else { judged.quote };
        let confidence = if judged.is_change { judged.confidence } else { SOMEBODY_THINKS_SO };
        let change = ScopeChange { is_change: true, confidence, quote };
        let mut tx = self.begin().await?;
        let reported = change_requests::report(&mut tx, &self.app, self.plan.call_id, &client, &change)
            .await
            .map_err(no_use)?
            .ok_or(ToolError::NotAllowed)?;
        tx.commit().await.map_err(failed)?;
        Ok(ScopeReport { manager: reported.manager })
    }

    async fn schedule_callback(&self, wanted: WantedCallback) -> Result<DateTime<Utc>, ToolError> {
        let number = PhoneNumber::parse(&wanted.number, None)
            .map_err(|error| ToolError::BadArgument(format!("number: {error}")))?;
        let mut tx = self.begin().await?;
        let call_id = self.plan.call_id;
        let due_at = callbacks::schedule(&mut tx, &self.app, call_id, &number, wanted.at, &wanted.about)
            .await
            .map_err(no_use)?;
        tx.commit().await.map_err(failed)?;
        Ok(due_at)
    }

    async fn transfer_call(&self, wanted: WantedPerson) -> Result<Option<String>, ToolError> {
        let mut tx = self.begin().await?;
        let WantedPerson { whom, about } = &wanted;
        let to =
            transfers::prepare(&mut tx, &self.app, self.plan.call_id, whom, about).await.map_err(no_use)?;
        tx.commit().await.map_err(failed)?;
        Ok(to)
    }

    async fn record_satisfaction(&self, score: u8, comment: &str) -> Result<(), ToolError> {
        if !(1..=5).contains(&score) {
            return Err(ToolError::BadArgument("the score is 1 to 5".to_owned()));
        }
        let now = self.app.ambient.now();
        let verdict = store::satisfaction::Verdict {
            id: SatisfactionId(self.app.ambient.new_id()),
            client_id: self.client().ok().map(|client| client.id),
            project_id: None,
            call_id: Some(self.plan.call_id),
            scale: Scale::Csat,
            score,
            comment: comment.to_owned(),
            source: store::satisfaction::VerdictSource::Voice,
            given_at: now,
            created_at: now,
        };
        let mut tx = self.begin().await?;
        store::satisfaction::insert_for_call(&mut tx, &verdict).await.map_err(failed)?;
        tx.commit().await.map_err(failed)
    }

    async fn take_message(&self, message: TakenMessage) -> Result<MessageId, ToolError> {
        let mut tx = self.begin().await?;
        let id = MessageId(self.app.ambient.new_id());
        if message.priority == Priority::Urgent {
            let call_id = self.plan.call_id;
            incidents::add_details(&mut tx, &self.app, call_id, &message).await.map_err(no_use)?;
        }
        let message = store::messages::Message {
            id,
            call_id: Some(self.plan.call_id),
            from_name: message.from_name,
            reply_to: message.reply_to,
            text: message.text,
            priority: message.priority,
            created_at: self.app.ambient.now(),
        };
        store::messages::insert(&mut tx, &message).await.map_err(failed)?;
        let data = webhooks::message(&message);
        webhooks::publish(&mut tx, &self.app, EventType::MessageTaken, &id.to_string(), data)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(id)
    }
}

fn no_use(error: AppError) -> ToolError {
    match error {
        AppError::Store(error) => failed(error),
        AppError::Invalid { field, message } => ToolError::BadArgument(format!("{field}: {message}")),
        AppError::PlanRequired { .. } => ToolError::NotAllowed,
        other => ToolError::Failed(other.to_string()),
    }
}

/// What the knowledge base has for a question, best first.
pub(crate) async fn find_knowledge(
    db: &Database,
    org_id: OrgId,
    question: &str,
    visibilities: &[Visibility],
) -> Result<Vec<KnowledgeHit>, StoreError> {
    let terms = knowledge::search_terms(question);
    let mut tx = OrgTx::begin(db, org_id).await?;
    let found = store::knowledge::search(&mut tx, &terms, visibilities, CANDIDATES).await?;
    drop(tx);
    let candidates: Vec<knowledge::Candidate<'_>> = found
        .iter()
        .map(|candidate| knowledge::Candidate {
            question: &candidate.entry.content.question,
            variants: &candidate.entry.content.variants,
            answer: &candidate.entry.content.answer,
        })
        .collect();
    let hit = |hit: knowledge::Hit| {
        let entry = &found[hit.index].entry;
        KnowledgeHit {
            id: entry.id,
            question: entry.content.question.clone(),
            answer: entry.content.answer.clone(),
            confidence: hit.confidence,
        }
    };
    Ok(knowledge::rank(question, &candidates).into_iter().map(hit).collect())
}

pub(crate) fn failed(error: StoreError) -> ToolError {
    match error {
        StoreError::NotFound { noun } => ToolError::BadArgument(format!("there is no such {noun}")),
        other => ToolError::Failed(other.to_string()),
    }
}
