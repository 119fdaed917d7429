//! Transcribers of vendors.
//!
//! Those with a socket (`session` carries it, a `dialect` speaks it) hear the caller while he speaks and are told
//! when an utterance ends; those with a request for each utterance (`utterances`) hear it at its end.

pub mod compatible;
pub mod deepgram;
mod dialect;
pub mod elevenlabs;
mod hints;
mod multipart;
pub mod openai;
pub mod openai_rest;
mod session;
mod transcription_endpoint;
mod utterances;
