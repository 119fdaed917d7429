//! What a provider says of itself.

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

/// Something a provider did during a call that the call's log should show, such as falling over to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderNotice {
    /// Stable code, such as `stt_failed_over`.
    pub code: &'static str,
    /// Plain words: what happened and whose fault it was; no secrets, none of the caller's words.
    pub text: String,
}
