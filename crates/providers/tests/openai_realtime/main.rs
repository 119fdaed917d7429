//! The client of the Realtime API against what the vendor has published: its types, and sessions that were recorded.

mod contracts;
mod endpoint;
mod faults;
mod handshake;
mod recordings;
mod replay;
