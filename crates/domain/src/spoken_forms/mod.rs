//! From transcribed speech to values, and back: numbers, phone numbers, e-mail addresses, money, dates, yes
//! and no, names.
//!
//! Input is what a recogniser writes: lower-case words, letters one by one, no punctuation; typed text works
//! too. Every reader is total: any text gives an answer or nothing, never a panic.

pub mod dates;
pub mod email;
pub mod money;
pub mod names;
pub mod numbers;
pub mod phone;
pub mod speak;
pub mod times;
pub mod yes_no;

#[cfg(test)]
mod properties;
