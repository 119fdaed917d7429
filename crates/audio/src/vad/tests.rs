//! The gate's rules, with scores as a detector gives them.

use proptest::prelude::*;

use super::*;

const QUIET: (f32, f32) = (0.02, -65.0);
const VOICE: (f32, f32) = (0.95, -22.0);

fn run(gate: &mut SpeechGate, frame: (f32, f32), count: usize) -> Vec<GateEvent> {
    (0..count).filter_map(|_| gate.push(frame.0, frame.1)).collect()
}

#[test]
fn speech_opens_after_sixty_milliseconds_and_closes_after_the_hangover() {
    let mut gate = SpeechGate::new(GateSettings::default());
    assert_eq!(run(&mut gate, QUIET, 50), []);
    assert_eq!(run(&mut gate, VOICE, 2), []);
    assert_eq!(run(&mut gate, VOICE, 1), [GateEvent::Onset { frames_ago: 2 }]);
    assert_eq!(gate.speech_frames(), 3);
    assert_eq!(run(&mut gate, VOICE, 40), []);
    assert_eq!(run(&mut gate, QUIET, 4), [], "a gap between syllables");
    assert!(gate.in_speech());
    assert_eq!(run(&mut gate, QUIET, 1), [GateEvent::Offset { frames_ago: 5 }]);
    assert_eq!((gate.in_speech(), gate.speech_frames()), (false, 0));
}

#[test]
fn a_click_is_no_onset() {
    let mut gate = SpeechGate::new(GateSettings::default());
    for _ in 0..20 {
        assert_eq!(run(&mut gate, QUIET, 10), []);
        assert_eq!(run(&mut gate, VOICE, 2), []);
    }
}

#[test]
fn a_stumbling_onset_counts_from_its_first_voiced_frame() {
    let mut gate = SpeechGate::new(GateSettings::default());
    run(&mut gate, QUIET, 50);
    let events: Vec<_> = [VOICE, VOICE, QUIET, VOICE].iter().filter_map(|f| gate.push(f.0, f.1)).collect();
    assert_eq!(events, [GateEvent::Onset { frames_ago: 3 }]);
}

#[test]
fn a_line_whose_noise_scores_high_gets_a_higher_threshold() {
    let mut gate = SpeechGate::new(GateSettings::default());
    run(&mut gate, QUIET, 50);
    assert_eq!(gate.threshold(), 0.5);
    // Noise at -40 that the detector takes for half a voice.
    let noise = |n: usize| (if n.is_multiple_of(3) { 0.62 } else { 0.3 }, -40.0 + (n % 2) as f32);
    for n in 0..500 {
        let (score, level) = noise(n);
        gate.push(score, level);
    }
    assert!(gate.threshold() > 0.7, "{}", gate.threshold());
    let onsets = (0..500).filter_map(|n| gate.push(noise(n).0, noise(n).1)).count();
    assert_eq!(onsets, 0);
    assert_eq!(run(&mut gate, VOICE, 5).len(), 1, "a clear voice still gets through");
}

#[test]
fn what_does_not_stand_out_of_the_noise_is_no_beginning() {
    let mut gate = SpeechGate::new(GateSettings::default());
    run(&mut gate, (0.1, -40.0), 100);
    assert_eq!(run(&mut gate, (0.9, -39.0), 100), []);
}

#[test]
fn a_threshold_set_above_the_limit_is_kept() {
    let gate = SpeechGate::new(GateSettings { threshold: 0.9, ..GateSettings::default() });
    assert_eq!(gate.threshold(), 0.9);
}

#[test]
fn senseless_scores_count_as_nothing() {
    let mut gate = SpeechGate::new(GateSettings::default());
    run(&mut gate, QUIET, 20);
    assert_eq!(run(&mut gate, (f32::NAN, -20.0), 50), []);
    assert_eq!(run(&mut gate, (f32::NEG_INFINITY, -20.0), 50), []);
}

proptest! {
    #[test]
    fn events_alternate_and_the_threshold_stays_in_bounds(
        frames in prop::collection::vec((0.0_f32..1.0, -75.0_f32..0.0), 0..600),
        threshold in 0.1_f32..0.95,
        onset_ms in 0_u32..200,
        hangover_ms in 0_u32..400,
    ) {
        let mut gate = SpeechGate::new(GateSettings { threshold, onset_ms, hangover_ms });
        let mut open = false;
        for (score, level) in frames {
            match gate.push(score, level) {
                Some(GateEvent::Onset { frames_ago }) => {
                    prop_assert!(!open);
                    prop_assert!(frames_ago < 8);
                    open = true;
                }
                Some(GateEvent::Offset { frames_ago }) => {
                    prop_assert!(open);
                    prop_assert_eq!(frames_ago, gate.unvoiced_frames());
                    open = false;
                }
                None => {}
            }
            prop_assert_eq!(open, gate.in_speech());
            prop_assert!(gate.threshold() >= threshold);
            prop_assert!(gate.threshold() <= threshold.max(SpeechGate::MAX_THRESHOLD));
        }
    }

    #[test]
    fn silence_always_closes_the_gate(
        frames in prop::collection::vec((0.0_f32..1.0, -75.0_f32..0.0), 0..300),
    ) {
        let mut gate = SpeechGate::new(GateSettings::default());
        for (score, level) in frames {
            gate.push(score, level);
        }
        for _ in 0..5 {
            gate.push(0.0, -75.0);
        }
        prop_assert!(!gate.in_speech());
    }
}
