//! Events of a speech-to-speech endpoint, whatever they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use providers::openai::realtime::reading;

fuzz_target!(|frame: &str| {
    let _ = reading::read(frame, 1_800_000_000);
    let _ = reading::transcription_usage(frame);
});
