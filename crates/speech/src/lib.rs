//! Local speech: voice activity, speech to text, text to speech and embeddings on this machine, without key or
//! network.
//!
//! Heavy dependencies live here alone. What is not installed is named by `readiness()` with the command that
//! installs it; nothing here is needed to build or to start.

pub mod embeddings;
pub mod espeak;
pub mod flite;
pub mod language_model;
pub mod phrase_cache;
pub mod phrase_shelf;
pub mod pocketsphinx;
pub mod vad;

mod dictionary;
mod spoken_text;
mod synthesis;
