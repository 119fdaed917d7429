//! The Realtime API in its GA shape, and endpoints compatible with it.
//!
//! [`sending`] writes what we send, [`reading`] reads what comes; both are pure and checked against the vendor's
//! published types. The beta shape is gone and not spoken.

pub mod reading;
pub mod sending;
