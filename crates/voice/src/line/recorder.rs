//! The recording: the caller as received, the agent as heard, in blocks of a second.

use std::collections::VecDeque;

use audio::frame::{FRAME_SAMPLES, Frame, ms_to_samples, samples_to_ms};
use audio::g711;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::call::StereoBlock;

const BLOCK_MS: u64 = 1_000;
/// A block is closed so much later than its end, so that late frames still find their place.
const LATE_MS: u64 = 300;
/// Blocks that wait for a slow disk: 32 kB each. Beyond it the oldest are lost, and the recording has a gap.
const MOST_WAITING: usize = 8;

pub(crate) struct Recorder {
    sender: mpsc::Sender<StereoBlock>,
    start_ms: u64,
    caller: Vec<i16>,
    agent: Vec<i16>,
    waiting: VecDeque<StereoBlock>,
    lost: u64,
}

impl Recorder {
    /// A recording that begins at a media time: 0, or later for a call that another stream began.
    pub(crate) fn new(sender: mpsc::Sender<StereoBlock>, start_ms: u64) -> Self {
        Self { sender, start_ms, caller: Vec::new(), agent: Vec::new(), waiting: VecDeque::new(), lost: 0 }
    }

    /// The caller's frame that ended at `end_ms`.
    pub(crate) fn caller(&mut self, end_ms: u64, samples: &Frame) {
        let at_ms = end_ms.saturating_sub(samples_to_ms(FRAME_SAMPLES));
        put(&mut self.caller, self.start_ms, at_ms, samples);
    }

    /// Audio of the agent that begins to sound at `at_ms`.
    pub(crate) fn agent(&mut self, at_ms: u64, codes: &[u8]) {
        let mut samples = [0_i16; FRAME_SAMPLES];
        for (number, codes) in codes.chunks(FRAME_SAMPLES).enumerate() {
            g711::decode_slice(codes, &mut samples);
            let at_ms = at_ms + number as u64 * samples_to_ms(FRAME_SAMPLES);
            put(&mut self.agent, self.start_ms, at_ms, &samples[..codes.len()]);
        }
    }

    /// The far end threw away what it had not played at `now_ms`.
    pub(crate) fn cleared(&mut self, now_ms: u64) {
        self.agent.truncate(ms_to_samples(now_ms.saturating_sub(self.start_ms)));
    }

    /// Hands over the blocks that are complete at `now_ms`.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        while now_ms >= self.start_ms + BLOCK_MS + LATE_MS {
            self.close_block(ms_to_samples(BLOCK_MS));
        }
        self.hand_over();
    }

    fn close_block(&mut self, samples: usize) {
        let block = StereoBlock {
            start_ms: self.start_ms,
            caller: take(&mut self.caller, samples),
            agent: take(&mut self.agent, samples),
        };
        self.start_ms += samples_to_ms(samples);
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(block);
    }

    fn hand_over(&mut self) {
        while let Some(block) = self.waiting.pop_front() {
            match self.sender.try_send(block) {
                Ok(()) => {}
                Err(TrySendError::Full(block)) => return self.waiting.push_front(block),
                Err(TrySendError::Closed(_)) => return self.waiting.clear(),
            }
        }
    }

    /// Hands over everything up to `now_ms`; returns the blocks that were lost.
    pub(crate) async fn finish(mut self, now_ms: u64) -> u64 {
        self.advance(now_ms);
        while self.start_ms < now_ms {
            let rest_ms = (now_ms - self.start_ms).min(BLOCK_MS);
            self.close_block(ms_to_samples(rest_ms));
            self.hand_over();
        }
        let hand_over = async {
            while let Some(block) = self.waiting.pop_front() {
                if self.sender.send(block).await.is_err() {
                    return;
                }
            }
        };
        // Late: what is left is counted.
        let _late = tokio::time::timeout(std::time::Duration::from_secs(5), hand_over).await;
        self.lost + self.waiting.len() as u64
    }
}

/// Writes samples at a media time; what is older than the block is dropped, gaps are silence.
fn put(lane: &mut Vec<i16>, start_ms: u64, at_ms: u64, samples: &[i16]) {
    let Some(offset_ms) = at_ms.checked_sub(start_ms) else { return };
    let offset = ms_to_samples(offset_ms);
    if lane.len() < offset + samples.len() {
        lane.resize(offset + samples.len(), 0);
    }
    lane[offset..offset + samples.len()].copy_from_slice(samples);
}

fn take(lane: &mut Vec<i16>, samples: usize) -> Vec<i16> {
    if lane.len() < samples {
        lane.resize(samples, 0);
    }
    let rest = lane.split_off(samples);
    std::mem::replace(lane, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_voices_lie_at_their_media_time_and_gaps_are_silence() {
        let (sender, mut blocks) = mpsc::channel(16);
        let mut recorder = Recorder::new(sender, 0);
        recorder.caller(120, &[7; FRAME_SAMPLES]);
        recorder.agent(980, &[0x80; 320]);
        recorder.agent(1_500, &[0x80; 160]);
        recorder.cleared(1_510);
        recorder.advance(1_310);
        assert_eq!(recorder.finish(1_600).await, 0);
        let first = blocks.recv().await.expect("a block");
        assert_eq!((first.start_ms, first.caller.len(), first.agent.len()), (0, 8_000, 8_000));
        assert_eq!(
            (first.caller[799], first.caller[800], first.caller[959], first.caller[960]),
            (0, 7, 7, 0)
        );
        assert_eq!((first.agent[7_839], first.agent[7_840]), (0, g711::decode(0x80)));
        let second = blocks.recv().await.expect("a block");
        assert_eq!((second.start_ms, second.caller.len(), second.agent.len()), (1_000, 4_800, 4_800));
        assert_eq!((second.agent[159], second.agent[160]), (g711::decode(0x80), 0));
        assert_eq!(
            (second.agent[4_079], second.agent[4_080]),
            (g711::decode(0x80), 0),
            "cut where it was cleared"
        );
        assert!(blocks.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_slow_disk_loses_blocks_rather_than_memory() {
        let (sender, _blocks) = mpsc::channel(1);
        let mut recorder = Recorder::new(sender, 0);
        recorder.advance(60_000);
        assert!(recorder.waiting.len() <= MOST_WAITING);
        assert!(recorder.lost > 40);
    }
}
