//! What a business's callers are likely to say, for transcribers that build a model of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::call_plan::Vocabulary;
use domain::ids::OrgId;
use domain::leads::LeadQuestion;
use domain::vocabulary::{self, Sources};
use provider_traits::stt::SttConfig;
use store::clients::{ClientFilter, ClientSort, ClientVisibility};
use store::page::Wanted;
use store::projects::{ProjectFilter, ProjectSort};
use store::tx::OrgTx;
use tokio::time::Instant;

use crate::error::AppError;
use crate::runtime::App;

/// How long a vocabulary serves before the data is looked at again.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// How long one serves a call that can't wait for a newer one.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Names of clients and projects that are taken in; more would blur the model.
const MAX_NAMES: u32 = 200;

/// A business's vocabulary, and what it was made of.
#[derive(Debug)]
pub(crate) struct Known {
    /// When the data was looked at.
    seen_at: Instant,
    words: BusinessWords,
    vocabulary: Arc<Vocabulary>,
}

/// The business's own words, read from its data.
#[derive(Debug, PartialEq)]
struct BusinessWords {
    business: String,
    /// The contact first, then the agents.
    people: Vec<String>,
    questions: Vec<String>,
    answers: Vec<String>,
    lead_questions: Vec<LeadQuestion>,
    projects: Vec<String>,
    /// Clients and their people.
    clients: Vec<String>,
}

impl BusinessWords {
    fn sources(&self) -> Sources<'_> {
        Sources {
            business: &self.business,
            people: &self.people,
            questions: &self.questions,
            answers: &self.answers,
            lead_questions: &self.lead_questions,
            projects: &self.projects,
            clients: &self.clients,
        }
    }
}

impl App {
    /// The vocabulary of a business, made again when its words have changed and the last look was a minute ago.
    pub(crate) async fn vocabulary(&self, org_id: OrgId) -> Result<Arc<Vocabulary>, AppError> {
        self.vocabulary_of(org_id, FRESH_FOR).await
    }

    /// The same for a call whose caller waits: one that is at hand will do, as it was made anew, or is being, since
    /// the telephone rang. What changes a business's words drops it.
    pub(crate) async fn vocabulary_at_hand(&self, org_id: OrgId) -> Result<Arc<Vocabulary>, AppError> {
        self.vocabulary_of(org_id, KEPT_FOR).await
    }

    async fn vocabulary_of(&self, org_id: OrgId, fresh_for: Duration) -> Result<Arc<Vocabulary>, AppError> {
        if let Some(known) = self.known_vocabulary(org_id, fresh_for) {
            return Ok(known);
        }
        // Calls that come together make it once: it takes a processor for a while.
        let makers = {
            let mut makers = self.vocabulary_makers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(makers.entry(org_id).or_default())
        };
        let _maker = makers.lock().await;
        if let Some(known) = self.known_vocabulary(org_id, fresh_for) {
            return Ok(known);
        }
        let made = self.make_vocabulary(org_id).await;
        self.vocabulary_makers.lock().unwrap_or_else(PoisonError::into_inner).remove(&org_id);
        made
    }

    fn known_vocabulary(&self, org_id: OrgId, fresh_for: Duration) -> Option<Arc<Vocabulary>> {
        let known = self.vocabularies.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&org_id)?;
        (known.seen_at.elapsed() < fresh_for).then(|| Arc::clone(&known.vocabulary))
    }

    async fn make_vocabulary(&self, org_id: OrgId) -> Result<Arc<Vocabulary>, AppError> {
        let now = Instant::now();
        let words = self.business_words(org_id).await?;
        // Making it takes a processor for a while and megabytes that come back in pieces: only for words that are new.
        if let Some(vocabulary) = self.still_right(org_id, &words, now) {
            return Ok(vocabulary);
        }
        let (words, vocabulary) = tokio::task::spawn_blocking(move || {
            let vocabulary = vocabulary::build(&words.sources());
            (words, Arc::new(vocabulary))
        })
        .await
        .map_err(|error| AppError::Bug(format!("the vocabulary: {error}")))?;
        let mut known = self.vocabularies.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| now.duration_since(known.seen_at) < KEPT_FOR);
        known.insert(org_id, Known { seen_at: now, words, vocabulary: Arc::clone(&vocabulary) });
        Ok(vocabulary)
    }

    /// The one that was made of these words, if the last one was.
    fn still_right(&self, org_id: OrgId, words: &BusinessWords, now: Instant) -> Option<Arc<Vocabulary>> {
        let mut known = self.vocabularies.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_mut(&org_id).filter(|known| known.words == *words)?;
        known.seen_at = now;
        Some(Arc::clone(&known.vocabulary))
    }

    async fn business_words(&self, org_id: OrgId) -> Result<BusinessWords, AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let business = store::organizations::get(&mut tx).await?;
        let entries = store::knowledge::all_spoken(&mut tx).await?;
        let lead_questions = store::lead_questions::list(&mut tx).await?;
        let newest = Wanted::first(ClientSort::CreatedAt, MAX_NAMES);
        let known =
            ClientFilter { visibility: Some(ClientVisibility::Recognised), ..ClientFilter::default() };
        let clients = store::clients::list(&mut tx, &known, &newest).await?.items;
        let newest = Wanted::first(ProjectSort::CreatedAt, MAX_NAMES);
        let current = ProjectFilter { archived: Some(false), ..ProjectFilter::default() };
        let projects = store::projects::list(&mut tx, &current, &newest).await?.items;
        let agents = store::agents::list(&mut tx).await?;
        let people = business
            .profile
            .contact_name
            .into_iter()
            .chain(agents.into_iter().map(|agent| agent.published.settings.name))
            .collect();
        let mut known: Vec<String> = clients
            .into_iter()
            .flat_map(|client| {
                let persons = client.facts.contacts.into_iter().filter_map(|contact| contact.person);
                std::iter::once(client.facts.name).chain(persons)
            })
            .collect();
        known.sort();
        known.dedup();
        Ok(BusinessWords {
            business: business.name,
            people,
            questions: entries
                .iter()
                .flat_map(|entry| std::iter::once(&entry.content.question).chain(&entry.content.variants))
                .cloned()
                .collect(),
            answers: entries.into_iter().map(|entry| entry.content.answer).collect(),
            lead_questions,
            projects: projects
                .into_iter()
                .flat_map(|project| std::iter::once(project.facts.name).chain(project.facts.aliases))
                .collect(),
            clients: known,
        })
    }

    /// Gets everything ready for a business's next call. Not being able to is no reason not to take calls.
    ///
    /// # Errors
    /// [`AppError::Provider`] when no transcriber is ready.
    pub async fn prepare_calls(&self, org_id: OrgId) -> Result<(), AppError> {
        self.prepare_speech(org_id, "en-US".to_owned()).await
    }

    /// Gets the transcribers ready for a business's callers.
    pub(crate) async fn prepare_speech(&self, org_id: OrgId, language: String) -> Result<(), AppError> {
        let vocabulary = self.vocabulary(org_id).await?;
        Ok(self.stt.prepare(&SttConfig { language, vocabulary }).await?)
    }
}
