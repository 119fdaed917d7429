//! OpenAI, and whoever speaks its protocols.

pub mod realtime;
