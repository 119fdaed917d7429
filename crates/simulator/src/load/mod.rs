//! Load: many calls at once against a running server, as the carrier would bring them, and a peer that plays the
//! model behind it.
//!
//! Both ends are in one process and so have one clock: every frame carries a stamp ([`stamp`]) that the other end
//! reads, which tells what was lost and how long it took, without the server's help. [`relay`] is what a server is
//! compared with: it forwards the same audio between the same two ends and does nothing else.

mod arrivals;
pub mod board;
pub mod churn;
pub mod histogram;
pub mod idle;
mod line;
pub mod peer;
pub mod person;
pub mod phone;
pub mod process;
pub mod relay;
pub mod report;
mod socket;
pub mod stamp;
pub mod steady;
mod tape;

/// A frame of a telephone, in milliseconds.
pub const FRAME_MS: u64 = 20;
/// mu-law bytes of a frame.
pub const FRAME_BYTES: usize = 160;
