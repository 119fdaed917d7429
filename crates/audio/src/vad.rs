//! The speech gate: turns a detector's scores and the frames' levels into onsets and offsets of speech.
//!
//! A neural detector's fixed threshold of 0.5 is right on a quiet line and fires at random below about 10 dB
//! of signal-to-noise ratio. So the gate learns, from the frames that are no speech, how high the line's own
//! noise scores, and puts its threshold above that: from the configured one (0.5) up to 0.8 at most.
//! Leaving speech takes a lower score than entering it, entering takes several frames, and a hangover
//! bridges the gaps between syllables.
//!
//! Measured (`vad_quality`, an example of the crate `speech`: earshot, four voices, 48 sentences): frames missed
//! and frames falsely taken for speech, in %, fixed threshold → gate: clean 3/0 → 6/4, pink noise 20 dB under the
//! speech 5/1 → 7/5, 10 dB 4/10 → 13/2, 5 dB 0/100 → 25/0; white 10 dB 4/7 → 14/2, 5 dB 2/46 → 26/1; clicks 10 dB
//! 1/43 → 9/4. No false onset in noise, 1.8 a minute in clicks. The gate's misses contain the 60 ms before an onset,
//! which its event gives back.

use crate::energy::NoiseFloor;
use crate::frame::FRAME_MS;

/// How the gate is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateSettings {
    /// Score that counts as speech on a quiet line, 0.1 to 0.95.
    pub threshold: f32,
    /// Voiced time, within a window a third longer, that makes an onset, in milliseconds.
    pub onset_ms: u32,
    /// Unvoiced time that makes an offset, in milliseconds.
    pub hangover_ms: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { threshold: 0.5, onset_ms: 60, hangover_ms: 100 }
    }
}

/// What happened on the line. Frames are of 20 ms, counted back from the one just pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateEvent {
    /// Speech began.
    Onset {
        /// Frames since the first voiced one of this onset; 0 means the frame just pushed.
        frames_ago: u32,
    },
    /// Speech ended.
    Offset {
        /// Frames since the last voiced one.
        frames_ago: u32,
    },
}

/// The gate of one call's caller.
#[derive(Debug, Clone)]
pub struct SpeechGate {
    settings: GateSettings,
    floor: NoiseFloor,
    /// Upper quantile of the scores that noise alone gets.
    noise_score: f32,
    in_speech: bool,
    /// The last eight frames, newest in the lowest bit: voiced or not.
    recent: u8,
    /// Frames in a row that do not stand out of the noise.
    quiet_frames: u32,
    /// Frames since the last voiced one.
    unvoiced_frames: u32,
    /// Frames since the onset's first voiced one.
    speech_frames: u32,
}

impl SpeechGate {
    /// The threshold never rises above this (unless it is set higher), however the line sounds.
    pub const MAX_THRESHOLD: f32 = 0.8;
    /// Room between what noise scores and what counts as speech.
    const MARGIN: f32 = 0.15;
    /// Speech goes on down to this part of the threshold.
    const STAY: f32 = 0.8;
    /// A frame this little above the noise floor is no beginning of speech, whatever it scores.
    const MIN_SNR_DB: f32 = 3.0;
    /// When noise scores like a voice, a frame as quiet as the noise is no part of speech either. Without this,
    /// pink noise 5 dB under the speech keeps the gate open for good (84 % of the silence); with it at all times,
    /// quiet sounds inside of words are lost at 10 dB (misses 21 instead of 13 %).
    const STAY_SNR_DB: f32 = 1.5;
    const DECEPTIVE_NOISE: f32 = 0.6;
    /// Frames below this ratio teach the gate what noise scores, even while it believes in speech.
    const NOISE_SNR_DB: f32 = 4.0;
    /// But not right after speech, when the detector's score still hangs (90 to 110 ms).
    const SETTLE_FRAMES: u32 = 6;
    /// Tracks the 90 % quantile: nine parts up for one part down.
    const QUANTILE_UP: f32 = 0.027;
    const QUANTILE_DOWN: f32 = 0.003;

    /// A gate for a line about which nothing is known.
    #[must_use]
    pub fn new(settings: GateSettings) -> Self {
        Self {
            settings,
            floor: NoiseFloor::new(),
            noise_score: 0.0,
            in_speech: false,
            recent: 0,
            quiet_frames: 0,
            unvoiced_frames: Self::SETTLE_FRAMES,
            speech_frames: 0,
        }
    }

    /// Takes the next 20 ms frame: the detector's score (0 to 1; anything else counts as 0) and its level.
    pub fn push(&mut self, score: f32, level_dbfs: f32) -> Option<GateEvent> {
        let score = if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 };
        self.floor.push(level_dbfs, self.in_speech);
        let snr_db = self.floor.snr_db(level_dbfs);
        let voiced = if self.in_speech {
            let stands_out = snr_db >= Self::STAY_SNR_DB || self.noise_score < Self::DECEPTIVE_NOISE;
            score >= self.threshold() * Self::STAY && stands_out
        } else {
            score >= self.threshold() && snr_db >= Self::MIN_SNR_DB
        };
        self.quiet_frames = if snr_db < Self::NOISE_SNR_DB { self.quiet_frames.saturating_add(1) } else { 0 };
        let plainly_noise = !self.in_speech && !voiced && self.unvoiced_frames >= Self::SETTLE_FRAMES;
        if self.quiet_frames >= Self::SETTLE_FRAMES || plainly_noise {
            self.learn_noise(score);
        }
        self.recent = (self.recent << 1) | u8::from(voiced);
        self.unvoiced_frames = if voiced { 0 } else { self.unvoiced_frames.saturating_add(1) };
        if self.in_speech { self.stay_or_leave() } else { self.maybe_enter() }
    }

    fn learn_noise(&mut self, score: f32) {
        let step = if score > self.noise_score { Self::QUANTILE_UP } else { -Self::QUANTILE_DOWN };
        self.noise_score = (self.noise_score + step).clamp(0.0, 1.0);
    }

    fn maybe_enter(&mut self) -> Option<GateEvent> {
        let needed = frames(self.settings.onset_ms).clamp(1, 6);
        let window = needed + needed.div_ceil(3);
        let recent = self.recent & (0xFF_u8 >> (8 - window));
        // Only a voiced frame opens the gate, not the window that moves on over older ones.
        if self.unvoiced_frames > 0 || recent.count_ones() < needed {
            return None;
        }
        let frames_ago = 7 - recent.leading_zeros();
        self.in_speech = true;
        self.speech_frames = frames_ago + 1;
        Some(GateEvent::Onset { frames_ago })
    }

    fn stay_or_leave(&mut self) -> Option<GateEvent> {
        self.speech_frames = self.speech_frames.saturating_add(1);
        if self.unvoiced_frames < frames(self.settings.hangover_ms).max(1) {
            return None;
        }
        self.in_speech = false;
        self.recent = 0;
        self.speech_frames = 0;
        Some(GateEvent::Offset { frames_ago: self.unvoiced_frames })
    }

    /// The score that counts as speech at present.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        let highest = self.settings.threshold.max(Self::MAX_THRESHOLD);
        (self.noise_score + Self::MARGIN).clamp(self.settings.threshold, highest)
    }

    /// Whether the gate is open (hangover included).
    #[must_use]
    pub fn in_speech(&self) -> bool {
        self.in_speech
    }

    /// Frames since the last voiced one; 0 while voice sounds.
    #[must_use]
    pub fn unvoiced_frames(&self) -> u32 {
        self.unvoiced_frames
    }

    /// Frames of the present speech, from its first voiced one; 0 outside of speech.
    #[must_use]
    pub fn speech_frames(&self) -> u32 {
        self.speech_frames
    }

    /// The level of the line's own noise, in dBFS.
    #[must_use]
    pub fn noise_dbfs(&self) -> f32 {
        self.floor.level_dbfs()
    }
}

fn frames(ms: u32) -> u32 {
    ms.div_ceil(FRAME_MS)
}

#[cfg(test)]
mod tests;
