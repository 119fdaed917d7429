//! What tests stand on. Development only: it may depend on everything, nothing that ships depends on it.

pub mod database;
pub mod folders;
