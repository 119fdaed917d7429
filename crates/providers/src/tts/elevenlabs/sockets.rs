//! Open multi-context sockets. A socket speaks with one voice, up to five sentences at the same time, and is kept for
//! the next sentence of any call until it was idle for some time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::error::ProviderError;
use provider_traits::tts::TtsAudio;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;

use super::protocol::{self, Heard};
use super::{ElevenLabsTtsSettings, KEY_HEADER, VENDOR};
use crate::tts::speech_endpoint::below;
use crate::web_socket::{self, NoSocket, Socket};

/// Contexts that the vendor allows on a socket.
const MOST_CONTEXTS: usize = 5;
/// The longest that the vendor lets a context be silent, in seconds.
const INACTIVITY: &str = "180";
/// A socket that nobody speaks on is closed after that.
const IDLE: Duration = Duration::from_secs(150);
/// Safety net for connecting.
const OPENS_WITHIN: Duration = Duration::from_secs(10);
/// Safety net while audio is owed.
const GOES_ON_WITHIN: Duration = Duration::from_secs(30);
/// Safety net for a socket that is not read.
const WRITES_WITHIN: Duration = Duration::from_secs(5);
/// Pieces of one sentence that wait for the listener. The vendor is much faster than playback and sentences share the
/// socket, so that a slow listener must not hold up the others. A piece is 0.1 s and more: two minutes of speech.
const WAITING_PIECES: usize = 1_200;

/// The sockets of one provider.
#[derive(Clone)]
pub(super) struct Sockets {
    settings: Arc<ElevenLabsTtsSettings>,
    headers: HeaderMap,
    tls: Option<TlsConnector>,
    open: Arc<Mutex<Vec<Open>>>,
}

/// What a sentence needs to know of a socket.
#[derive(Clone)]
struct Open {
    voice: String,
    language: Option<String>,
    sentences: mpsc::Sender<Sentence>,
    /// Contexts in use.
    contexts: Arc<AtomicUsize>,
}

/// A sentence to be spoken, and its place among the socket's contexts.
struct Sentence {
    text: String,
    listener: Listener,
    _place: Place,
}

/// Counts a context as long as it lives.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Listener {
    audio: mpsc::Sender<Result<Bytes, ProviderError>>,
    /// Room for the last word, however full the rest is: audio that was cut off must not look complete.
    last: mpsc::OwnedPermit<Result<Bytes, ProviderError>>,
    any: bool,
}

impl Open {
    /// A free context; `None` when there is none.
    fn place(&self) -> Option<Place> {
        if self.sentences.is_closed() {
            return None;
        }
        let taken = self.contexts.fetch_add(1, Ordering::SeqCst);
        let place = Place(Arc::clone(&self.contexts));
        (taken < MOST_CONTEXTS).then_some(place)
    }
}

impl Sockets {
    pub(super) fn new(
        settings: Arc<ElevenLabsTtsSettings>,
        key: Option<HeaderValue>,
    ) -> Result<Self, rustls::Error> {
        let tls = web_socket::tls_for(&socket_base(&settings.base_url))?;
        let headers =
            key.into_iter().map(|key| (KEY_HEADER.parse().expect("a header's name"), key)).collect();
        Ok(Self { settings, headers, tls, open: Arc::default() })
    }

    /// Begins to speak.
    pub(super) async fn speak(
        &self,
        voice: &str,
        language: Option<&str>,
        text: &str,
    ) -> Result<TtsAudio, ProviderError> {
        let (audio, heard) = mpsc::channel(WAITING_PIECES + 1);
        let last = audio.clone().try_reserve_owned().expect("an empty channel has room");
        let listener = Listener { audio, last, any: false };
        let (open, place) = match self.free(voice, language) {
            Some(found) => found,
            None => {
                let open = self.connect(voice, language).await?;
                let place = open.place().expect("a new socket has room");
                self.lock().push(open.clone());
                (open, place)
            }
        };
        let sentence = Sentence { text: text.to_owned(), listener, _place: place };
        // A socket that was lost in this moment is like one that was lost in the next.
        open.sentences.send(sentence).await.map_err(|_gone| VENDOR.unavailable("the socket was lost"))?;
        Ok(heard)
    }

    fn free(&self, voice: &str, language: Option<&str>) -> Option<(Open, Place)> {
        let mut open = self.lock();
        open.retain(|one| !one.sentences.is_closed());
        let fitting = open.iter().filter(|one| one.voice == voice && one.language.as_deref() == language);
        fitting.into_iter().find_map(|one| Some((one.clone(), one.place()?)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, voice: &str, language: Option<&str>) -> Result<Open, ProviderError> {
        let path = format!("v1/text-to-speech/{voice}/multi-stream-input");
        let mut url = below(&socket_base(&self.settings.base_url), &path);
        url.query_pairs_mut()
            .append_pair("model_id", &self.settings.model)
            .append_pair("output_format", "ulaw_8000")
            .append_pair("auto_mode", "true")
            .append_pair("inactivity_timeout", INACTIVITY);
        if let Some(language) = language {
            url.query_pairs_mut().append_pair("language_code", language);
        }
        let connecting = web_socket::connect(&url, &self.headers, self.tls.as_ref());
        let socket = tokio::time::timeout(OPENS_WITHIN, connecting)
            .await
            .map_err(|_elapsed| VENDOR.timeout(OPENS_WITHIN))?
            .map_err(|failure| match failure {
                NoSocket::Lost(reason) => VENDOR.unavailable(reason),
                NoSocket::Answered { status, retry_after, code } => {
                    VENDOR.meaning_of_handshake(status, retry_after, code.as_deref())
                }
            })?;
        let (sentences, asked) = mpsc::channel(MOST_CONTEXTS);
        let session =
            Session { socket, settings: Arc::clone(&self.settings), speaking: HashMap::new(), number: 0 };
        self.settings.tasks.spawn(session.run(asked));
        let (voice, language) = (voice.to_owned(), language.map(str::to_owned));
        Ok(Open { voice, language, sentences, contexts: Arc::default() })
    }
}

/// `wss` for `https`, `ws` for `http`.
fn socket_base(base: &Url) -> Url {
    let mut url = base.clone();
    let scheme = if base.scheme() == "http" { "ws" } else { "wss" };
    // An http address can always become a ws address.
    let _changed = url.set_scheme(scheme);
    url
}

/// One socket.
struct Session {
    socket: Socket,
    settings: Arc<ElevenLabsTtsSettings>,
    /// By the context's id.
    speaking: HashMap<String, Sentence>,
    number: u64,
}

impl Session {
    async fn run(mut self, mut asked: mpsc::Receiver<Sentence>) {
        let why = self.until_end(&mut asked).await;
        // From now on nobody is given this socket; who was a moment earlier is told.
        asked.close();
        while let Some(sentence) = asked.recv().await {
            sentence
                .listener
                .fail(why.clone().unwrap_or_else(|| VENDOR.unavailable("the socket was closed")));
        }
        for (_, sentence) in self.speaking.drain() {
            sentence
                .listener
                .fail(why.clone().unwrap_or_else(|| VENDOR.unavailable("the socket was closed")));
        }
        if why.is_none() {
            let farewell = async {
                let _gone = self.socket.send(Message::text(protocol::farewell())).await;
                let _gone = self.socket.close(None).await;
            };
            let _late = tokio::time::timeout(WRITES_WITHIN, farewell).await;
        }
    }

    /// `None` when it is not needed any more.
    async fn until_end(&mut self, asked: &mut mpsc::Receiver<Sentence>) -> Option<ProviderError> {
        loop {
            let patience = if self.speaking.is_empty() { IDLE } else { GOES_ON_WITHIN };
            let silent_at = Instant::now() + patience;
            tokio::select! {
                sentence = asked.recv() => {
                    if let Err(error) = self.begin(sentence?).await {
                        return Some(error);
                    }
                }
                message = self.socket.next() => {
                    if let Err(error) = self.hear(message) {
                        return Some(error);
                    }
                }
                () = tokio::time::sleep_until(silent_at) => {
                    return (!self.speaking.is_empty()).then(|| VENDOR.timeout(GOES_ON_WITHIN));
                }
            }
        }
    }

    async fn begin(&mut self, sentence: Sentence) -> Result<(), ProviderError> {
        self.number += 1;
        let context = format!("s{}", self.number);
        let messages = protocol::sentence(&context, &sentence.text, self.settings.voice_settings);
        self.speaking.insert(context, sentence);
        for message in messages {
            tokio::time::timeout(WRITES_WITHIN, self.socket.send(Message::text(message)))
                .await
                .map_err(|_elapsed| VENDOR.timeout(WRITES_WITHIN))?
                .map_err(|error| VENDOR.unavailable(format!("the socket was lost: {error}")))?;
        }
        Ok(())
    }

    fn hear(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), ProviderError> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map_or(1005, |frame| u16::from(frame.code));
                // 1008: it will come again.
                return Err(match code {
                    1008 => VENDOR.refused("the socket was closed with 1008"),
                    _ => VENDOR.unavailable(format!("the socket was closed with {code}")),
                });
            }
            Some(Ok(Message::Binary(_))) => {
                return Err(VENDOR.unavailable("it sent what is none of the protocol's"));
            }
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(VENDOR.unavailable(format!("the socket was lost: {error}"))),
            None => return Err(VENDOR.unavailable("the socket was lost")),
        };
        let heard = protocol::read(&text);
        let heard = heard
            .map_err(|what| VENDOR.unavailable(format!("it sent what is none of the protocol's: {what}")))?;
        match heard {
            Heard::Error(error) => Err(error),
            Heard::Context { context, audio, is_final } => {
                self.pass_on(context, audio, is_final);
                Ok(())
            }
        }
    }

    fn pass_on(&mut self, context: Option<String>, audio: Vec<u8>, is_final: bool) {
        // Without an id it can only be the one.
        let only = || self.speaking.keys().next().filter(|_| self.speaking.len() == 1).cloned();
        let Some(context) = context.or_else(only) else { return };
        let Some(sentence) = self.speaking.get_mut(&context) else { return };
        let listener = &mut sentence.listener;
        let mut too_slow = false;
        if !audio.is_empty() {
            listener.any = true;
            // A listener that is gone is passed over until the context's end, which is near: it is closed already.
            let sent = listener.audio.try_send(Ok(audio.into()));
            too_slow = matches!(sent, Err(mpsc::error::TrySendError::Full(_)));
        }
        if too_slow {
            let sentence = self.speaking.remove(&context).expect("it was there");
            sentence.listener.fail(VENDOR.unavailable("the listener does not keep up"));
        } else if is_final {
            let sentence = self.speaking.remove(&context).expect("it was there");
            if !sentence.listener.any {
                sentence.listener.fail(VENDOR.unavailable("it sent no audio"));
            }
        }
    }
}

impl Listener {
    fn fail(self, error: ProviderError) {
        self.last.send(Err(error));
    }
}
