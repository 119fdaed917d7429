//! The letters there are, one function each: what is told, in which order, in which words.

mod accounts;
mod urgent;

use crate::draft::{Badge, Block, Draft, Line};

pub use accounts::{InvitationFacts, account, caller_code, invitation, webhook_disabled};
pub use urgent::{UrgentFacts, urgent, urgent_taken, urgent_unanswered};

/// What all letters of a business to its own people have in common.
#[derive(Debug, Clone, Default)]
pub struct House {
    /// The business.
    pub business: String,
    /// Its agent's name.
    pub agent: String,
    /// Where its people say what they want to be told.
    pub settings_url: Option<String>,
}

impl House {
    fn draft(&self, subject: String, heading: String, reason: &str) -> Draft {
        Draft {
            subject,
            heading,
            reason: format!("{reason} {}.", self.business),
            settings_url: self.settings_url.clone(),
            ..Draft::default()
        }
    }
}

/// A lead, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct LeadFacts {
    /// Name.
    pub name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// Number.
    pub phone: Option<String>,
    /// What they want.
    pub service: Option<String>,
    /// What it may cost.
    pub budget: Option<String>,
    /// By when.
    pub timeline: Option<String>,
    /// Anything else.
    pub notes: Option<String>,
    /// Whether every required question was answered.
    pub complete: bool,
}

/// A word of the records (`HIGH`) as people write it.
fn as_read(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
    })
}

impl LeadFacts {
    fn who(&self) -> String {
        match (&self.name, &self.company) {
            (Some(name), Some(company)) => format!("{name}, {company}"),
            (Some(name), None) => name.clone(),
            (None, Some(company)) => company.clone(),
            (None, None) => self.phone.clone().unwrap_or_else(|| "somebody who gave no name".to_owned()),
        }
    }

    fn facts(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("Name", self.name.clone()),
            ("Company", self.company.clone()),
            ("E-mail", self.email.clone()),
            ("Phone", self.phone.clone()),
            ("Wants", self.service.clone()),
            ("Budget", self.budget.clone()),
            ("Timeline", self.timeline.clone()),
            ("Notes", self.notes.clone()),
        ]
    }
}

/// A message that was taken.
#[derive(Debug, Clone, Default)]
pub struct MessageFacts {
    /// Who it is from, as said.
    pub from: Option<String>,
    /// Where to answer.
    pub reply_to: Option<String>,
    /// The words.
    pub text: String,
    /// How pressing, when more or less than usual.
    pub priority: Option<String>,
}

/// A call that is over.
#[derive(Debug, Clone, Default)]
pub struct CallFacts {
    /// Who called: a client's name, a lead's, a number.
    pub caller: String,
    /// Their number, unless it was withheld.
    pub number: Option<String>,
    /// When, in the business's time.
    pub at: String,
    /// How long.
    pub length: String,
    /// What it was about.
    pub intent: Option<String>,
    /// Why it was urgent.
    pub urgent: Option<String>,
    /// What was said, in short.
    pub summary: String,
    /// What is to be done.
    pub actions: Vec<String>,
    /// Whom to get back to, and about what.
    pub follow_ups: Vec<String>,
    /// How they sounded.
    pub sentiment: Option<String>,
    /// Their verdict, 1 to 5.
    pub satisfaction: Option<u8>,
    /// The lead that came of it.
    pub lead: Option<LeadFacts>,
    /// The messages that were taken.
    pub messages: Vec<MessageFacts>,
    /// All that was said.
    pub transcript: Vec<Line>,
    /// Where its record is.
    pub url: Option<String>,
}

/// A call is over: summary and transcript.
#[must_use]
pub fn call_summary(house: &House, call: &CallFacts) -> Draft {
    let about = call.intent.as_deref().map(|intent| format!(": {intent}")).unwrap_or_default();
    let mut draft = Draft {
        preheader: call.summary.clone(),
        badge: call.urgent.as_ref().map(|_| Badge::URGENT),
        ..house.draft(
            format!("Call from {}{about}", call.caller),
            format!("{} called", call.caller),
            "You get this because you are told of the calls of",
        )
    };
    draft = draft
        .text(call.summary.clone())
        .facts([
            ("When", Some(call.at.clone())),
            ("Length", Some(call.length.clone())),
            ("Number", call.number.clone()),
            ("About", call.intent.clone()),
            ("Urgent", call.urgent.clone()),
            ("Sounded", call.sentiment.clone()),
            ("Verdict", call.satisfaction.map(|score| format!("{score} of 5"))),
        ])
        .list("To do", &call.actions)
        .list("Get back to them", &call.follow_ups);
    if let Some(lead) = &call.lead {
        let title = if lead.complete { "New lead" } else { "New lead, not complete" };
        draft = draft.with(Block::Heading { text: title.to_owned() }).facts(lead.facts());
    }
    for message in &call.messages {
        let from = message.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
        draft = draft.with(Block::Heading { text: format!("Message{from}") }).quote(&message.text).facts([
            ("Answer to", message.reply_to.clone()),
            ("Priority", message.priority.as_deref().map(as_read)),
        ]);
    }
    draft = draft.button("Open the call", call.url.as_deref());
    if !call.transcript.is_empty() {
        draft = draft
            .with(Block::Heading { text: "What was said".to_owned() })
            .with(Block::Transcript { lines: call.transcript.clone() });
    }
    draft
}

/// A lead was captured.
#[must_use]
pub fn new_lead(house: &House, lead: &LeadFacts, url: Option<&str>) -> Draft {
    let who = lead.who();
    let wants = lead.service.as_deref().map(|service| format!(": {service}")).unwrap_or_default();
    let agent = if house.agent.is_empty() { "Your agent" } else { &house.agent };
    let text = match lead.complete {
        true => format!("{agent} asked everything that you want to know first."),
        false => format!("{agent} could not ask everything. What is known so far:"),
    };
    Draft {
        preheader: format!("{who}{wants}"),
        ..house.draft(
            format!("New lead: {who}{wants}"),
            format!("New lead: {who}"),
            "You get this because you are told of new leads of",
        )
    }
    .text(text)
    .facts(lead.facts())
    .button("Open the lead", url)
}

/// A client who wants more than was agreed.
#[derive(Debug, Clone, Default)]
pub struct ScopeFacts {
    /// The client.
    pub client: String,
    /// Of which project.
    pub project: Option<String>,
    /// Their words.
    pub quote: String,
    /// Who comes back to them about it.
    pub manager: Option<String>,
    /// When, in the business's time.
    pub at: String,
    /// Where to go on.
    pub url: Option<String>,
}

/// A client asked for more than was agreed.
#[must_use]
pub fn scope_alert(house: &House, facts: &ScopeFacts) -> Draft {
    let on = facts.project.as_deref().map(|project| format!(" on {project}")).unwrap_or_default();
    Draft {
        preheader: facts.quote.clone(),
        badge: Some(Badge::SCOPE),
        ..house.draft(
            format!("Scope: {} asks for a change{on}", facts.client),
            format!("{} asks for a change{on}", facts.client),
            "You get this because you look after this work or are told of scope changes at",
        )
    }
    .quote(&facts.quote)
    .facts([("Project", facts.project.clone()), ("When", Some(facts.at.clone()))])
    .text(format!(
        "Nothing was promised: the client was told that {} will confirm what it means for budget and timing. The \
         request waits for your decision.",
        facts.manager.as_deref().unwrap_or("somebody")
    ))
    .button("Open the call", facts.url.as_deref())
}

/// A message was taken.
#[must_use]
pub fn message_taken(house: &House, message: &MessageFacts, at: &str, url: Option<&str>) -> Draft {
    let from = message.from.as_deref().or(message.reply_to.as_deref()).unwrap_or("a caller");
    Draft {
        preheader: message.text.clone(),
        badge: (message.priority.as_deref() == Some("URGENT")).then_some(Badge::URGENT),
        ..house.draft(
            format!("Message from {from}"),
            format!("Message from {from}"),
            "You get this because you are told of messages for",
        )
    }
    .quote(&message.text)
    .facts([
        ("Answer to", message.reply_to.clone()),
        ("When", Some(at.to_owned())),
        ("Priority", message.priority.as_deref().map(as_read)),
    ])
    .button("Open the call", url)
}

/// What a customer who called is told, when the business wants that.
#[derive(Debug, Clone, Default)]
pub struct ConfirmationFacts {
    /// Who called.
    pub name: Option<String>,
    /// What they want, as the business wrote it down.
    pub noted: Vec<(&'static str, Option<String>)>,
    /// Who will get back to them.
    pub contact: Option<String>,
    /// The business's number.
    pub phone: Option<String>,
}

/// The confirmation that a customer gets.
#[must_use]
pub fn confirmation(business: &str, facts: &ConfirmationFacts) -> Draft {
    let hello = facts.name.as_deref().map(|name| format!("Hello {name},\n\n")).unwrap_or_default();
    let contact = facts.contact.as_deref().unwrap_or("Somebody");
    Draft {
        subject: format!("Thank you for calling {business}"),
        preheader: format!("{contact} will get back to you."),
        heading: "Thank you for your call".to_owned(),
        reason: format!(
            "You get this because this address was given in a call to {business}. \
             It is sent once; if it was not you, do nothing."
        ),
        ..Draft::default()
    }
    .text(format!("{hello}{contact} will get back to you. This is what we wrote down:"))
    .facts(facts.noted.iter().cloned())
    .text(
        facts
            .phone
            .as_deref()
            .map(|phone| format!("Is something wrong or missing? Call {phone}."))
            .unwrap_or_default(),
    )
}

/// A test, sent on request.
#[must_use]
pub fn test(house: &House, transport: &str, at: &str) -> Draft {
    Draft {
        preheader: "E-mail of this installation works.".to_owned(),
        badge: Some(Badge::TEST),
        ..house.draft(
            format!("Test e-mail of {}", house.business),
            "It works".to_owned(),
            "You get this because somebody asked for a test e-mail of",
        )
    }
    .text(
        "This is a test. If you can read it, letters about calls, leads and what is urgent reach this address.",
    )
    .facts([("Sent by", Some(transport.to_owned())), ("When", Some(at.to_owned()))])
}

/// Something in plain words for the people of a business.
#[must_use]
pub fn plain(house: &House, subject: &str, text: &str) -> Draft {
    Draft {
        preheader: text.to_owned(),
        ..house.draft(subject.to_owned(), subject.to_owned(), "You get this because you look after")
    }
    .text(text)
}
