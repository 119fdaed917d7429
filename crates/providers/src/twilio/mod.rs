//! Twilio: the shapes on the wire (signed webhooks in, TwiML out), and its REST API.

pub mod callbacks;
pub mod form;
pub mod rest;
pub mod signature;
pub mod twiml;
