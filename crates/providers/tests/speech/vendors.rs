//! The table of vendors: each transcriber and each voice with the stand-in that it talks to.

use std::sync::Arc;
use std::time::Duration;

use domain::call_plan::Vocabulary;
use provider_traits::ambient::SystemClock;
use provider_traits::stt::{SpeechToText, SttConfig};
use provider_traits::tts::TextToSpeech;
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
use simulator::deepgram::DeepgramStandIn;
use simulator::elevenlabs::ElevenLabs;
use simulator::openai_audio::OpenAiAudio;
use simulator::vendor::fault::Fault;
use simulator::vendor::seen::Seen;
use simulator::vendor::stand_in::{Place, StandIn};
use tokio_util::task::TaskTracker;

/// Only reached by a test that hangs.
pub(crate) const AT_MOST: Duration = Duration::from_secs(30);

/// What callers say, by loudness.
pub(crate) const PHRASES: [&str; 2] = ["is the website ready", "call me back tomorrow"];

pub(crate) fn phrases() -> Vec<String> {
    PHRASES.map(str::to_owned).into()
}

pub(crate) fn config() -> SttConfig {
    let words = ["aurora", "branding", "website"].map(str::to_owned).into();
    let vocabulary = Vocabulary { key: "k".to_owned(), sentences: Vec::new(), words };
    SttConfig { language: "en-US".to_owned(), vocabulary: Arc::new(vocabulary) }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Any of the stand-ins.
pub(crate) enum Played {
    ElevenLabs(StandIn<ElevenLabs>),
    OpenAi(StandIn<OpenAiAudio>),
    Polly(StandIn<simulator::polly::Polly>),
    Deepgram(StandIn<DeepgramStandIn>),
}

impl Played {
    pub(crate) async fn elevenlabs() -> Self {
        let vendor = ElevenLabs { phrases: phrases(), ..ElevenLabs::default() };
        Self::ElevenLabs(StandIn::start(vendor, Place::default()).await.unwrap())
    }

    pub(crate) async fn openai() -> Self {
        let vendor = OpenAiAudio { phrases: phrases(), ..OpenAiAudio::default() };
        Self::OpenAi(StandIn::start(vendor, Place::default()).await.unwrap())
    }

    pub(crate) async fn polly() -> Self {
        Self::Polly(StandIn::start(simulator::polly::Polly::default(), Place::default()).await.unwrap())
    }

    pub(crate) async fn deepgram() -> Self {
        let vendor = DeepgramStandIn { phrases: phrases(), ..DeepgramStandIn::default() };
        Self::Deepgram(StandIn::start(vendor, Place::default()).await.unwrap())
    }

    /// Scheme and path of the vendor's own, here.
    fn url(&self, scheme: &str, path: &str) -> reqwest::Url {
        let url = match self {
            Self::ElevenLabs(one) => one.url(),
            Self::OpenAi(one) => one.url(),
            Self::Polly(one) => one.url(),
            Self::Deepgram(one) => one.url(),
        };
        format!("{}{path}", url.replacen("http", scheme, 1)).parse().unwrap()
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        match self {
            Self::ElevenLabs(one) => one.set_fault(fault),
            Self::OpenAi(one) => one.set_fault(fault),
            Self::Polly(one) => one.set_fault(fault),
            Self::Deepgram(one) => one.set_fault(fault),
        }
    }

    /// Loses every open socket and waits until the vendor knows.
    pub(crate) async fn lose_sockets(&self) {
        match self {
            Self::ElevenLabs(one) => one.vendor().record.lose_sockets(),
            Self::OpenAi(one) => one.vendor().record.lose_sockets(),
            Self::Deepgram(one) => one.vendor().record.lose_sockets(),
            Self::Polly(_) => {}
        }
        self.until(|seen| seen.requests.iter().all(|one| one.end.is_some())).await;
    }

    pub(crate) fn seen(&self) -> Seen {
        match self {
            Self::ElevenLabs(one) => one.seen(),
            Self::OpenAi(one) => one.seen(),
            Self::Polly(one) => one.seen(),
            Self::Deepgram(one) => one.seen(),
        }
    }

    pub(crate) async fn until(&self, so: impl FnMut(&Seen) -> bool) {
        let waiting = async {
            match self {
                Self::ElevenLabs(one) => one.until(so).await,
                Self::OpenAi(one) => one.until(so).await,
                Self::Polly(one) => one.until(so).await,
                Self::Deepgram(one) => one.until(so).await,
            }
        };
        tokio::time::timeout(AT_MOST, waiting).await.expect("it never came so far");
    }
}

/// A voice and its stand-in.
pub(crate) struct Voiced {
    pub(crate) played: Played,
    pub(crate) tts: Arc<dyn TextToSpeech>,
    pub(crate) tasks: TaskTracker,
}

pub(crate) const VOICES: [&str; 6] =
    ["elevenlabs socket", "elevenlabs http", "openai", "polly", "compatible pcm", "compatible wav"];

pub(crate) fn elevenlabs_settings(
    played: &Played,
    transport: Transport,
    tasks: &TaskTracker,
) -> ElevenLabsTtsSettings {
    ElevenLabsTtsSettings {
        base_url: played.url("http", ""),
        api_key: Some("xi-test-key".to_owned().into()),
        model: "eleven_flash_v2_5".to_owned(),
        voice: "21m00Tcm4TlvDq8ikWAM".to_owned(),
        voice_settings: VoiceSettings { stability: Some(0.5), ..VoiceSettings::default() },
        transport,
        http: http(),
        tasks: tasks.clone(),
    }
}

pub(crate) fn polly_settings(played: &Played, tasks: &TaskTracker) -> PollySettings {
    PollySettings {
        region: "eu-central-1".to_owned(),
        base_url: Some(played.url("http", "")),
        credentials: Some(Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "polly-test-secret".to_owned().into(),
            session_token: None,
        }),
        engine: "neural".to_owned(),
        voice: "Joanna".to_owned(),
        http: http(),
        clock: Arc::new(SystemClock),
        tasks: tasks.clone(),
    }
}

pub(crate) fn openai_voice(played: &Played, model: &str, tasks: &TaskTracker) -> OpenAiTts {
    OpenAiTts::new(OpenAiTtsSettings {
        base_url: played.url("http", "/v1"),
        api_key: Some("sk-test-key".to_owned().into()),
        model: model.to_owned(),
        voice: "marin".to_owned(),
        instructions: Some("Speak calmly.".to_owned()),
        http: http(),
        clock: Arc::new(SystemClock),
        tasks: tasks.clone(),
    })
}

pub(crate) async fn voiced(name: &'static str) -> Voiced {
    let tasks = TaskTracker::new();
    let (played, tts): (Played, Arc<dyn TextToSpeech>) = match name {
        "elevenlabs socket" | "elevenlabs http" => {
            let played = Played::elevenlabs().await;
            let transport = if name.ends_with("http") { Transport::Http } else { Transport::Socket };
            let tts = ElevenLabsTts::new(elevenlabs_settings(&played, transport, &tasks)).unwrap();
            (played, Arc::new(tts))
        }
        "openai" => {
            let played = Played::openai().await;
            let tts = openai_voice(&played, "gpt-4o-mini-tts", &tasks);
            (played, Arc::new(tts))
        }
        "polly" => {
            let played = Played::polly().await;
            let tts = Polly::new(polly_settings(&played, &tasks)).unwrap();
            (played, Arc::new(tts))
        }
        _ => {
            let played = Played::openai().await;
            let shape =
                if name.ends_with("wav") { AudioShape::Wav } else { AudioShape::Pcm { rate_hz: 24_000 } };
            let tts = CompatibleTts::new(CompatibleTtsSettings {
                base_url: Some(played.url("http", "/v1")),
                api_key: Some("sk-test-key".to_owned().into()),
                model: "tts-1".to_owned(),
                voice: "alloy".to_owned(),
                voices: vec!["nova".to_owned()],
                shape,
                http: http(),
                tasks: tasks.clone(),
            });
            (played, Arc::new(tts))
        }
    };
    Voiced { played, tts, tasks }
}

/// A transcriber and its stand-in.
pub(crate) struct Listening {
    pub(crate) name: &'static str,
    pub(crate) played: Played,
    pub(crate) stt: Arc<dyn SpeechToText>,
    pub(crate) tasks: TaskTracker,
}

pub(crate) const TRANSCRIBERS: [&str; 5] = ["openai", "openai-rest", "elevenlabs", "deepgram", "compatible"];

pub(crate) async fn listening(name: &'static str) -> Listening {
    listening_with(name, None).await
}

/// With another model than the usual.
pub(crate) async fn listening_with(name: &'static str, model: Option<&str>) -> Listening {
    let tasks = TaskTracker::new();
    let played = match name {
        "elevenlabs" => Played::elevenlabs().await,
        "deepgram" => Played::deepgram().await,
        _ => Played::openai().await,
    };
    let model = |usual: &str| model.unwrap_or(usual).to_owned();
    let key = |key: &str| Some(key.to_owned().into());
    let stt: Arc<dyn SpeechToText> = match name {
        "openai" => Arc::new(
            OpenAiStt::new(OpenAiSttSettings {
                url: played.url("ws", "/v1/realtime"),
                api_key: key("sk-test-key"),
                model: model("gpt-live-transcribe"),
                tasks: tasks.clone(),
            })
            .unwrap(),
        ),
        "openai-rest" => Arc::new(OpenAiRestStt::new(OpenAiRestSttSettings {
            base_url: played.url("http", "/v1"),
            api_key: key("sk-test-key"),
            model: model("gpt-transcribe"),
            http: http(),
            tasks: tasks.clone(),
        })),
        "elevenlabs" => Arc::new(
            ElevenLabsStt::new(ElevenLabsSttSettings {
                base_url: played.url("ws", ""),
                api_key: key("xi-test-key"),
                model: model("scribe_v2_realtime"),
                tasks: tasks.clone(),
            })
            .unwrap(),
        ),
        "deepgram" => Arc::new(
            Deepgram::new(DeepgramSettings {
                base_url: played.url("ws", ""),
                api_key: key("dg-test-key"),
                model: model("nova-3"),
                tasks: tasks.clone(),
            })
            .unwrap(),
        ),
        _ => Arc::new(CompatibleStt::new(CompatibleSttSettings {
            base_url: Some(played.url("http", "/v1")),
            api_key: key("sk-test-key"),
            model: model("whisper-1"),
            http: http(),
            tasks: tasks.clone(),
        })),
    };
    Listening { name, played, stt, tasks }
}

/// Waits until every task of a provider has ended.
pub(crate) async fn all_over(tasks: &TaskTracker) {
    tasks.close();
    tokio::time::timeout(AT_MOST, tasks.wait()).await.expect("a task has not ended");
}
