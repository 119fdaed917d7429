//! Letters: e-mails as people see them. Facts and a brand go in; subject, plain text and HTML come out.
//!
//! A kind of letter ([`kinds`]) says what it tells as a [`draft::Draft`], a list of blocks; the one layout
//! (`templates/letter.mjml`) shows it in every mail program, and the plain text is made of the same blocks. It knows no
//! database, no network, no clock: whoever sends decides to whom and when.

pub mod brand;
pub mod draft;
pub mod kinds;
pub mod samples;
pub mod spoken;
mod writer;

pub use writer::{Letter, LetterError, Letters};
