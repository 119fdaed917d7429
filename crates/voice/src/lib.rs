//! The live call: the line, the speech loop, who has the floor.
//!
//! A [`call plan`](domain::call_plan) goes in, [call events](domain::call_log) come out. Nothing here knows
//! a database, HTTP, a vendor or a business's rules; providers and brains come through their traits. Time
//! inside a session is media time: the timestamps of the caller's frames, so that a call can run faster
//! than real time.

pub mod call;
mod line;
pub mod media_streams;
pub mod phone;
pub mod pipeline;
pub mod realtime;
pub mod session;
#[cfg(any(test, feature = "stand-ins"))]
pub mod stand_ins;
