//! Several voices as one.
//!
//! A sentence that fails before its first audio is begun anew at the next link. One that breaks off later
//! goes on there with the words that can't have been spoken yet, reckoned by the usual pace of speech and
//! rather one word too early than too late.

mod sentence;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, ProviderNotice, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice, VoiceQuery};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::hedge::Hedging;
use crate::link::Link;
use crate::report::{ChainReport, Reporting, report};
use crate::settings::ChainSettings;
use crate::{NOBODY, Told, nobody, order, readiness_of};
use sentence::Sentence;

/// Pieces of audio waiting for a listener. When full, the provider waits: playback is slower than synthesis.
const WAITING_PIECES: usize = 32;

const TOLD: Told = Told {
    what: "voice",
    failed_over: "tts_failed_over",
    exhausted: "tts_exhausted",
    overtaken: "tts_overtaken",
};

/// An ordered list of text-to-speech providers.
#[derive(Clone)]
pub struct TtsChain {
    shared: Arc<Shared>,
    preference: Arc<[usize]>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
}

struct Shared {
    links: Vec<Link<dyn TextToSpeech>>,
    settings: ChainSettings,
    hedging: Option<Hedging>,
    tasks: TaskTracker,
}

impl TtsChain {
    /// A chain of `providers`, the preferred one first. Sentences being spoken are tracked by `tasks`.
    #[must_use]
    pub fn new(providers: Vec<Arc<dyn TextToSpeech>>, settings: ChainSettings, tasks: TaskTracker) -> Self {
        let link = |provider: Arc<dyn TextToSpeech>| {
            let descriptor = provider.descriptor();
            Link::new(provider, descriptor, &settings)
        };
        let links: Vec<_> = providers.into_iter().map(link).collect();
        let preference = order::preference(&links, None).into();
        let hedging = settings.hedge.map(Hedging::new);
        Self { shared: Arc::new(Shared { links, settings, hedging, tasks }), preference, notices: None }
    }

    fn candidates(&self) -> VecDeque<usize> {
        let Shared { links, settings, .. } = &*self.shared;
        order::candidates(links, &self.preference, settings, |provider| provider.readiness())
    }
}

#[async_trait]
impl TextToSpeech for TtsChain {
    fn descriptor(&self) -> &'static Descriptor {
        let first = self.candidates().front().copied();
        first.map_or(&NOBODY, |index| self.shared.links[index].descriptor)
    }

    fn readiness(&self) -> Readiness {
        let all: Vec<Readiness> = self.shared.links.iter().map(|link| link.provider.readiness()).collect();
        readiness_of(&all, "a voice (text to speech)")
    }

    fn voices(&self) -> Vec<Voice> {
        self.shared.links.iter().flat_map(|link| link.provider.voices()).collect()
    }

    /// Those of all links; a vendor that can't be asked is left out as long as another one can.
    async fn find_voices(&self, query: &VoiceQuery) -> Result<Vec<Voice>, ProviderError> {
        let (mut found, mut last_error, mut any) = (Vec::new(), None, false);
        for index in self.candidates() {
            let link = &self.shared.links[index];
            let asked =
                tokio::time::timeout(self.shared.settings.last_link, link.provider.find_voices(query));
            match asked.await {
                Ok(Ok(voices)) => {
                    any = true;
                    found.extend(voices);
                }
                Ok(Err(error)) => last_error = Some(error),
                Err(_late) => {
                    let waited_ms = self.shared.settings.last_link.as_millis() as u64;
                    last_error = Some(ProviderError::Timeout { provider: link.descriptor.id, waited_ms });
                }
            }
        }
        match last_error {
            Some(error) if !any => Err(error),
            _ => Ok(found),
        }
    }

    fn parts(&self) -> Vec<Arc<dyn TextToSpeech>> {
        self.shared.links.iter().map(|link| Arc::clone(&link.provider)).collect()
    }

    fn for_call(&self, notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn TextToSpeech>> {
        Some(Arc::new(Self { notices: Some(notices.clone()), ..self.clone() }))
    }

    fn in_order(&self, ids: &[String]) -> Option<Arc<dyn TextToSpeech>> {
        let preference = order::preference(&self.shared.links, Some(ids)).into();
        Some(Arc::new(Self { preference, ..self.clone() }))
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let (audio, listener) = mpsc::channel(WAITING_PIECES);
        // Nothing to say is said at once; it is no failure of anybody's.
        if !request.text.chars().any(char::is_alphanumeric) {
            return Ok(listener);
        }
        let order = self.candidates();
        if order.is_empty() {
            return Err(nobody("voice"));
        }
        let sentence = Sentence::new(self.clone(), request.clone(), audio);
        self.shared.tasks.spawn(sentence.speak(order));
        Ok(listener)
    }
}

impl Reporting for TtsChain {
    fn report(&self) -> ChainReport {
        report("tts", &self.shared.links, &self.candidates(), |provider| provider.readiness())
    }
}
