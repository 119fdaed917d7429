//! The `studioconnect` program.
fn main() {}
