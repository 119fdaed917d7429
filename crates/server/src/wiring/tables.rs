//! The tables of providers: one line each, from its id to what makes it of the configuration.

use std::sync::Arc;

use provider_traits::ambient::Ambient;
use provider_traits::embeddings::Embeddings;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::TextToSpeech;
use providers::embeddings::{EmbeddingsSettings, OpenAiEmbeddings};
use providers::sigv4::Credentials;
use providers::stt::compatible::{CompatibleStt, CompatibleSttSettings};
use providers::stt::deepgram::{Deepgram, DeepgramSettings};
use providers::stt::elevenlabs::{ElevenLabsStt, ElevenLabsSttSettings};
use providers::stt::openai::{OpenAiStt, OpenAiSttSettings};
use providers::stt::openai_rest::{OpenAiRestStt, OpenAiRestSttSettings};
use providers::tts::AudioShape;
use providers::tts::compatible::{CompatibleTts, CompatibleTtsSettings};
use providers::tts::elevenlabs::{ElevenLabsTts, ElevenLabsTtsSettings, Transport, VoiceSettings};
use providers::tts::openai::{OpenAiTts, OpenAiTtsSettings};
use providers::tts::polly::{Polly, PollySettings};
use secrecy::SecretString;
use speech::embeddings::LocalEmbeddings;
use speech::espeak::Espeak;
use speech::flite::{Flite, FliteSettings};
use speech::pocketsphinx::{PocketSphinx, PocketSphinxSettings};
use tokio_util::task::TaskTracker;

use super::providers::{Make, Materials};
use crate::config::Config;
use crate::config::types::SiteUrl;

/// Transcribers.
pub const TRANSCRIBERS: &[(&str, Make<dyn SpeechToText>)] = &[
    ("openai", |with| {
        let openai = &with.config.openai;
        Ok(Arc::new(OpenAiStt::new(OpenAiSttSettings {
            url: openai.stt_url.0.clone(),
            api_key: openai.api_key.clone(),
            model: openai.stt_model.clone(),
            tasks: with.tasks.clone(),
        })?))
    }),
    ("openai-rest", |with| {
        let openai = &with.config.openai;
        Ok(Arc::new(OpenAiRestStt::new(OpenAiRestSttSettings {
            base_url: openai.base_url.url(),
            api_key: openai.api_key.clone(),
            model: openai.stt_rest_model.clone(),
            http: with.http.clone(),
            tasks: with.tasks.clone(),
        })))
    }),
    ("elevenlabs", |with| {
        let elevenlabs = &with.config.vendors.elevenlabs;
        Ok(Arc::new(ElevenLabsStt::new(ElevenLabsSttSettings {
            base_url: elevenlabs.socket_url.0.clone(),
            api_key: elevenlabs.api_key.clone(),
            model: elevenlabs.stt_model.clone(),
            tasks: with.tasks.clone(),
        })?))
    }),
    ("deepgram", |with| {
        let deepgram = &with.config.vendors.deepgram;
        Ok(Arc::new(Deepgram::new(DeepgramSettings {
            base_url: deepgram.socket_url.0.clone(),
            api_key: deepgram.api_key.clone(),
            model: deepgram.model.clone(),
            tasks: with.tasks.clone(),
        })?))
    }),
    ("compatible", |with| {
        let compatible = &with.config.vendors.compatible;
        Ok(Arc::new(CompatibleStt::new(CompatibleSttSettings {
            base_url: compatible.stt_url.as_ref().map(SiteUrl::url),
            api_key: compatible.api_key.clone(),
            model: compatible.stt_model.clone(),
            http: with.http.clone(),
            tasks: with.tasks.clone(),
        })))
    }),
    ("pocketsphinx", |with| {
        let max_decoders = with.config.speech.max_decoders;
        let settings = PocketSphinxSettings { max_decoders, ..PocketSphinxSettings::default() };
        Ok(Arc::new(PocketSphinx::new(settings)))
    }),
];

/// Voices.
pub const VOICES: &[(&str, Make<dyn TextToSpeech>)] = &[
    ("elevenlabs", |with| {
        let elevenlabs = &with.config.vendors.elevenlabs;
        Ok(Arc::new(ElevenLabsTts::new(ElevenLabsTtsSettings {
            base_url: elevenlabs.base_url.url(),
            api_key: elevenlabs.api_key.clone(),
            model: elevenlabs.tts_model.clone(),
            voice: elevenlabs.voice.clone(),
            voice_settings: VoiceSettings::default(),
            transport: Transport::Socket,
            http: with.http.clone(),
            tasks: with.tasks.clone(),
        })?))
    }),
    ("openai", |with| {
        let openai = &with.config.openai;
        Ok(Arc::new(OpenAiTts::new(OpenAiTtsSettings {
            base_url: openai.base_url.url(),
            api_key: openai.api_key.clone(),
            model: openai.tts_model.clone(),
            voice: openai.tts_voice.clone(),
            instructions: None,
            http: with.http.clone(),
            clock: Arc::clone(&with.ambient.clock),
            tasks: with.tasks.clone(),
        })))
    }),
    ("polly", |with| Ok(Arc::new(Polly::new(polly(with.config, &with.http, with.ambient, with.tasks))?))),
    ("compatible", |with| {
        let compatible = &with.config.vendors.compatible;
        Ok(Arc::new(CompatibleTts::new(CompatibleTtsSettings {
            base_url: compatible.tts_url.as_ref().map(SiteUrl::url),
            api_key: compatible.api_key.clone(),
            model: compatible.tts_model.clone(),
            voice: compatible.tts_voice.clone(),
            voices: vec![compatible.tts_voice.clone()],
            shape: AudioShape::Wav,
            http: with.http.clone(),
            tasks: with.tasks.clone(),
        })))
    }),
    ("flite", |with| {
        let voice = with.config.speech.agent_voice.clone();
        Ok(Arc::new(Flite::new(FliteSettings { voice, ..FliteSettings::default() })))
    }),
    ("espeak-ng", |_with| Ok(Arc::new(Espeak::default()))),
];

/// Embeddings. `none` has no line: nobody is asked.
pub const EMBEDDINGS: &[(&str, Make<dyn Embeddings>)] = &[
    ("openai", |with| {
        let url = Some(&with.config.openai.base_url);
        let key = with.config.openai.api_key.as_ref();
        Ok(Arc::new(OpenAiEmbeddings::openai(vectors(with, url, key, true))))
    }),
    ("compatible", |with| {
        let url = with.config.vendors.embeddings.url.as_ref();
        let key = with.config.vendors.compatible.api_key.as_ref();
        Ok(Arc::new(OpenAiEmbeddings::compatible(vectors(with, url, key, false))))
    }),
    ("local", |with| {
        let folder = with.config.vendors.embeddings.folder.clone().unwrap_or_default();
        Ok(Arc::new(LocalEmbeddings::open(&folder)))
    }),
];

/// Amazon's, as the configuration has it.
pub(super) fn polly(
    config: &Config,
    http: &reqwest::Client,
    ambient: &Ambient,
    tasks: &TaskTracker,
) -> PollySettings {
    let (aws, polly) = (&config.vendors.aws, &config.vendors.polly);
    let key = aws.access_key_id.clone().zip(aws.secret_access_key.clone());
    let credentials = key.map(|(access_key_id, secret_access_key)| Credentials {
        access_key_id,
        secret_access_key,
        session_token: aws.session_token.clone(),
    });
    PollySettings {
        region: aws.region.clone(),
        base_url: polly.base_url.as_ref().map(SiteUrl::url),
        credentials,
        engine: polly.engine.clone(),
        voice: polly.voice.clone(),
        http: http.clone(),
        clock: Arc::clone(&ambient.clock),
        tasks: tasks.clone(),
    }
}

fn vectors(
    with: &Materials<'_>,
    base_url: Option<&SiteUrl>,
    api_key: Option<&SecretString>,
    asks_for_dimensions: bool,
) -> EmbeddingsSettings {
    let embeddings = &with.config.vendors.embeddings;
    EmbeddingsSettings {
        base_url: base_url.map(SiteUrl::url),
        api_key: api_key.cloned(),
        model: embeddings.model.clone(),
        dimensions: embeddings.dimensions,
        asks_for_dimensions,
        http: with.http.clone(),
    }
}
