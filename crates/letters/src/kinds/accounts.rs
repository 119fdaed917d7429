//! Letters about accounts, places in a business, and what a business has set up.

use super::House;
use crate::draft::{Block, Draft};

/// A notice to one person about their own account, with a link perhaps.
#[must_use]
pub fn account(subject: &str, name: &str, text: &str, link: Option<(&str, &str)>) -> Draft {
    let hello = if name.trim().is_empty() { String::new() } else { format!("Hello {name},\n\n") };
    Draft {
        subject: subject.to_owned(),
        preheader: text.to_owned(),
        heading: subject.to_owned(),
        reason: "You get this because it is about your account.".to_owned(),
        ..Draft::default()
    }
    .text(format!("{hello}{text}"))
    .button(link.map(|(label, _)| label).unwrap_or_default(), link.map(|(_, url)| url))
}

/// An invitation to join a business.
#[derive(Debug, Clone, Default)]
pub struct InvitationFacts {
    /// Who invites.
    pub inviter: String,
    /// Where to.
    pub business: String,
    /// The name that the product goes by there.
    pub product: String,
    /// As what.
    pub role: String,
    /// Where it is accepted.
    pub link: String,
    /// Until when, in words.
    pub until: String,
}

/// Somebody is invited to join a business.
#[must_use]
pub fn invitation(facts: &InvitationFacts) -> Draft {
    // A business with a look of its own is its own product.
    let on = if facts.product == facts.business { String::new() } else { format!(" on {}", facts.product) };
    let text = format!("{} invites you to join {}{on} as {}.", facts.inviter, facts.business, facts.role);
    Draft {
        subject: format!("Invitation to {}", facts.business),
        preheader: text.clone(),
        heading: format!("Join {}", facts.business),
        reason: "You get this because somebody invited this address. If you did not expect it, do nothing: nothing \
                 happens."
            .to_owned(),
        ..Draft::default()
    }
    .text(text)
    .button("Accept the invitation", Some(&facts.link))
    .text(format!("The link works once, until {}.", facts.until))
}

/// The code by which a caller proves to be a client.
#[must_use]
pub fn caller_code(business: &str, code: &str) -> Draft {
    Draft {
        subject: format!("Your code for {business}"),
        // Not the code: a locked telephone shows this line.
        preheader: format!("Somebody is on the phone with {business} for you."),
        heading: "Are you on the phone with us?".to_owned(),
        reason: format!("You get this because this address is on file at {business}."),
        ..Draft::default()
    }
    .text(format!(
        "Somebody who says that they are calling for you is on the phone with {business}. If that is you, tell the \
         agent this code:"
    ))
    .with(Block::Code { text: code.to_owned() })
    .text(format!(
        "It is good for ten minutes. If you are not on the phone with {business}, do nothing: without the code nobody \
         hears anything about you."
    ))
}

/// Sending to a receiver of webhooks was stopped.
#[must_use]
pub fn webhook_disabled(house: &House, host: &str, reason: &str, facts: &[(&'static str, String)]) -> Draft {
    Draft {
        preheader: format!("Webhooks of {} do not reach {host} any more.", house.business),
        ..house.draft(
            format!("Webhook to {host} was disabled"),
            format!("Webhook to {host} was disabled"),
            "You get this because you look after",
        )
    }
    .text(format!("Webhooks of {} to {host} are not sent any more. Reason: {reason}.", house.business))
    .facts(facts.iter().map(|(label, value)| (*label, Some(value.clone()))))
    .text(
        "Nothing is lost: when the receiver works again, enable the webhook and replay the time since then.",
    )
}
