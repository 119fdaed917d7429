//! Keeps synthesised phrases in memory, bounded by bytes: templates are rendered before the first call and
//! then cost nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use moka::sync::Cache;
use provider_traits::descriptor::{Descriptor, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice, VoiceQuery};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::phrase_shelf::PhraseShelf;

/// A synthesiser with a memory. Only phrases that were made completely are kept; those not used for an hour
/// are forgotten, for a phrase may name a caller.
#[derive(Clone)]
pub struct PhraseCache {
    inner: Arc<dyn TextToSpeech>,
    phrases: Cache<TtsRequest, Bytes>,
    /// Where phrases that are rendered in advance outlive the process.
    shelf: Option<PhraseShelf>,
    tasks: TaskTracker,
}

impl PhraseCache {
    /// How long an unused phrase is kept.
    const IDLE: Duration = Duration::from_secs(3_600);
    /// Eight kilobytes are a second; a phrase is seldom longer than ten. A longer one is not kept.
    const MAX_PHRASE_BYTES: usize = 60 * 8_000;

    /// Keeps up to `max_bytes` of `inner`'s audio (8,000 bytes are a second).
    #[must_use]
    pub fn new(inner: Arc<dyn TextToSpeech>, max_bytes: u64) -> Self {
        let phrases = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|request: &TtsRequest, audio: &Bytes| {
                u32::try_from(audio.len() + request.text.len() + 128).unwrap_or(u32::MAX)
            })
            .time_to_idle(Self::IDLE)
            .build();
        Self { inner, phrases, shelf: None, tasks: TaskTracker::new() }
    }

    /// The same, which takes phrases that are rendered in advance from a shelf where they are on it.
    #[must_use]
    pub fn on_shelf(self, shelf: PhraseShelf) -> Self {
        Self { shelf: Some(shelf), ..self }
    }

    /// Renders phrases that are not there yet, one after the other; returns how many the synthesiser was asked for.
    ///
    /// # Errors
    /// The first failure of the synthesiser; what was made before is kept.
    pub async fn prerender(&self, requests: &[TtsRequest]) -> Result<usize, ProviderError> {
        let mut made = 0;
        for request in requests {
            if self.phrases.contains_key(request) {
                continue;
            }
            if let Some(shelf) = &self.shelf
                && let Some(audio) = shelf.get(request).await
            {
                self.phrases.insert(request.clone(), audio);
                continue;
            }
            let mut audio = self.inner.speak(request).await?;
            let mut whole = BytesMut::new();
            while let Some(chunk) = audio.recv().await {
                whole.extend_from_slice(&chunk?);
            }
            if let Some(shelf) = self.shelf.as_ref().filter(|_| !whole.is_empty()) {
                shelf.put(request, &whole).await;
            }
            self.keep(request, whole);
            made += 1;
        }
        Ok(made)
    }

    /// Whether a phrase can be spoken from memory.
    #[must_use]
    pub fn holds(&self, request: &TtsRequest) -> bool {
        self.phrases.contains_key(request)
    }

    fn keep(&self, request: &TtsRequest, audio: BytesMut) {
        if !audio.is_empty() && audio.len() <= Self::MAX_PHRASE_BYTES {
            self.phrases.insert(request.clone(), audio.freeze());
        }
    }

    /// Passes the audio on and keeps it when it came to its end.
    async fn pass_on(
        self,
        request: TtsRequest,
        mut made: TtsAudio,
        sender: mpsc::Sender<Result<Bytes, ProviderError>>,
    ) {
        let mut whole = BytesMut::new();
        while let Some(chunk) = made.recv().await {
            if let Ok(bytes) = &chunk {
                whole.extend_from_slice(bytes);
            }
            let failed = chunk.is_err();
            // Nobody listens any more: dropping `made` ends the synthesis.
            if sender.send(chunk).await.is_err() || failed {
                return;
            }
        }
        self.keep(&request, whole);
    }
}

#[async_trait]
impl TextToSpeech for PhraseCache {
    fn descriptor(&self) -> &'static Descriptor {
        self.inner.descriptor()
    }

    fn readiness(&self) -> Readiness {
        self.inner.readiness()
    }

    fn model(&self) -> &str {
        self.inner.model()
    }

    fn knows_by_heart(&self, request: &TtsRequest) -> bool {
        self.holds(request)
    }

    fn voices(&self) -> Vec<Voice> {
        self.inner.voices()
    }

    async fn find_voices(&self, query: &VoiceQuery) -> Result<Vec<Voice>, ProviderError> {
        self.inner.find_voices(query).await
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        if let Some(audio) = self.phrases.get(request) {
            let (sender, receiver) = mpsc::channel(1);
            sender.try_send(Ok(audio)).expect("the channel is new and has room for one");
            return Ok(receiver);
        }
        let made = self.inner.speak(request).await?;
        // As much as the synthesiser itself may be ahead.
        let (sender, receiver) = mpsc::channel(32);
        self.tasks.spawn(self.clone().pass_on(request.clone(), made, sender));
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use provider_traits::descriptor::Locality;

    use super::*;

    static FAKE: Descriptor = Descriptor { id: "fake", name: "Fake", locality: Locality::Local };

    /// Speaks a chunk of a second for each letter; fails at a `!`.
    #[derive(Default)]
    struct Fake {
        spoken: AtomicUsize,
    }

    #[async_trait]
    impl TextToSpeech for Fake {
        fn descriptor(&self) -> &'static Descriptor {
            &FAKE
        }

        fn voices(&self) -> Vec<Voice> {
            Vec::new()
        }

        async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
            self.spoken.fetch_add(1, Ordering::SeqCst);
            let (sender, receiver) = mpsc::channel(64);
            for letter in request.text.chars() {
                let chunk = match letter {
                    '!' => Err(ProviderError::Timeout { provider: "fake", waited_ms: 1 }),
                    _ => Ok(Bytes::from(vec![letter as u8; 8_000])),
                };
                sender.try_send(chunk).expect("there is room");
            }
            Ok(receiver)
        }
    }

    fn request(text: &str) -> TtsRequest {
        TtsRequest { text: text.to_owned(), voice: String::new(), language: "en-US".to_owned() }
    }

    async fn listen(cache: &PhraseCache, text: &str) -> (usize, bool) {
        let mut audio = cache.speak(&request(text)).await.unwrap();
        let (mut bytes, mut failed) = (0, false);
        while let Some(chunk) = audio.recv().await {
            match chunk {
                Ok(chunk) => bytes += chunk.len(),
                Err(_) => failed = true,
            }
        }
        // The receiver's end and the keeping of the phrase are one task's last steps.
        cache.tasks.close();
        cache.tasks.wait().await;
        cache.tasks.reopen();
        (bytes, failed)
    }

    #[tokio::test]
    async fn a_phrase_is_made_once() {
        let fake = Arc::new(Fake::default());
        let cache = PhraseCache::new(fake.clone(), 1_000_000);
        assert_eq!(listen(&cache, "hey").await, (24_000, false));
        assert_eq!(listen(&cache, "hey").await, (24_000, false));
        assert_eq!(cache.prerender(&[request("hey"), request("you")]).await, Ok(1));
        assert_eq!(listen(&cache, "you").await, (24_000, false));
        assert_eq!(fake.spoken.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn broken_and_abandoned_phrases_are_not_kept() {
        let cache = PhraseCache::new(Arc::new(Fake::default()), 1_000_000);
        assert_eq!(listen(&cache, "ab!").await, (16_000, true));
        assert!(!cache.holds(&request("ab!")));
        let long = "x".repeat(50);
        drop(cache.speak(&request(&long)).await.unwrap());
        cache.tasks.close();
        cache.tasks.wait().await;
        assert!(!cache.holds(&request(&long)));
        assert!(cache.prerender(&[request("!")]).await.is_err());
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let cache = PhraseCache::new(Arc::new(Fake::default()), 100_000);
        let requests: Vec<TtsRequest> = (0..100).map(|n| request(&format!("{n:03}"))).collect();
        cache.prerender(&requests).await.unwrap();
        cache.phrases.run_pending_tasks();
        assert!(cache.phrases.weighted_size() <= 100_000);
    }

    #[tokio::test]
    async fn what_is_on_the_shelf_is_not_asked_for_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let started = || {
            let shelf = PhraseShelf::open(folder.path(), "fake", std::time::SystemTime::UNIX_EPOCH);
            PhraseCache::new(Arc::new(Fake::default()), 1_000_000).on_shelf(shelf)
        };
        assert_eq!(started().prerender(&[request("hey"), request("you")]).await, Ok(2));
        let cache = started();
        assert_eq!(cache.prerender(&[request("hey"), request("me")]).await, Ok(1));
        assert!(cache.holds(&request("hey")));
        // What is said in calls names callers.
        let mut audio = cache.speak(&request("Mr")).await.unwrap();
        while audio.recv().await.is_some() {}
        assert_eq!(started().prerender(&[request("Mr")]).await, Ok(1));
    }
}
