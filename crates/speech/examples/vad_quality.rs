//! How well the speech gate tells speech from noise, beside a fixed threshold of 0.5.
//!
//! `cargo run -p speech --example vad_quality`
//!
//! Four voices speak twelve sentences with pauses of two seconds; noise is added at a ratio to the speech's level;
//! all goes through mu-law. A frame is speech when the clean signal is within 30 dB of its loud parts. Printed:
//! frames of speech that were missed, frames of silence that were taken for speech (the first 100 ms after speech,
//! the hangover, are not counted), onsets outside of speech for each minute of silence, and sentences that were
//! noticed late (more than 200 ms) or never.

use audio::energy::rms_dbfs;
use audio::frame::FRAME_SAMPLES;
use audio::g711;
use audio::noise::{Noise, NoiseKind, SmallRandom};
use audio::vad::{GateEvent, GateSettings, SpeechGate};
use provider_traits::error::ProviderError;
use provider_traits::tts::{TextToSpeech, TtsRequest};
use provider_traits::vad::VoiceScorerFactory;
use speech::espeak::Espeak;
use speech::flite::Flite;
use speech::vad::EarshotVad;

const VOICES: [&str; 4] = ["slt", "awb", "kal16", "en-us"];
const SENTENCES: [&str; 12] = [
    "Hello, this is Maria from Oakley Foods.",
    "Yes.",
    "How is my website project going?",
    "No, thank you.",
    "Our budget is about ten thousand dollars, and we want to launch in spring.",
    "Hm.",
    "Could you repeat that, please?",
    "Five five five, zero one three two.",
    "What are your opening hours?",
    "I would like to speak to Dana.",
    "It is urgent. Our website is down.",
    "Goodbye.",
];

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "a command that measures and prints")]
async fn main() -> Result<(), ProviderError> {
    let clean = conversation().await?;
    let level = rms_dbfs(&clean.samples[clean.speech_range()]);
    println!(
        "{:12} {:>24} {:>24} {:>10} {:>10}",
        "noise", "fixed 0.5: miss / false", "gate: miss / false", "false on-", "late or"
    );
    println!("{:12} {:>24} {:>24} {:>10} {:>10}", "", "% of frames", "% of frames", "sets /min", "never");
    for (name, kind, snr_db) in [
        ("clean", NoiseKind::Pink, 40.0),
        ("pink 20", NoiseKind::Pink, 20.0),
        ("pink 10", NoiseKind::Pink, 10.0),
        ("pink 5", NoiseKind::Pink, 5.0),
        ("white 20", NoiseKind::White, 20.0),
        ("white 10", NoiseKind::White, 10.0),
        ("white 5", NoiseKind::White, 5.0),
        ("clicks 10", NoiseKind::Clicks, 10.0),
    ] {
        let mut noisy = clean.samples.clone();
        Noise::new(kind, level - snr_db, SmallRandom::new(11)).add_to(&mut noisy);
        let found = Found::in_line(&clean, &noisy);
        println!(
            "{name:12} {:>15.1} / {:>5.1} {:>16.1} / {:>5.1} {:>10.1} {:>7}/{}",
            found.fixed.0,
            found.fixed.1,
            found.gate.0,
            found.gate.1,
            found.false_onsets_per_minute,
            found.late,
            clean.starts.len()
        );
    }
    Ok(())
}

/// What was said, and when.
struct Conversation {
    samples: Vec<i16>,
    /// For each frame: speech or not.
    speech: Vec<bool>,
    /// The first frame of each sentence.
    starts: Vec<usize>,
}

impl Conversation {
    fn speech_range(&self) -> std::ops::Range<usize> {
        // One sentence in the middle gives the level; all are made equally loud.
        let start = self.starts[self.starts.len() / 2] * FRAME_SAMPLES;
        start..start + 50 * FRAME_SAMPLES
    }
}

async fn conversation() -> Result<Conversation, ProviderError> {
    let (flite, espeak) = (Flite::default(), Espeak::default());
    let (mut samples, mut starts) = (vec![0; 24_000], Vec::new());
    for sentence in SENTENCES {
        for voice in VOICES {
            let synthesiser: &dyn TextToSpeech = if voice.starts_with("en-") { &espeak } else { &flite };
            let request = TtsRequest {
                text: sentence.to_owned(),
                voice: voice.to_owned(),
                language: "en-US".to_owned(),
            };
            let mut audio = synthesiser.speak(&request).await?;
            let begin = samples.len().next_multiple_of(FRAME_SAMPLES);
            samples.resize(begin, 0);
            while let Some(chunk) = audio.recv().await {
                g711::decode_into(&chunk?, &mut samples);
            }
            let loud = samples[begin..].chunks(FRAME_SAMPLES).position(|frame| rms_dbfs(frame) > -45.0);
            starts.push(begin / FRAME_SAMPLES + loud.unwrap_or(0));
            samples.resize((samples.len() + 16_000).next_multiple_of(FRAME_SAMPLES), 0);
        }
    }
    let speech = samples.chunks(FRAME_SAMPLES).map(|frame| rms_dbfs(frame) > -50.0).collect();
    Ok(Conversation { samples, speech, starts })
}

/// What was found in a noisy line.
struct Found {
    fixed: (f64, f64),
    gate: (f64, f64),
    false_onsets_per_minute: f64,
    late: usize,
}

impl Found {
    fn in_line(clean: &Conversation, noisy: &[i16]) -> Self {
        let mut scorer = EarshotVad.scorer();
        let mut gate = SpeechGate::new(GateSettings::default());
        let (mut fixed, mut gated, mut onsets) = (Vec::new(), Vec::new(), Vec::new());
        let mut frame = [0; FRAME_SAMPLES];
        for (index, samples) in noisy.chunks_exact(FRAME_SAMPLES).enumerate() {
            for (heard, &sample) in frame.iter_mut().zip(samples) {
                *heard = g711::decode(g711::encode(sample));
            }
            let score = scorer.score(&frame);
            if let Some(GateEvent::Onset { .. }) = gate.push(score, rms_dbfs(&frame)) {
                onsets.push(index);
            }
            fixed.push(score >= 0.5);
            gated.push(gate.in_speech());
        }
        // Frames near speech, before and after, are neither: detectors hang over, and an onset takes its time.
        let near = |index: usize, before: usize, after: usize| {
            clean.speech[index.saturating_sub(after)..(index + before + 1).min(clean.speech.len())]
                .contains(&true)
        };
        let false_onsets = onsets.iter().filter(|&&onset| !near(onset, 3, 6)).count();
        let silent_frames = (0..gated.len()).filter(|&index| !near(index, 3, 6)).count();
        let late = clean
            .starts
            .iter()
            .filter(|&&start| {
                !(start.saturating_sub(3)..start + 10).any(|frame| gated.get(frame) == Some(&true))
            })
            .count();
        let rates = |found: &[bool]| {
            let share = |wrong: usize, of: usize| 100.0 * wrong as f64 / of.max(1) as f64;
            let speech = clean.speech.iter().filter(|&&speech| speech).count();
            let missed = clean.speech.iter().zip(found).filter(|&(&speech, &found)| speech && !found).count();
            let false_alarms = (0..found.len()).filter(|&index| found[index] && !near(index, 3, 6)).count();
            (share(missed, speech), share(false_alarms, silent_frames))
        };
        Self {
            fixed: rates(&fixed),
            gate: rates(&gated),
            false_onsets_per_minute: false_onsets as f64 / (silent_frames as f64 / 3_000.0),
            late,
        }
    }
}
