//! The voices that agents can have: found at all providers through one interface, and heard before one is chosen.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use audio::{g711, wav};
use domain::ids::OrgId;
use futures_util::future::join_all;
use provider_traits::descriptor::{Descriptor, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsRequest, Voice, VoiceQuery};
use tokio::time::Instant;

use crate::error::AppError;
use crate::runtime::App;

/// Until a provider has told its voices; who takes longer is left out.
const TOLD_WITHIN: Duration = Duration::from_secs(8);
/// Until a sample is spoken.
const SPOKEN_WITHIN: Duration = Duration::from_secs(20);
/// Samples of one organization within [`WINDOW`]: each costs money at a vendor.
const MOST_PREVIEWS: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Longest sample in bytes of mu-law: a minute.
const MOST_BYTES: usize = 60 * 8_000;

/// How long an answer is kept: a voice that was made just now is seen soon enough.
const KEPT: Duration = Duration::from_secs(300);
/// Answers that are kept.
const MOST_KEPT: u64 = 200;

/// A voice and who has it.
#[derive(Debug, Clone)]
pub struct FoundVoice {
    /// Whose it is.
    pub provider: &'static Descriptor,
    /// The voice.
    pub voice: Voice,
}

/// Voices, and who could not tell theirs.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the providers.
    pub voices: Vec<FoundVoice>,
    /// Providers that did not answer, with the reason.
    pub unavailable: Vec<(&'static str, &'static str)>,
}

/// What is to be heard.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Whose voice; `None` lets the chain of voices speak, as in a call.
    pub provider: Option<String>,
    /// What is said.
    pub request: TtsRequest,
}

/// When each organization heard samples, newest last.
pub(crate) type Previews = std::collections::HashMap<OrgId, VecDeque<Instant>>;

/// What providers told of late, by provider and question: a page that is filtered asks again with each letter, and
/// every tenant asks the same account.
pub(crate) struct ToldVoices(moka::sync::Cache<(&'static str, VoiceQuery), Arc<[Voice]>>);

impl Default for ToldVoices {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MOST_KEPT).time_to_live(KEPT).build())
    }
}

/// Finds voices at one provider, or at all that can serve.
///
/// # Errors
/// [`AppError::Invalid`] when there is no such provider.
pub async fn find(app: &App, provider: Option<&str>, query: &VoiceQuery) -> Result<Found, AppError> {
    let asked = match provider {
        Some(id) => vec![part(app, id)?],
        None => {
            let ready = parts(app).into_iter().filter(|part| part.readiness() == Readiness::Ready);
            ready.collect()
        }
    };
    let answers = join_all(asked.iter().map(|part| told(app, part, query)));
    let mut found = Found::default();
    for (part, answer) in asked.iter().zip(answers.await) {
        let provider = part.descriptor();
        match answer {
            Ok(voices) => {
                let voices = voices.iter().cloned();
                found.voices.extend(voices.map(|voice| FoundVoice { provider, voice }));
            }
            Err(error) => {
                tracing::warn!(%error, "a provider could not tell its voices");
                found.unavailable.push((provider.id, for_tenants(&error)));
            }
        }
    }
    Ok(found)
}

/// The voices of one provider; an answer is remembered, a failure is not.
async fn told(
    app: &App,
    part: &Arc<dyn TextToSpeech>,
    query: &VoiceQuery,
) -> Result<Arc<[Voice]>, ProviderError> {
    let id = part.descriptor().id;
    let question = (id, query.clone());
    if let Some(voices) = app.told_voices.0.get(&question) {
        return Ok(voices);
    }
    let waited_ms = u64::try_from(TOLD_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let late = ProviderError::Timeout { provider: id, waited_ms };
    let voices = tokio::time::timeout(TOLD_WITHIN, part.find_voices(query)).await.unwrap_or(Err(late))?;
    let voices: Arc<[Voice]> = voices.into();
    app.told_voices.0.insert(question, Arc::clone(&voices));
    Ok(voices)
}

/// What a tenant is told. Keys, models and addresses are the operator's: the log has them.
fn for_tenants(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unavailable { .. } => "it is not available at the moment",
        ProviderError::Timeout { .. } => "it did not answer in time",
        ProviderError::RateLimited { .. } => "it has been asked too often; try again in a minute",
        ProviderError::Refused { .. } => "it refuses this installation; its operator can mend that",
        ProviderError::Invalid { .. } => "it did not understand the question",
    }
}

/// Speaks a sample; answers a WAV file of what a caller would hear.
///
/// # Errors
/// [`AppError::TooMany`] for the eleventh within a minute; [`AppError::Invalid`] when there is no such provider;
/// [`AppError::Provider`] when the voice fails.
pub async fn preview(app: &App, org_id: OrgId, preview: &Preview) -> Result<Vec<u8>, AppError> {
    let voice = match &preview.provider {
        Some(id) => part(app, id)?,
        None => Arc::clone(&app.tts),
    };
    admit(app, org_id)?;
    let id = voice.descriptor().id;
    let spoken = async {
        let mut audio = voice.speak(&preview.request).await?;
        let mut codes = Vec::new();
        while let Some(piece) = audio.recv().await {
            codes.extend_from_slice(&piece?);
            if codes.len() > MOST_BYTES {
                let reason = "the sample is longer than a minute".to_owned();
                return Err(ProviderError::Unavailable { provider: id, reason });
            }
        }
        Ok(codes)
    };
    let waited_ms = u64::try_from(SPOKEN_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let codes = tokio::time::timeout(SPOKEN_WITHIN, spoken)
        .await
        .unwrap_or(Err(ProviderError::Timeout { provider: id, waited_ms }))?;
    Ok(wav_file(&codes))
}

/// The providers behind the application's voice; itself when it is one alone.
fn parts(app: &App) -> Vec<Arc<dyn TextToSpeech>> {
    let parts = app.tts.parts();
    if parts.is_empty() { vec![Arc::clone(&app.tts)] } else { parts }
}

fn part(app: &App, id: &str) -> Result<Arc<dyn TextToSpeech>, AppError> {
    let all = parts(app);
    let known: Vec<&str> = all.iter().map(|part| part.descriptor().id).collect();
    let message = || format!("must be one of {}", known.join(", "));
    let found = all.iter().find(|part| part.descriptor().id == id);
    found.cloned().ok_or_else(|| AppError::Invalid { field: "provider", message: message() })
}

/// Counts a sample, unless there were too many.
fn admit(app: &App, org_id: OrgId) -> Result<(), AppError> {
    let now = Instant::now();
    let mut previews = app.voice_previews.lock().unwrap_or_else(PoisonError::into_inner);
    // Organizations that heard nothing for a while are forgotten.
    previews.retain(|_, heard| heard.back().is_some_and(|&last| now.duration_since(last) < WINDOW));
    let heard = previews.entry(org_id).or_default();
    while heard.front().is_some_and(|&first| now.duration_since(first) >= WINDOW) {
        heard.pop_front();
    }
    if heard.len() >= MOST_PREVIEWS {
        let oldest = heard.front().copied().unwrap_or(now);
        let wait = WINDOW.saturating_sub(now.duration_since(oldest));
        return Err(AppError::TooMany { retry_after_s: wait.as_secs() + 1 });
    }
    heard.push_back(now);
    Ok(())
}

/// 8 kHz mono, 16 bit.
fn wav_file(codes: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(codes.len() * 2).unwrap_or(u32::MAX);
    let mut file = wav::header(8_000, 1, bytes).to_vec();
    file.extend(codes.iter().flat_map(|&code| g711::decode(code).to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_wav_file_of_the_telephones_sound() {
        let codes = [g711::encode(8_000), g711::encode(-8_000), g711::SILENCE];
        let wav = wav::parse(&wav_file(&codes)).unwrap();
        assert_eq!(wav.sample_rate_hz, 8_000);
        assert_eq!(wav.mono(), codes.map(g711::decode));
    }
}
