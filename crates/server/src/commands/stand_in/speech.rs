//! Vendors of voices and transcribers, played.

use std::time::Duration;

use simulator::deepgram::DeepgramStandIn;
use simulator::elevenlabs::{AccountVoice, ElevenLabs};
use simulator::openai_audio::OpenAiAudio;
use simulator::polly::Polly;
use simulator::vendor::Vendor;

use super::{Orders, play};
use crate::cli::{SpeechVendor, StandInSpeech};
use crate::exit::Exit;

/// What callers say, by loudness: nobody listens to words here.
const PHRASES: [&str; 4] = [
    "I would like a new website",
    "what is the status of my project",
    "please call me back tomorrow",
    "thank you that is all",
];

/// Plays the vendor until Ctrl-C.
///
/// # Errors
/// When the port is taken.
pub(super) async fn run(options: StandInSpeech) -> anyhow::Result<Exit> {
    let StandInSpeech { vendor, orders, key, models, region } = options;
    let phrases: Vec<String> = PHRASES.map(str::to_owned).into();
    let thinking = Duration::from_millis(orders.thinking_ms);
    let models = |usual: Vec<String>| if models.is_empty() { usual } else { models.clone() };
    match vendor {
        SpeechVendor::Elevenlabs => {
            let ElevenLabs { models: usual, mut voices, .. } = ElevenLabs::default();
            voices.push(voice_of_the_defaults());
            let models = models(usual);
            let played = ElevenLabs { key, models, voices, phrases, thinking, ..ElevenLabs::default() };
            listen(played, vendor, &orders, |url, sockets| {
                format!("--set elevenlabs.base_url={url} --set elevenlabs.socket_url={sockets}")
            })
            .await
        }
        SpeechVendor::Openai => {
            let usual = OpenAiAudio::default();
            let (speech_models, transcription_models) =
                (models(usual.speech_models), models(usual.transcription_models));
            let played = OpenAiAudio {
                key,
                speech_models,
                transcription_models,
                phrases,
                thinking,
                ..OpenAiAudio::default()
            };
            listen(played, vendor, &orders, |url, sockets| {
                format!("--set openai.base_url={url}/v1 --set openai.stt_url={sockets}/v1/realtime")
            })
            .await
        }
        SpeechVendor::Deepgram => {
            let usual = DeepgramStandIn::default();
            let models = models(usual.models);
            let played = DeepgramStandIn { key, models, phrases, thinking, ..DeepgramStandIn::default() };
            listen(played, vendor, &orders, |_url, sockets| format!("--set deepgram.socket_url={sockets}"))
                .await
        }
        SpeechVendor::Polly => {
            let usual = Polly::default();
            let secret_access_key = key.unwrap_or(usual.secret_access_key);
            let played =
                Polly { secret_access_key: secret_access_key.clone(), region: region.clone(), ..usual };
            let id = played.access_key_id.clone();
            listen(played, vendor, &orders, |url, _sockets| {
                format!(
                    "--set polly.base_url={url} --set aws.region={region} --set aws.access_key_id={id} \
                     --set aws.secret_access_key={secret_access_key}"
                )
            })
            .await
        }
    }
}

/// The voice that a server asks for whose configuration names none.
fn voice_of_the_defaults() -> AccountVoice {
    AccountVoice {
        id: "cjVigY5qzO86Huf0OWal".to_owned(),
        name: "Eric".to_owned(),
        language: "en".to_owned(),
        gender: "male".to_owned(),
    }
}

async fn listen<V: Vendor>(
    played: V,
    vendor: SpeechVendor,
    orders: &Orders,
    settings: impl FnOnce(&str, &str) -> String,
) -> anyhow::Result<Exit> {
    play(played, orders, |stand_in| {
        let (url, sockets) = (stand_in.url(), stand_in.ws_url());
        format!(
            "{vendor}, played on this machine: {url}\nPoint a server to it: studioconnect serve {}",
            settings(&url, &sockets)
        )
    })
    .await
}
