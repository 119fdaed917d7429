//! The caller's end of a Media Streams connection: what goes over the wire, and what a telephone plays of it.

pub mod messages;
pub mod playout;
pub mod session;
pub mod socket;

/// Bytes of one frame: 20 ms of 8 kHz mu-law.
pub const FRAME_BYTES: usize = 160;
/// Milliseconds of one frame.
pub const FRAME_MS: u64 = 20;
/// A frame of audio.
pub type Frame = [u8; FRAME_BYTES];
/// Digital silence in mu-law.
pub const SILENCE: Frame = [0xFF; FRAME_BYTES];
