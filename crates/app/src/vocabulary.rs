//! What a business's callers are likely to say, for transcribers that build a model of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::call_plan::Vocabulary;
use domain::ids::OrgId;
use domain::vocabulary::{self, BusinessWords};
use provider_traits::stt::SttConfig;
use store::tx::OrgTx;
use tokio::time::Instant;

use crate::error::AppError;
use crate::runtime::App;

/// How long a vocabulary serves before the data is looked at again.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// Names of clients and projects that are taken in; more would blur the model.
const MAX_NAMES: u32 = 200;

impl App {
    /// The vocabulary of a business, made again when the last one is a minute old.
    pub(crate) async fn vocabulary(&self, org_id: OrgId) -> Result<Arc<Vocabulary>, AppError> {
        let now = Instant::now();
        {
            let known = self.vocabularies.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((made_at, vocabulary)) = known.get(&org_id)
                && now.duration_since(*made_at) < FRESH_FOR
            {
                return Ok(Arc::clone(vocabulary));
            }
        }
        let words = self.business_words(org_id).await?;
        let vocabulary = tokio::task::spawn_blocking(move || vocabulary::build(&words))
            .await
            .map_err(|error| AppError::Bug(format!("the vocabulary: {error}")))?;
        let vocabulary = Arc::new(vocabulary);
        let mut known = self.vocabularies.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (made_at, _)| now.duration_since(*made_at) < FRESH_FOR);
        known.insert(org_id, (now, Arc::clone(&vocabulary)));
        Ok(vocabulary)
    }

    async fn business_words(&self, org_id: OrgId) -> Result<BusinessWords, AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let business = store::organizations::get(&mut tx).await?;
        let entries = store::knowledge::all_spoken(&mut tx).await?;
        let questions = store::lead_questions::list(&mut tx).await?;
        let clients = store::clients::list(&mut tx, None, None, MAX_NAMES).await?.items;
        let projects = store::projects::list(&mut tx, None, None, MAX_NAMES).await?.items;
        let agents = store::agents::list(&mut tx).await?;
        let mut people: Vec<String> = clients
            .iter()
            .flat_map(|client| client.contacts.iter().filter_map(|contact| contact.person.clone()))
            .chain(business.profile.contact_name.clone())
            .chain(agents.into_iter().map(|agent| agent.settings.name))
            .collect();
        people.sort();
        people.dedup();
        Ok(BusinessWords {
            business: business.name,
            questions: entries
                .iter()
                .flat_map(|entry| std::iter::once(&entry.content.question).chain(&entry.content.variants))
                .cloned()
                .collect(),
            answers: entries.into_iter().map(|entry| entry.content.answer).collect(),
            choices: questions.into_iter().flat_map(|question| question.choices).collect(),
            clients: clients.into_iter().map(|client| client.name).collect(),
            projects: projects
                .into_iter()
                .flat_map(|project| std::iter::once(project.facts.name).chain(project.facts.aliases))
                .collect(),
            people,
        })
    }

    /// Gets the transcribers ready for a business's callers.
    pub(crate) async fn prepare_speech(&self, org_id: OrgId, language: String) -> Result<(), AppError> {
        let vocabulary = self.vocabulary(org_id).await?;
        Ok(self.stt.prepare(&SttConfig { language, vocabulary }).await?)
    }
}
