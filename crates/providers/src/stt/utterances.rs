//! One call's stream towards an endpoint that takes whole utterances: each is kept while it is spoken and sent at its
//! end. The next may begin while the one before is still being transcribed.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use provider_traits::stt::{SttInput, SttOutput, SttStream};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::transcription_endpoint::{Asking, TranscriptionEndpoint};

/// Five seconds of frames.
const INPUT: usize = 256;
const OUTPUT: usize = 64;
/// Less than 100 ms is refused by the vendor, and is no word.
const LEAST_SAMPLES: usize = 800;
/// Two minutes, 2 MB: no utterance is longer, and what is before it is not worth the memory.
const MOST_SAMPLES: usize = 120 * 8_000;

/// Opens a stream; nothing is sent before the end of the first utterance.
pub(super) fn open(endpoint: TranscriptionEndpoint, asking: Asking, tasks: &TaskTracker) -> SttStream {
    let (input, from_call) = mpsc::channel(INPUT);
    let (to_call, output) = mpsc::channel(OUTPUT);
    tasks.spawn(serve(endpoint, asking, from_call, to_call));
    SttStream { input, output }
}

async fn serve(
    endpoint: TranscriptionEndpoint,
    asking: Asking,
    mut input: mpsc::Receiver<SttInput>,
    output: mpsc::Sender<SttOutput>,
) {
    let mut current: Option<(u32, Vec<i16>)> = None;
    let mut asked = FuturesOrdered::new();
    loop {
        let given = tokio::select! {
            given = input.recv() => given,
            Some(outcome) = asked.next(), if !asked.is_empty() => {
                let (told, broken) = match outcome {
                    Ok(told) => (told, false),
                    Err(error) => (SttOutput::Failed(error), true),
                };
                if output.send(told).await.is_err() || broken {
                    return;
                }
                continue;
            }
        };
        match given {
            // Dropping the requests closes them.
            None => return,
            Some(SttInput::Start { utterance }) => current = Some((utterance, Vec::new())),
            Some(SttInput::Audio(samples)) => {
                if let Some((_, kept)) = &mut current
                    && kept.len() < MOST_SAMPLES
                {
                    kept.extend_from_slice(&samples);
                }
            }
            Some(SttInput::Cancel) => current = None,
            Some(SttInput::End) => {
                let Some((utterance, samples)) = current.take() else { continue };
                let (endpoint, asking, partials) = (endpoint.clone(), asking.clone(), output.clone());
                asked.push_back(async move {
                    if samples.len() < LEAST_SAMPLES {
                        return Ok(SttOutput::Final { utterance, text: String::new(), confidence: None });
                    }
                    endpoint.transcribe(utterance, &samples, &asking, &partials).await
                });
            }
            Some(SttInput::Sync { id }) => {
                if output.send(SttOutput::Synced { id }).await.is_err() {
                    return;
                }
            }
        }
    }
}
