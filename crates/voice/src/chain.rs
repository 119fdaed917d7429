//! Chains: several providers of one capability that act as one, falling over when one fails.
//!
//! Order is preference. A link that failed rests for a while, then one request probes it; a link that is
//! not ready on this machine is passed over, with its remedy logged once. Every wait has a deadline. Only
//! the last link that is left gets more patience: there is nobody behind it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use provider_traits::descriptor::{Descriptor, Locality, ProviderNotice, Readiness};
use tokio::sync::mpsc;
use tokio::time::Instant;

pub mod stt;
pub mod tts;

/// The deadlines of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainSettings {
    /// Opening a stream, or a connection.
    pub open: Duration,
    /// From a sentence to its first audio; from the end of an utterance to its transcript.
    pub first_result: Duration,
    /// Between two pieces of audio, and for a provider to take what it is given.
    pub stall: Duration,
    /// What the last link is given instead of each of the above.
    pub last_link: Duration,
    /// How long a link rests after a failure; doubled with each failure in a row, eightfold at most.
    pub rest: Duration,
}

impl Default for ChainSettings {
    // Two deadlines in a row stay below the 1.5 s of silence that a failing provider may cost a caller.
    fn default() -> Self {
        Self {
            open: Duration::from_millis(700),
            first_result: Duration::from_millis(700),
            stall: Duration::from_millis(700),
            last_link: Duration::from_secs(6),
            rest: Duration::from_secs(10),
        }
    }
}

/// One provider of a chain, with what is remembered of it.
struct Link<P: ?Sized> {
    provider: std::sync::Arc<P>,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures_in_a_row: u32,
    rests_until: Option<Instant>,
    remedy_logged: bool,
}

impl<P: ?Sized> Link<P> {
    fn new(provider: std::sync::Arc<P>) -> Self {
        Self { provider, health: Mutex::default() }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_resting(&self, now: Instant) -> bool {
        self.health().rests_until.is_some_and(|until| now < until)
    }

    /// A link whose rest is over is probed by one request; until that succeeds others pass it over.
    fn begin(&self, settings: &ChainSettings) {
        let mut health = self.health();
        if health.rests_until.is_some() {
            health.rests_until = Some(Instant::now() + settings.rest);
        }
    }

    fn worked(&self) {
        let mut health = self.health();
        health.failures_in_a_row = 0;
        health.rests_until = None;
    }

    fn failed(&self, settings: &ChainSettings) {
        let mut health = self.health();
        let rest = settings.rest * (1 << health.failures_in_a_row.min(3));
        health.failures_in_a_row += 1;
        health.rests_until = Some(Instant::now() + rest);
    }

    /// Logs what is missing, the first time; whether the link is ready.
    fn is_ready(&self, descriptor: &Descriptor, readiness: &Readiness) -> bool {
        let Readiness::Missing { what, remedy } = readiness else {
            self.health().remedy_logged = false;
            return true;
        };
        let mut health = self.health();
        if !health.remedy_logged {
            health.remedy_logged = true;
            tracing::warn!(provider = descriptor.id, %what, %remedy, "a speech provider is passed over until what it needs is there");
        }
        false
    }
}

/// The links worth trying, in order: those that are well, or, when none is, those that rest.
fn candidates<P: ?Sized>(links: &[Link<P>], mut is_ready: impl FnMut(&Link<P>) -> bool) -> Vec<usize> {
    let now = Instant::now();
    let ready: Vec<usize> = (0..links.len()).filter(|&index| is_ready(&links[index])).collect();
    let (resting, mut well): (Vec<usize>, Vec<usize>) =
        ready.into_iter().partition(|&index| links[index].is_resting(now));
    // Whoever rests comes last: better a poor chance than silence.
    well.extend(resting);
    well
}

/// Tells the call's log, if there is one to tell; a full one must not hold up speech.
fn notify(notices: Option<&mpsc::Sender<ProviderNotice>>, code: &'static str, text: String) {
    tracing::warn!(code, "{text}");
    if let Some(notices) = notices {
        // Full: the log has worse troubles than a missing notice, and the line above is written.
        let _full = notices.try_send(ProviderNotice { code, text });
    }
}

/// A chain is ready when one of its links is; else it names every link's remedy.
fn readiness_of(links: &[Readiness], what: &str) -> Readiness {
    let mut remedies = Vec::new();
    for readiness in links {
        match readiness {
            Readiness::Ready => return Readiness::Ready,
            Readiness::Missing { remedy, .. } => remedies.push(remedy.as_str()),
        }
    }
    Readiness::Missing { what: what.to_owned(), remedy: remedies.join(", or ") }
}

/// What a chain without any usable link is called.
static NOBODY: Descriptor = Descriptor { id: "none", name: "None", locality: Locality::Local };

#[cfg(test)]
mod tests;
