//! The lead flow in conversations: left-out questions, answers in one breath, corrections, pauses, haste.

use domain::leads::{Comparison, LeadField, Priority, SkipCondition};

use super::{Call, Who, plan};

/// The usual flow; packaging needs no budget, and a deadline within the week makes the lead urgent.
fn call() -> Call {
    let mut plan = plan(Who::Stranger);
    plan.lead_questions[5].skip_when = Some(SkipCondition {
        question: plan.lead_questions[4].id,
        comparison: Comparison::Is,
        value: "Packaging".to_owned(),
    });
    plan.lead_questions[5].required = true;
    plan.lead_questions[6].urgency_weight = 6;
    Call::with(plan, Who::Stranger)
}

async fn talk(call: &mut Call, lines: &[(&str, &str)]) {
    for (line, expect) in lines {
        let heard = call.say(line).await;
        for part in expect.split('|') {
            let found = part
                .strip_prefix('!')
                .map_or_else(|| heard.text.contains(part), |no| !heard.text.contains(no));
            assert!(found, "to {line:?}: {:?} against {part:?}", heard.text);
        }
    }
}

#[tokio::test]
async fn several_answers_a_left_out_question_and_a_pause() {
    let mut call = call();
    talk(
        &mut call,
        &[
            (
                "hi my name is maria lopez i'm calling from bright bakery and i need new packaging",
                "love to help|email|!your name",
            ),
            ("where are you located", "Main Street|back to your project|email"),
            ("maria at gmail dot com", "right"),
            ("yes", "phone number"),
            ("the number i'm calling from", "finished|!budget"),
            ("as soon as possible", "everything I need|anything else"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.finished, [(true, Priority::High)], "the deadline is pressing");
    assert!(!kept.answers.iter().any(|answer| answer.field == LeadField::Budget));
}

#[tokio::test]
async fn a_correction_behind_the_last_question_is_saved() {
    let mut call = call();
    talk(
        &mut call,
        &[
            ("i need a new website", "your name"),
            ("maria lopez", "email"),
            ("maria at gmail dot com", "right"),
            ("yes", "phone number"),
            ("the number i'm calling from", "company"),
            ("bright bakery", "budget"),
            ("five thousand dollars", "finished"),
            ("by the end of march", "everything I need|anything else"),
            ("oh sorry make that ten thousand dollars", "ten thousand dollars|anything else"),
            ("no thank you", "Goodbye"),
        ],
    )
    .await;
    assert_eq!(call.tools.lead(LeadField::Budget).as_deref(), Some("USD 10000"));
    assert_eq!(call.tools.kept.lock().unwrap().finished, [(true, Priority::Normal)]);
}

#[tokio::test]
async fn a_correction_may_bring_back_a_question_that_was_left_out() {
    let mut call = call();
    talk(
        &mut call,
        &[
            ("my name is maria lopez and i need new packaging", "email"),
            ("maria at gmail dot com", "right"),
            ("yes", "phone number"),
            ("the number i'm calling from", "company"),
            ("bright bakery", "finished"),
            ("in three months", "everything I need|anything else"),
            ("sorry i meant a website", "budget"),
            ("ten thousand dollars", "everything I need"),
        ],
    )
    .await;
    assert_eq!(call.tools.lead(LeadField::Service).as_deref(), Some("website"));
    assert_eq!(call.tools.lead(LeadField::Budget).as_deref(), Some("USD 10000"));
}

#[tokio::test]
async fn who_leaves_in_the_middle_leaves_what_there_is() {
    let mut call = call();
    talk(
        &mut call,
        &[
            ("i need a new website", "your name"),
            ("maria lopez", "email"),
            ("never mind", "kept what we have"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.finished, [(false, Priority::Normal)]);
    assert_eq!(kept.answers.len(), 2);
}
