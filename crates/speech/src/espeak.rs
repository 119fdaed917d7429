//! Text to speech by `espeak-ng`, as a subprocess: the next option after flite, and a caller's voice in
//! simulations. It is under the GPL: it is started, never linked.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};

use crate::spoken_text::speakable;
use crate::synthesis::{Program, Run, sentences};

static DESCRIPTOR: Descriptor = Descriptor { id: "espeak-ng", name: "eSpeak NG", locality: Locality::Local };

/// Its English voices; more languages come with language packs.
const VOICES: [(&str, &str); 3] =
    [("en-us", "American English"), ("en-gb", "British English"), ("en-gb-scotland", "Scottish English")];

/// How espeak-ng is run.
#[derive(Debug, Clone)]
pub struct EspeakSettings {
    /// The program.
    pub program: PathBuf,
    /// The voice of requests without one.
    pub voice: String,
    /// Words a minute, 80 to 450.
    pub words_per_minute: u32,
    /// Processes at once.
    pub at_once: usize,
    /// Longest time for one sentence.
    pub deadline: Duration,
}

impl Default for EspeakSettings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/usr/bin/espeak-ng"),
            voice: "en-us".to_owned(),
            words_per_minute: 150,
            at_once: 4,
            deadline: Duration::from_secs(5),
        }
    }
}

/// The espeak-ng synthesiser.
#[derive(Debug, Clone)]
pub struct Espeak {
    program: Program,
    voice: &'static str,
    words_per_minute: u32,
}

impl Espeak {
    /// A synthesiser with these settings; an unknown default voice becomes American English.
    #[must_use]
    pub fn new(settings: EspeakSettings) -> Self {
        Self {
            voice: known_voice(&settings.voice).unwrap_or(VOICES[0].0),
            program: Program::new(DESCRIPTOR.id, settings.program, settings.at_once, settings.deadline),
            words_per_minute: settings.words_per_minute.clamp(80, 450),
        }
    }
}

impl Default for Espeak {
    fn default() -> Self {
        Self::new(EspeakSettings::default())
    }
}

fn known_voice(id: &str) -> Option<&'static str> {
    VOICES.iter().map(|(known, _)| *known).find(|known| known.eq_ignore_ascii_case(id))
}

#[async_trait]
impl TextToSpeech for Espeak {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        if self.program.is_installed() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: format!("the speech synthesiser espeak-ng ({})", self.program.path().display()),
            remedy: "sudo apt-get install -y espeak-ng".to_owned(),
        }
    }

    fn voices(&self) -> Vec<Voice> {
        VOICES
            .iter()
            .map(|(id, name)| Voice {
                id: (*id).to_owned(),
                name: format!("eSpeak {name}"),
                language: if *id == "en-us" { "en-US" } else { "en-GB" }.to_owned(),
                ..Voice::default()
            })
            .collect()
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let voice = known_voice(&request.voice).unwrap_or(self.voice);
        let text = speakable(&request.text);
        let parts = sentences(&text)
            .into_iter()
            .map(|sentence| Run {
                arguments: ["-v", voice, "-s", &self.words_per_minute.to_string(), "--stdin", "--stdout"]
                    .map(str::to_owned)
                    .to_vec(),
                input: sentence.to_owned(),
            })
            .collect();
        self.program.speak(parts)
    }
}
