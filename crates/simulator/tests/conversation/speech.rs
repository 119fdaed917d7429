//! A made-up language both sides speak: every text has a sound of its own, and is recognised by it.

use std::sync::Mutex;

use async_trait::async_trait;
use audio::noise::NoiseKind;
use bytes::Bytes;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

static DESCRIPTOR: Descriptor = Descriptor { id: "tongue", name: "Tongue", locality: Locality::Local };

type Known = Vec<(String, Vec<u8>)>;

/// Knows the sound of every text it ever spoke.
#[derive(Default)]
pub(crate) struct Tongue {
    known: std::sync::Arc<Mutex<Known>>,
}

impl Tongue {
    /// The mu-law sound of a text: 100 ms per word.
    pub(crate) fn sound(&self, text: &str) -> Vec<u8> {
        let mut known = self.known.lock().expect("no panic holds it");
        if let Some((_, sound)) = known.iter().find(|(other, _)| other == text) {
            return sound.clone();
        }
        let words = text.split_whitespace().count() as u64;
        let seed = known.len() as u64 + 100;
        let samples = simulator::caller::voice::noise(NoiseKind::White, -22.0, words * 100, seed);
        let mut sound = Vec::new();
        audio::g711::encode_into(&samples, &mut sound);
        // Negative zero does not survive decoding and encoding.
        sound.iter_mut().filter(|code| **code == 0x7F).for_each(|code| *code = 0xFF);
        known.push((text.to_owned(), sound.clone()));
        sound
    }
}

/// The texts whose first 20 ms occur in a recording, in order of occurrence.
pub(crate) fn recognise(known: &[(String, Vec<u8>)], samples: &[u8]) -> String {
    let mut found: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|(text, sound)| {
            let at = samples.windows(160).position(|window| window == &sound[..160])?;
            Some((at, text.as_str()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

impl Tongue {
    /// Understands a recording.
    pub(crate) fn understand(&self, samples: &[u8]) -> String {
        recognise(&self.known.lock().expect("no panic holds it"), samples)
    }
}

#[async_trait]
impl TextToSpeech for Tongue {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let (audio, receiver) = mpsc::channel(1);
        let _ = audio.send(Ok(Bytes::from(self.sound(&request.text)))).await;
        Ok(receiver)
    }
}

#[async_trait]
impl SpeechToText for Tongue {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    async fn open(&self, _config: &SttConfig) -> Result<SttStream, ProviderError> {
        let (input, mut inputs) = mpsc::channel(16);
        let (outputs, output) = mpsc::channel(16);
        let known = std::sync::Arc::clone(&self.known);
        TaskTracker::new().spawn(async move {
            let (mut number, mut codes) = (0, Vec::new());
            while let Some(input) = inputs.recv().await {
                match input {
                    SttInput::Start { utterance } => (number, codes) = (utterance, Vec::new()),
                    SttInput::Audio(samples) => audio::g711::encode_into(&samples, &mut codes),
                    SttInput::Cancel | SttInput::Sync { .. } => {}
                    SttInput::End => {
                        let text = recognise(&known.lock().expect("no panic holds it"), &codes);
                        let answer = SttOutput::Final { utterance: number, text, confidence: None };
                        if outputs.send(answer).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Ok(SttStream { input, output })
    }
}
