//! What a call is about, on its record, and what becomes of what only a person can deal with.

use domain::call_log::EndReason;

use super::{STRANGER, nothing, played};
use crate::played::{Brain, NORTHWIND, on_both_brains};

on_both_brains! {
    what_a_person_must_deal_with_is_passed_on
    a_stranger_who_complains_is_asked_who_they_are
    what_is_nothing_of_all_that_is_other
}

async fn what_a_person_must_deal_with_is_passed_on(brain: Brain) {
    for (line, intent, says) in [
        ("i am really unhappy with the work", "complaint", "sorry to hear that"),
        ("can we schedule a meeting", "meeting_request", "can't book a time myself"),
        ("the contact form does not work", "support_issue", "sorry about the trouble"),
        ("i have a question about my invoice", "billing_question", "can't see invoices"),
    ] {
        let left = played(brain, NORTHWIND, &[line, "no thank you goodbye"], nothing).await;
        left.says(&[says, "Dana"]);
        assert_eq!(left.came.call.intent.as_deref(), Some(intent), "{}", left.told);
        assert_eq!(left.messages.len(), 1, "{}", left.told);
        let message = &left.messages[0].message;
        assert_eq!((message.text.as_str(), message.reply_to.as_deref()), (line, Some(NORTHWIND)));
        assert_eq!(message.from_name.as_deref(), Some("Tom Baker"), "{}", left.told);
        assert!(
            left.leads.is_empty() && left.incidents.is_empty() && left.changes.is_empty(),
            "{}",
            left.told
        );
        left.ends(EndReason::AgentSaidGoodbye);
    }
}

async fn a_stranger_who_complains_is_asked_who_they_are(brain: Brain) {
    let lines = ["i am really unhappy with the work", "kevin johnson", "yes please", "no thank you goodbye"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says(&["sorry to hear that", "Who may I say is calling", "number you are calling from"]);
    assert_eq!(left.messages.len(), 1, "{}", left.told);
    let message = &left.messages[0].message;
    assert_eq!((message.text.as_str(), message.reply_to.as_deref()), (lines[0], Some(STRANGER)));
    let name = message.from_name.as_deref().map(str::to_lowercase);
    assert_eq!(name.as_deref(), Some("kevin johnson"), "{}", left.told);
    left.ends(EndReason::AgentSaidGoodbye);
}

async fn what_is_nothing_of_all_that_is_other(brain: Brain) {
    let left = played(brain, STRANGER, &["the sky is blue today", "no thank you goodbye"], nothing).await;
    assert_eq!(left.came.call.intent.as_deref().unwrap_or("other"), "other", "{}", left.told);
    assert!(left.leads.is_empty() && left.messages.is_empty() && left.incidents.is_empty(), "{}", left.told);
    left.ends(EndReason::AgentSaidGoodbye);
}
