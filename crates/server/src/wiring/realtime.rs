//! The speech-to-speech model that agents of the engine `realtime` talk with.

use std::sync::Arc;

use anyhow::Context as _;
use provider_traits::ambient::Ambient;
use provider_traits::realtime::RealtimeProvider;
use providers::openai::realtime::provider::{OpenAiRealtime, OpenAiSettings, Patience};
use tokio_util::task::TaskTracker;

use crate::config::settings::OpenAi;

/// The provider as configured; it may lack its key, which its readiness tells.
///
/// # Errors
/// When it can't be set up: no certificates on this machine, or a key that no header can carry.
pub fn provider(
    settings: &OpenAi,
    ambient: &Ambient,
    tasks: &TaskTracker,
) -> anyhow::Result<Arc<dyn RealtimeProvider>> {
    let settings = OpenAiSettings {
        url: settings.realtime_url.0.clone(),
        api_key: settings.realtime_key().cloned(),
        model: settings.realtime_model.clone(),
        voice: settings.realtime_voice.clone(),
        transcriber: settings.realtime_transcriber.clone(),
        headers: settings.realtime_headers.0.clone(),
        patience: Patience::default(),
    };
    let provider = OpenAiRealtime::new(settings, Arc::clone(&ambient.clock), tasks.clone())
        .context("the provider of realtime sessions (section [openai]) can't be set up")?;
    Ok(Arc::new(provider))
}
