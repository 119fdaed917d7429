//! The fault matrix: a call that a model carries, and everything that can go wrong with the model or the telephone.
//! The caller hears speech in time, the conversation goes on with its history, and nothing is left over.

pub(crate) mod caller;
pub(crate) mod cases;
mod engine;
mod phone;
pub(crate) mod stage;
