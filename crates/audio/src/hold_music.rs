//! What callers hear while they wait: half a minute of slow broken chords, made by arithmetic, so that it is ours to play.
//!
//! It begins and ends in silence. Played in a loop it neither clicks nor jumps, wherever words come between, and the rest
//! at its end is a breath rather than a gap.

use std::f32::consts::TAU;

use crate::energy::db_to_gain;
use crate::frame::SAMPLE_RATE_HZ;

/// A chord is held for so long.
const CHORD_SECONDS: f32 = 4.0;
/// Notes of each chord, one after the other.
const NOTES: usize = 8;
/// The last chord rings out for so long.
const RINGS_OUT_SECONDS: f32 = 2.0;
/// Loudest sample: words before and after it are a little louder (speech peaks at about -3 dBFS).
const PEAK_DB: f32 = -13.0;
/// The chords, as semitones from A 440, from low to high. All of it lies where telephones carry sound (220 Hz to 1.1 kHz,
/// partials up to 3.3 kHz).
const CHORDS: [[i32; 4]; 7] = [
    // C major 7, A minor 7, F major 7, G 6.
    [-9, -5, -2, 2],
    [-12, -9, -5, -2],
    [-4, 0, 3, 7],
    [-2, 2, 5, 7],
    // E minor 7, F major, C major.
    [-5, -2, 2, 5],
    [-4, 0, 3, 8],
    [-9, -5, -2, 3],
];
/// Which of a chord's notes, in time; an octave higher where it says so.
const ORDER: [(usize, i32); NOTES] = [(0, 0), (1, 0), (2, 0), (3, 0), (1, 12), (3, 0), (2, 0), (1, 0)];
/// Multiples of a note's frequency, how loud they are, and after how many seconds each is down to a third.
const PARTIALS: [(f32, f32, f32); 3] = [(1.0, 1.0, 0.9), (2.0, 0.28, 0.45), (3.0, 0.09, 0.22)];
/// A note swells for so long, in seconds: softly, and without a click.
const ATTACK_SECONDS: f32 = 0.03;
/// A note is inaudible after so long, in seconds.
const NOTE_SECONDS: f32 = 3.5;
/// How loud the held chord is beside its notes.
const PAD: f32 = 0.10;
/// The held chord comes and goes within so long, in seconds, over the ones beside it.
const PAD_FADES_SECONDS: f32 = 1.0;

/// The music: 8 kHz, one channel.
#[must_use]
pub fn hold_music() -> Vec<i16> {
    let rate = SAMPLE_RATE_HZ as f32;
    let seconds = CHORDS.len() as f32 * CHORD_SECONDS + RINGS_OUT_SECONDS;
    let mut mix = vec![0.0_f32; (seconds * rate) as usize];
    for (bar, chord) in CHORDS.iter().enumerate() {
        let begins = bar as f32 * CHORD_SECONDS;
        for &semitones in chord {
            add_pad(&mut mix, begins, frequency(semitones));
        }
        // The last chord is struck once and rings out.
        let notes = if bar + 1 == CHORDS.len() { chord.len() } else { NOTES };
        for (place, &(note, octave)) in ORDER.iter().take(notes).enumerate() {
            // The first of a chord is the clearest.
            let loudness = if place == 0 { 1.0 } else { 0.7 };
            let at = begins + place as f32 * CHORD_SECONDS / NOTES as f32;
            add_note(&mut mix, at, frequency(chord[note] + octave), loudness);
        }
    }
    let loudest = mix.iter().fold(f32::MIN_POSITIVE, |loudest, sample| loudest.max(sample.abs()));
    let gain = db_to_gain(PEAK_DB) * f32::from(i16::MAX) / loudest;
    mix.into_iter().map(|sample| (sample * gain) as i16).collect()
}

fn frequency(semitones: i32) -> f32 {
    440.0 * 2.0_f32.powf(semitones as f32 / 12.0)
}

/// A note that is struck and dies away.
fn add_note(mix: &mut [f32], begins: f32, frequency: f32, loudness: f32) {
    let rate = SAMPLE_RATE_HZ as f32;
    let first = (begins * rate) as usize;
    let length = (NOTE_SECONDS * rate) as usize;
    for (place, sample) in mix.iter_mut().skip(first).take(length).enumerate() {
        let t = place as f32 / rate;
        // To nothing at its end, however little is left by then.
        let swell = (t / ATTACK_SECONDS).min(1.0) * ((NOTE_SECONDS - t) / 0.5).min(1.0);
        for (multiple, amplitude, decays) in PARTIALS {
            let partial = (TAU * ((frequency * multiple * t) % 1.0)).sin();
            *sample += partial * amplitude * loudness * swell * (-t / decays).exp();
        }
    }
}

/// A held note, without overtones.
fn add_pad(mix: &mut [f32], begins: f32, frequency: f32) {
    let rate = SAMPLE_RATE_HZ as f32;
    let lasts = CHORD_SECONDS + PAD_FADES_SECONDS;
    let first = (begins * rate) as usize;
    for (place, sample) in mix.iter_mut().skip(first).take((lasts * rate) as usize).enumerate() {
        let t = place as f32 / rate;
        let fade = (t / PAD_FADES_SECONDS).min((lasts - t) / PAD_FADES_SECONDS).clamp(0.0, 1.0);
        let envelope = (fade * std::f32::consts::FRAC_PI_2).sin();
        *sample += PAD * envelope * (TAU * ((frequency * t) % 1.0)).sin();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::rms_dbfs;

    fn peak(samples: &[i16]) -> u16 {
        samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default()
    }

    #[test]
    fn it_lasts_half_a_minute_at_the_level_of_quiet_speech() {
        let music = hold_music();
        let seconds = music.len() as f32 / SAMPLE_RATE_HZ as f32;
        assert!((29.0..=31.0).contains(&seconds), "{seconds}");
        let loudest = 20.0 * (f32::from(peak(&music)) / f32::from(i16::MAX)).log10();
        assert!((-13.5..=-12.5).contains(&loudest), "{loudest} dBFS: far from clipping");
        let level = rms_dbfs(&music);
        assert!((-30.0..=-20.0).contains(&level), "{level} dBFS");
    }

    #[test]
    fn it_never_falls_silent_before_it_rings_out() {
        let music = hold_music();
        let second = SAMPLE_RATE_HZ as usize;
        let played = CHORDS.len() * CHORD_SECONDS as usize;
        for (at, part) in music.chunks(second).take(played).enumerate() {
            let level = rms_dbfs(part);
            assert!(level > -38.0, "second {at}: {level} dBFS");
        }
    }

    #[test]
    fn played_in_a_loop_it_does_not_click() {
        let music = hold_music();
        let ms = SAMPLE_RATE_HZ as usize / 1_000;
        // Silence on both sides of the seam, below the smallest step of mu-law (8 of 32,768).
        assert!(peak(&music[..ms]) < 150, "{}", peak(&music[..ms]));
        assert!(peak(&music[music.len() - 20 * ms..]) < 8, "{}", peak(&music[music.len() - 20 * ms..]));
        let jump = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
        let largest = music.windows(2).map(jump).max().unwrap();
        let seam = jump(&[music[music.len() - 1], music[0]]);
        assert!(seam < 8, "{seam}");
        // The steepest tone in it moves by no more than this from sample to sample; a click would.
        assert!(largest < 5_000, "{largest}");
    }

    #[test]
    fn it_is_the_same_every_time() {
        assert_eq!(hold_music(), hold_music());
    }
}
