//! Conversations in text, on both brains: every behaviour of the product's rules for conversations, with a real database,
//! the real functions and everything that follows a conversation, without a sound. What is said and what comes of it is
//! data (`*.toml`, read by [`script`]); docs/guides/scenarios.md has the list by subject.
//!
//! The model is a stand-in that knows its instructions and functions, and nothing of these tests.

mod judged;
mod script;
mod typed;

use std::collections::BTreeSet;

use crate::played::Brain;

/// Has each conversation held on both brains.
macro_rules! conversations {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        mod by_the_rules {
            $(#[tokio::test]
            async fn $name() {
                super::judged::hold(stringify!($name), crate::played::Brain::Rules).await;
            })*
        }

        mod by_a_model {
            $(#[tokio::test]
            async fn $name() {
                super::judged::hold(stringify!($name), crate::played::Brain::Model).await;
            })*
        }
    };
}

conversations! {
    a_prospect_is_asked_everything_in_order
    several_answers_in_one_breath_are_not_asked_again
    an_amount_is_corrected
    a_name_is_corrected
    an_address_is_corrected_when_it_is_read_back
    an_address_without_an_at_sign_is_asked_again_and_then_left_open
    a_question_that_need_not_be_asked_is_left_out
    a_question_of_the_callers_pauses_the_flow
    who_would_rather_not_say_is_not_pressed
    who_leaves_in_the_middle_leaves_what_was_said
    who_comes_again_is_the_same_lead
    a_client_is_greeted_by_name_and_told_how_a_project_stands
    which_project_is_asked_when_several_fit
    a_project_that_there_is_not_is_not_invented
    old_data_is_said_to_be_old
    a_strange_number_hears_nothing_without_a_code
    a_strange_number_with_the_right_code_is_a_client
    a_withheld_number_with_the_right_code_is_a_client
    three_wrong_codes_are_the_end_of_it
    nobody_learns_whether_an_address_is_on_file
    a_client_who_wants_more_is_promised_nothing
    a_request_that_is_repeated_is_one_request
    a_stranger_who_wants_more_is_no_client
    a_client_says_how_satisfied_they_are
    who_does_not_want_to_judge_is_not_pressed
    what_was_promised_the_last_time_is_remembered
    a_message_that_nobody_dealt_with_is_remembered
    nobody_else_hears_what_was_promised
    a_question_is_answered_from_what_the_business_says
    what_nobody_knows_is_not_invented
    a_message_is_taken
    who_names_a_time_is_called_back
    a_complaint_is_passed_on
    a_meeting_is_asked_for
    something_that_does_not_work_is_passed_on
    a_question_about_an_invoice_is_passed_on
    a_question_about_terms_is_answered
    who_sells_something_is_sent_away_politely
    who_wants_a_person_is_connected
    who_does_not_want_to_be_connected_stays
    where_nobody_is_to_be_connected_with_a_message_is_offered
    nobody_pretends_to_be_a_person
    the_last_words_are_said_again
    an_emergency_is_captured_quickly
    a_stranger_in_an_emergency_is_asked_who_and_where
    an_emergency_is_connected_at_once
    an_emergency_that_is_told_twice_is_one
    what_is_not_urgent_alarms_nobody
    an_emergency_exit_sign_is_no_emergency
    what_is_pressing_is_not_an_emergency
}

/// A model passes on what is complete; the rules say before each further question what there is of a message.
const BY_THE_RULES_ALONE: &str = "who_goes_before_saying_who_they_are_has_left_a_message";

#[tokio::test]
async fn who_goes_before_saying_who_they_are_has_left_a_message() {
    judged::hold(BY_THE_RULES_ALONE, Brain::Rules).await;
}

#[test]
fn every_conversation_is_held() {
    let written: BTreeSet<String> = script::all().into_iter().map(|one| one.name).collect();
    let held: BTreeSet<String> =
        NAMES.iter().chain([&BY_THE_RULES_ALONE]).map(|&name| name.to_owned()).collect();
    assert_eq!(held, written);
    assert_eq!(written.len(), script::all().len(), "a name is there twice");
}

#[tokio::test]
async fn what_is_expected_wrongly_is_found_out() {
    for (wrong, all) in judged::wrong() {
        let found = judged::mistakes(&wrong, Brain::Rules).await;
        for what in all {
            assert!(found.iter().any(|one| one.contains(what)), "{what} is not in {found:#?}");
        }
    }
}
