//! Noises of telephone lines, made from a seed: for simulated callers and for tests.

use crate::energy::db_to_gain;

/// A small deterministic random source (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub struct SmallRandom(u64);

impl SmallRandom {
    /// Equal seeds give equal sequences.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly distributed in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.next_bits() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Evenly distributed in -1..1.
    pub fn signed(&mut self) -> f32 {
        self.unit() * 2.0 - 1.0
    }
}

/// Kinds of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoiseKind {
    /// Equal power at all frequencies: hiss.
    White,
    /// Falling by 3 dB per octave: rooms, wind, traffic.
    Pink,
    /// Sharp crackles, about eight a second.
    Clicks,
}

/// A stream of noise with a given level.
#[derive(Debug, Clone)]
pub struct Noise {
    kind: NoiseKind,
    random: SmallRandom,
    gain: f32,
    /// Paul Kellet's economy pink filter.
    pink: [f32; 3],
    /// The decaying amplitude of the present click.
    click: f32,
}

impl Noise {
    /// Chance that a click begins with a sample: about 8 a second at 8 kHz.
    const CLICK_CHANCE: f32 = 0.001;
    const CLICK_DECAY: f32 = 0.82;

    /// Noise of a long-term level of `level_dbfs` (root mean square).
    #[must_use]
    pub fn new(kind: NoiseKind, level_dbfs: f32, random: SmallRandom) -> Self {
        // Root mean square of the raw generators below, measured over 100,000 samples (see the tests).
        let raw_rms = match kind {
            NoiseKind::White => 0.577,
            NoiseKind::Pink => 1.69,
            NoiseKind::Clicks => 0.0215,
        };
        Self { kind, random, gain: db_to_gain(level_dbfs) * 32_768.0 / raw_rms, pink: [0.0; 3], click: 0.0 }
    }

    /// The next sample.
    pub fn sample(&mut self) -> i16 {
        let raw = match self.kind {
            NoiseKind::White => self.random.signed(),
            NoiseKind::Pink => {
                let white = self.random.signed();
                self.pink[0] = 0.99765 * self.pink[0] + white * 0.099_046;
                self.pink[1] = 0.963 * self.pink[1] + white * 0.296_516_4;
                self.pink[2] = 0.57 * self.pink[2] + white * 1.052_691_3;
                self.pink.iter().sum::<f32>() + white * 0.184_8
            }
            NoiseKind::Clicks => {
                if self.random.unit() < Self::CLICK_CHANCE {
                    self.click = 0.5 + 0.5 * self.random.unit();
                }
                self.click *= Self::CLICK_DECAY;
                self.click * self.random.signed()
            }
        };
        to_sample(raw * self.gain)
    }

    /// Adds the noise to samples, limiting at full scale.
    pub fn add_to(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = sample.saturating_add(self.sample());
        }
    }
}

fn to_sample(value: f32) -> i16 {
    value.clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::rms_dbfs;

    fn take(kind: NoiseKind, level_dbfs: f32, seed: u64) -> Vec<i16> {
        let mut noise = Noise::new(kind, level_dbfs, SmallRandom::new(seed));
        (0..100_000).map(|_| noise.sample()).collect()
    }

    #[test]
    fn noise_has_the_level_asked_for() {
        for kind in [NoiseKind::White, NoiseKind::Pink, NoiseKind::Clicks] {
            let level = rms_dbfs(&take(kind, -40.0, 7));
            assert!((level + 40.0).abs() < 1.0, "{kind:?}: {level}");
        }
    }

    #[test]
    fn pink_noise_has_more_power_below() {
        let energy_of_steps = |samples: &[i16]| {
            samples.windows(2).map(|w| (f64::from(w[1]) - f64::from(w[0])).powi(2)).sum::<f64>()
        };
        let white = energy_of_steps(&take(NoiseKind::White, -30.0, 1));
        let pink = energy_of_steps(&take(NoiseKind::Pink, -30.0, 1));
        assert!(pink < white * 0.5, "the difference of neighbours weighs high frequencies: {pink} {white}");
    }

    #[test]
    fn equal_seeds_give_equal_noise() {
        assert_eq!(take(NoiseKind::Pink, -30.0, 3), take(NoiseKind::Pink, -30.0, 3));
        assert_ne!(take(NoiseKind::Pink, -30.0, 3), take(NoiseKind::Pink, -30.0, 4));
    }

    #[test]
    fn loud_noise_is_limited_not_wrapped() {
        let mut samples = vec![32_000; 1_000];
        Noise::new(NoiseKind::White, -6.0, SmallRandom::new(1)).add_to(&mut samples);
        assert!(samples.iter().all(|&s| s > 0), "a wrap would turn negative");
    }
}
