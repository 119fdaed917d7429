//! Adapts the acoustic model, which was trained on 16 kHz speech, to the telephone's 4 kHz of bandwidth.
//!
//! The model's features are 13 cepstra: the lifted cosine transform of 25 mel bands up to 6.8 kHz. On a telephone
//! the bands above 3.8 kHz are empty, that is constant, and the running mean removes constants. So a mean of the
//! model becomes what a telephone would have made of it by going back to the bands, blanking the upper ones and
//! coming forth again: a linear map, which the recogniser applies to its means as an "MLLR" file.
//!
//! Measured (`examples/wer`, four voices, with → without): sentences of the vocabulary 4.3 → 1.7 % word errors,
//! other orders 29.7 → 23.9 %, digits 24.2 → 19.6 %; noise alone is no longer taken for words.

use std::f64::consts::PI;
use std::fmt::Write as _;

/// The front end of the installed model (its `feat.params`).
const BANDS: usize = 25;
const CEPSTRA: usize = 13;
const LOWEST_HZ: f64 = 130.0;
const HIGHEST_HZ: f64 = 6_800.0;
const LIFTER: f64 = 22.0;
/// Streams of the model: cepstra, their first and their second differences.
const STREAMS: usize = 3;
/// Bands whose middle lies above carry nothing on a telephone.
const TELEPHONE_HZ: f64 = 3_800.0;

/// The map as an MLLR file: one class, a matrix for each stream, no offset, variances as they are.
pub(super) fn telephone_mllr() -> String {
    let map = map();
    let mut text = format!("1\n{STREAMS}\n");
    for _ in 0..STREAMS {
        writeln!(text, "{CEPSTRA}").expect("text grows without failing");
        for row in &map {
            let row: Vec<String> = row.iter().map(|value| format!("{value:.6}")).collect();
            writeln!(text, "{}", row.join(" ")).expect("text grows without failing");
        }
        writeln!(text, "{}", ["0.0"; CEPSTRA].join(" ")).expect("text grows without failing");
        writeln!(text, "{}", ["1.0"; CEPSTRA].join(" ")).expect("text grows without failing");
    }
    text
}

fn map() -> [[f64; CEPSTRA]; CEPSTRA] {
    let lifter = |index: usize| 1.0 + LIFTER / 2.0 * (index as f64 * PI / LIFTER).sin();
    let passes = passing_bands();
    let mut map = [[0.0; CEPSTRA]; CEPSTRA];
    for (i, row) in map.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            // The cosine transform is orthonormal: its transpose leads back.
            let through: f64 = (0..passes).map(|band| cosine(i, band) * cosine(j, band)).sum();
            *value = lifter(i) / lifter(j) * through;
        }
    }
    map
}

fn cosine(index: usize, band: usize) -> f64 {
    let bands = BANDS as f64;
    if index == 0 {
        return (1.0 / bands).sqrt();
    }
    (2.0 / bands).sqrt() * (PI * index as f64 * (band as f64 + 0.5) / bands).cos()
}

/// How many of the bands, from below, a telephone carries.
fn passing_bands() -> usize {
    let mel = |hz: f64| 2_595.0 * (1.0 + hz / 700.0).log10();
    let step = (mel(HIGHEST_HZ) - mel(LOWEST_HZ)) / (BANDS as f64 + 1.0);
    (0..BANDS).filter(|&band| mel(LOWEST_HZ) + (band as f64 + 1.0) * step < mel(TELEPHONE_HZ)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nineteen_of_the_bands_pass() {
        assert_eq!(passing_bands(), 19);
    }

    #[test]
    fn blanking_twice_is_blanking_once_for_what_the_cepstra_hold() {
        // The map without its lifter is a product of projections: symmetric, and it never grows a vector.
        let map = map();
        let at = |i: usize, j: usize| map[i][j];
        let lifter = |index: usize| 1.0 + 11.0 * (index as f64 * PI / 22.0).sin();
        for i in 0..CEPSTRA {
            for j in 0..CEPSTRA {
                let (there, back) = (at(i, j) * lifter(j) / lifter(i), at(j, i) * lifter(i) / lifter(j));
                assert!((there - back).abs() < 1e-9);
            }
            assert!(at(i, i) > 0.0 && at(i, i) <= 1.0);
        }
    }

    #[test]
    fn the_file_has_three_streams_of_thirteen() {
        let text = telephone_mllr();
        let numbers = text.split_whitespace().count();
        assert_eq!(numbers, 2 + STREAMS * (1 + CEPSTRA * (CEPSTRA + 2)));
    }
}
