//! The business: types and pure rules.
//!
//! Nothing here does I/O, is async, reads a clock, draws a random number or looks at the environment;
//! whatever a rule needs to know is an argument.

pub mod call_log;
pub mod call_plan;
pub mod ids;
pub mod leads;
pub mod permissions;
pub mod phone;
pub mod turn_taking;
