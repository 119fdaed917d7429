//! One-time tickets: 256 random bits in text form; only their hash is stored.

use aws_lc_rs::digest;
use rand::Rng as _;

/// A new ticket.
#[must_use]
pub(crate) fn draw() -> String {
    let mut bits = [0u8; 32];
    rand::rng().fill_bytes(&mut bits);
    hex::encode(bits)
}

/// What is stored of a ticket.
#[must_use]
pub(crate) fn hash(ticket: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, ticket.as_bytes()).as_ref().to_vec()
}
