//! The person's ears: when the agent speaks, and what it says.

use std::sync::Arc;

use audio::g711;
use domain::call_plan::Vocabulary;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::voice::is_audible;
use crate::line::{FRAME_MS, Frame};

/// Pauses inside an utterance are shorter than this.
const UTTERANCE_PAUSE_MS: u64 = 560;
/// Shorter sounds are no utterance.
const LEAST_UTTERANCE_MS: u64 = 80;
/// Silence given to the transcriber around an utterance.
const MARGIN_SAMPLES: usize = 2_400;
/// An utterance is cut here, whatever follows.
const LONGEST_UTTERANCE_MS: u64 = 30_000;
/// Pauses shorter than this don't interrupt "the agent is speaking".
const SPEAKING_PAUSE_MS: u64 = 400;

/// Something the agent said, as heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// First sound, media time.
    pub started_ms: u64,
    /// Last sound.
    pub ended_ms: u64,
    /// The words.
    pub text: String,
}

/// Listens to one call.
pub struct Ear {
    speaking_since: Option<u64>,
    last_sound_ms: Option<u64>,
    utterance: Option<Utterance>,
    transcriber: Option<Transcriber>,
    pending: u32,
    /// What was transcribed so far, in order.
    heard: Vec<Heard>,
    failure: Option<String>,
}

struct Utterance {
    started_ms: u64,
    ended_ms: u64,
    voiced_ms: u64,
    samples: Vec<i16>,
}

struct Transcriber {
    jobs: mpsc::Sender<Utterance>,
    done: mpsc::Receiver<Result<Heard, ProviderError>>,
    _tasks: TaskTracker,
}

impl Ear {
    /// An ear that hears sounds but no words.
    #[must_use]
    pub fn deaf_to_words() -> Self {
        Self {
            speaking_since: None,
            last_sound_ms: None,
            utterance: None,
            transcriber: None,
            pending: 0,
            heard: Vec::new(),
            failure: None,
        }
    }

    /// An ear that understands `vocabulary`.
    ///
    /// # Errors
    /// When the transcriber can't be opened.
    pub async fn with_words(stt: &dyn SpeechToText, vocabulary: Vocabulary) -> Result<Self, ProviderError> {
        let config = SttConfig { language: "en-US".to_owned(), vocabulary: Arc::new(vocabulary) };
        stt.prepare(&config).await?;
        let stream = stt.open(&config).await?;
        // An agent that says more than 64 utterances during the transcription of one is not understood:
        // the rest waits, and with it the call.
        let (jobs, todo) = mpsc::channel(64);
        let (results, done) = mpsc::channel(64);
        let tasks = TaskTracker::new();
        tasks.spawn(transcribe(stream, todo, results));
        tasks.close();
        Ok(Self { transcriber: Some(Transcriber { jobs, done, _tasks: tasks }), ..Self::deaf_to_words() })
    }

    /// Takes the frame heard in the 20 ms before `now_ms`.
    pub async fn hear(&mut self, frame: &Frame, now_ms: u64) {
        let mut samples = [0_i16; crate::line::FRAME_BYTES];
        g711::decode_slice(frame, &mut samples);
        let started_ms = now_ms.saturating_sub(FRAME_MS);
        let audible = is_audible(&samples);
        if audible {
            let pause = self.last_sound_ms.map(|last| started_ms - last.min(started_ms));
            if pause.is_none_or(|pause| pause > SPEAKING_PAUSE_MS) {
                self.speaking_since = Some(started_ms);
            }
            self.last_sound_ms = Some(now_ms);
            let utterance = self.utterance.get_or_insert_with(|| Utterance {
                started_ms,
                ended_ms: now_ms,
                voiced_ms: 0,
                samples: vec![0; MARGIN_SAMPLES],
            });
            utterance.ended_ms = now_ms;
            utterance.voiced_ms += FRAME_MS;
        }
        if let Some(utterance) = &mut self.utterance {
            utterance.samples.extend_from_slice(&samples);
            let pause = now_ms - utterance.ended_ms;
            if pause >= UTTERANCE_PAUSE_MS || now_ms - utterance.started_ms >= LONGEST_UTTERANCE_MS {
                self.finish_utterance().await;
            }
        }
        self.collect();
    }

    /// How long the agent has been speaking, as of `now_ms`; `None` while it is quiet.
    #[must_use]
    pub fn speaking_since(&self, now_ms: u64) -> Option<u64> {
        self.speaking_since.filter(|_| self.quiet_ms(now_ms) < SPEAKING_PAUSE_MS)
    }

    /// How long nothing was heard.
    #[must_use]
    pub fn quiet_ms(&self, now_ms: u64) -> u64 {
        now_ms - self.last_sound_ms.unwrap_or(0).min(now_ms)
    }

    /// When the last sound was heard.
    #[must_use]
    pub fn last_sound_ms(&self) -> Option<u64> {
        self.last_sound_ms
    }

    /// What was understood so far.
    #[must_use]
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// Whether words are still being worked out.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.pending > 0
    }

    /// Waits for one outstanding transcript.
    pub async fn catch_up_one(&mut self) {
        let Some(transcriber) = self.transcriber.as_mut().filter(|_| self.pending > 0) else { return };
        let result = transcriber.done.recv().await;
        self.take(result);
    }

    /// The call is over: all that was heard, and why words are missing, if they are.
    pub async fn finish(&mut self) -> (Vec<Heard>, Option<String>) {
        if self.utterance.is_some() {
            self.finish_utterance().await;
        }
        while self.pending > 0 {
            self.catch_up_one().await;
        }
        (std::mem::take(&mut self.heard), self.failure.take())
    }

    async fn finish_utterance(&mut self) {
        let Some(mut utterance) = self.utterance.take() else { return };
        let Some(transcriber) = &self.transcriber else { return };
        if utterance.voiced_ms < LEAST_UTTERANCE_MS {
            return;
        }
        utterance.samples.extend([0; MARGIN_SAMPLES]);
        if transcriber.jobs.send(utterance).await.is_ok() {
            self.pending += 1;
        }
    }

    fn collect(&mut self) {
        while let Some(transcriber) = self.transcriber.as_mut() {
            match transcriber.done.try_recv() {
                Ok(result) => self.take(Some(result)),
                Err(_) => break,
            }
        }
    }

    fn take(&mut self, result: Option<Result<Heard, ProviderError>>) {
        match result {
            Some(Ok(heard)) => {
                self.pending = self.pending.saturating_sub(1);
                self.heard.push(heard);
            }
            Some(Err(error)) => {
                self.failure = Some(error.to_string());
                self.pending = 0;
                self.transcriber = None;
            }
            None => {
                self.failure.get_or_insert_with(|| "the transcriber stopped".to_owned());
                self.pending = 0;
                self.transcriber = None;
            }
        }
    }
}

async fn transcribe(
    mut stream: SttStream,
    mut todo: mpsc::Receiver<Utterance>,
    results: mpsc::Sender<Result<Heard, ProviderError>>,
) {
    let mut number = 0;
    while let Some(job) = todo.recv().await {
        number += 1;
        let result = transcribe_one(&mut stream, number, job).await;
        let failed = !matches!(result, Some(Ok(_)));
        if let Some(result) = result
            && results.send(result).await.is_err()
        {
            return;
        }
        if failed {
            return;
        }
    }
}

/// `None` when the stream is gone without a word.
async fn transcribe_one(
    stream: &mut SttStream,
    utterance: u32,
    job: Utterance,
) -> Option<Result<Heard, ProviderError>> {
    let (started_ms, ended_ms) = (job.started_ms, job.ended_ms);
    let pieces = job.samples.chunks(1600).map(|piece| SttInput::Audio(piece.to_vec()));
    let inputs = std::iter::once(SttInput::Start { utterance }).chain(pieces).chain([SttInput::End]);
    for input in inputs {
        // Partial results are read in between, or a provider that waits for its reader would stand still.
        while let Ok(output) = stream.output.try_recv() {
            if let SttOutput::Failed(error) = output {
                return Some(Err(error));
            }
        }
        stream.input.send(input).await.ok()?;
    }
    loop {
        match stream.output.recv().await? {
            SttOutput::Final { utterance: number, text, .. } if number == utterance => {
                return Some(Ok(Heard { started_ms, ended_ms, text }));
            }
            SttOutput::Failed(error) => return Some(Err(error)),
            SttOutput::Final { .. } | SttOutput::Partial { .. } | SttOutput::Synced { .. } => {}
        }
    }
}
