//! The pipeline engine's decisions: who has the floor, when a turn is over, what was heard.
//!
//! Everything here is pure: no I/O, no async, no clock. [`machine`] takes what happened and says what to do;
//! [`crate::session`] does it.

pub mod judging;
pub mod machine;
pub mod phrases;
pub mod speech;
pub mod turn_detector;
