//! Twilio's wire shapes: signed webhooks in, TwiML out. No HTTP here; the edge brings bytes.

pub mod callbacks;
pub mod form;
pub mod signature;
pub mod twiml;
