//! The music for callers who wait, as carriers play it.

use audio::frame::SAMPLE_RATE_HZ;
use bytes::{BufMut, Bytes, BytesMut};

/// Makes the music: a WAV file of half a megabyte. It takes a moment of arithmetic (0.2 s in a program that is not
/// optimised): not for a task that carries audio.
#[must_use]
pub fn wav() -> Bytes {
    let samples = audio::hold_music::hold_music();
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let header = audio::wav::header(SAMPLE_RATE_HZ, 1, bytes);
    let mut file = BytesMut::with_capacity(header.len() + samples.len() * 2);
    file.extend_from_slice(&header);
    for sample in samples {
        file.put_i16_le(sample);
    }
    file.freeze()
}
