//! The telephone frame: 20 ms of 8 kHz mono audio, 160 bytes of mu-law.

/// Samples per second of telephone audio.
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Length of a frame in milliseconds.
pub const FRAME_MS: u32 = 20;
/// Samples in a frame; with mu-law also its bytes.
pub const FRAME_SAMPLES: usize = 160;
/// Samples in a millisecond.
pub const SAMPLES_PER_MS: usize = 8;

/// One decoded frame.
pub type Frame = [i16; FRAME_SAMPLES];

/// The length of `samples` telephone samples (or mu-law bytes) in whole milliseconds, rounded down.
#[must_use]
pub const fn samples_to_ms(samples: usize) -> u64 {
    (samples / SAMPLES_PER_MS) as u64
}

/// The telephone samples (or mu-law bytes) in `ms` milliseconds.
#[must_use]
pub const fn ms_to_samples(ms: u64) -> usize {
    ms as usize * SAMPLES_PER_MS
}

/// The frames needed to hold `samples`, the last one perhaps not full.
#[must_use]
pub const fn frames_for(samples: usize) -> usize {
    samples.div_ceil(FRAME_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_twenty_milliseconds() {
        assert_eq!(samples_to_ms(FRAME_SAMPLES), u64::from(FRAME_MS));
        assert_eq!(ms_to_samples(u64::from(FRAME_MS)), FRAME_SAMPLES);
        assert_eq!(FRAME_SAMPLES as u32 * 1_000, SAMPLE_RATE_HZ * FRAME_MS);
    }

    #[test]
    fn a_started_frame_counts_as_one() {
        assert_eq!([frames_for(0), frames_for(1), frames_for(160), frames_for(161)], [0, 1, 1, 2]);
    }
}
