//! Several providers of one capability that act as one, falling over when one fails.
//!
//! Around every provider lie the same layers, from the inside: a deadline; a retry with full jitter, only where nobody
//! stands behind the provider and nothing was passed on yet; a circuit breaker, which is probed by one request; a
//! limit of requests at once (a full provider is passed over, which is nobody's failure); figures. A chain asks its
//! providers in the order of preference of the business, else of the operator; what is ill rests, and what is clearly
//! worse than the next steps back ([`order`] has the rules). When a first result is late, the next provider may be
//! asked besides ([`hedge`]); whoever is first answers.

pub mod embeddings;
pub mod hedge;
pub mod llm;
pub mod report;
pub mod settings;
pub mod stt;
pub mod tts;

mod breaker;
mod link;
mod order;
mod race;
mod retry;
mod scores;

pub use settings::ChainSettings;

use provider_traits::descriptor::{Descriptor, Locality, ProviderNotice, Readiness};
use provider_traits::error::ProviderError;
use tokio::sync::mpsc;

/// What a chain without any usable link is called.
static NOBODY: Descriptor = Descriptor { id: "none", name: "None", locality: Locality::Local };

/// Nobody is there to be asked.
fn nobody(what: &str) -> ProviderError {
    ProviderError::Unavailable { provider: NOBODY.id, reason: format!("no {what} is ready") }
}

/// Tells the call's log, if there is one to tell; a full one must not hold up speech.
fn notify(notices: Option<&mpsc::Sender<ProviderNotice>>, code: &'static str, text: String) {
    tracing::warn!(code, "{text}");
    if let Some(notices) = notices {
        // Full: the log has worse troubles than a missing notice, and the line above is written.
        let _full = notices.try_send(ProviderNotice::Told { code, text });
    }
}

/// What of a vendor's work is charged.
struct Meter<'a> {
    descriptor: &'a Descriptor,
    model: &'a str,
    notices: Option<&'a mpsc::Sender<ProviderNotice>>,
}

impl Meter<'_> {
    fn transcribed(&self, transcribed_ms: u64) {
        self.tell(transcribed_ms, 0);
    }

    fn spoke(&self, text: &str) {
        self.tell(0, text.chars().count() as u64);
    }

    /// What runs on this machine costs nothing.
    fn tell(&self, transcribed_ms: u64, characters: u64) {
        let Some(notices) = self.notices.filter(|_| self.descriptor.locality == Locality::Cloud) else {
            return;
        };
        let (provider, model) = (self.descriptor.id, self.model.to_owned());
        // Full: the log has worse troubles than a missing figure.
        let _full = notices.try_send(ProviderNotice::Metered { provider, model, transcribed_ms, characters });
    }
}

/// The codes and the word with which a chain tells of its failures.
struct Told {
    /// What a link is: "voice".
    what: &'static str,
    failed_over: &'static str,
    exhausted: &'static str,
    overtaken: &'static str,
}

impl Told {
    /// Says that the second request, made because `late` was, was answered first.
    fn overtaken(
        &self,
        late: &Descriptor,
        sooner: &Descriptor,
        notices: Option<&mpsc::Sender<ProviderNotice>>,
    ) {
        let (what, late, sooner) = (self.what, late.id, sooner.id);
        let text = format!("{what} {late} was late; {sooner} was asked as well and answered first");
        notify(notices, self.overtaken, text);
    }

    /// Says that `failed` did, and who goes on.
    fn tell(
        &self,
        failed: &Descriptor,
        error: &ProviderError,
        next: Option<&Descriptor>,
        notices: Option<&mpsc::Sender<ProviderNotice>>,
    ) {
        let (what, failed) = (self.what, failed.id);
        match next {
            Some(next) => {
                let text = format!("{what} {failed} failed ({error}); {} goes on", next.id);
                notify(notices, self.failed_over, text);
            }
            None => {
                let text = format!("{what} {failed} failed ({error}); there is no other");
                notify(notices, self.exhausted, text);
            }
        }
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

#[cfg(test)]
mod tests;
