//! What a caller's turn is about.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::language::Sections;
use crate::patterns::{Pattern, Said};
use crate::scope;
use crate::urgency::{self, UrgencyRules};

/// An intent of a turn or a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Wants something new made.
    NewProject,
    /// Asks how a project is going.
    StatusUpdate,
    /// Asks about an invoice or a payment.
    BillingQuestion,
    /// Wants more or other than was agreed.
    ScopeChange,
    /// Is unhappy.
    Complaint,
    /// Wants to meet.
    MeetingRequest,
    /// Something does not work.
    SupportIssue,
    /// Wants a person.
    SpeakToHuman,
    /// Something terrible is happening now.
    Emergency,
    /// Sells us something.
    Spam,
    /// None of these.
    Other,
}

impl Intent {
    /// Every intent.
    pub const ALL: &'static [Self] = &[
        Self::NewProject,
        Self::StatusUpdate,
        Self::BillingQuestion,
        Self::ScopeChange,
        Self::Complaint,
        Self::MeetingRequest,
        Self::SupportIssue,
        Self::SpeakToHuman,
        Self::Emergency,
        Self::Spam,
        Self::Other,
    ];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewProject => "new_project",
            Self::StatusUpdate => "status_update",
            Self::BillingQuestion => "billing_question",
            Self::ScopeChange => "scope_change",
            Self::Complaint => "complaint",
            Self::MeetingRequest => "meeting_request",
            Self::SupportIssue => "support_issue",
            Self::SpeakToHuman => "speak_to_human",
            Self::Emergency => "emergency",
            Self::Spam => "spam",
            Self::Other => "other",
        }
    }
}

/// Evidence needed before an intent is named at all.
const ENOUGH: f32 = 2.0;

/// What an emergency weighs: more than anything else in the same turn.
const EMERGENCY: f32 = 10.0;

static EVIDENCE: LazyLock<Vec<(Intent, Vec<Pattern>)>> = LazyLock::new(|| {
    let sections = Sections::read(include_str!("../data/en/intents.txt"));
    Intent::ALL.iter().map(|&intent| (intent, Pattern::all(sections.get(intent.name())))).collect()
});

/// The likeliest intent of some words.
#[must_use]
pub fn classify(text: &str) -> Intent {
    scores(text).first().map_or(Intent::Other, |(intent, _)| *intent)
}

/// The likeliest intent of words whose urgency is known: what a business calls an emergency is one.
#[must_use]
pub fn with_urgency(text: &str, urgency: &urgency::Urgency) -> Intent {
    if urgency.is_urgent() { Intent::Emergency } else { classify(text) }
}

/// Intents with enough evidence, strongest first. Evidence adds up, so that a garbled word costs little.
#[must_use]
pub fn scores(text: &str) -> Vec<(Intent, f32)> {
    let said = Said::new(text);
    let mut scores: Vec<(Intent, f32)> = EVIDENCE
        .iter()
        .map(|(intent, patterns)| {
            let score = match intent {
                Intent::Emergency if urgency::assess(text, &UrgencyRules::default()).is_urgent() => EMERGENCY,
                Intent::ScopeChange => scope::weight(&said),
                _ => evidence(&said, patterns),
            };
            (*intent, score)
        })
        .filter(|(_, score)| *score >= ENOUGH)
        .collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scores
}

/// The best pattern counts whole and the next three by half: overlapping patterns must not multiply. What
/// speaks against the intent counts whole.
fn evidence(said: &Said, patterns: &[Pattern]) -> f32 {
    let mut found: Vec<f32> = patterns.iter().filter(|p| p.find(said).is_some()).map(|p| p.weight).collect();
    found.sort_by(|a, b| b.total_cmp(a));
    let (against, found): (Vec<f32>, Vec<f32>) = found.into_iter().partition(|weight| *weight < 0.0);
    let best = found.first().copied().unwrap_or(0.0);
    best + found.iter().skip(1).take(3).sum::<f32>() / 2.0 + against.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_classified() {
        use Intent as I;
        for (text, expect) in [
            ("how is my website coming along", I::StatusUpdate),
            ("where are you with the logo", I::StatusUpdate),
            ("what is the status of my project", I::StatusUpdate),
            ("is the packaging design finished", I::StatusUpdate),
            ("i wanted to check in on our project", I::StatusUpdate),
            ("any news on the online shop", I::StatusUpdate),
            ("how far along are we with the site", I::StatusUpdate),
            ("when will my website be ready", I::StatusUpdate),
            ("i need a new website", I::NewProject),
            ("we would like to start a project", I::NewProject),
            ("i am looking for a new logo for my bakery", I::NewProject),
            ("we want to hire you for our rebrand", I::NewProject),
            ("can you build a website for me", I::NewProject),
            ("i am interested in working with you", I::NewProject),
            ("i have a question about my invoice", I::BillingQuestion),
            ("i think you charged me twice", I::BillingQuestion),
            ("can we add another page to the website", I::ScopeChange),
            ("we would like to add a blog as well", I::ScopeChange),
            ("could you also design a flyer", I::ScopeChange),
            ("i am really unhappy with the work", I::Complaint),
            ("this is unacceptable", I::Complaint),
            ("can we schedule a meeting", I::MeetingRequest),
            ("i would like to book an appointment", I::MeetingRequest),
            ("the contact form does not work", I::SupportIssue),
            ("i can't log in", I::SupportIssue),
            ("i would like to talk to a real person", I::SpeakToHuman),
            ("can i speak with dana", I::SpeakToHuman),
            ("representative", I::SpeakToHuman),
            ("put me through to someone", I::SpeakToHuman),
            ("our website is down", I::Emergency),
            ("this is an emergency", I::Emergency),
            ("we have been hacked", I::Emergency),
            ("i am calling about your google business listing", I::Spam),
            ("you have been selected for a free cruise", I::Spam),
            ("yes", I::Other),
            ("the sky is blue", I::Other),
            ("how much does a website cost", I::Other),
            ("what are your opening hours", I::Other),
            ("maria lopez", I::Other),
        ] {
            assert_eq!(classify(text), expect, "{text}: {:?}", scores(text));
        }
    }

    #[test]
    fn a_garbled_word_does_not_change_the_intent() {
        for (text, expect) in [
            ("how is my websites come along", Intent::StatusUpdate),
            ("the i would like talk to a real person", Intent::SpeakToHuman),
            ("i need new website four my", Intent::NewProject),
        ] {
            assert_eq!(classify(text), expect, "{text}: {:?}", scores(text));
        }
    }
}
