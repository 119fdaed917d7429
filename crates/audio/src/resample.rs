//! Changes of the sample rate, streaming: each value keeps the tail of what it was given, so that audio may
//! come in pieces of any length without a seam.
//!
//! Telephone audio is doubled for models that want 16 kHz ([`Upsample2`]), wideband audio comes down by a
//! whole factor ([`Downsample`]), and the odd rates of synthesisers by a windowed sinc ([`ToTelephone`]).

use std::f32::consts::PI;

use crate::frame::SAMPLE_RATE_HZ;

/// Doubles the rate with a half-band filter of 24 effective taps: -6 dB at 4 kHz, better than 60 dB down from
/// 4.9 kHz. Delay: 12 input samples (1.5 ms at 8 kHz).
#[derive(Debug, Clone)]
pub struct Upsample2 {
    taps: [f32; Self::TAPS],
    tail: [f32; Self::TAPS],
}

impl Upsample2 {
    const TAPS: usize = 24;

    /// A filter with silence behind it.
    #[must_use]
    pub fn new() -> Self {
        let mut taps = [0.0; Self::TAPS];
        for (index, tap) in taps.iter_mut().enumerate() {
            // Distance from the middle in input samples: +-0.5, +-1.5 …
            let distance = index as f32 - (Self::TAPS as f32 - 1.0) / 2.0;
            *tap = sinc(distance) * kaiser(distance / (Self::TAPS as f32 / 2.0), 6.0);
        }
        let sum: f32 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= sum);
        Self { taps, tail: [0.0; Self::TAPS] }
    }

    /// Appends twice as many samples to `output`.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        output.reserve(input.len() * 2);
        // Blocks on the stack: history in front, so that the inner loop is a plain dot product.
        const BLOCK: usize = 160;
        let mut line = [0.0_f32; Self::TAPS + BLOCK];
        for block in input.chunks(BLOCK) {
            line[..Self::TAPS].copy_from_slice(&self.tail);
            for (slot, &sample) in line[Self::TAPS..].iter_mut().zip(block) {
                *slot = f32::from(sample);
            }
            for start in 1..=block.len() {
                let window: &[f32; Self::TAPS] =
                    line[start..start + Self::TAPS].try_into().expect("the window is as long as the taps");
                let between = dot(window, &self.taps);
                // The window's middle pair is its samples 11 and 12: the original first, then the new one.
                output.push(to_sample(window[Self::TAPS / 2 - 1]));
                output.push(to_sample(between));
            }
            self.tail.copy_from_slice(&line[block.len()..block.len() + Self::TAPS]);
        }
    }
}

impl Default for Upsample2 {
    fn default() -> Self {
        Self::new()
    }
}

/// Divides the rate by a whole factor (2: 16 → 8 kHz, 3: 24 → 8 kHz) with a windowed-sinc low-pass.
#[derive(Debug, Clone)]
pub struct Downsample {
    factor: usize,
    taps: Vec<f32>,
    /// The last `taps.len() - 1` samples and what did not fill a step.
    line: Vec<f32>,
}

impl Downsample {
    /// Taps for each output sample's width: 72 for 24 kHz.
    const TAPS_PER_FACTOR: usize = 24;

    /// A filter with silence behind it. A factor of 0 is taken as 1.
    #[must_use]
    pub fn new(factor: usize) -> Self {
        let factor = factor.max(1);
        let length = Self::TAPS_PER_FACTOR * factor;
        let cutoff = PASSBAND / factor as f32;
        let mut taps: Vec<f32> = (0..length)
            .map(|index| {
                let distance = index as f32 - (length as f32 - 1.0) / 2.0;
                sinc(distance * cutoff) * kaiser(distance / (length as f32 / 2.0), 6.5)
            })
            .collect();
        let sum: f32 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= sum);
        Self { factor, line: vec![0.0; length - 1], taps }
    }

    /// Appends `input.len() / factor` samples (on average) to `output`.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        self.line.extend(input.iter().map(|&s| f32::from(s)));
        let mut start = 0;
        while start + self.taps.len() <= self.line.len() {
            output.push(to_sample(dot(&self.line[start..start + self.taps.len()], &self.taps)));
            start += self.factor;
        }
        self.line.drain(..start);
    }
}

/// A rate that can't be brought to the telephone's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sample rate of {0} Hz is outside 4,000 to 192,000")]
pub struct UnusableRate(pub u32);

/// Brings any rate from 4 to 192 kHz to the telephone's 8 kHz with a windowed sinc, phase by phase.
#[derive(Debug, Clone)]
pub struct ToTelephone {
    /// `None` when the input already is at 8 kHz.
    sinc: Option<Sinc>,
}

#[derive(Debug, Clone)]
struct Sinc {
    /// Input samples per output sample: whole part and numerator of the rest over `phases`.
    step: usize,
    step_rest: usize,
    phases: usize,
    taps: usize,
    /// `phases` rows of `taps`.
    table: Vec<f32>,
    line: Vec<f32>,
    /// Position of the next output in `line`, rest over `phases`.
    at: usize,
    at_rest: usize,
}

/// Part of the lower band that passes: the rest is the filter's slope.
const PASSBAND: f32 = 0.90;

impl ToTelephone {
    /// Zero crossings of the sinc on each side.
    const CROSSINGS: f32 = 12.0;
    /// Rates without a small common divisor with 8,000 are rounded to this many phases per input sample.
    const MAX_PHASES: usize = 640;

    /// A converter from `rate_hz`.
    ///
    /// # Errors
    /// [`UnusableRate`] below 4 kHz or above 192 kHz.
    pub fn new(rate_hz: u32) -> Result<Self, UnusableRate> {
        if !(4_000..=192_000).contains(&rate_hz) {
            return Err(UnusableRate(rate_hz));
        }
        if rate_hz == SAMPLE_RATE_HZ {
            return Ok(Self { sinc: None });
        }
        let divisor = gcd(rate_hz, SAMPLE_RATE_HZ);
        let phases = ((SAMPLE_RATE_HZ / divisor) as usize).min(Self::MAX_PHASES);
        let ratio = f64::from(rate_hz) / f64::from(SAMPLE_RATE_HZ);
        let step_in_phases = (ratio * phases as f64).round() as usize;
        // Below 8 kHz nothing is cut off: the kernel interpolates at the input's own band.
        let cutoff = PASSBAND * (1.0 / ratio as f32).min(1.0);
        let half = (Self::CROSSINGS / cutoff).ceil() as usize;
        let taps = 2 * half;
        let mut table = Vec::with_capacity(phases * taps);
        for phase in 0..phases {
            let row = table.len();
            let offset = phase as f32 / phases as f32;
            for tap in 0..taps {
                let distance = tap as f32 - (half as f32 - 1.0) - offset;
                table.push(sinc(distance * cutoff) * kaiser(distance / half as f32, 6.5));
            }
            let sum: f32 = table[row..].iter().sum();
            table[row..].iter_mut().for_each(|tap| *tap /= sum);
        }
        Ok(Self {
            sinc: Some(Sinc {
                step: step_in_phases / phases,
                step_rest: step_in_phases % phases,
                phases,
                taps,
                table,
                // Half a kernel of silence before the first sample: the output starts in time with the input.
                line: vec![0.0; half - 1],
                at: 0,
                at_rest: 0,
            }),
        })
    }

    /// Appends what can be said already to `output`.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        let Some(sinc) = &mut self.sinc else {
            output.extend_from_slice(input);
            return;
        };
        sinc.line.extend(input.iter().map(|&s| f32::from(s)));
        sinc.run(output);
    }

    /// Appends the rest: what still waited for samples to come.
    pub fn finish(mut self, output: &mut Vec<i16>) {
        if let Some(sinc) = &mut self.sinc {
            sinc.line.resize(sinc.line.len() + sinc.taps / 2, 0.0);
            sinc.run(output);
        }
    }
}

impl Sinc {
    fn run(&mut self, output: &mut Vec<i16>) {
        while self.at + self.taps <= self.line.len() {
            let row = &self.table[self.at_rest * self.taps..(self.at_rest + 1) * self.taps];
            output.push(to_sample(dot(&self.line[self.at..self.at + self.taps], row)));
            self.at_rest += self.step_rest;
            self.at += self.step + self.at_rest / self.phases;
            self.at_rest %= self.phases;
        }
        // The position may lie past the end when a step is longer than what is there.
        let passed = self.at.min(self.line.len());
        self.line.drain(..passed);
        self.at -= passed;
    }
}

/// Eight running sums, which the compiler keeps in one register: a single sum may not be reordered.
#[inline]
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (left_blocks, left_rest) = left.as_chunks::<8>();
    let (right_blocks, right_rest) = right.as_chunks::<8>();
    for (a, b) in left_blocks.iter().zip(right_blocks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn sinc(x: f32) -> f32 {
    if x.abs() < 1e-6 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Kaiser window; `x` from -1 to 1, zero outside.
fn kaiser(x: f32, beta: f32) -> f32 {
    if x.abs() > 1.0 { 0.0 } else { bessel_i0(beta * (1.0 - x * x).sqrt()) / bessel_i0(beta) }
}

/// Modified Bessel function of order zero by its power series.
fn bessel_i0(x: f32) -> f32 {
    let (mut sum, mut term, mut k) = (1.0_f32, 1.0_f32, 1.0_f32);
    while term > sum * 1e-7 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

#[inline]
fn to_sample(value: f32) -> i16 {
    // Half away from zero; the cast saturates. `round` is a library call on plain x86-64: it took 5 of 6 µs.
    (value + 0.5_f32.copysign(value)) as i16
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
