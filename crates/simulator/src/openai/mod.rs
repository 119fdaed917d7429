//! A stand-in for OpenAI's Realtime endpoint in its GA shape: as strict as the real one, and able to fail on demand.
//!
//! It hears telephone audio, notices speech by its energy, writes down what was said and answers by script with a
//! humming voice, much faster than real time. What a caller says is encoded in loudness ([`ear::loudness`]), so that
//! no model is needed. It shares no code with the client that it tests. Its behaviour is that of recorded sessions
//! and of the vendor's published types (SDK 3.52.0, November 2026); mu-law sessions are in no recording.

mod configuration;
mod conversation;
pub mod ear;
mod events;
pub mod fault;
mod handshake;
mod misbehaving;
mod requests;
pub mod seen;
mod session;
pub mod settings;
mod speaking;
pub mod stand_in;

#[cfg(test)]
mod tests;
