//! One of each letter with invented facts: for looking at them, and for tests.

use domain::branding::{Branding, Color, effective};

use crate::brand::Brand;
use crate::draft::{Draft, Line};
use crate::kinds::{
    self, CallFacts, ConfirmationFacts, House, LeadFacts, MessageFacts, ScopeFacts, UrgentFacts,
};

/// The product's own look.
#[must_use]
pub fn plain_brand() -> Brand {
    Brand::of(&effective(&[], false), None)
}

/// A look of somebody's own.
#[must_use]
pub fn own_brand() -> Brand {
    let color = |text: &str| Color::parse(text).ok();
    let words = Branding {
        name: Some("Aurora Branding".to_owned()),
        accent_color: color("#a8325e"),
        background_color: color("#fff6ef"),
        support_email: Some("help@aurora.example".to_owned()),
        ..Branding::default()
    };
    Brand::of(&effective(&[words], false), None)
}

/// Every letter with a name for its file.
#[must_use]
pub fn all() -> Vec<(&'static str, Draft)> {
    let house = House {
        business: "Aurora Branding".to_owned(),
        agent: "Ava".to_owned(),
        settings_url: Some("https://studio.example/admin/notifications".to_owned()),
    };
    let url = Some("https://studio.example/admin".to_owned());
    let lead = LeadFacts {
        name: Some("Kevin O'Neil".to_owned()),
        company: Some("Harbour & Sons <Ltd>".to_owned()),
        email: Some("kevin@harbour-and-sons.example".to_owned()),
        phone: Some("+1 513 555 0177".to_owned()),
        service: Some("A new website with a shop".to_owned()),
        budget: Some("$15,000 to $20,000".to_owned()),
        timeline: Some("before Easter".to_owned()),
        notes: None,
        complete: true,
    };
    let message = MessageFacts {
        from: Some("Maria Lopez".to_owned()),
        reply_to: Some("+1 513 555 0199".to_owned()),
        text: "Please tell Dana that the printer needs the files by Thursday noon.\nShe has my number."
            .to_owned(),
        priority: Some("HIGH".to_owned()),
    };
    let urgent = UrgentFacts {
        who: "Maria Lopez, Northwind Coffee".to_owned(),
        phone: Some("+1 513 555 0199".to_owned()),
        quote: "Our whole shop is down and we lose orders every minute.".to_owned(),
        reasons: vec!["shop is down".to_owned(), "every minute".to_owned()],
        score: 9,
        standing: "Dana Reed is being called now.".to_owned(),
        at: "Friday 20 November 2026, 12:04".to_owned(),
        url: url.clone(),
    };
    let scope = ScopeFacts {
        client: "Northwind Coffee".to_owned(),
        project: Some("Website relaunch".to_owned()),
        quote: "While you are at it, could you also add a members' area with its own login?".to_owned(),
        at: "Friday 20 November 2026, 12:04".to_owned(),
        url: url.clone(),
    };
    let confirmation = ConfirmationFacts {
        name: Some("Kevin".to_owned()),
        noted: vec![
            ("You need", lead.service.clone()),
            ("Budget", lead.budget.clone()),
            ("Timeline", lead.timeline.clone()),
            ("Reach you at", lead.phone.clone()),
        ],
        contact: Some("Dana".to_owned()),
        phone: Some("+1 513 555 0100".to_owned()),
    };
    vec![
        ("call-summary", kinds::call_summary(&house, &call(&lead, &message, url.clone()))),
        ("new-lead", kinds::new_lead(&house, &lead, url.as_deref())),
        ("urgent", kinds::urgent(&house, &urgent)),
        ("scope-alert", kinds::scope_alert(&house, &scope)),
        ("message-taken", kinds::message_taken(&house, &message, &urgent.at, url.as_deref())),
        ("confirmation", kinds::confirmation(&house.business, &confirmation)),
        ("test", kinds::test(&house, "smtp", &urgent.at)),
        (
            "account",
            kinds::account(
                "Choose a new password",
                "Dana",
                "Somebody, hopefully you, asked for a new password. The link works once, for an hour. If it was not \
                 you, do nothing: your password stays as it is.",
                Some(("Choose a new password", "https://studio.example/#reset-password=abcdef")),
            ),
        ),
        (
            "plain",
            kinds::plain(
                &house,
                "Nobody acknowledged the alert",
                "Everybody on the list was called. Nobody pressed a key.\n\nMaria Lopez waits for a call at +1 513 555 0199.",
            ),
        ),
    ]
}

fn call(lead: &LeadFacts, message: &MessageFacts, url: Option<String>) -> CallFacts {
    let said = [
        ("Ava", "Good morning, Aurora Branding, this is Ava. How can I help?"),
        (
            "Caller",
            "Hi, I'm Kevin from Harbour & Sons. We need a new website, with a shop in it, and we need it before Easter.",
        ),
        ("Ava", "That sounds good. May I ask a few questions first? What is your e-mail address?"),
        ("Caller", "It's kevin at harbour-and-sons dot example. <b>Not bold</b> & not \"quoted\"."),
        ("Ava", "Thank you, Kevin. And what would you like to spend?"),
        (
            "Caller",
            "Fifteen to twenty thousand. Please also tell Dana that the printer needs the files by Thursday.",
        ),
        ("Ava", "I'll pass that on. Dana will get back to you tomorrow."),
    ];
    let lines = said.iter().enumerate().map(|(number, (speaker, text))| Line {
        speaker: (*speaker).to_owned(),
        at: format!("0:{:02}", number * 8),
        text: (*text).to_owned(),
    });
    CallFacts {
        caller: "Kevin O'Neil".to_owned(),
        number: Some("+1 513 555 0177".to_owned()),
        at: "Friday 20 November 2026, 12:04".to_owned(),
        length: "1 min 2 s".to_owned(),
        intent: Some("new project".to_owned()),
        urgent: None,
        summary:
            "Kevin O'Neil of Harbour & Sons wants a new website with a shop before Easter and would spend \
                  $15,000 to $20,000."
                .to_owned(),
        actions: vec![
            "Send Kevin an offer for a website with a shop".to_owned(),
            "Send the files to the printer by Thursday".to_owned(),
        ],
        follow_ups: vec!["Dana gets back to Kevin tomorrow".to_owned()],
        sentiment: Some("positive".to_owned()),
        satisfaction: Some(5),
        lead: Some(lead.clone()),
        messages: vec![message.clone()],
        transcript: lines.collect(),
        url,
    }
}
