//! Leads and the questions that qualify them.

use serde::{Deserialize, Serialize};

use crate::ids::QuestionId;

/// What kind of answer a lead question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerType {
    /// Free words.
    Text,
    /// A person's name.
    Name,
    /// An e-mail address, possibly spelled.
    Email,
    /// A phone number, possibly dictated.
    Phone,
    /// One of the question's choices.
    Choice,
    /// A number.
    Number,
    /// An amount of money or a range of it.
    MoneyRange,
    /// A date, or a time span such as "in three months".
    Date,
    /// Yes or no.
    YesNo,
}

/// The field of a lead that an answer fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadField {
    /// The person's name.
    Name,
    /// The person's e-mail address.
    Email,
    /// The number to call back.
    Phone,
    /// The company.
    Company,
    /// The budget as said, normalised.
    Budget,
    /// The timeline as said, normalised.
    Timeline,
    /// The service or type of project.
    Service,
    /// Anything else.
    Notes,
}

/// One question of a business's lead flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadQuestion {
    /// The question's id.
    pub id: QuestionId,
    /// As the agent says it.
    pub text: String,
    /// The short label on screens ("Budget").
    pub label: String,
    /// What is expected.
    pub answer_type: AnswerType,
    /// What the answer fills.
    pub field: LeadField,
    /// Whether the lead is incomplete without it.
    pub required: bool,
    /// The choices, for [`AnswerType::Choice`].
    pub choices: Vec<String>,
    /// What to say when the answer wasn't understood; a default by type otherwise.
    pub retry_text: Option<String>,
    /// The question is left out when an earlier one was answered like this.
    #[serde(default)]
    pub skip_when: Option<SkipCondition>,
    /// The urgency, 0 to 10, that a pressing answer gives the lead (see [`crate::lead_flow::urgency`]); 0 for none.
    #[serde(default)]
    pub urgency_weight: u8,
}

/// An answer to an earlier question that makes a later one superfluous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipCondition {
    /// The earlier question.
    pub question: QuestionId,
    /// How its answer is compared.
    pub comparison: Comparison,
    /// With what; upper and lower case are the same.
    pub value: String,
}

/// How an answer is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// It is the value.
    Is,
    /// The value stands in it.
    Contains,
}

/// An answer as the flow understood it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadAnswer {
    /// The question answered.
    pub question: QuestionId,
    /// What it fills.
    pub field: LeadField,
    /// The caller's own words.
    pub said: String,
    /// The normalised value (`maria@gmail.com`, `+15135550142`, `USD 10000-15000`).
    pub value: String,
}

/// How pressing a lead is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Priority {
    /// No hurry.
    Low,
    /// The usual.
    Normal,
    /// Urgency score 5 to 7.
    High,
    /// Urgency score 8 and above.
    Urgent,
}
