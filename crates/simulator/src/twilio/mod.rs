//! Twilio's side of a call: signed webhooks, TwiML and its execution.
//!
//! Written from Twilio's documentation alone and sharing no code with the server, so that each checks the other.

pub mod call;
pub mod rest;
pub mod signature;
pub mod twiml;
pub mod webhook;
mod xml;
