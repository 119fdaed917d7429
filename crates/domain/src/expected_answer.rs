//! What sort of answer the agent has just asked for: shared by turn-taking, the phantom filter and the brain.

use serde::{Deserialize, Serialize};

/// The kind of answer a question asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedAnswer {
    /// Anything.
    #[default]
    Open,
    /// Yes or no.
    YesNo,
    /// A name.
    Name,
    /// An e-mail address: spelled, with pauses.
    Email,
    /// Digits, dictated in groups.
    Digits,
    /// An amount of money.
    Money,
    /// A date or time span.
    Date,
    /// One of a few choices.
    Choice,
}
