//! Scenarios: what a caller does, what must come of it, and whether it did.

pub mod acoustics;
pub mod check;
mod compile;
pub mod figures;
pub mod file;
pub mod http_records;
pub mod records;
pub mod report;
pub mod run;
