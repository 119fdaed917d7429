//! Object storage: where recordings and documents are kept.

pub mod local;
