//! The transcription stream of a session: opened at once, fed without waiting, opened again when lost.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use tokio::time::Instant;

/// Inputs that wait for a stream that is being opened, or is slow: 10 s of audio, 160 kB.
const MOST_WAITING: usize = 500;
/// The first pause before a lost stream is opened again; doubled each time.
const RETRY_AFTER: Duration = Duration::from_millis(500);

enum Stream {
    Opening(BoxFuture<'static, Result<SttStream, String>>),
    Open(SttStream),
    Down { retry_at: Instant },
}

/// What came of listening.
#[derive(Debug)]
pub(super) enum Ears {
    /// Something was understood.
    Output(SttOutput),
    /// The stream is lost; what was owed will not come.
    Lost {
        /// What was seen.
        reason: String,
    },
    /// Nothing to tell; the stream made progress.
    Progress,
}

pub(super) struct Listening {
    stt: Arc<dyn SpeechToText>,
    config: SttConfig,
    stream: Stream,
    waiting: VecDeque<SttInput>,
    losses_in_a_row: u32,
    overrun: bool,
    lockstep: bool,
    /// In lockstep: whether the moment is to be told when the stream has taken everything.
    tells_when_taken: bool,
}

impl Listening {
    pub(super) fn new(stt: Arc<dyn SpeechToText>, config: SttConfig, lockstep: bool) -> Self {
        let stream = open(&stt, &config);
        Self {
            stt,
            config,
            stream,
            waiting: VecDeque::new(),
            losses_in_a_row: 0,
            overrun: false,
            lockstep,
            tells_when_taken: false,
        }
    }

    /// Feeds the stream; never waits.
    pub(super) fn feed(&mut self, input: SttInput) {
        self.tells_when_taken = self.lockstep;
        let input = match &self.stream {
            Stream::Open(stream) if self.waiting.is_empty() => match stream.input.try_send(input) {
                Ok(()) => return,
                // Full or gone; `next` finds out which.
                Err(error) => error.into_inner(),
            },
            _ => input,
        };
        if self.waiting.len() >= MOST_WAITING {
            self.overrun = true;
        } else {
            self.waiting.push_back(input);
        }
    }

    /// Whether everything was handed to an open stream.
    pub(super) fn is_settled(&self) -> bool {
        match &self.stream {
            Stream::Open(stream) => {
                self.waiting.is_empty() && stream.input.capacity() == stream.input.max_capacity()
            }
            Stream::Opening(_) => false,
            Stream::Down { .. } => true,
        }
    }

    /// The next thing that happens; may be dropped and called again.
    pub(super) async fn next(&mut self) -> Ears {
        if self.overrun {
            return self.lose("it does not keep up with the caller".into());
        }
        match &mut self.stream {
            Stream::Opening(opening) => match opening.await {
                Ok(stream) => {
                    self.stream = Stream::Open(stream);
                    Ears::Progress
                }
                Err(reason) => self.lose(reason),
            },
            Stream::Down { retry_at } => {
                tokio::time::sleep_until(*retry_at).await;
                self.stream = open(&self.stt, &self.config);
                Ears::Progress
            }
            Stream::Open(stream) => {
                let all = stream.input.max_capacity();
                let step = tokio::select! {
                    biased;
                    output = stream.output.recv() => match output {
                        Some(SttOutput::Failed(error)) => Err(error.to_string()),
                        Some(output) => Ok(Some(output)),
                        None => Err("it closed the stream".to_owned()),
                    },
                    permit = stream.input.reserve(), if !self.waiting.is_empty() => match permit {
                        Ok(permit) => {
                            if let Some(input) = self.waiting.pop_front() {
                                permit.send(input);
                            }
                            Ok(None)
                        }
                        Err(_closed) => Err("it closed the stream".to_owned()),
                    },
                    taken = stream.input.reserve_many(all), if self.tells_when_taken && self.waiting.is_empty() => {
                        self.tells_when_taken = false;
                        taken.map(|_permits| None).map_err(|_closed| "it closed the stream".to_owned())
                    }
                };
                match step {
                    Ok(Some(output)) => {
                        self.losses_in_a_row = 0;
                        Ears::Output(output)
                    }
                    Ok(None) => Ears::Progress,
                    Err(reason) => self.lose(reason),
                }
            }
        }
    }

    fn lose(&mut self, reason: String) -> Ears {
        self.waiting.clear();
        self.overrun = false;
        let pause = RETRY_AFTER * (1 << self.losses_in_a_row.min(4));
        self.losses_in_a_row += 1;
        self.stream = Stream::Down { retry_at: Instant::now() + pause };
        Ears::Lost { reason }
    }
}

fn open(stt: &Arc<dyn SpeechToText>, config: &SttConfig) -> Stream {
    let (stt, config) = (Arc::clone(stt), config.clone());
    // A provider's panic must not take the call along.
    let opening = AssertUnwindSafe(async move { stt.open(&config).await }).catch_unwind();
    Stream::Opening(
        async move {
            match opening.await {
                Ok(opened) => opened.map_err(|error: ProviderError| error.to_string()),
                Err(_panic) => Err("it died of a defect".into()),
            }
        }
        .boxed(),
    )
}
