//! Voices of vendors.
//!
//! Each speaks a sentence as 8 kHz mu-law and passes the first bytes on as they come. Audio that ends before its
//! promised end is an error, never an end: the rest of the sentence has to come from somewhere.
//!
//! - `decoding`: what a vendor sends, as telephone audio.
//! - `pouring`: from the body of an HTTP answer to the listener.

pub mod compatible;
mod decoding;
pub mod elevenlabs;
pub mod openai;
pub mod polly;
mod pouring;
mod speech_endpoint;

pub use decoding::AudioShape;
pub(crate) use speech_endpoint::below;
