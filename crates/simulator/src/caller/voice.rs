//! What the person's microphone picks up: spoken lines, sound files, noises. 8 kHz samples.

use audio::noise::{Noise, NoiseKind, SmallRandom};
use audio::resample::ToTelephone;
use audio::{energy, g711, wav};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsRequest};

use crate::line::FRAME_BYTES;

/// Why a sound can't be made.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The synthesiser failed.
    #[error("could not speak {text:?}")]
    Synthesis {
        /// The line.
        text: String,
        /// Why.
        #[source]
        source: ProviderError,
    },
    /// The synthesiser gave nothing audible.
    #[error("the voice {voice:?} made no sound of {text:?}")]
    Silent {
        /// The line.
        text: String,
        /// The voice.
        voice: String,
    },
    /// A file can't be used.
    #[error("could not use {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// Below this a frame counts as a pause.
pub const AUDIBLE_DBFS: f32 = -48.0;

/// Speaks a line. Silence before and after the words is cut off, so that times can be told exactly.
///
/// # Errors
/// When the synthesiser fails or gives nothing audible.
pub async fn speak(tts: &dyn TextToSpeech, voice: &str, text: &str) -> Result<Vec<i16>, VoiceError> {
    let failed = |source| VoiceError::Synthesis { text: text.to_owned(), source };
    let request = TtsRequest { text: text.to_owned(), voice: voice.to_owned(), language: "en-US".to_owned() };
    let mut pieces = tts.speak(&request).await.map_err(failed)?;
    let mut samples = Vec::new();
    while let Some(piece) = pieces.recv().await {
        g711::decode_into(&piece.map_err(failed)?, &mut samples);
    }
    let trimmed = trim(&samples);
    if trimmed.is_empty() {
        return Err(VoiceError::Silent { text: text.to_owned(), voice: voice.to_owned() });
    }
    Ok(trimmed.to_vec())
}

/// Reads a WAV file of any rate.
///
/// # Errors
/// When it can't be read or is no usable WAV file.
pub async fn file(path: &std::path::Path) -> Result<Vec<i16>, VoiceError> {
    let unusable = |reason: String| VoiceError::File { path: path.display().to_string(), reason };
    let bytes = tokio::fs::read(path).await.map_err(|error| unusable(error.to_string()))?;
    let wav = wav::parse(&bytes).map_err(|error| unusable(error.to_string()))?;
    let mut converter = ToTelephone::new(wav.sample_rate_hz).map_err(|error| unusable(error.to_string()))?;
    let mut samples = Vec::new();
    converter.process(&wav.mono(), &mut samples);
    converter.finish(&mut samples);
    Ok(samples)
}

/// Noise of a kind, level (dBFS) and length.
#[must_use]
pub fn noise(kind: NoiseKind, level_dbfs: f32, duration_ms: u64, seed: u64) -> Vec<i16> {
    let mut samples = vec![0; usize::try_from(duration_ms * 8).unwrap_or(0)];
    Noise::new(kind, level_dbfs, SmallRandom::new(seed)).add_to(&mut samples);
    samples
}

/// Whether a frame of samples can be heard.
#[must_use]
pub fn is_audible(samples: &[i16]) -> bool {
    energy::rms_dbfs(samples) > AUDIBLE_DBFS
}

/// Cut to whole frames from the first audible one to the last.
fn trim(samples: &[i16]) -> &[i16] {
    let frames: Vec<&[i16]> = samples.chunks(FRAME_BYTES).collect();
    let first = frames.iter().position(|frame| is_audible(frame));
    let last = frames.iter().rposition(|frame| is_audible(frame));
    match (first, last) {
        (Some(first), Some(last)) => {
            &samples[first * FRAME_BYTES..samples.len().min((last + 1) * FRAME_BYTES)]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_around_a_line_is_cut_off() {
        let mut samples = vec![0_i16; 800];
        samples.extend([8000, -8000].repeat(400));
        samples.extend([0; 500]);
        assert_eq!(trim(&samples).len(), 800);
        assert!(trim(&[0; 4000]).is_empty());
    }

    #[test]
    fn noise_has_its_length_and_level() {
        let samples = noise(NoiseKind::White, -30.0, 500, 3);
        assert_eq!(samples.len(), 4000);
        assert!((energy::rms_dbfs(&samples) + 30.0).abs() < 1.0);
        assert_eq!(samples, noise(NoiseKind::White, -30.0, 500, 3));
    }
}
