//! Speech to text by PocketSphinx, with a language model made for each business.
//! Debian: `apt-get install libpocketsphinx3 pocketsphinx-en-us`.
//!
//! It understands what it expects: sentences of the vocabulary well, their words in another order less well,
//! anything else not at all. That is right for the demonstration, the tests and the last link of a chain.
//!
//! - `ffi`: the C library behind a safe type.
//! - `adaptation`: the acoustic model brought to the telephone's bandwidth.
//! - `model`: a vocabulary as language model and dictionary files.
//! - `worker`: one decoder on its own thread, serving one call after the other.
//! - `pool`: which decoders there are, which are free.

mod adaptation;
mod confidence;
mod ffi;
mod model;
mod pool;
mod provider;
mod worker;

pub use provider::{PocketSphinx, PocketSphinxSettings};
