//! The one integration-test binary: each module is a subject, named as the noun it tests.
#![expect(clippy::unwrap_used, reason = "a test may end in a panic, in its supporting functions too")]

mod api;
mod architecture;
mod behaviours;
mod coming_back;
mod commands;
mod conversations;
mod engines;
mod faults;
mod injection;
mod nodes;
mod played;
mod recovery;
mod seed;
mod spoken;
mod transfers;
mod urgent_call;
mod vendors;
mod voicemail;
