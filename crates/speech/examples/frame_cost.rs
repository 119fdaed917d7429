//! What each 20 ms frame of a call costs, step by step, in microseconds of one core.
//!
//! `cargo run --release -p speech --example frame_cost`

use std::hint::black_box;
use std::time::Instant;

use audio::energy::rms_dbfs;
use audio::frame::FRAME_SAMPLES;
use audio::g711;
use audio::noise::{Noise, NoiseKind, SmallRandom};
use audio::resample::Upsample2;
use audio::vad::{GateSettings, SpeechGate};
use provider_traits::vad::{VoiceScorer, VoiceScorerFactory};
use speech::vad::EarshotVad;

/// A minute and forty seconds of audio for each measurement.
const FRAMES: usize = 5_000;
/// The median of this many measurements is printed.
const ROUNDS: usize = 9;

#[expect(clippy::print_stdout, reason = "a command that measures and prints")]
fn main() {
    let mut samples = vec![0_i16; FRAMES * FRAME_SAMPLES];
    Noise::new(NoiseKind::Pink, -25.0, SmallRandom::new(1)).add_to(&mut samples);
    let codes: Vec<u8> = samples.iter().map(|&sample| g711::encode(sample)).collect();

    let mut frame = [0_i16; FRAME_SAMPLES];
    let decode = measure(|index| {
        g711::decode_slice(black_box(&codes[index * FRAME_SAMPLES..][..FRAME_SAMPLES]), &mut frame);
        black_box(&frame);
    });
    let mut wide = Vec::with_capacity(2 * FRAME_SAMPLES);
    let mut upsample = Upsample2::new();
    let double = measure(|index| {
        wide.clear();
        upsample.process(frame_at(&samples, index), &mut wide);
        black_box(&wide);
    });
    let mut scorer: Box<dyn VoiceScorer> = EarshotVad.scorer();
    let score = measure(|index| {
        black_box(scorer.score(frame_at(&samples, index)));
    });
    let mut gate = SpeechGate::new(GateSettings::default());
    let level_and_gate = measure(|index| {
        let level = rms_dbfs(frame_at(&samples, index));
        black_box(gate.push(0.3, level));
    });
    let mut out = Vec::with_capacity(FRAME_SAMPLES);
    let encode = measure(|index| {
        out.clear();
        g711::encode_into(frame_at(&samples, index), &mut out);
        black_box(&out);
    });
    println!("decode mu-law              {decode:7.3} us per 20 ms frame");
    println!("upsample 8 to 16 kHz       {double:7.3}   (part of the next line)");
    println!("voice activity (earshot)   {score:7.3}");
    println!("level and gate             {level_and_gate:7.3}");
    println!("encode mu-law              {encode:7.3}");
    let sum = decode + score + level_and_gate + encode;
    println!("sum                        {sum:7.3}   = {:.0} calls on one core", 20_000.0 / sum);
}

fn frame_at(samples: &[i16], index: usize) -> &[i16] {
    black_box(&samples[index * FRAME_SAMPLES..][..FRAME_SAMPLES])
}

#[expect(clippy::disallowed_methods, reason = "measures real time; there is no runtime here")]
fn measure(mut step: impl FnMut(usize)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            (0..FRAMES).for_each(&mut step);
            started.elapsed().as_secs_f64() * 1e6 / FRAMES as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
