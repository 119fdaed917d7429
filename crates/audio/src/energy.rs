//! Levels: how loud a frame is, and how loud the line is when nobody speaks.

/// The quietest level that is told apart, in dBFS. Mu-law's smallest step lies at -72.
pub const SILENCE_DBFS: f32 = -75.0;

/// Root mean square of the samples in dB relative to full scale (a full-scale square wave is 0), never
/// below [`SILENCE_DBFS`]. Empty input is silence.
#[must_use]
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    // A DC offset is no sound, and cheap lines have one.
    let mean = samples.iter().map(|&s| f32::from(s)).sum::<f32>() / samples.len() as f32;
    let power = samples.iter().map(|&s| (f32::from(s) - mean).powi(2)).sum::<f32>() / samples.len() as f32;
    power_dbfs(power)
}

/// Mean power of samples (16-bit scale, squared) in dBFS.
fn power_dbfs(power: f32) -> f32 {
    const FULL_SCALE: f32 = 32_768.0 * 32_768.0;
    if power <= 0.0 {
        return SILENCE_DBFS;
    }
    (10.0 * (power / FULL_SCALE).log10()).clamp(SILENCE_DBFS, 0.0)
}

/// The factor that changes a level by `db`.
#[must_use]
pub fn db_to_gain(db: f32) -> f32 {
    10_f32.powf(db / 20.0)
}

/// Follows the level of the line's own noise: down at once, up slowly, so that speech hardly lifts it.
///
/// Up is 0.05 dB per 20 ms frame (2.5 dB a second) while frames are called speech by nobody, a fifth of it
/// during speech: a long turn must not make the tracker believe that the talker is the noise.
#[derive(Debug, Clone)]
pub struct NoiseFloor {
    floor_dbfs: f32,
    /// A short average: single quiet frames between the syllables are not yet the floor.
    smoothed_dbfs: f32,
    frames: u32,
}

impl NoiseFloor {
    const RISE_DB: f32 = 0.05;
    const RISE_IN_SPEECH_DB: f32 = 0.01;
    const SMOOTHING: f32 = 0.3;
    /// How much of the way down to a quieter smoothed level is gone at once.
    const FALL: f32 = 0.5;

    /// A tracker that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { floor_dbfs: SILENCE_DBFS, smoothed_dbfs: SILENCE_DBFS, frames: 0 }
    }

    /// Takes the level of the next 20 ms frame; `in_speech` slows the rise.
    pub fn push(&mut self, level_dbfs: f32, in_speech: bool) {
        let level = level_dbfs.max(SILENCE_DBFS);
        if self.frames == 0 {
            self.floor_dbfs = level;
            self.smoothed_dbfs = level;
        }
        self.frames = self.frames.saturating_add(1);
        self.smoothed_dbfs += Self::SMOOTHING * (level - self.smoothed_dbfs);
        if self.smoothed_dbfs < self.floor_dbfs {
            self.floor_dbfs += Self::FALL * (self.smoothed_dbfs - self.floor_dbfs);
            return;
        }
        let rise = if in_speech { Self::RISE_IN_SPEECH_DB } else { Self::RISE_DB };
        self.floor_dbfs = (self.floor_dbfs + rise).min(self.smoothed_dbfs);
    }

    /// The level of the line's noise, in dBFS.
    #[must_use]
    pub fn level_dbfs(&self) -> f32 {
        self.floor_dbfs
    }

    /// How far a level stands above the noise, in dB; never negative.
    #[must_use]
    pub fn snr_db(&self, level_dbfs: f32) -> f32 {
        (level_dbfs - self.floor_dbfs).max(0.0)
    }
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_relative_to_full_scale() {
        let square: Vec<i16> = (0..160).map(|i| if i % 2 == 0 { 16_384 } else { -16_384 }).collect();
        assert!((rms_dbfs(&square) + 6.02).abs() < 0.01);
        assert_eq!(rms_dbfs(&[0; 160]), SILENCE_DBFS);
        assert_eq!(rms_dbfs(&[]), SILENCE_DBFS);
        assert_eq!(rms_dbfs(&[1_000; 160]), SILENCE_DBFS, "an offset is no sound");
    }

    #[test]
    fn the_floor_falls_fast_and_rises_slowly() {
        let mut floor = NoiseFloor::new();
        floor.push(-30.0, false);
        for _ in 0..25 {
            floor.push(-60.0, false);
        }
        assert!(floor.level_dbfs() < -58.0, "{}", floor.level_dbfs());
        for _ in 0..50 {
            floor.push(-20.0, true);
        }
        assert!(floor.level_dbfs() < -57.0, "a second of speech: {}", floor.level_dbfs());
        for _ in 0..1_000 {
            floor.push(-40.0, false);
        }
        assert!((floor.level_dbfs() + 40.0).abs() < 1.0, "{}", floor.level_dbfs());
    }

    #[test]
    fn gain_and_decibels_agree() {
        assert!((db_to_gain(20.0) - 10.0).abs() < 1e-4);
        assert!((db_to_gain(-6.0206) - 0.5).abs() < 1e-4);
    }
}
