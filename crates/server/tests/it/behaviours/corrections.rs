//! Answers of the lead flow that are taken back: at once, when they are read back, and later.

use super::{STRANGER, nothing, played};
use crate::played::{Brain, on_both_brains};

on_both_brains! {
    a_name_is_corrected
    an_address_is_corrected_when_it_is_read_back
    a_number_is_corrected_when_something_else_is_asked
}

async fn a_name_is_corrected(brain: Brain) {
    let lines = ["i need a new website", "my name is maria johnson", "no it's marta with an a", "goodbye"];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says(&["Marta"]);
    assert_eq!(left.lead().name.as_deref(), Some("Marta Johnson"), "{}", left.told);
}

async fn an_address_is_corrected_when_it_is_read_back(brain: Brain) {
    let lines = [
        "i need a new website",
        "my name is kevin johnson",
        "kevin at gmail dot com",
        "no it's kevin dot johnson at gmail dot com",
        "yes that's right",
        "goodbye",
    ];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says(&["kevin at gmail dot com", "kevin dot johnson at gmail dot com", "phone number"]);
    assert_eq!(left.lead().email.as_deref(), Some("kevin.johnson@gmail.com"), "{}", left.told);
}

async fn a_number_is_corrected_when_something_else_is_asked(brain: Brain) {
    let lines = [
        "i need a new website",
        "my name is kevin johnson",
        "kevin at gmail dot com",
        "yes that's right",
        "five one three five five five zero one eight eight",
        "yes that's right",
        "sorry my number is five one three five five five zero one seven nine",
        "yes that's right",
        "goodbye",
    ];
    let left = played(brain, STRANGER, &lines, nothing).await;
    left.says(&["zero one eight eight", "zero one seven nine"]);
    // What was asked before the correction is asked again.
    assert!(left.told.matches("name of your company").count() >= 2, "{}", left.told);
    assert_eq!(left.lead().phone.as_deref(), Some("+15135550179"), "{}", left.told);
}
