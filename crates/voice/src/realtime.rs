//! The engine `realtime`: the caller's line and a speech-to-speech model, joined.
//!
//! Audio passes through untouched. What is kept here is what neither side knows alone: how much of the model's
//! audio the caller has really heard ([`ledger`]), and who may ask for the next answer ([`answers`]).

pub mod answers;
pub mod ledger;
