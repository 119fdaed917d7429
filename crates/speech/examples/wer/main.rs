//! Word error rate of the local recogniser through 8 kHz mu-law, for its tuning.
//!
//! `cargo run -p speech --example wer -- [--voices slt,awb,kal16,en-us] [--only open|closed|letters|digits|noise]
//! [--product] [--demo] [--show] [-lw 8 …]`: `--product` takes the product's own vocabulary instead of a small
//! one, `--demo` that of the demonstration's agency with the lines of the simulated calls (`scenarios`) and
//! lines that nothing was tuned with (`heldout`), sounding as the simulator makes them. All other arguments
//! starting with one dash go to the decoder as they are.

use std::sync::Arc;

use audio::energy::rms_dbfs;
use audio::g711;
use audio::noise::{Noise, NoiseKind, SmallRandom};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput};
use provider_traits::tts::{TextToSpeech, TtsRequest};
use speech::espeak::Espeak;
use speech::flite::Flite;
use speech::pocketsphinx::{PocketSphinx, PocketSphinxSettings};

mod agency;
mod demo;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a command that measures and prints")]
async fn main() -> Result<(), ProviderError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1)).cloned()
    };
    let show = arguments.iter().any(|argument| argument == "--show");
    let only = value("--only");
    let voices = value("--voices").unwrap_or_else(|| "slt,awb,kal16,en-us".to_owned());
    let decoder_settings = arguments
        .windows(2)
        .filter(|pair| pair[0].starts_with('-') && !pair[0].starts_with("--") && pair[0].len() > 2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect();
    let recogniser = PocketSphinx::new(PocketSphinxSettings { decoder_settings, ..Default::default() });
    let product = arguments.iter().any(|argument| argument == "--product");
    let of_demo = arguments.iter().any(|argument| argument == "--demo");
    let vocabulary = Arc::new(if of_demo {
        demo::vocabulary()
    } else if product {
        agency::product_vocabulary()
    } else {
        agency::vocabulary()
    });
    let groups = if of_demo { demo_groups() } else { agency::groups() };
    let config = SttConfig { language: "en-US".to_owned(), vocabulary };
    let started = std::time::Instant::now();
    recogniser.prepare(&config).await?;
    println!(
        "prepared in {} ms: {} sentences, {} words",
        started.elapsed().as_millis(),
        config.vocabulary.sentences.len(),
        config.vocabulary.words.len()
    );
    for (group, lines) in groups {
        if only.as_deref().is_some_and(|only| only != group) {
            continue;
        }
        for voice in voices.split(',') {
            let mut score = Score::default();
            let mut call = recogniser.open(&config).await?;
            for (number, line) in lines.iter().enumerate() {
                let samples = if line.is_empty() {
                    noise_only(number as u64)
                } else if of_demo {
                    simulated(voice, line).await?
                } else {
                    utterance(voice, line).await?
                };
                let busy = std::time::Instant::now();
                let (heard, confidence) = transcribe(&mut call, number as u32, &samples).await?;
                score.cpu_ms += busy.elapsed().as_secs_f64() * 1_000.0;
                score.audio_ms += samples.len() as f64 / 8.0;
                let wrong = distance(line, &heard);
                score.wrong += wrong;
                score.words += speech::language_model::normalise(line).len();
                score.exact += usize::from(wrong == 0);
                score.lines += 1;
                if show {
                    println!(
                        "  {group:9} {voice:6} {confidence:.2} {} | {line} | {heard}",
                        if wrong == 0 { "=" } else { "X" }
                    );
                }
            }
            println!(
                "{group:9} {voice:6} WER {:5.1} %  exact {}/{}  RTF {:.3}",
                100.0 * score.wrong as f64 / score.words.max(1) as f64,
                score.exact,
                score.lines,
                score.cpu_ms / score.audio_ms
            );
        }
    }
    Ok(())
}

#[derive(Default)]
struct Score {
    wrong: usize,
    words: usize,
    exact: usize,
    lines: usize,
    cpu_ms: f64,
    audio_ms: f64,
}

/// The sentence as it comes over the telephone, with a little silence and line noise around it.
async fn utterance(voice: &str, text: &str) -> Result<Vec<i16>, ProviderError> {
    // A lone small "a" is an article to a synthesiser.
    let text = text
        .split(' ')
        .map(
            |word| {
                if word.len() == 1 && text.contains("dot") { word.to_uppercase() } else { word.to_owned() }
            },
        )
        .collect::<Vec<_>>()
        .join(" ");
    let mut samples = vec![0_i16; 3_200];
    samples.extend(synthesise(voice, text).await?);
    samples.extend(vec![0; 2_400]);
    Noise::new(NoiseKind::Pink, -62.0, SmallRandom::new(1)).add_to(&mut samples);
    Ok(samples.into_iter().map(|sample| g711::decode(g711::encode(sample))).collect())
}

/// The lines for the demonstration's agency, by kind.
fn demo_groups() -> Vec<(&'static str, Vec<String>)> {
    let held_out = demo::HELD_OUT.iter().map(|line| (*line).to_owned()).collect();
    vec![("scenarios", demo::scenario_lines()), ("heldout", held_out), ("noise", vec![String::new(); 54])]
}

/// The sentence as the call simulator makes it and a call's ear cuts it out: no sound at all before and after.
async fn simulated(voice: &str, text: &str) -> Result<Vec<i16>, ProviderError> {
    let samples = synthesise(voice, text.to_owned()).await?;
    let audible: Vec<bool> = samples.chunks(160).map(|frame| rms_dbfs(frame) > -48.0).collect();
    let first = audible.iter().position(|audible| *audible).unwrap_or(0);
    let last = audible.iter().rposition(|audible| *audible).unwrap_or(0);
    let mut call = vec![0; 2_720];
    call.extend_from_slice(&samples[first * 160..samples.len().min((last + 1) * 160)]);
    call.extend([0; 3_200]);
    Ok(call)
}

async fn synthesise(voice: &str, text: String) -> Result<Vec<i16>, ProviderError> {
    let flite = Flite::default();
    let espeak = Espeak::default();
    let synthesiser: &dyn TextToSpeech = if voice.starts_with("en-") { &espeak } else { &flite };
    let request = TtsRequest { text, voice: voice.to_owned(), language: "en-US".to_owned() };
    let mut audio = synthesiser.speak(&request).await?;
    let mut samples = Vec::new();
    while let Some(chunk) = audio.recv().await {
        g711::decode_into(&chunk?, &mut samples);
    }
    Ok(samples)
}

/// One and a half seconds of noise loud enough to open a gate.
fn noise_only(seed: u64) -> Vec<i16> {
    let kind = [NoiseKind::White, NoiseKind::Pink, NoiseKind::Clicks][seed as usize % 3];
    let mut samples = vec![0; 12_000];
    let mut noise = Noise::new(kind, -20.0 - (seed / 3 % 6) as f32 * 5.0, SmallRandom::new(seed));
    noise.add_to(&mut samples);
    assert!(rms_dbfs(&samples) > -60.0);
    samples
}

async fn transcribe(
    call: &mut provider_traits::stt::SttStream,
    number: u32,
    samples: &[i16],
) -> Result<(String, f32), ProviderError> {
    let gone =
        |_| ProviderError::Unavailable { provider: "pocketsphinx", reason: "stream closed".to_owned() };
    call.input.send(SttInput::Start { utterance: number }).await.map_err(gone)?;
    for frame in samples.chunks(160) {
        call.input.send(SttInput::Audio(frame.to_vec())).await.map_err(gone)?;
        while call.output.try_recv().is_ok() {}
    }
    call.input.send(SttInput::End).await.map_err(gone)?;
    while let Some(output) = call.output.recv().await {
        match output {
            SttOutput::Final { text, confidence, .. } => return Ok((text, confidence.unwrap_or(0.0))),
            SttOutput::Failed(error) => return Err(error),
            SttOutput::Partial { .. } | SttOutput::Synced { .. } => {}
        }
    }
    Err(ProviderError::Unavailable { provider: "pocketsphinx", reason: "no answer".to_owned() })
}

/// Words to insert, delete or replace.
fn distance(said: &str, heard: &str) -> usize {
    let words = |text: &str| speech::language_model::normalise(text);
    let (said, heard) = (words(said), words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, a) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in heard.iter().enumerate() {
            let next = (diagonal + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[heard.len()]
}
