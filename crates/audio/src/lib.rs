//! Telephone audio: codecs, rates, levels, voice gating and pacing, as plain arithmetic.
//!
//! Nothing here does I/O, is async, reads a clock or allocates per frame without being handed a buffer;
//! nothing here knows a call, a provider or a business. Samples are signed 16-bit, telephone audio is
//! 8 kHz mono, and a frame is 20 ms ([`frame`]).

pub mod energy;
pub mod frame;
pub mod g711;
pub mod hold_music;
pub mod noise;
pub mod playout;
pub mod resample;
pub mod vad;
pub mod wav;
