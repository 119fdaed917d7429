//! What can't wait, from the news to its end.

use super::House;
use crate::draft::{Badge, Draft};

/// Somebody who can't wait.
#[derive(Debug, Clone, Default)]
pub struct UrgentFacts {
    /// Who.
    pub who: String,
    /// Their number.
    pub phone: Option<String>,
    /// Their words.
    pub quote: String,
    /// What they told when they were asked.
    pub details: Option<String>,
    /// Why it counts as urgent.
    pub reasons: Vec<String>,
    /// 0 to 10.
    pub score: u8,
    /// What was done about it so far.
    pub standing: String,
    /// When, in the business's time.
    pub at: String,
    /// Where to go on.
    pub url: Option<String>,
}

const REASON: &str = "You get this because you are told of what is urgent at";

/// Somebody can't wait.
#[must_use]
pub fn urgent(house: &House, facts: &UrgentFacts) -> Draft {
    Draft {
        preheader: facts.quote.clone(),
        badge: Some(Badge::URGENT),
        ..house.draft(format!("URGENT: {}", facts.who), format!("{} can't wait", facts.who), REASON)
    }
    .quote(&facts.quote)
    .facts([
        ("Call back", facts.phone.clone()),
        ("When", Some(facts.at.clone())),
        ("Urgency", Some(format!("{} of 10", facts.score))),
        ("Because of", Some(facts.reasons.join(", "))),
        ("Details", facts.details.clone()),
    ])
    .text(facts.standing.clone())
    .button("Open the call", facts.url.as_deref())
}

/// Somebody takes care of it.
#[must_use]
pub fn urgent_taken(house: &House, facts: &UrgentFacts, by: &str) -> Draft {
    let news = format!("{by} takes care of {}", facts.who);
    Draft {
        preheader: "Nobody else is called about it.".to_owned(),
        badge: Some(Badge::TAKEN),
        ..house.draft(news.clone(), news, REASON)
    }
    .text("Nobody else is called about it.")
    .quote(&facts.quote)
    .facts([("Call back", facts.phone.clone()), ("When", Some(facts.at.clone()))])
    .button("Open the call", facts.url.as_deref())
}

/// Nobody takes care of it; `why` says how that came, as a sentence.
#[must_use]
pub fn urgent_unanswered(house: &House, facts: &UrgentFacts, why: &str) -> Draft {
    Draft {
        preheader: format!("{why} Please take care of it."),
        badge: Some(Badge::URGENT),
        ..house.draft(
            format!("URGENT: nobody takes care of {} yet", facts.who),
            format!("Nobody takes care of {} yet", facts.who),
            REASON,
        )
    }
    .text(format!("{why} Please take care of it."))
    .quote(&facts.quote)
    .facts([
        ("Call back", facts.phone.clone()),
        ("When", Some(facts.at.clone())),
        ("Urgency", Some(format!("{} of 10", facts.score))),
        ("Details", facts.details.clone()),
    ])
    .button("Open the call", facts.url.as_deref())
}
