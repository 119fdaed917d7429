//! A model that works well: it keeps to its instructions, calls the right function and says what comes back.
//!
//! It understands callers as the product's rules do, so that the same scenario can be carried by both brains; what it
//! proves is everything around a model (functions, sentences, guards, falling over), not what models understand. What it
//! knows of a call is what a model is told: its instructions, the conversation, its functions and their outputs.

mod callback;
mod identity;
mod lead;
mod message;
mod outputs;
mod told;
mod urgent;

use domain::acts::{Act, does};
use domain::agent_phrases::{Phrase, fill, variant};
use domain::client_keys;
use domain::intents::{self, Intent};
use domain::projects::{self, Match, Named};
use domain::satisfaction::spoken;
use domain::spoken_forms::yes_no;
use domain::words::{find_phrase, words};
use serde_json::{Value, json};

use self::told::{agent_lines, can, contact, named, phrase, wish};
use super::conversation::{Conversation, Message};
use super::mind::Made;

const WHICH: &str = "Which project do you mean";

pub(super) fn answer(conversation: &Conversation) -> Made {
    let latest = conversation.latest_outputs();
    if !latest.is_empty() {
        return outputs::answer(conversation, &latest);
    }
    match conversation.messages.last() {
        Some(Message::Caller(text)) if text.starts_with('[') => from_the_telephone(conversation, text),
        Some(Message::Caller(text)) => hear(conversation, text),
        _ => Made::says(variant(Phrase::WhereWereWe, 0)),
    }
}

/// What the telephone tells: keys are an answer to what was asked, after anything else the question is asked again.
fn from_the_telephone(conversation: &Conversation, note: &str) -> Made {
    let keys = note.split_once("pressed the keys ").map(|(_, keys)| keys);
    let digits: String = keys.into_iter().flat_map(str::chars).filter(char::is_ascii_digit).collect();
    if !digits.is_empty() {
        let last = agent_lines(conversation).next().unwrap_or_default();
        if let Some(made) = satisfaction(&digits, last) {
            return made;
        }
        if let Some(made) = identity::hear(conversation, &digits, last) {
            return made;
        }
        if let Some(label) = lead::asked(conversation, last) {
            return lead::save(&label, &digits);
        }
    }
    let asked_last = agent_lines(conversation).next().filter(|line| line.ends_with('?'));
    Made::says(asked_last.unwrap_or_else(|| variant(Phrase::WhereWereWe, 0)))
}

fn hear(conversation: &Conversation, text: &str) -> Made {
    let last = agent_lines(conversation).next().unwrap_or_default();
    let yes = yes_no::read(text);
    if last.ends_with('?') && last.contains("connect you") && yes == Some(true) {
        let wish = wish(conversation);
        return Made::calls("transfer_call", json!({ "reason": wish, "whom": wish }));
    }
    let special = urgent::hear(conversation, text, last)
        .or_else(|| callback::hear(conversation, text, last, yes))
        .or_else(|| satisfaction(text, last))
        .or_else(|| identity::hear(conversation, text, last))
        .or_else(|| message::hear(conversation, text, last, yes));
    if let Some(made) = special {
        return made;
    }
    let offers = last.ends_with('?')
        && ["connect you", "put you through", "message"].iter().any(|one| last.contains(one));
    if offers && yes == Some(false) && !does(text, Act::Goodbye) {
        let said = [Phrase::Alright, Phrase::AnythingElse].map(|one| variant(one, 0));
        return Made::says(&said.join(" "));
    }
    if last.contains(WHICH) {
        return Made::calls("get_project_status", json!({ "project": text }));
    }
    manners(conversation, text)
        .or_else(|| lead::hear(conversation, text, last, yes))
        .unwrap_or_else(|| topic(conversation, text))
}

/// The answer to the last question of all, by word or key.
fn satisfaction(text: &str, last: &str) -> Option<Made> {
    if !last.contains(variant(Phrase::AskSatisfaction, 0)) {
        return None;
    }
    let end = json!({ "reason": "nothing_more_to_do" });
    Some(match spoken::read(text) {
        Some(score) => Made::calls("record_satisfaction", json!({ "score": score, "comment": "" }))
            .and_calls("end_call", end),
        None => Made::calls("end_call", end),
    })
}

/// What is said to anybody at any time, and back to what was open.
fn manners(conversation: &Conversation, text: &str) -> Option<Made> {
    let system = &conversation.system;
    let names = [
        ("agent", named(system, "agent").unwrap_or("your assistant")),
        ("business", named(system, "business").unwrap_or("the business")),
        ("contact", contact(system)),
    ];
    let say = |phrase| fill(variant(phrase, 0), &names);
    if does(text, Act::Repeat) {
        let last = agent_lines(conversation).next();
        return Some(Made::says(last.unwrap_or_else(|| variant(Phrase::NothingToRepeat, 0))));
    }
    if does(text, Act::Stop) && !does(text, Act::Goodbye) {
        return Some(if lead::is_under_way(conversation) {
            Made::calls("finish_lead", json!({ "reason": "caller_stopped" }))
        } else {
            Made::says(&format!("{} {}", say(Phrase::NeverMind), say(Phrase::AnythingElse)))
        });
    }
    let is_idle = intents::classify(text) == Intent::Other;
    let phrase = if does(text, Act::AreYouRobot) {
        Phrase::VirtualAssistant
    } else if is_idle && does(text, Act::WhoAreYou) {
        Phrase::MyName
    } else if is_idle && does(text, Act::HowAreYou) {
        Phrase::FineThanks
    } else if is_idle && does(text, Act::Help) {
        Phrase::Help
    } else {
        return None;
    };
    let said: Vec<String> =
        [Some(say(phrase)), lead::still_open(conversation)].into_iter().flatten().collect();
    Some(Made::says(&said.join(" ")))
}

/// Whether the caller speaks of something whose project was spoken of before, or asks "what about" something.
fn is_about_a_project(conversation: &Conversation, text: &str) -> bool {
    let told = conversation.messages.iter().filter_map(|message| match message {
        Message::Output { name, output, .. } if name == "get_project_status" => {
            serde_json::from_str::<Value>(output).ok()?["project"].as_str().map(str::to_owned)
        }
        _ => None,
    });
    let told: Vec<String> = told.collect();
    let known: Vec<Named<'_>> = told.iter().map(|name| Named { name, aliases: &[] }).collect();
    projects::find(text, &known) != Match::None || find_phrase(&words(text), &words("what about")).is_some()
}

/// The end, after the last question where the instructions want it.
fn farewell(conversation: &Conversation, text: &str) -> Option<Made> {
    let (goodbye, nothing_else) = (does(text, Act::Goodbye), does(text, Act::NothingElse));
    let last_question = variant(Phrase::AskSatisfaction, 0);
    let wanted = conversation.system.contains(last_question) && !urgent::is_flagged(conversation);
    if (goodbye || nothing_else)
        && wanted
        && !agent_lines(conversation).any(|line| line.contains(last_question))
    {
        return Some(Made::says(last_question));
    }
    if goodbye {
        return Some(Made::calls("end_call", json!({ "reason": "caller_said_goodbye" })));
    }
    let last = agent_lines(conversation).next().unwrap_or_default();
    let is_no_more = does(text, Act::Thanks) && last.ends_with(variant(Phrase::AnythingElse, 0));
    (nothing_else || is_no_more).then(|| Made::calls("end_call", json!({ "reason": "nothing_more_to_do" })))
}

fn topic(conversation: &Conversation, text: &str) -> Made {
    if let Some(made) = farewell(conversation, text) {
        return made;
    }
    let can = |function: &str| can(conversation, function);
    let search = || Made::calls("search_knowledge", json!({ "question": text }));
    let promises = told::promises(&conversation.system);
    if does(text, Act::Recall) && !promises.is_empty() {
        let said = [variant(Phrase::StillOpen, 0).to_owned(), promises.join(" ")];
        return Made::says(&said.join(" "));
    }
    let intent = intents::classify(text);
    let is_client = told::is_recognised(conversation) || identity::is_verified(conversation);
    let proves = !is_client && can("verify_client");
    if proves
        && (intent == Intent::StatusUpdate
            || intent == Intent::Other && client_keys::claims_to_be_client(text))
    {
        return identity::begin(text);
    }
    match intent {
        Intent::Spam => Made::calls("end_call", json!({ "reason": "unwanted_call" })),
        Intent::SpeakToHuman if can("transfer_call") => {
            Made::says(&phrase(conversation, Phrase::OfferTransfer))
        }
        Intent::SpeakToHuman => {
            let said = [Phrase::NobodyThere, Phrase::OfferMessage].map(|one| phrase(conversation, one));
            Made::says(&said.join(" "))
        }
        Intent::StatusUpdate if can("get_project_status") => {
            Made::calls("get_project_status", json!({ "project": text }))
        }
        Intent::StatusUpdate => Made::says(&phrase(conversation, Phrase::StatusForClientsOnly)),
        Intent::ScopeChange if is_client && can("report_scope_change") => {
            Made::calls("report_scope_change", json!({ "quote": text }))
        }
        Intent::NewProject if can("save_lead_answer") => lead::begin(conversation, text),
        Intent::Complaint => message::pass_on(conversation, Phrase::ComplaintSorry),
        Intent::SupportIssue => message::pass_on(conversation, Phrase::SupportSorry),
        Intent::MeetingRequest => message::pass_on(conversation, Phrase::MeetingWanted),
        // Terms are to be looked up; nobody here sees the caller's own invoice.
        Intent::BillingQuestion
            if words(text).iter().any(|word| matches!(word.as_str(), "my" | "our" | "me" | "us")) =>
        {
            message::pass_on(conversation, Phrase::BillingPassOn)
        }
        _ if is_client && can("get_project_status") && is_about_a_project(conversation, text) => {
            Made::calls("get_project_status", json!({ "project": text }))
        }
        _ => search(),
    }
}
