//! The caller's frames, scored for voice.

use std::collections::VecDeque;

use audio::energy;
use audio::frame::{FRAME_SAMPLES, Frame};
use audio::vad::{GateSettings, SpeechGate};
use domain::turn_taking::TurnTaking;
use provider_traits::vad::VoiceScorer;

use crate::pipeline::machine::HeardFrame;
use crate::pipeline::speech::FRAME_MS;

/// Frames kept from before an onset: the longest prefix of 1 s, and the frames that the gate needs.
const KEPT_FRAMES: usize = 58;

/// What a telephone line without speech usually sounds like, and for how many frames it is presumed to have.
const QUIET_LINE_DBFS: f32 = -58.0;
const PRESUMED_FRAMES: usize = 25;

/// Scores frames for voice and remembers the last ones.
pub(crate) struct Hearing {
    scorer: Box<dyn VoiceScorer>,
    gate: SpeechGate,
    recent: VecDeque<Frame>,
    prefix_frames: usize,
}

impl Hearing {
    pub(crate) fn new(scorer: Box<dyn VoiceScorer>, settings: &TurnTaking) -> Self {
        let gate =
            SpeechGate::new(GateSettings { threshold: settings.vad_threshold, ..GateSettings::default() });
        let prefix_frames = (settings.prefix_ms.min(1_000) / FRAME_MS as u32) as usize;
        Self { scorer, gate, recent: VecDeque::with_capacity(KEPT_FRAMES), prefix_frames }
    }

    /// The line is no new one: the caller may be in the middle of a sentence, which must not be taken for its noise.
    pub(crate) fn presume_a_quiet_line(&mut self) {
        for _ in 0..PRESUMED_FRAMES {
            self.gate.push(0.0, QUIET_LINE_DBFS);
        }
    }

    /// Scores a frame that came.
    pub(crate) fn hear(&mut self, samples: &Frame) -> HeardFrame {
        let score = self.scorer.score(samples);
        let level_dbfs = energy::rms_dbfs(samples);
        self.judge(samples, score, level_dbfs)
    }

    /// A frame that never came: no voice, and nothing to be learned about the line's noise.
    pub(crate) fn miss(&mut self) -> HeardFrame {
        let level_dbfs = self.gate.noise_dbfs();
        self.judge(&[0; FRAME_SAMPLES], 0.0, level_dbfs)
    }

    fn judge(&mut self, samples: &Frame, score: f32, level_dbfs: f32) -> HeardFrame {
        let event = self.gate.push(score, level_dbfs);
        if self.recent.len() == KEPT_FRAMES {
            self.recent.pop_front();
        }
        self.recent.push_back(*samples);
        let in_speech = self.gate.in_speech();
        HeardFrame {
            event,
            voiced: in_speech && self.gate.unvoiced_frames() == 0,
            in_speech,
            score,
            above_noise_db: (level_dbfs - self.gate.noise_dbfs()).max(0.0),
        }
    }

    /// The audio that an utterance begins with: the last `frames_ago + 1` frames and the prefix before them.
    pub(crate) fn beginning(&self, frames_ago: u32) -> Vec<i16> {
        let wanted = self.prefix_frames + frames_ago as usize + 1;
        let skip = self.recent.len().saturating_sub(wanted);
        self.recent.iter().skip(skip).flatten().copied().collect()
    }

    /// An utterance has ended: its audio is no prefix of the next one.
    pub(crate) fn forget(&mut self) {
        self.recent.clear();
    }
}
