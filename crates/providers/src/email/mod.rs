//! Ways to send e-mail.

pub mod outbox;
