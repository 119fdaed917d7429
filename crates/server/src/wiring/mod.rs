//! Putting the program together: which provider serves which trait, and in which order things start and stop.

pub mod database;
pub mod listener;
pub mod machine;
pub mod mail;
pub mod models;
pub mod providers;
pub mod realtime;
pub mod secrets;
pub mod server;
pub mod sessions;
pub mod simulation;
pub mod speech;
pub mod studio;
pub mod tables;
mod telephony;
pub mod watched;
