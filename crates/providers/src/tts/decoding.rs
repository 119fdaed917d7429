//! What a vendor sends, as telephone audio, piece by piece.

use audio::g711;
use audio::resample::ToTelephone;

/// What is asked of a speech endpoint, and expected from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioShape {
    /// 8 kHz mu-law without a header.
    MuLaw,
    /// Signed 16-bit little-endian mono without a header.
    Pcm {
        /// Samples per second.
        rate_hz: u32,
    },
    /// A WAV file of signed 16-bit samples, whose header may not know its length.
    Wav,
}

/// More than any header has: extensible formats with a list of tags.
const LONGEST_HEADER: usize = 16 * 1024;

/// Turns pieces of any length into mu-law.
pub(super) struct Decoder {
    state: State,
    /// The first half of a sample.
    half: Option<u8>,
    samples: Vec<i16>,
}

enum State {
    MuLaw,
    /// The header is not complete.
    Header(Vec<u8>),
    Pcm {
        channels: usize,
        converter: ToTelephone,
        /// Samples of a moment whose other channels are still to come.
        moment: Vec<i16>,
        /// Bytes of audio that the header promises; `None` when it does not know.
        left: Option<usize>,
    },
}

impl Decoder {
    /// # Errors
    /// When the rate is none that can be converted.
    pub(super) fn new(shape: AudioShape) -> Result<Self, String> {
        let state = match shape {
            AudioShape::MuLaw => State::MuLaw,
            AudioShape::Pcm { rate_hz } => pcm(rate_hz, 1, None)?,
            AudioShape::Wav => State::Header(Vec::new()),
        };
        Ok(Self { state, half: None, samples: Vec::new() })
    }

    /// Appends what these bytes sound like.
    ///
    /// # Errors
    /// When they are no audio of the shape.
    pub(super) fn push(&mut self, bytes: &[u8], codes: &mut Vec<u8>) -> Result<(), String> {
        match &mut self.state {
            State::MuLaw => {
                codes.extend_from_slice(bytes);
                Ok(())
            }
            State::Header(head) => {
                head.extend_from_slice(bytes);
                let Some((state, begins)) = read_header(head)? else {
                    return if head.len() > LONGEST_HEADER {
                        Err("a WAV file without any audio".to_owned())
                    } else {
                        Ok(())
                    };
                };
                let rest = head.split_off(begins);
                self.state = state;
                self.push(&rest, codes)
            }
            State::Pcm { channels, converter, moment, left } => {
                let bytes = match left {
                    // What follows the audio are tags.
                    Some(left) => {
                        let taken = (*left).min(bytes.len());
                        *left -= taken;
                        &bytes[..taken]
                    }
                    None => bytes,
                };
                let mut mono = Vec::with_capacity(bytes.len() / 2 + 1);
                for &byte in bytes {
                    let Some(low) = self.half.take() else {
                        self.half = Some(byte);
                        continue;
                    };
                    moment.push(i16::from_le_bytes([low, byte]));
                    if moment.len() == *channels {
                        let sum: i32 = moment.iter().map(|&sample| i32::from(sample)).sum();
                        // The mean of 16-bit samples is one.
                        mono.push(i16::try_from(sum / moment.len() as i32).unwrap_or_default());
                        moment.clear();
                    }
                }
                self.samples.clear();
                converter.process(&mono, &mut self.samples);
                g711::encode_into(&self.samples, codes);
                Ok(())
            }
        }
    }

    /// Appends the rest.
    ///
    /// # Errors
    /// When the audio ended in the middle of something.
    pub(super) fn finish(self, codes: &mut Vec<u8>) -> Result<(), String> {
        match self.state {
            State::MuLaw => Ok(()),
            State::Header(_) => Err("cut off in its header".to_owned()),
            State::Pcm { left: Some(left), .. } if left > 0 => {
                Err(format!("cut off {left} bytes before its end"))
            }
            State::Pcm { .. } if self.half.is_some() => Err("cut off in the middle of a sample".to_owned()),
            State::Pcm { moment, .. } if !moment.is_empty() => Err("cut off between two channels".to_owned()),
            State::Pcm { converter, .. } => {
                let mut samples = Vec::new();
                converter.finish(&mut samples);
                g711::encode_into(&samples, codes);
                Ok(())
            }
        }
    }
}

fn pcm(rate_hz: u32, channels: usize, left: Option<usize>) -> Result<State, String> {
    let converter = ToTelephone::new(rate_hz).map_err(|error| error.to_string())?;
    Ok(State::Pcm { channels, converter, moment: Vec::new(), left })
}

/// What a WAV header says, and where the audio begins; `None` while it is not complete.
fn read_header(head: &[u8]) -> Result<Option<(State, usize)>, String> {
    if head.len() < 12 {
        return Ok(None);
    }
    if &head[..4] != b"RIFF" || &head[8..12] != b"WAVE" {
        return Err("it is no WAV file".to_owned());
    }
    let (mut at, mut format) = (12, None);
    while let Some(chunk) = head.get(at..at + 8) {
        let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        let begins = at + 8;
        match &chunk[..4] {
            b"fmt " => {
                let Some(fields) = head.get(begins..begins + 16) else { return Ok(None) };
                let word = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
                let rate_hz = u32::from_le_bytes([fields[4], fields[5], fields[6], fields[7]]);
                let (tag, channels, bits) = (word(0), word(2), word(14));
                // 0xFFFE is the extensible form, which 16-bit samples may come in too.
                if !matches!(tag, 1 | 0xFFFE) || bits != 16 || !(1..=2).contains(&channels) {
                    return Err(format!("WAV of format {tag}, {channels} channels, {bits} bits"));
                }
                format = Some((rate_hz, usize::from(channels)));
            }
            b"data" => {
                let (rate_hz, channels) = format.ok_or("WAV without a format")?;
                // Whoever streams does not know the length, and says nothing or the most.
                let known = size != 0 && size < 0x7FFF_0000;
                let left = known.then_some(size as usize);
                return Ok(Some((pcm(rate_hz, channels, left)?, begins)));
            }
            _ => {}
        }
        at = begins + size as usize + (size % 2) as usize;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate_hz: u32, ms: u32, channels: usize) -> Vec<u8> {
        let count = rate_hz * ms / 1_000;
        let sample =
            |n: u32| (8_000.0 * (n as f32 * 440.0 * std::f32::consts::TAU / rate_hz as f32).sin()) as i16;
        (0..count).flat_map(|n| sample(n).to_le_bytes().repeat(channels)).collect()
    }

    fn decoded(shape: AudioShape, bytes: &[u8], piece: usize) -> Result<Vec<u8>, String> {
        let (mut decoder, mut codes) = (Decoder::new(shape)?, Vec::new());
        for piece in bytes.chunks(piece) {
            decoder.push(piece, &mut codes)?;
        }
        decoder.finish(&mut codes)?;
        Ok(codes)
    }

    fn wav(rate_hz: u32, channels: u16, data: &[u8], said: u32) -> Vec<u8> {
        let mut file = audio::wav::header(rate_hz, channels, said).to_vec();
        file.extend_from_slice(data);
        file
    }

    #[test]
    fn every_shape_becomes_the_same_telephone_audio_however_it_is_cut() {
        let pcm = tone(24_000, 500, 1);
        let expect = decoded(AudioShape::Pcm { rate_hz: 24_000 }, &pcm, pcm.len()).unwrap();
        assert_eq!(expect.len(), 4_000, "half a second");
        let length = u32::try_from(pcm.len()).unwrap();
        let mut tagged = wav(24_000, 1, &pcm, length);
        tagged.extend_from_slice(b"LIST\x04\0\0\0tags");
        let stereo = tone(24_000, 500, 2);
        for piece in [1, 7, 160, 4_096, 1 << 20] {
            for (shape, bytes) in [
                (AudioShape::Pcm { rate_hz: 24_000 }, pcm.clone()),
                (AudioShape::Wav, wav(24_000, 1, &pcm, length)),
                (AudioShape::Wav, wav(24_000, 1, &pcm, 0)),
                (AudioShape::Wav, wav(24_000, 1, &pcm, u32::MAX)),
                (AudioShape::Wav, tagged.clone()),
                (AudioShape::Wav, wav(24_000, 2, &stereo, length * 2)),
                (AudioShape::MuLaw, expect.clone()),
            ] {
                assert!(decoded(shape, &bytes, piece).unwrap() == expect, "{shape:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn audio_that_was_cut_off_is_told() {
        let pcm = tone(8_000, 100, 1);
        for (shape, bytes, expect) in [
            (AudioShape::Pcm { rate_hz: 8_000 }, pcm[..801].to_vec(), "middle of a sample"),
            (AudioShape::Wav, wav(8_000, 1, &pcm[..800], 1_600), "800 bytes before its end"),
            (AudioShape::Wav, wav(8_000, 1, &[], 100)[..20].to_vec(), "in its header"),
            (AudioShape::Wav, b"ID3\x04 no wav at all".to_vec(), "no WAV"),
            (AudioShape::Wav, wav(8_000, 2, &pcm[..802], 0), "between two channels"),
        ] {
            let error = decoded(shape, &bytes, 64).expect_err(expect);
            assert!(error.contains(expect), "{error}");
        }
        assert!(Decoder::new(AudioShape::Pcm { rate_hz: 1_000 }).is_err());
    }
}
