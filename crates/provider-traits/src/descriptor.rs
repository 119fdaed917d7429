//! What a provider says of itself.

use domain::call_log::{EventKind, Fault, ModelTokens};

/// Where a provider runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locality {
    /// On this machine: no key, no network.
    Local,
    /// At a vendor.
    Cloud,
}

/// A provider's name and nature; equal for all its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Stable id in configuration, records and metrics, such as `pocketsphinx`.
    pub id: &'static str,
    /// Name on screens.
    pub name: &'static str,
    /// Where it runs.
    pub locality: Locality,
}

/// Whether a provider can work on this machine right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Something is missing.
    Missing {
        /// What, in plain words.
        what: String,
        /// The command or setting that mends it.
        remedy: String,
    },
}

/// Something a provider did during a call that the call's log should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderNotice {
    /// Something went otherwise than usual, such as falling over to another provider.
    Told {
        /// Stable code, such as `stt_failed_over`.
        code: &'static str,
        /// Plain words: what happened and whose fault it was; no secrets, none of the caller's words.
        text: String,
    },
    /// A vendor did what it charges for.
    Metered {
        /// The provider's id.
        provider: &'static str,
        /// The model's id.
        model: String,
        /// Milliseconds of audio that it wrote down.
        transcribed_ms: u64,
        /// Characters that it spoke.
        characters: u64,
    },
}

impl ProviderNotice {
    /// The entry of a call's log.
    #[must_use]
    pub fn entry(self) -> EventKind {
        match self {
            Self::Told { code, text } => {
                EventKind::Notice { code: code.to_owned(), text, fault: Some(Fault::Provider) }
            }
            Self::Metered { provider, model, transcribed_ms, characters } => EventKind::ModelUsage {
                provider: provider.to_owned(),
                model,
                tokens: ModelTokens::default(),
                transcribed_ms,
                characters,
            },
        }
    }
}
