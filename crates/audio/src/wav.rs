//! WAV files: reading what synthesisers and people bring, writing the stereo recording of a call.

use crate::g711;

/// Length of the header that [`header`] writes.
pub const HEADER_BYTES: usize = 44;

/// Audio read from a WAV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Samples per second of each channel.
    pub sample_rate_hz: u32,
    /// Channels, at least 1; samples are interleaved.
    pub channels: u16,
    /// The samples.
    pub samples: Vec<i16>,
}

impl Wav {
    /// All channels mixed into one.
    #[must_use]
    pub fn mono(&self) -> Vec<i16> {
        let channels = usize::from(self.channels.max(1));
        self.samples
            .chunks_exact(channels)
            .map(|frame| (frame.iter().map(|&s| i32::from(s)).sum::<i32>() / channels as i32) as i16)
            .collect()
    }

    /// One channel, counted from 0; empty when there is no such channel.
    #[must_use]
    pub fn channel(&self, index: u16) -> Vec<i16> {
        let step = usize::from(self.channels.max(1));
        if usize::from(index) >= step {
            return Vec::new();
        }
        self.samples.iter().skip(usize::from(index)).step_by(step).copied().collect()
    }
}

/// Why a file is no usable WAV file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// Not RIFF/WAVE at all, or cut off inside the headers.
    #[error("not a WAV file: {0}")]
    NotWav(&'static str),
    /// A coding this reader does not know.
    #[error("WAV coding {format} with {bits} bits is not supported (PCM 8 or 16 bits, mu-law)")]
    Unsupported {
        /// The format code.
        format: u16,
        /// Bits per sample.
        bits: u16,
    },
}

#[derive(Clone, Copy)]
struct Format {
    code: u16,
    channels: u16,
    sample_rate_hz: u32,
    bits: u16,
}

/// Reads PCM (8 or 16 bits) or mu-law, any rate, any channels.
///
/// Lengths are not trusted: programs that write to a pipe announce 0 or 2 GiB, so data that is announced
/// longer than the file, or as empty in the last chunk, reaches to the file's end.
///
/// # Errors
/// [`WavError`] when it isn't such a file.
pub fn parse(bytes: &[u8]) -> Result<Wav, WavError> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(WavError::NotWav("no RIFF/WAVE header"));
    }
    let mut format = None;
    let mut rest = &bytes[12..];
    while rest.len() >= 8 {
        let (id, announced) = (&rest[..4], read_u32(rest, 4) as usize);
        let body = &rest[8..];
        if id == b"data" {
            let format = format.ok_or(WavError::NotWav("data before format"))?;
            let length = if announced == 0 || announced > body.len() { body.len() } else { announced };
            return decode(format, &body[..length]);
        }
        if id == b"fmt " {
            format = Some(parse_format(body.get(..announced).ok_or(WavError::NotWav("format cut off"))?)?);
        }
        // Chunks begin at even places.
        let next = announced.checked_add(announced & 1).ok_or(WavError::NotWav("chunk length"))?;
        rest = body.get(next..).ok_or(WavError::NotWav("no data chunk"))?;
    }
    Err(WavError::NotWav("no data chunk"))
}

fn parse_format(body: &[u8]) -> Result<Format, WavError> {
    if body.len() < 16 {
        return Err(WavError::NotWav("format too short"));
    }
    let mut code = read_u16(body, 0);
    // WAVE_FORMAT_EXTENSIBLE carries the real code at the head of its GUID.
    if code == 0xFFFE && body.len() >= 26 {
        code = read_u16(body, 24);
    }
    let format = Format {
        code,
        channels: read_u16(body, 2),
        sample_rate_hz: read_u32(body, 4),
        bits: read_u16(body, 14),
    };
    if format.channels == 0 || format.sample_rate_hz == 0 {
        return Err(WavError::NotWav("no channels or no rate"));
    }
    Ok(format)
}

fn decode(format: Format, data: &[u8]) -> Result<Wav, WavError> {
    let mut samples = Vec::new();
    match (format.code, format.bits) {
        (1, 16) => samples.extend(data.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair))),
        (1, 8) => samples.extend(data.iter().map(|&byte| (i16::from(byte) - 128) << 8)),
        (7, 8) => g711::decode_into(data, &mut samples),
        (format, bits) => return Err(WavError::Unsupported { format, bits }),
    }
    // A last frame that lacks a channel would shift the channels of whoever appends to it.
    samples.truncate(samples.len() - samples.len() % usize::from(format.channels));
    Ok(Wav { sample_rate_hz: format.sample_rate_hz, channels: format.channels, samples })
}

/// The header of a 16-bit PCM file with `data_bytes` of samples.
#[must_use]
pub fn header(sample_rate_hz: u32, channels: u16, data_bytes: u32) -> [u8; HEADER_BYTES] {
    let frame_bytes = channels.saturating_mul(2);
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&data_bytes.saturating_add(36).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&channels.to_le_bytes());
    header[24..28].copy_from_slice(&sample_rate_hz.to_le_bytes());
    header[28..32].copy_from_slice(&sample_rate_hz.saturating_mul(u32::from(frame_bytes)).to_le_bytes());
    header[32..34].copy_from_slice(&frame_bytes.to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..44].copy_from_slice(&data_bytes.to_le_bytes());
    header
}

/// The stereo recording of a call: caller left, agent right, 8 kHz, 16 bits. Written by appending; its
/// header is made from the file's length, so a file whose writer died is mended with [`repair_header`].
pub mod recording {
    use super::{HEADER_BYTES, header};
    use crate::frame::SAMPLE_RATE_HZ;

    /// Bytes of one stereo sample pair.
    pub const FRAME_BYTES: usize = 4;

    /// The header to begin a file with: as yet without samples.
    #[must_use]
    pub fn initial_header() -> [u8; HEADER_BYTES] {
        header(SAMPLE_RATE_HZ, 2, 0)
    }

    /// The right header of a file of `file_bytes`, header included. A half-written sample pair at the end is
    /// not counted.
    #[must_use]
    pub fn repair_header(file_bytes: u64) -> [u8; HEADER_BYTES] {
        let data = file_bytes.saturating_sub(HEADER_BYTES as u64);
        let whole = data - data % FRAME_BYTES as u64;
        header(SAMPLE_RATE_HZ, 2, u32::try_from(whole).unwrap_or(u32::MAX - 39))
    }

    /// Appends both sides' samples as bytes to `bytes`; the shorter side is filled up with silence.
    pub fn append(caller: &[i16], agent: &[i16], bytes: &mut Vec<u8>) {
        let frames = caller.len().max(agent.len());
        bytes.reserve(frames * FRAME_BYTES);
        for index in 0..frames {
            bytes.extend_from_slice(&caller.get(index).copied().unwrap_or(0).to_le_bytes());
            bytes.extend_from_slice(&agent.get(index).copied().unwrap_or(0).to_le_bytes());
        }
    }
}

fn read_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(code: u16, bits: u16, channels: u16, announced: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = header(16_000, channels, announced).to_vec();
        bytes[20..22].copy_from_slice(&code.to_le_bytes());
        bytes[34..36].copy_from_slice(&bits.to_le_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn known_codings_are_read() {
        let pcm = parse(&file(1, 16, 1, 4, &[1, 0, 0xFF, 0xFF])).unwrap();
        assert_eq!((pcm.sample_rate_hz, pcm.samples), (16_000, vec![1, -1]));
        assert_eq!(parse(&file(7, 8, 1, 2, &[0x00, 0xFF])).unwrap().samples, vec![-32_124, 0]);
        assert_eq!(parse(&file(1, 8, 1, 2, &[128, 255])).unwrap().samples, vec![0, 32_512]);
        assert_eq!(
            parse(&file(3, 32, 1, 4, &[0; 4])),
            Err(WavError::Unsupported { format: 3, bits: 32 }),
            "floating point"
        );
    }

    #[test]
    fn stereo_is_mixed_or_taken_apart() {
        let wav = parse(&file(1, 16, 2, 8, &[10, 0, 20, 0, 30, 0, 40, 0])).unwrap();
        assert_eq!(wav.mono(), vec![15, 35]);
        assert_eq!((wav.channel(0), wav.channel(1), wav.channel(2)), (vec![10, 30], vec![20, 40], vec![]));
    }

    #[test]
    fn lengths_announced_by_pipe_writers_are_not_believed() {
        for announced in [0, 0x7FFF_F000, u32::MAX] {
            assert_eq!(parse(&file(1, 16, 1, announced, &[1, 0, 2, 0])).unwrap().samples, vec![1, 2]);
        }
    }

    #[test]
    fn chunks_before_the_data_are_skipped() {
        let whole = file(1, 16, 1, 2, &[5, 0]);
        let mut bytes = whole[..36].to_vec();
        bytes.extend_from_slice(b"LIST\x03\0\0\0abc\0");
        bytes.extend_from_slice(&whole[36..]);
        assert_eq!(parse(&bytes).unwrap().samples, vec![5]);
    }

    #[test]
    fn a_recording_cut_off_by_a_crash_is_mended() {
        let mut bytes = recording::initial_header().to_vec();
        recording::append(&[1, 2, 3], &[-1], &mut bytes);
        bytes.push(0x55);
        let mended = recording::repair_header(bytes.len() as u64);
        bytes[..HEADER_BYTES].copy_from_slice(&mended);
        let wav = parse(&bytes).unwrap();
        assert_eq!((wav.channel(0), wav.channel(1)), (vec![1, 2, 3], vec![-1, 0, 0]));
        assert_eq!(read_u32(&bytes, 40), 12, "the half-written pair is not counted");
        assert_eq!(recording::repair_header(3), recording::initial_header());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), real in any::<bool>()) {
            if real && bytes.len() > 12 {
                bytes[..4].copy_from_slice(b"RIFF");
                bytes[8..12].copy_from_slice(b"WAVE");
            }
            let _ = parse(&bytes);
        }

        #[test]
        fn damaged_headers_never_panic(at in 0_usize..44, value in any::<u8>()) {
            let mut bytes = file(1, 16, 2, 8, &[0; 8]);
            bytes[at] = value;
            if let Ok(wav) = parse(&bytes) {
                prop_assert_eq!(wav.samples.len() % usize::from(wav.channels), 0);
                let _ = wav.mono();
            }
        }
    }
}
