//! Stamps: what a frame of audio says about itself.
//!
//! They are written into the first samples of a frame with the quietest codes of mu-law (half a byte in each, levels
//! below 1/250 of full scale), so that whoever listens for speech hears none in them.

/// Samples that a stamp takes.
pub const STAMP_SAMPLES: usize = STAMP_BYTES * 2;
const STAMP_BYTES: usize = 20;
/// The quietest sixteen codes of one sign.
const QUIET: u8 = 0xF0;
const MAGIC: [u8; 2] = [0xC5, 0x3A];

/// A stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The call, [`Stamp::NO_CALL`] when the sender does not know it.
    pub call: u32,
    /// Number of the frame within its direction, from 0.
    pub sequence: u32,
    /// Whether somebody speaks in the frame.
    pub is_speech: bool,
    /// When it was sent, on the clock of the process, in microseconds.
    pub sent_us: u64,
}

impl Stamp {
    /// The call of a sender who does not know it.
    pub const NO_CALL: u32 = u32::MAX;

    /// Writes the stamp into the beginning of a frame.
    ///
    /// # Panics
    /// When the frame is shorter than [`STAMP_SAMPLES`].
    pub fn write(&self, frame: &mut [u8]) {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[2..6].copy_from_slice(&self.call.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[10] = u8::from(self.is_speech);
        bytes[11..19].copy_from_slice(&self.sent_us.to_be_bytes());
        bytes[19] = check(&bytes[..19]);
        for (two, byte) in frame[..STAMP_SAMPLES].chunks_exact_mut(2).zip(bytes) {
            two[0] = QUIET | (byte >> 4);
            two[1] = QUIET | (byte & 0x0F);
        }
    }

    /// Reads the stamp of a frame; `None` when it has none.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let mut bytes = [0; STAMP_BYTES];
        for (byte, two) in bytes.iter_mut().zip(frame.get(..STAMP_SAMPLES)?.chunks_exact(2)) {
            if two[0] & QUIET != QUIET || two[1] & QUIET != QUIET {
                return None;
            }
            *byte = (two[0] << 4) | (two[1] & 0x0F);
        }
        if bytes[..2] != MAGIC || bytes[19] != check(&bytes[..19]) {
            return None;
        }
        let four = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let sent_us = (u64::from(four(11)) << 32) | u64::from(four(15));
        Some(Self { call: four(2), sequence: four(6), is_speech: bytes[10] == 1, sent_us })
    }
}

fn check(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0x5A, |sum: u8, byte| sum.rotate_left(1) ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_as_it_was_written() {
        let stamp = Stamp { call: 999, sequence: 70_000, is_speech: true, sent_us: u64::MAX - 7 };
        let mut frame = [0x12; 160];
        stamp.write(&mut frame);
        assert_eq!(Stamp::read(&frame), Some(stamp));
        assert_eq!(frame[STAMP_SAMPLES], 0x12);
    }

    #[test]
    fn what_is_no_stamp_is_not_read_as_one() {
        let mut frame = [0xFF; 160];
        assert_eq!(Stamp::read(&frame), None);
        assert_eq!(Stamp::read(&frame[..10]), None);
        Stamp { call: 1, sequence: 2, is_speech: false, sent_us: 3 }.write(&mut frame);
        for sample in 0..STAMP_SAMPLES {
            let mut broken = frame;
            broken[sample] ^= 0x01;
            assert_eq!(Stamp::read(&broken), None, "sample {sample}");
        }
    }

    #[test]
    fn a_stamp_is_quiet() {
        let mut frame = [0xFF; 160];
        Stamp { call: u32::MAX, sequence: 0, is_speech: true, sent_us: 0x0123_4567_89AB_CDEF }
            .write(&mut frame);
        let loudest = frame.iter().map(|code| i32::from(audio::g711::decode(*code)).abs()).max();
        assert!(loudest <= Some(130), "{loudest:?}");
    }
}
