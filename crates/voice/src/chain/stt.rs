//! Several transcribers as one.
//!
//! The audio of the utterance in progress is kept, so that when a link fails in the middle the next one
//! hears the utterance from its beginning (from its last 20 seconds when it is longer).

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use audio::g711;
use futures_util::FutureExt as _;
use provider_traits::descriptor::{Descriptor, ProviderNotice, Readiness};
use provider_traits::error::ProviderError;
use provider_traits::stt::{SpeechToText, SttConfig, SttInput, SttOutput, SttStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{ChainSettings, Link, NOBODY, candidates, notify};

/// Inputs waiting for the chain: 1.3 s of audio. A sender that finds it full has a stuck machine.
const WAITING_INPUTS: usize = 64;
/// Results waiting for the session, which reads all the time.
const WAITING_RESULTS: usize = 32;
/// Audio kept for the next link: 20 s as mu-law, 160 kB, only while somebody speaks.
const KEPT_BYTES: usize = 160_000;

/// An ordered list of speech-to-text providers.
pub struct SttChain {
    shared: Arc<Shared>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
}

struct Shared {
    links: Vec<Link<dyn SpeechToText>>,
    settings: ChainSettings,
    tasks: TaskTracker,
}

impl SttChain {
    /// A chain of `providers`, the preferred one first. Open streams are tracked by `tasks`.
    #[must_use]
    pub fn new(providers: Vec<Arc<dyn SpeechToText>>, settings: ChainSettings, tasks: TaskTracker) -> Self {
        let links = providers.into_iter().map(Link::new).collect();
        Self { shared: Arc::new(Shared { links, settings, tasks }), notices: None }
    }
}

impl Shared {
    fn candidates(&self) -> Vec<usize> {
        candidates(&self.links, |link| link.is_ready(link.provider.descriptor(), &link.provider.readiness()))
    }

    fn id(&self, index: usize) -> &'static str {
        self.links[index].provider.descriptor().id
    }

    /// Opens the first link of `order` that can be; the links that could not are taken off.
    async fn open(
        &self,
        order: &mut VecDeque<usize>,
        config: &SttConfig,
        notices: Option<&mpsc::Sender<ProviderNotice>>,
    ) -> Result<(usize, SttStream), ProviderError> {
        let mut last_error =
            ProviderError::Unavailable { provider: NOBODY.id, reason: "no transcriber is ready".into() };
        while let Some(index) = order.pop_front() {
            let link = &self.links[index];
            link.begin(&self.settings);
            let patience = if order.is_empty() { self.settings.last_link } else { self.settings.open };
            let opening = AssertUnwindSafe(link.provider.open(config)).catch_unwind();
            let error = match tokio::time::timeout(patience, opening).await {
                Ok(Ok(Ok(stream))) => return Ok((index, stream)),
                Ok(Ok(Err(error))) => error,
                Ok(Err(_panic)) => ProviderError::Unavailable {
                    provider: self.id(index),
                    reason: "it died of a defect".into(),
                },
                Err(_late) => ProviderError::Timeout {
                    provider: self.id(index),
                    waited_ms: patience.as_millis() as u64,
                },
            };
            link.failed(&self.settings);
            self.tell(index, &error, order.front().copied(), notices);
            last_error = error;
        }
        Err(last_error)
    }

    fn tell(
        &self,
        failed: usize,
        error: &ProviderError,
        next: Option<usize>,
        notices: Option<&mpsc::Sender<ProviderNotice>>,
    ) {
        let failed = self.id(failed);
        match next {
            Some(next) => {
                let next = self.id(next);
                notify(
                    notices,
                    "stt_failed_over",
                    format!("transcriber {failed} failed ({error}); {next} goes on"),
                );
            }
            None => {
                notify(
                    notices,
                    "stt_exhausted",
                    format!("transcriber {failed} failed ({error}); there is no other"),
                );
            }
        }
    }
}

#[async_trait]
impl SpeechToText for SttChain {
    fn descriptor(&self) -> &'static Descriptor {
        let first = self.shared.candidates().first().copied();
        first.map_or(&NOBODY, |index| self.shared.links[index].provider.descriptor())
    }

    fn readiness(&self) -> Readiness {
        let all: Vec<Readiness> = self.shared.links.iter().map(|link| link.provider.readiness()).collect();
        super::readiness_of(&all, "a transcriber (speech to text)")
    }

    async fn prepare(&self, config: &SttConfig) -> Result<(), ProviderError> {
        let mut last_error = None;
        let mut any = false;
        for index in self.shared.candidates() {
            match self.shared.links[index].provider.prepare(config).await {
                Ok(()) => any = true,
                Err(error) => last_error = Some(error),
            }
        }
        match last_error {
            Some(error) if !any => Err(error),
            _ => Ok(()),
        }
    }

    fn for_call(&self, notices: &mpsc::Sender<ProviderNotice>) -> Option<Arc<dyn SpeechToText>> {
        Some(Arc::new(Self { shared: Arc::clone(&self.shared), notices: Some(notices.clone()) }))
    }

    async fn open(&self, config: &SttConfig) -> Result<SttStream, ProviderError> {
        let mut order: VecDeque<usize> = self.shared.candidates().into();
        let (index, stream) = self.shared.open(&mut order, config, self.notices.as_ref()).await?;
        let (input, inputs) = mpsc::channel(WAITING_INPUTS);
        let (results, output) = mpsc::channel(WAITING_RESULTS);
        let relay = Relay {
            shared: Arc::clone(&self.shared),
            notices: self.notices.clone(),
            config: config.clone(),
            order,
            index,
            stream,
            results,
            utterance: None,
            finals_due: VecDeque::new(),
            sync_due: None,
        };
        self.shared.tasks.spawn(relay.run(inputs));
        Ok(SttStream { input, output })
    }
}

/// One call's stream through the chain.
struct Relay {
    shared: Arc<Shared>,
    notices: Option<mpsc::Sender<ProviderNotice>>,
    config: SttConfig,
    /// Links not tried yet.
    order: VecDeque<usize>,
    index: usize,
    stream: SttStream,
    results: mpsc::Sender<SttOutput>,
    utterance: Option<Utterance>,
    /// Utterances whose end was told, the oldest first, with what they sounded like.
    finals_due: VecDeque<Due>,
    /// The latest question of a call in lockstep that was not answered yet.
    sync_due: Option<u32>,
}

/// What was said so far, kept for the next link.
struct Utterance {
    number: u32,
    /// Mu-law: half the bytes, and telephone audio loses nothing by it.
    codes: VecDeque<u8>,
    partial: String,
}

struct Due {
    utterance: Utterance,
    by: Instant,
}

/// Utterances whose transcript may be due at once; beyond that the provider is stuck.
const MOST_DUE: usize = 4;

impl Relay {
    async fn run(mut self, mut inputs: mpsc::Receiver<SttInput>) {
        loop {
            let due = self.finals_due.front().map(|due| due.by);
            let outcome = tokio::select! {
                biased;
                output = self.stream.output.recv() => match output {
                    Some(output) => self.pass_on(output).await,
                    None => Err(self.unavailable("it closed the stream")),
                },
                input = inputs.recv() => match input {
                    Some(input) => self.feed(input).await,
                    None => return,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    Err(ProviderError::Timeout {
                        provider: self.shared.id(self.index),
                        waited_ms: self.patience(self.shared.settings.first_result).as_millis() as u64,
                    })
                }
            };
            if self.results.is_closed() {
                return;
            }
            if let Err(error) = outcome
                && let Err(error) = self.fail_over(error).await
            {
                // The session is told once; it has its own way to go on.
                let _gone = self.results.send(SttOutput::Failed(error)).await;
                return;
            }
        }
    }

    fn patience(&self, usual: Duration) -> Duration {
        if self.order.is_empty() { self.shared.settings.last_link } else { usual }
    }

    fn unavailable(&self, reason: &str) -> ProviderError {
        ProviderError::Unavailable { provider: self.shared.id(self.index), reason: reason.into() }
    }

    async fn pass_on(&mut self, output: SttOutput) -> Result<(), ProviderError> {
        match &output {
            SttOutput::Failed(error) => return Err(error.clone()),
            SttOutput::Partial { utterance, text } => {
                let open =
                    self.utterance.iter_mut().chain(self.finals_due.iter_mut().map(|due| &mut due.utterance));
                for kept in open.filter(|kept| kept.number == *utterance) {
                    kept.partial.clone_from(text);
                }
            }
            SttOutput::Final { utterance, .. } => {
                // A transcript that nobody waits for (after a cancel, or twice) must not go further.
                let Some(place) = self.finals_due.iter().position(|due| due.utterance.number == *utterance)
                else {
                    return Ok(());
                };
                self.finals_due.drain(..=place);
                self.shared.links[self.index].worked();
            }
            SttOutput::Synced { id } => {
                if self.sync_due == Some(*id) {
                    self.sync_due = None;
                }
            }
        }
        // The session reads all the time; when it is gone the loop notices.
        let _gone = self.results.send(output).await;
        Ok(())
    }

    async fn feed(&mut self, input: SttInput) -> Result<(), ProviderError> {
        match &input {
            SttInput::Start { utterance } => {
                self.utterance =
                    Some(Utterance { number: *utterance, codes: VecDeque::new(), partial: String::new() });
            }
            SttInput::Audio(samples) => {
                if let Some(utterance) = &mut self.utterance {
                    utterance.keep(samples);
                }
            }
            SttInput::End => {
                if let Some(utterance) = self.utterance.take() {
                    let by = Instant::now() + self.patience(self.shared.settings.first_result);
                    self.finals_due.push_back(Due { utterance, by });
                }
                if self.finals_due.len() > MOST_DUE {
                    return Err(self.unavailable("it owes too many transcripts"));
                }
            }
            SttInput::Cancel => self.utterance = None,
            SttInput::Sync { id } => self.sync_due = Some(*id),
        }
        self.give(input).await
    }

    /// Gives the link something, reading its results meanwhile, so that neither side waits for the other.
    async fn give(&mut self, input: SttInput) -> Result<(), ProviderError> {
        let deadline = Instant::now() + self.patience(self.shared.settings.stall);
        let sender = self.stream.input.clone();
        loop {
            let output = tokio::select! {
                biased;
                permit = sender.reserve() => {
                    let permit = permit.map_err(|_closed| self.unavailable("it closed the stream"))?;
                    permit.send(input);
                    return Ok(());
                }
                output = self.stream.output.recv() => output,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(self.unavailable("it does not keep up"));
                }
            };
            match output {
                Some(output) => self.pass_on(output).await?,
                None => return Err(self.unavailable("it closed the stream")),
            }
        }
    }

    /// Opens the next link and tells it everything that is still owed.
    async fn fail_over(&mut self, mut error: ProviderError) -> Result<(), ProviderError> {
        loop {
            let failed = self.index;
            self.shared.links[failed].failed(&self.shared.settings);
            self.shared.tell(failed, &error, self.order.front().copied(), self.notices.as_ref());
            match self.shared.open(&mut self.order, &self.config, self.notices.as_ref()).await {
                Ok((index, stream)) => (self.index, self.stream) = (index, stream),
                Err(error) => return Err(self.give_up(error).await),
            }
            match self.tell_again().await {
                Ok(()) => return Ok(()),
                Err(again) => error = again,
            }
        }
    }

    async fn tell_again(&mut self) -> Result<(), ProviderError> {
        let owed = std::mem::take(&mut self.finals_due);
        let open = self.utterance.take();
        let mut told = Ok(());
        for due in owed {
            if told.is_ok() {
                told = self.replay(&due.utterance).await;
            }
            if told.is_ok() {
                told = self.give(SttInput::End).await;
            }
            // Kept in any case: yet another link may have to hear it.
            let by = Instant::now() + self.patience(self.shared.settings.first_result);
            self.finals_due.push_back(Due { utterance: due.utterance, by });
        }
        if let Some(utterance) = open {
            if told.is_ok() {
                told = self.replay(&utterance).await;
            }
            self.utterance = Some(utterance);
        }
        if let Some(id) = self.sync_due
            && told.is_ok()
        {
            told = self.give(SttInput::Sync { id }).await;
        }
        told
    }

    async fn replay(&mut self, utterance: &Utterance) -> Result<(), ProviderError> {
        self.give(SttInput::Start { utterance: utterance.number }).await?;
        let (older, newer) = utterance.codes.as_slices();
        for codes in older.chunks(1_600).chain(newer.chunks(1_600)) {
            let mut samples = Vec::with_capacity(codes.len());
            g711::decode_into(codes, &mut samples);
            self.give(SttInput::Audio(samples)).await?;
        }
        Ok(())
    }

    /// Nobody is left: what was understood so far is all there is.
    async fn give_up(&mut self, error: ProviderError) -> ProviderError {
        for due in std::mem::take(&mut self.finals_due) {
            let Utterance { number, partial, .. } = due.utterance;
            let last = SttOutput::Final { utterance: number, text: partial, confidence: None };
            // The session is gone: the loop ends anyway.
            let _gone = self.results.send(last).await;
        }
        error
    }
}

impl Utterance {
    fn keep(&mut self, samples: &[i16]) {
        let over = (self.codes.len() + samples.len()).saturating_sub(KEPT_BYTES).min(self.codes.len());
        self.codes.drain(..over);
        self.codes.extend(samples.iter().map(|&sample| g711::encode(sample)));
    }
}
