//! The stand-in from outside: over a real socket, by a client that writes its events by hand.

mod client;
mod contracts;
mod faults;
mod rules;
