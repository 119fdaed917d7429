//! Any bytes as telephone audio and as a WAV file: nothing panics, and decoding then encoding is the identity.

#![no_main]

use audio::{frame, g711, resample, wav};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut samples = Vec::new();
    g711::decode_into(bytes, &mut samples);
    let mut codes = Vec::new();
    g711::encode_into(&samples, &mut codes);
    for (&code, &again) in bytes.iter().zip(&codes) {
        // The two zeros of the law are one sample.
        assert_eq!(if code == 0x7F { g711::SILENCE } else { code }, again);
    }
    let mut doubled = Vec::new();
    resample::Upsample2::new().process(&samples, &mut doubled);
    assert_eq!(doubled.len(), samples.len() * 2);
    assert!(frame::frames_for(samples.len()) * frame::FRAME_SAMPLES >= samples.len());
    if let Ok(file) = wav::parse(bytes) {
        let mono = file.mono();
        if let Ok(mut converter) = resample::ToTelephone::new(file.sample_rate_hz) {
            let mut telephone = Vec::new();
            converter.process(&mono, &mut telephone);
            converter.finish(&mut telephone);
        }
    }
});
