//! Tones through every converter: what must pass keeps its level, what must not is gone, seams are none.

use proptest::prelude::*;

use super::*;
use crate::energy::rms_dbfs;

fn tone(hz: f32, rate_hz: u32, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (8_000.0 * (2.0 * PI * hz * n as f32 / rate_hz as f32).sin()) as i16).collect()
}

/// Level of the middle of the signal: the filters' settling at both ends is left out.
fn middle_level(samples: &[i16]) -> f32 {
    rms_dbfs(&samples[samples.len() / 4..samples.len() * 3 / 4])
}

fn to_telephone(input: &[i16], rate_hz: u32) -> Vec<i16> {
    let mut converter = ToTelephone::new(rate_hz).unwrap();
    let mut output = Vec::new();
    converter.process(input, &mut output);
    converter.finish(&mut output);
    output
}

#[test]
fn voice_band_tones_keep_their_level_when_doubled() {
    for hz in [200.0, 1_000.0, 2_500.0, 3_300.0] {
        let input = tone(hz, 8_000, 4_000);
        let mut output = Vec::new();
        Upsample2::new().process(&input, &mut output);
        assert_eq!(output.len(), 8_000);
        let change = middle_level(&output) - middle_level(&input);
        assert!(change.abs() < 0.3, "{hz} Hz changed by {change} dB");
    }
}

#[test]
fn doubling_leaves_no_image() {
    // The image of 1 kHz lies at 7 kHz; after coming down with 4 kHz bandwidth a clean double is the tone.
    let mut doubled = Vec::new();
    Upsample2::new().process(&tone(1_000.0, 8_000, 4_000), &mut doubled);
    let reference = tone(1_000.0, 16_000, 8_000);
    // Align by the known delay of 12 input samples.
    let difference: Vec<i16> =
        doubled[2_024..6_024].iter().zip(&reference[2_000..]).map(|(a, b)| a - b).collect();
    let level = rms_dbfs(&difference);
    assert!(level < -60.0, "difference from the ideal tone {level} dBFS");
}

#[test]
fn whole_factors_pass_the_voice_and_stop_aliases() {
    for factor in [2_u32, 3, 6] {
        let rate_hz = 8_000 * factor;
        let level = |hz: f32| {
            let mut output = Vec::new();
            Downsample::new(factor as usize).process(&tone(hz, rate_hz, rate_hz as usize / 2), &mut output);
            assert!(output.len().abs_diff(4_000) <= 24);
            middle_level(&output)
        };
        let reference = middle_level(&tone(1_000.0, 8_000, 4_000));
        assert!((level(1_000.0) - reference).abs() < 0.2);
        assert!((level(3_000.0) - reference).abs() < 0.5);
        assert!(level(4_700.0) < reference - 50.0, "factor {factor}: {}", level(4_700.0) - reference);
    }
}

#[test]
fn odd_rates_pass_the_voice_and_stop_aliases() {
    let reference = middle_level(&tone(1_000.0, 8_000, 4_000));
    for rate_hz in [16_000_u32, 22_050, 24_000, 32_000, 44_100, 44_101, 48_000] {
        let level = |hz: f32| middle_level(&to_telephone(&tone(hz, rate_hz, rate_hz as usize / 2), rate_hz));
        for hz in [300.0, 1_000.0, 3_000.0] {
            assert!((level(hz) - reference).abs() < 0.5, "{rate_hz} Hz, tone {hz}");
        }
        assert!(level(5_000.0) < reference - 50.0, "{rate_hz}: alias {}", level(5_000.0) - reference);
    }
    // From below 8 kHz there is nothing to alias.
    let up = to_telephone(&tone(1_000.0, 6_000, 3_000), 6_000);
    assert!((middle_level(&up) - reference).abs() < 0.5);
}

#[test]
fn the_length_in_time_stays() {
    for rate_hz in [6_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
        let output = to_telephone(&tone(500.0, rate_hz, rate_hz as usize), rate_hz);
        assert!(output.len().abs_diff(8_000) <= 2, "{rate_hz}: {}", output.len());
    }
}

#[test]
fn the_telephone_rate_passes_untouched() {
    let input = tone(700.0, 8_000, 999);
    assert_eq!(to_telephone(&input, 8_000), input);
}

#[test]
fn absurd_rates_are_refused() {
    for rate_hz in [0, 1, 3_999, 192_001, u32::MAX] {
        assert_eq!(ToTelephone::new(rate_hz).err(), Some(UnusableRate(rate_hz)));
    }
}

#[test]
fn full_scale_is_limited_not_wrapped() {
    let square: Vec<i16> = (0..1_000).map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let mut doubled = Vec::new();
    Upsample2::new().process(&square, &mut doubled);
    // The middle of each plateau still has its sign.
    assert!(doubled[24 + 20] > 20_000 && doubled[24 + 60] < -20_000);
}

proptest! {
    #[test]
    fn pieces_give_what_the_whole_gives(
        input in prop::collection::vec(any::<i16>(), 0..2_000),
        cuts in prop::collection::vec(1_usize..400, 1..12),
        rate_hz in prop::sample::select(vec![6_000_u32, 11_025, 16_000, 22_050, 24_000, 44_100]),
    ) {
        let mut whole = (Vec::new(), Vec::new(), Vec::new());
        Upsample2::new().process(&input, &mut whole.0);
        Downsample::new(3).process(&input, &mut whole.1);
        ToTelephone::new(rate_hz).unwrap().process(&input, &mut whole.2);

        let (mut up, mut down, mut odd) = (Upsample2::new(), Downsample::new(3), ToTelephone::new(rate_hz).unwrap());
        let mut pieces = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = &input[..];
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*cut));
            up.process(piece, &mut pieces.0);
            down.process(piece, &mut pieces.1);
            odd.process(piece, &mut pieces.2);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(whole, pieces);
    }
}
