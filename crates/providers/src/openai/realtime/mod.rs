//! The Realtime API in its GA shape, and endpoints compatible with it.
//!
//! [`sending`] writes what we send, [`reading`] reads what comes; both are pure and checked against the vendor's
//! published types. The beta shape is gone and not spoken. [`provider`] opens sessions: a socket each (`socket`),
//! carried by two tasks (`link`).

mod link;
pub mod provider;
pub mod reading;
pub mod sending;
mod socket;
