//! The realtime engine: a bridge to a speech-to-speech model.
//!
//! The caller's audio goes to the model and the model's to the caller as it is, mu-law on both sides. Everything that
//! decides is pure: [`ledger`] knows what the caller has heard, [`answers`] owns the model's answers, [`machine`]
//! takes what happened and says what to do. [`driver`] does it, and hands the line on when the model is given up.

pub mod answers;
pub(crate) mod driver;
pub mod ledger;
pub mod machine;
