//! Callers who become leads while their node dies or is restarted, and the model that leads the conversation.
//!
//! What is said is known word for word on both sides, so that a record can be held against it afterwards: which answers
//! a call had before its node was gone, and whether it has them all at its end.

mod caller;
mod model;

pub use caller::{Caller, Handle, Progress};
pub use model::{ANSWERS, PHRASES, script};
