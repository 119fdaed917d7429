//! The simulated person: follows a script, listens while speaking, and remembers when everything happened.

pub mod hearing;
pub mod person;
pub mod script;
pub mod voice;
