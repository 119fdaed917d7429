//! Speech that costs nothing: a transcriber that knows ten phrases by their loudness, a quick hum for a voice.
//!
//! With it a machine of two cores carries a hundred conversations; what is spoken is exact, so what follows is too.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::error::ProviderError;
use provider_traits::stt::SpeechToText;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest, Voice};
use provider_traits::vad::VoiceScorerFactory;
use tokio::sync::mpsc;
use voice::stand_ins::{LoudIsVoice, PhraseStt, SttFault};

use crate::lead_caller::PHRASES;

/// Milliseconds that the voice takes for a character: three to four times as fast as a person.
const MS_PER_CHARACTER: usize = 15;
/// One code of the hum, loud enough to be heard.
const HUM: u8 = 0x90;

static DESCRIPTOR: Descriptor = Descriptor { id: "hum", name: "Quick hum", locality: Locality::Local };

/// A voice that hums.
#[derive(Debug, Default)]
pub struct QuickHum;

#[async_trait]
impl TextToSpeech for QuickHum {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    async fn speak(&self, request: &TtsRequest) -> Result<TtsAudio, ProviderError> {
        let audio = Bytes::from(vec![HUM; request.text.chars().count() * MS_PER_CHARACTER * 8]);
        let (pieces, made) = mpsc::channel(1);
        // The channel has room for it and its other end is here.
        let _sent = pieces.try_send(Ok(audio));
        Ok(made)
    }
}

/// The transcriber of [`PHRASES`].
#[must_use]
pub fn ears() -> Arc<dyn SpeechToText> {
    Arc::new(PhraseStt::new(&PHRASES, SttFault::None))
}

/// The voice.
#[must_use]
pub fn mouth() -> Arc<dyn TextToSpeech> {
    Arc::new(QuickHum)
}

/// Voice activity.
#[must_use]
pub fn activity() -> Arc<dyn VoiceScorerFactory> {
    Arc::new(LoudIsVoice)
}
