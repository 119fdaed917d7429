//! The life of a call: answered, connected, recorded, finished, recovered.

pub(crate) mod announced;
pub(crate) mod beating;
mod catching_up;
pub(crate) mod costs;
pub mod delete;
mod engine;
pub(crate) mod finish;
mod heeding;
pub mod inbound;
mod keeping;
pub mod media;
pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod recorder;
pub(crate) mod recording;
mod resume;
pub mod routing;
pub mod status;
pub mod sweep;
pub(crate) mod tapes;
pub(crate) mod together;
pub(crate) mod transcribing;
pub mod voicemail;
pub(crate) mod warm;
