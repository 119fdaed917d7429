//! ITU-T G.711 mu-law, exact, by table.
//!
//! Decoding is one look-up in 256 entries; encoding one look-up in 16,384, because the law looks at the
//! upper 14 bits of a 16-bit sample only. Negative samples are folded by one's complement, as the ITU's
//! own software (G.191) does it.

/// The mu-law byte of silence (+0).
pub const SILENCE: u8 = 0xFF;

static DECODE: [i16; 256] = decode_table();
static ENCODE: [u8; 1 << 14] = encode_table();

/// The sample a mu-law byte stands for.
#[must_use]
#[inline]
pub fn decode(code: u8) -> i16 {
    DECODE[usize::from(code)]
}

/// The mu-law byte nearest to a sample.
#[must_use]
#[inline]
pub fn encode(sample: i16) -> u8 {
    ENCODE[usize::from((sample as u16) >> 2)]
}

/// Decodes `codes` to the end of `samples`.
pub fn decode_into(codes: &[u8], samples: &mut Vec<i16>) {
    samples.extend(codes.iter().map(|&code| decode(code)));
}

/// Encodes `samples` to the end of `codes`.
pub fn encode_into(samples: &[i16], codes: &mut Vec<u8>) {
    codes.extend(samples.iter().map(|&sample| encode(sample)));
}

/// Decodes into a slice of equal length; what is longer on either side is left alone.
pub fn decode_slice(codes: &[u8], samples: &mut [i16]) {
    for (sample, &code) in samples.iter_mut().zip(codes) {
        *sample = decode(code);
    }
}

const fn decode_table() -> [i16; 256] {
    let mut table = [0_i16; 256];
    let mut code = 0;
    while code < 256 {
        // All bits travel inverted on the line.
        let bits = !(code as u8);
        let exponent = (bits >> 4) & 0x07;
        let mantissa = (bits & 0x0F) as i32;
        let magnitude = ((mantissa * 2 + 33) << exponent) - 33;
        // 14-bit values of the law, scaled to 16 bits.
        let sample = (magnitude * 4) as i16;
        table[code] = if bits & 0x80 == 0 { sample } else { -sample };
        code += 1;
    }
    table
}

const fn encode_table() -> [u8; 1 << 14] {
    let mut table = [0_u8; 1 << 14];
    let mut index = 0;
    while index < 1 << 14 {
        let value = index;
        let negative = value >= 1 << 13;
        // The index is the sample's upper 14 bits; the one's complement of a negative sample's index,
        // within 14 bits, is the index of its mirror image.
        let magnitude = if negative { (1 << 14) - 1 - value } else { value };
        let biased = if magnitude + 33 > 0x1FFF { 0x1FFF } else { magnitude + 33 };
        // The segment is where the highest set bit stands: 5 for the lowest segment.
        let exponent = 31 - 5 - (biased as u32).leading_zeros();
        let mantissa = ((biased >> (exponent + 1)) & 0x0F) as u8;
        let bits = ((exponent as u8) << 4) | mantissa | if negative { 0x80 } else { 0 };
        table[index as usize] = !bits;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 table 2a as arithmetic, on 14-bit magnitudes: 8 segments of 16 steps (the first of the
    /// lowest segment half as wide), each interval answered by its middle.
    fn intervals() -> Vec<(i32, i32, i32)> {
        let mut intervals = vec![(0, 1, 0)];
        let mut lower = 1;
        for segment in 0..8 {
            let width = 2 << segment;
            for _ in if segment == 0 { 1..16 } else { 0..16 } {
                intervals.push((lower, lower + width, lower + width / 2));
                lower += width;
            }
        }
        intervals
    }

    #[test]
    fn every_code_decodes_to_the_middle_of_its_interval() {
        let intervals = intervals();
        assert_eq!(intervals.len(), 128);
        assert_eq!(intervals[127].2, 8031, "the law's largest value");
        for (number, &(_, _, middle)) in intervals.iter().enumerate() {
            let positive = !(number as u8);
            assert_eq!(i32::from(decode(positive)), middle * 4);
            assert_eq!(i32::from(decode(positive & 0x7F)), -middle * 4);
        }
        assert_eq!((decode(0x00), decode(0x80), decode(SILENCE)), (-32_124, 32_124, 0));
    }

    #[test]
    fn every_sample_encodes_to_the_interval_it_lies_in() {
        let intervals = intervals();
        for sample in i16::MIN..=i16::MAX {
            let folded = if sample < 0 { !sample } else { sample };
            let magnitude = i32::from(folded >> 2);
            let number = intervals
                .iter()
                .position(|&(lower, upper, _)| (lower..upper).contains(&magnitude))
                .unwrap_or(127);
            let bits = number as u8 | if sample < 0 { 0x80 } else { 0 };
            assert_eq!(encode(sample), !bits, "sample {sample}");
        }
    }

    #[test]
    fn a_decoded_code_encodes_to_itself() {
        for code in 0..=255 {
            // The two zeros are one sample; it is sent as the positive one.
            let expected = if code == 0x7F { SILENCE } else { code };
            assert_eq!(encode(decode(code)), expected);
        }
    }

    #[test]
    fn slices_and_vectors_agree_with_single_samples() {
        let codes: Vec<u8> = (0..=255).collect();
        let mut samples = Vec::new();
        decode_into(&codes, &mut samples);
        let mut slice = [0; 256];
        decode_slice(&codes, &mut slice);
        assert_eq!(samples, slice);
        let mut again = Vec::new();
        encode_into(&samples, &mut again);
        assert_eq!(again.len(), 256);
        assert_eq!(again[0], codes[0]);
    }
}
