//! What tests stand on. Development only: it may depend on everything, nothing that ships depends on it.

pub mod cheap_speech;
pub mod database;
pub mod folders;
pub mod lead_caller;
pub mod proxy;
pub mod redis;
