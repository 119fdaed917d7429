//! One decoder on a thread of its own: it serves a call's stream, then waits for the next call.

use std::sync::Arc;

use audio::resample::Upsample2;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SttInput, SttOutput};
use tokio::sync::mpsc;

use super::confidence::judge;
use super::ffi::{Decoder, FfiError};
use super::provider::ID;

/// Samples at 8 kHz after which new words are reported: 200 ms.
const PARTIAL_EVERY: usize = 1_600;

/// The stream of one call.
pub(super) struct Job {
    pub(super) input: mpsc::Receiver<SttInput>,
    pub(super) output: mpsc::Sender<SttOutput>,
}

/// Recognises a call's utterances until its stream ends.
pub(super) fn serve(decoder: &mut Decoder, mut job: Job) -> Result<(), FfiError> {
    let result = recognise(decoder, &mut job);
    if let Err(error) = &result {
        let error = ProviderError::Unavailable { provider: ID, reason: error.to_string() };
        // A reader that is gone has no use for the reason.
        let _ = job.output.blocking_send(SttOutput::Failed(error));
    }
    result
}

fn recognise(decoder: &mut Decoder, job: &mut Job) -> Result<(), FfiError> {
    let mut current = None;
    while let Some(input) = job.input.blocking_recv() {
        match input {
            SttInput::Start { utterance } => {
                decoder.start()?;
                current = Some(Utterance::new(utterance));
            }
            SttInput::Audio(samples) => {
                if let Some(utterance) = &mut current {
                    utterance.hear(decoder, &samples, &job.output)?;
                }
            }
            SttInput::End => {
                let Some(utterance) = current.take() else { continue };
                decoder.end()?;
                let judged = judge(decoder.words(), &decoder.segments());
                let answer = SttOutput::Final {
                    utterance: utterance.number,
                    text: judged.text,
                    confidence: Some(judged.confidence),
                };
                if job.output.blocking_send(answer).is_err() {
                    break;
                }
            }
            SttInput::Cancel => {
                current = None;
                decoder.end()?;
            }
            SttInput::Sync { id } => {
                if job.output.blocking_send(SttOutput::Synced { id }).is_err() {
                    break;
                }
            }
        }
    }
    decoder.end()
}

/// The utterance being heard.
struct Utterance {
    number: u32,
    upsample: Upsample2,
    samples_16k: Vec<i16>,
    since_partial: usize,
    last_partial: String,
}

impl Utterance {
    fn new(number: u32) -> Self {
        Self {
            number,
            upsample: Upsample2::new(),
            samples_16k: Vec::new(),
            since_partial: 0,
            last_partial: String::new(),
        }
    }

    fn hear(
        &mut self,
        decoder: &mut Decoder,
        samples: &[i16],
        output: &mpsc::Sender<SttOutput>,
    ) -> Result<(), FfiError> {
        self.samples_16k.clear();
        self.upsample.process(samples, &mut self.samples_16k);
        decoder.feed(&self.samples_16k)?;
        self.since_partial += samples.len();
        if self.since_partial < PARTIAL_EVERY {
            return Ok(());
        }
        self.since_partial = 0;
        let text = decoder.words();
        if text != self.last_partial {
            self.last_partial.clone_from(&text);
            // A partial that finds no room is superseded by the next.
            let _ = output.try_send(SttOutput::Partial { utterance: self.number, text });
        }
        Ok(())
    }
}

/// Gets a decoder used to the sound of a telephone: its running means start from the model's studio speech, and
/// the first utterance of a call would suffer (measured: 3 to 5 of 6 sentences right instead of 6).
pub(super) fn warm_up(decoder: &mut Decoder, sentences: &Arc<[Vec<i16>]>) -> Result<(), FfiError> {
    let mut samples_16k = Vec::new();
    for sentence in sentences.iter() {
        samples_16k.clear();
        Upsample2::new().process(sentence, &mut samples_16k);
        decoder.start()?;
        decoder.feed(&samples_16k)?;
        decoder.end()?;
    }
    Ok(())
}
