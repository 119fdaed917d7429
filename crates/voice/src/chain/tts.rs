//! Several voices as one.
//!
//! A sentence that fails before its first audio is begun anew at the next link. One that breaks off later
//! goes on there with the words that can't have been spoken yet, reckoned by the usual pace of speech and
//! rather one word too early than too late.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use provider_traits::descriptor::{Descriptor, ProviderNotice, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{ChainSettings, Link, NOBODY, candidates, notify};

/// Pieces of audio waiting for a listener. When full, the provider waits: playback is slower than synthesis.
const WAITING_PIECES: usize = 32;
/// Time that an English voice takes for a character, spaces included: 150 words a minute.
const MS_PER_CHARACTER: u64 = 66;

/// An ordered list of text-to-speech providers.
pub struct TtsChain {
    shared: Arc<Shared>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
}

struct Shared {
    links: Vec<Link<dyn TextToSpeech>>,
    settings: ChainSettings,
    tasks: TaskTracker,
}

impl TtsChain {
    /// A chain of `providers`, the preferred one first. Sentences being spoken are tracked by `tasks`.
    #[must_use]
    pub fn new(providers: Vec<Arc<dyn TextToSpeech>>, settings: ChainSettings, tasks: TaskTracker) -> Self {
        let links = providers.into_iter().map(Link::new).collect();
        Self { shared: Arc::new(Shared { links, settings, tasks }), notices: None }
    }
}

impl Shared {
    fn candidates(&self) -> Vec<usize> {
        candidates(&self.links, |link| link.is_ready(link.provider.descriptor(), &link.provider.readiness()))
    }
}

#[async_trait]
impl TextToSpeech for TtsChain {
    fn descriptor(&self) -> &'static Descriptor {
        let first = self.shared.candidates().first().copied();
        first.map_or(&NOBODY, |index| self.shared.links[index].provider.descriptor())
    }

    fn readiness(&self) -> Readiness {
        let all: Vec<Readiness> = self.shared.links.iter().map(|link| link.provider.readiness()).collect();
        super::readiness_of(&all, "a voice (text to speech)")
    }

    fn voices(&self) -> Vec<Voice> {
        self.shared.links.iter().flat_map(|link| link.provider.voices()).collect()
    }

    fn for_call(&self, notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn TextToSpeech>> {
        Some(Arc::new(Self { shared: Arc::clone(&self.shared), notices: Some(notices.clone()) }))
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let (audio, listener) = mpsc::channel(WAITING_PIECES);
        // Nothing to say is said at once; it is no failure of anybody's.
        if !request.text.chars().any(char::is_alphanumeric) {
            return Ok(listener);
        }
        let order = self.shared.candidates();
        if order.is_empty() {
            return Err(ProviderError::Unavailable {
                provider: NOBODY.id,
                reason: "no voice is ready".into(),
            });
        }
        let sentence = Sentence {
            shared: Arc::clone(&self.shared),
            notices: self.notices.clone(),
            request: request.clone(),
            audio,
            passed_on_bytes: 0,
        };
        self.shared.tasks.spawn(sentence.speak(order));
        Ok(listener)
    }
}

struct Sentence {
    shared: Arc<Shared>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
    request: TtsRequest,
    audio: mpsc::Sender<Result<Bytes, ProviderError>>,
    passed_on_bytes: u64,
}

/// How one link's attempt at a sentence ended.
enum Attempt {
    Spoken,
    NobodyListens,
    Failed(ProviderError),
}

impl Sentence {
    async fn speak(mut self, order: Vec<usize>) {
        let mut last_error = None;
        for (place, &index) in order.iter().enumerate() {
            let is_last = place + 1 == order.len();
            let shared = Arc::clone(&self.shared);
            let link = &shared.links[index];
            link.begin(&shared.settings);
            match self.attempt(index, is_last).await {
                Attempt::Spoken => return link.worked(),
                Attempt::NobodyListens => return,
                Attempt::Failed(error) => {
                    if !error.is_worth_failing_over() {
                        last_error = Some(error);
                        break;
                    }
                    link.failed(&shared.settings);
                    self.tell(link.provider.descriptor(), &error, order.get(place + 1));
                    last_error = Some(error);
                    self.request.text = unspoken_rest(&self.request.text, self.passed_on_bytes);
                    self.passed_on_bytes = 0;
                }
            }
        }
        let error = last_error.unwrap_or(ProviderError::Unavailable {
            provider: NOBODY.id,
            reason: "no voice is ready".into(),
        });
        // Nobody listening any more is fine.
        let _gone = self.audio.send(Err(error)).await;
    }

    async fn attempt(&mut self, index: usize, is_last: bool) -> Attempt {
        let shared = Arc::clone(&self.shared);
        let settings = &shared.settings;
        let provider = &shared.links[index].provider;
        let id = provider.descriptor().id;
        let within = |usual: Duration| if is_last { settings.last_link } else { usual };
        let timeout = |waited: Duration| {
            Attempt::Failed(ProviderError::Timeout { provider: id, waited_ms: waited.as_millis() as u64 })
        };
        let speak = AssertUnwindSafe(provider.speak(&self.request)).catch_unwind();
        let opened = tokio::select! {
            opened = tokio::time::timeout(within(settings.open), speak) => opened,
            () = self.audio.closed() => return Attempt::NobodyListens,
        };
        let mut pieces = match opened {
            Ok(Ok(Ok(pieces))) => pieces,
            Ok(Ok(Err(error))) => return Attempt::Failed(error),
            Ok(Err(_panic)) => {
                let reason = "it died of a defect".into();
                return Attempt::Failed(ProviderError::Unavailable { provider: id, reason });
            }
            Err(_late) => return timeout(within(settings.open)),
        };
        loop {
            let begun = self.passed_on_bytes > 0;
            let patience = within(if begun { settings.stall } else { settings.first_result });
            let piece = tokio::select! {
                piece = tokio::time::timeout(patience, pieces.recv()) => piece,
                () = self.audio.closed() => return Attempt::NobodyListens,
            };
            match piece {
                Err(_late) => return timeout(patience),
                Ok(Some(Err(error))) => return Attempt::Failed(error),
                Ok(None) if begun => return Attempt::Spoken,
                Ok(None) => {
                    let reason = "it ended without any audio".into();
                    return Attempt::Failed(ProviderError::Unavailable { provider: id, reason });
                }
                Ok(Some(Ok(bytes))) => {
                    self.passed_on_bytes += bytes.len() as u64;
                    if self.audio.send(Ok(bytes)).await.is_err() {
                        return Attempt::NobodyListens;
                    }
                }
            }
        }
    }

    fn tell(&self, failed: &Descriptor, error: &ProviderError, next: Option<&usize>) {
        match next {
            Some(&index) => {
                let next = self.shared.links[index].provider.descriptor().id;
                let text = format!("voice {} failed ({error}); {next} goes on", failed.id);
                notify(self.notices.as_ref(), "tts_failed_over", text);
            }
            None => {
                let text = format!("voice {} failed ({error}); there is no other", failed.id);
                notify(self.notices.as_ref(), "tts_exhausted", text);
            }
        }
    }
}

/// The words that `bytes` of mu-law can't have spoken yet, with the one being spoken.
fn unspoken_rest(text: &str, bytes: u64) -> String {
    let spoken_characters = (bytes / 8 / MS_PER_CHARACTER) as usize;
    if spoken_characters == 0 {
        return text.to_owned();
    }
    let mut from = 0;
    for (start, _) in text.char_indices().filter(|&(at, _)| at == 0 || text[..at].ends_with(' ')) {
        if text[..start].chars().count() > spoken_characters {
            break;
        }
        from = start;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_sentence_goes_on_with_the_word_that_was_being_spoken() {
        let text = "Your website is in review and goes live on Friday.";
        let rest = |ms: u64| unspoken_rest(text, ms * 8);
        assert_eq!(rest(0), text);
        assert_eq!(rest(60), text);
        assert_eq!(rest(1_000), "is in review and goes live on Friday.");
        assert_eq!(rest(60_000), "Friday.");
    }
}
