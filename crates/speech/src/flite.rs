//! Text to speech by `flite`, as a subprocess. Debian: `apt-get install flite`.
//!
//! Measured for a sentence of 3 to 4 seconds: 40 to 60 ms with the voices rms, slt and awb, 10 ms with kal16.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};

use crate::spoken_text::speakable;
use crate::synthesis::{Program, Run, sentences};

static DESCRIPTOR: Descriptor = Descriptor { id: "flite", name: "Flite", locality: Locality::Local };

/// The voices of Debian's package, the best understood first.
const VOICES: [(&str, &str); 5] = [
    ("rms", "RMS (man)"),
    ("slt", "SLT (woman)"),
    ("awb", "AWB (man)"),
    ("kal16", "KAL 16 kHz"),
    ("kal", "KAL 8 kHz"),
];

/// How flite is run.
#[derive(Debug, Clone)]
pub struct FliteSettings {
    /// The program.
    pub program: PathBuf,
    /// The voice of requests without one.
    pub voice: String,
    /// Slows speech down; 1.0 is the voice's own pace.
    pub duration_stretch: f32,
    /// Processes at once.
    pub at_once: usize,
    /// Longest time for one sentence.
    pub deadline: Duration,
}

impl Default for FliteSettings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/usr/bin/flite"),
            voice: "rms".to_owned(),
            duration_stretch: 1.1,
            at_once: 4,
            deadline: Duration::from_secs(5),
        }
    }
}

/// The flite synthesiser.
#[derive(Debug, Clone)]
pub struct Flite {
    program: Program,
    voice: &'static str,
    duration_stretch: f32,
}

impl Flite {
    /// A synthesiser with these settings; an unknown default voice becomes rms.
    #[must_use]
    pub fn new(settings: FliteSettings) -> Self {
        Self {
            voice: known_voice(&settings.voice).unwrap_or(VOICES[0].0),
            program: Program::new(DESCRIPTOR.id, settings.program, settings.at_once, settings.deadline),
            duration_stretch: settings.duration_stretch.clamp(0.5, 2.0),
        }
    }
}

impl Default for Flite {
    fn default() -> Self {
        Self::new(FliteSettings::default())
    }
}

fn known_voice(id: &str) -> Option<&'static str> {
    VOICES.iter().map(|(known, _)| *known).find(|known| *known == id)
}

#[async_trait]
impl TextToSpeech for Flite {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        if self.program.is_installed() {
            return Readiness::Ready;
        }
        Readiness::Missing {
            what: format!("the speech synthesiser flite ({})", self.program.path().display()),
            remedy: "sudo apt-get install -y flite".to_owned(),
        }
    }

    fn voices(&self) -> Vec<Voice> {
        VOICES
            .iter()
            .map(|(id, name)| Voice {
                id: (*id).to_owned(),
                name: format!("Flite {name}"),
                language: "en-US".to_owned(),
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
                arguments: [
                    "-voice",
                    voice,
                    "--setf",
                    &format!("duration_stretch={}", self.duration_stretch),
                    "-t",
                    sentence,
                    "-o",
                    "/dev/stdout",
                ]
                .map(str::to_owned)
                .to_vec(),
                input: String::new(),
            })
            .collect();
        self.program.speak(parts)
    }
}
