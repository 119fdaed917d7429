//! Ways to send e-mail: a folder, a mail server, a vendor's HTTP API.

mod composing;
pub mod outbox;
pub mod sendgrid;
pub mod smtp;
