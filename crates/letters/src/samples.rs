//! One of each letter with invented facts: for looking at them, and for tests.

use domain::branding::{Branding, Color, effective};

use crate::brand::Brand;
use crate::draft::{Draft, Line};
use crate::kinds::{
    self, CallFacts, ConfirmationFacts, House, InvitationFacts, LeadFacts, MessageFacts, ScopeFacts,
    UrgentFacts,
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

/// A look that is hard to read if nobody takes care: yellow on white, which the API refuses but older records may have.
#[must_use]
pub fn loud_brand() -> Brand {
    let words = Branding {
        name: Some("Gelbfieber Kommunikationsdesign und Markenberatungsgesellschaft mbH & Co. KG".to_owned()),
        accent_color: Color::parse("#ffd60a").ok(),
        ..Branding::default()
    };
    Brand::of(&effective(&[words], true), None)
}

/// Yellow on black.
#[must_use]
pub fn dark_brand() -> Brand {
    let words = Branding {
        name: Some("Noir".to_owned()),
        accent_color: Color::parse("#ffd60a").ok(),
        background_color: Some(Color::BLACK),
        ..Branding::default()
    };
    Brand::of(&effective(&[words], true), None)
}

/// Letters with what real life brings: words of other scripts, names without end, addresses without a place to break.
#[must_use]
pub fn hard_cases() -> Vec<(&'static str, Draft)> {
    let house = House {
        business: "אורורה מיתוג".to_owned(),
        agent: "Ava".to_owned(),
        settings_url: Some("https://studio.example/admin/notifications".to_owned()),
    };
    let endless = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafe";
    let lead = LeadFacts {
        name: Some(format!("Hubert Blaine {endless} Sr.")),
        company: Some("شركة الأفق للتصميم والإعلان".to_owned()),
        email: Some(format!("{}@{}.example", "a".repeat(50), "b".repeat(50))),
        phone: Some("+972 50 555 0199".to_owned()),
        service: Some("אתר חדש עם חנות, by Easter (לפני פסח)".to_owned()),
        budget: Some("₪60,000".to_owned()),
        timeline: Some("לפני פסח".to_owned()),
        notes: Some("Line one\nשורה שנייה\nLine three".to_owned()),
        complete: false,
    };
    let urgent = UrgentFacts {
        who: "מריה לופז, Northwind Coffee".to_owned(),
        phone: Some("+972 50 555 0199".to_owned()),
        quote: "האתר שלנו נפל ואנחנו מפסידים הזמנות כל דקה! Our shop is down.".to_owned(),
        details: Some("Shop: northwind.example. Since ten. Customers see error 502.".to_owned()),
        reasons: vec!["shop is down".to_owned()],
        score: 9,
        standing: "2 people are called about it now, one after the other, until somebody takes it."
            .to_owned(),
        at: "Friday 20 November 2026, 12:04".to_owned(),
        url: Some("https://studio.example/admin".to_owned()),
    };
    let message = MessageFacts {
        from: lead.name.clone(),
        reply_to: lead.email.clone(),
        text: "x".repeat(300),
        priority: Some("LOW".to_owned()),
    };
    vec![
        ("hard-call", kinds::call_summary(&house, &call(&lead, &message, urgent.url.clone()))),
        ("hard-lead", kinds::new_lead(&house, &lead, urgent.url.as_deref())),
        ("hard-urgent", kinds::urgent(&house, &urgent)),
    ]
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
        details: None,
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
        manager: Some("Dana".to_owned()),
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
    let invitation = InvitationFacts {
        inviter: "Dana Reed".to_owned(),
        business: house.business.clone(),
        product: "StudioConnect".to_owned(),
        role: "account manager".to_owned(),
        link: "https://studio.example/#accept-invitation=sci_abcdef".to_owned(),
        until: "27 November 2026, 12:04 UTC".to_owned(),
    };
    vec![
        ("call-summary", kinds::call_summary(&house, &call(&lead, &message, url.clone()))),
        ("new-lead", kinds::new_lead(&house, &lead, url.as_deref())),
        ("urgent", kinds::urgent(&house, &urgent)),
        ("urgent-taken", kinds::urgent_taken(&house, &urgent, "Dana Reed")),
        ("urgent-unanswered", kinds::urgent_unanswered(&house, &urgent, "Nobody on the list took it.")),
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
        ("invitation", kinds::invitation(&invitation)),
        ("caller-code", kinds::caller_code(&house.business, "204 173")),
        (
            "webhook-disabled",
            kinds::webhook_disabled(
                &house,
                "hooks.studio.example",
                "it answered 500 for three days",
                &[
                    ("Webhook", "whk_01jd5z6q2mf3vr4c9s8e7t6k5h".to_owned()),
                    ("Since", urgent.at.clone()),
                    ("Kept for", "30 days".to_owned()),
                ],
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
