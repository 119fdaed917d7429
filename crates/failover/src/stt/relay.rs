//! One call's stream through a chain of transcribers.

use std::collections::VecDeque;
use std::time::Duration;

use audio::g711;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SttConfig, SttInput, SttOutput, SttStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{SttChain, TOLD};
use crate::Meter;
use crate::race::Won;

/// Audio kept for the next link: 20 s as mu-law, 160 kB, only while somebody speaks.
const KEPT_BYTES: usize = 160_000;

/// One call's stream through the chain.
pub(super) struct Relay {
    chain: SttChain,
    config: SttConfig,
    /// Links not tried yet.
    order: VecDeque<usize>,
    link: Won<SttStream>,
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
    /// Samples that were heard of it, those that are not kept any more included.
    samples: u64,
    partial: String,
}

impl Utterance {
    fn new(number: u32) -> Self {
        Self { number, codes: VecDeque::new(), samples: 0, partial: String::new() }
    }

    fn length_ms(&self) -> u64 {
        self.samples / 8
    }
}

struct Due {
    utterance: Utterance,
    since: Instant,
    by: Instant,
}

/// Utterances whose transcript may be due at once; beyond that the provider is stuck.
const MOST_DUE: usize = 4;

impl Relay {
    pub(super) fn new(
        chain: SttChain,
        config: SttConfig,
        order: VecDeque<usize>,
        link: Won<SttStream>,
        results: mpsc::Sender<SttOutput>,
    ) -> Self {
        Self {
            chain,
            config,
            order,
            link,
            results,
            utterance: None,
            finals_due: VecDeque::new(),
            sync_due: None,
        }
    }

    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<SttInput>) {
        loop {
            let due = self.finals_due.front().map(|due| due.by);
            let outcome = tokio::select! {
                biased;
                output = self.link.result.output.recv() => match output {
                    Some(output) => self.pass_on(output).await,
                    None => Err(self.unavailable("it closed the stream")),
                },
                input = inputs.recv() => match input {
                    Some(input) => self.feed(input).await,
                    None => return,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    Err(ProviderError::Timeout {
                        provider: self.id(self.link.index),
                        waited_ms: self.patience(self.chain.shared.settings.first_result).as_millis() as u64,
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

    fn id(&self, index: usize) -> &'static str {
        self.chain.shared.links[index].descriptor.id
    }

    fn patience(&self, usual: Duration) -> Duration {
        let shared = &self.chain.shared;
        let is_local = shared.links[self.link.index].is_local();
        shared.settings.patience(usual, self.order.is_empty(), is_local)
    }

    fn unavailable(&self, reason: &str) -> ProviderError {
        ProviderError::Unavailable { provider: self.id(self.link.index), reason: reason.into() }
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
                if let Some(due) = self.finals_due.drain(..=place).next_back() {
                    self.link.attempt.answered_after(due.since.elapsed());
                }
                self.link.attempt.worked();
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
                self.utterance = Some(Utterance::new(*utterance));
            }
            SttInput::Audio(samples) => {
                if let Some(utterance) = &mut self.utterance {
                    utterance.keep(samples);
                }
            }
            SttInput::End => {
                if let Some(utterance) = self.utterance.take() {
                    self.meter(utterance.length_ms());
                    self.owe(utterance);
                }
                if self.finals_due.len() > MOST_DUE {
                    return Err(self.unavailable("it owes too many transcripts"));
                }
            }
            SttInput::Cancel => {
                // It was heard, whether anybody wants to know the words or not.
                if let Some(utterance) = self.utterance.take() {
                    self.meter(utterance.length_ms());
                }
            }
            SttInput::Sync { id } => self.sync_due = Some(*id),
        }
        self.give(input).await
    }

    /// Notes what the link is paid for: the audio that it was sent.
    fn meter(&self, ms: u64) {
        let link = &self.chain.shared.links[self.link.index];
        let (model, notices) = (link.provider.model(), self.chain.notices.as_ref());
        Meter { descriptor: link.descriptor, model, notices }.transcribed(ms);
    }

    fn owe(&mut self, utterance: Utterance) {
        let since = Instant::now();
        let by = since + self.patience(self.chain.shared.settings.first_result);
        self.finals_due.push_back(Due { utterance, since, by });
    }

    /// Gives the link something, reading its results meanwhile, so that neither side waits for the other.
    async fn give(&mut self, input: SttInput) -> Result<(), ProviderError> {
        let deadline = Instant::now() + self.patience(self.chain.shared.settings.stall);
        let sender = self.link.result.input.clone();
        loop {
            let output = tokio::select! {
                biased;
                permit = sender.reserve() => {
                    let permit = permit.map_err(|_closed| self.unavailable("it closed the stream"))?;
                    permit.send(input);
                    return Ok(());
                }
                output = self.link.result.output.recv() => output,
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
            self.link.attempt.failed(&error);
            let links = &self.chain.shared.links;
            let next = self.order.front().map(|&next| links[next].descriptor);
            TOLD.tell(links[self.link.index].descriptor, &error, next, self.chain.notices.as_ref());
            if next.is_none() {
                return Err(self.give_up(error).await);
            }
            match self.chain.open_first(&mut self.order, &self.config).await {
                Ok(link) => self.link = link,
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
                // An utterance that is still spoken is metered at its end.
                self.meter(due.utterance.codes.len() as u64 / 8);
            }
            // Kept in any case: yet another link may have to hear it.
            self.owe(due.utterance);
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
        self.samples += samples.len() as u64;
        let over = (self.codes.len() + samples.len()).saturating_sub(KEPT_BYTES).min(self.codes.len());
        self.codes.drain(..over);
        self.codes.extend(samples.iter().map(|&sample| g711::encode(sample)));
    }
}
