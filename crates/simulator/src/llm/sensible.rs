//! A model that works well: it keeps to its instructions, calls the right function and says what comes back.
//!
//! It understands callers as the product's rules do, so that the same scenario can be carried by both brains; what it
//! proves is everything around a model (functions, sentences, guards, falling over), not what models understand.

use domain::acts::{Act, does, is_question};
use domain::agent_phrases::{Phrase, fill, variant};
use domain::intents::{self, Intent};
use domain::spoken_forms::yes_no;
use serde_json::{Value, json};

use super::conversation::{Conversation, Message};
use super::mind::Made;

const WHICH: &str = "Which project do you mean";

pub(super) fn answer(conversation: &Conversation) -> Made {
    let outputs = conversation.latest_outputs();
    if !outputs.is_empty() {
        return after_functions(conversation, &outputs);
    }
    match conversation.messages.last() {
        Some(Message::Caller(text)) if text.starts_with('[') => {
            Made::says(asked_last(conversation).unwrap_or_else(|| variant(Phrase::WhereWereWe, 0)))
        }
        Some(Message::Caller(text)) => hear(conversation, text),
        _ => Made::says(variant(Phrase::WhereWereWe, 0)),
    }
}

/// A question of the lead flow, as the instructions have it.
struct Question<'a> {
    label: &'a str,
    text: &'a str,
}

/// "2. Email (an e-mail address, needed): <question>…</question>".
fn questions(system: &str) -> Vec<Question<'_>> {
    system.lines().filter_map(question).collect()
}

fn question(line: &str) -> Option<Question<'_>> {
    let (number, rest) = line.split_once(". ")?;
    number.parse::<u8>().ok()?;
    let (label, rest) = rest.split_once(" (")?;
    let text = rest.split_once("<question>")?.1.split_once("</question>")?.0;
    Some(Question { label, text })
}

fn agent_lines(conversation: &Conversation) -> impl Iterator<Item = &str> {
    conversation.messages.iter().rev().filter_map(|message| match message {
        Message::Agent { text, .. } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    })
}

fn asked_last(conversation: &Conversation) -> Option<&str> {
    agent_lines(conversation).next().filter(|line| line.ends_with('?'))
}

/// What the lead flow's last function said, while the flow is under way.
fn lead(conversation: &Conversation) -> Option<Value> {
    let last = conversation.messages.iter().rev().find_map(|message| match message {
        Message::Output { name, output, .. } if name == "save_lead_answer" || name == "finish_lead" => {
            Some((name.as_str(), output.as_str()))
        }
        _ => None,
    });
    match last {
        Some(("save_lead_answer", output)) => serde_json::from_str(output).ok(),
        _ => None,
    }
}

fn waits_for_a_yes(saved: &Value) -> bool {
    saved["note"].as_str().is_some_and(|note| note.contains("wait for a yes"))
}

fn hear(conversation: &Conversation, text: &str) -> Made {
    let last = agent_lines(conversation).next().unwrap_or_default();
    let yes = yes_no::read(text);
    if last.ends_with('?') && last.contains("connect you") && yes == Some(true) {
        return Made::calls("transfer_call", json!({ "reason": "the caller agreed to be connected" }));
    }
    if let Some(made) = message(conversation, text, last, yes) {
        return made;
    }
    if last.contains(WHICH) {
        return Made::calls("get_project_status", json!({ "project": text }));
    }
    if let Some(made) = in_the_lead_flow(conversation, text, last, yes) {
        return made;
    }
    topic(conversation, text)
}

fn in_the_lead_flow(conversation: &Conversation, text: &str, last: &str, yes: Option<bool>) -> Option<Made> {
    let all = questions(&conversation.system);
    let saved = lead(conversation);
    let open = all.iter().find(|question| last.contains(question.text));
    let ends = does(text, Act::Goodbye) || does(text, Act::NothingElse);
    if let Some(saved) = &saved {
        let confirming = waits_for_a_yes(saved) && open.is_none();
        let label = saved["question"].as_str().unwrap_or_default();
        if ends && !confirming {
            let stopped = Made::calls("finish_lead", json!({ "reason": "caller_stopped" }));
            return Some(stopped.and_calls("end_call", json!({ "reason": "caller_said_goodbye" })));
        }
        match yes {
            Some(true) if confirming => return Some(ask_next(saved)),
            _ if confirming => return Some(save(label, text)),
            _ => {}
        }
        if correction(text).is_some() {
            return Some(save(label, text));
        }
    }
    let open = open?;
    if is_question(text) && intents::classify(text) != Intent::NewProject {
        return Some(Made::calls("search_knowledge", json!({ "question": text })));
    }
    Some(save(open.label, text))
}

/// "No, make that twelve thousand": what it is corrected to.
fn correction(text: &str) -> Option<&str> {
    ["make that ", "i meant "].iter().find_map(|words| text.split_once(words)).map(|(_, value)| value)
}

fn save(label: &str, text: &str) -> Made {
    Made::calls("save_lead_answer", json!({ "question": label, "answer": text }))
}

fn ask_next(saved: &Value) -> Made {
    match saved["next_question"]["text"].as_str() {
        Some(question) => Made::says(question),
        None => Made::calls("finish_lead", json!({ "reason": "all_questions_done" })),
    }
}

/// Taking a message, as far as it has come.
fn message(conversation: &Conversation, text: &str, last: &str, yes: Option<bool>) -> Option<Made> {
    let contact = |phrase| fill(variant(phrase, 0), &[("contact", contact(&conversation.system))]);
    let (ask, ask_name) = (contact(Phrase::AskMessage), contact(Phrase::AskMessageName));
    let ask_number = contact(Phrase::AskCallingNumber);
    let offered = last.ends_with('?') && last.to_lowercase().contains("message") && yes == Some(true);
    if last.contains(&ask_number) {
        let reply_to = if yes == Some(false) { "none" } else { "calling_number" };
        let name = answer_to(conversation, &ask_name).unwrap_or_default();
        let words = answer_to(conversation, &ask).unwrap_or_default();
        let taken = json!({ "text": words, "from_name": name, "reply_to": reply_to, "priority": "normal" });
        return Some(Made::calls("take_message", taken));
    }
    if last.contains(&ask_name) {
        return Some(Made::says(&ask_number));
    }
    if last.contains(&ask) {
        let known = conversation.system.contains("recognised as the client");
        return Some(Made::says(if known { &ask_number } else { &ask_name }));
    }
    (offered || does(text, Act::LeaveMessage)).then(|| Made::says(&ask))
}

/// What the caller said to this.
fn answer_to<'a>(conversation: &'a Conversation, asked: &str) -> Option<&'a str> {
    let at = conversation
        .messages
        .iter()
        .rposition(|message| matches!(message, Message::Agent { text, .. } if text.contains(asked)))?;
    conversation.messages[at + 1..].iter().find_map(|message| match message {
        Message::Caller(text) if !text.starts_with('[') => Some(text.as_str()),
        _ => None,
    })
}

fn contact(system: &str) -> &str {
    system
        .split_once("<contact>")
        .and_then(|(_, rest)| rest.split_once("</contact>"))
        .map_or("the team", |(name, _)| name)
}

fn topic(conversation: &Conversation, text: &str) -> Made {
    let can = |function: &str| conversation.tools.iter().any(|tool| tool == function);
    if does(text, Act::Goodbye) {
        return Made::calls("end_call", json!({ "reason": "caller_said_goodbye" }));
    }
    if does(text, Act::NothingElse) {
        return Made::calls("end_call", json!({ "reason": "nothing_more_to_do" }));
    }
    match intents::classify(text) {
        Intent::Spam => Made::calls("end_call", json!({ "reason": "unwanted_call" })),
        Intent::SpeakToHuman if can("transfer_call") => Made::says(variant(Phrase::OfferTransfer, 0)),
        Intent::StatusUpdate if can("get_project_status") => {
            Made::calls("get_project_status", json!({ "project": text }))
        }
        Intent::NewProject if can("save_lead_answer") => match questions(&conversation.system).first() {
            Some(first) => Made::says(&format!("{} {}", variant(Phrase::LeadBegins, 0), first.text)),
            None => Made::calls("search_knowledge", json!({ "question": text })),
        },
        _ => Made::calls("search_knowledge", json!({ "question": text })),
    }
}

/// Says what the functions brought.
fn after_functions(conversation: &Conversation, outputs: &[(&str, &str)]) -> Made {
    let mut said: Vec<String> = Vec::new();
    for (name, output) in outputs {
        let output: Value = serde_json::from_str(output).unwrap_or_default();
        let say = output["say"].as_str();
        if output.get("error").is_some() {
            said.push(fill(variant(Phrase::DontKnow, 0), &[("contact", contact(&conversation.system))]));
            continue;
        }
        match *name {
            "save_lead_answer" => {
                let corrected = conversation.messages.iter().rev().find_map(|message| match message {
                    Message::Caller(text) => Some(correction(text)),
                    _ => None,
                });
                said.extend(
                    corrected
                        .flatten()
                        .map(|value| fill(variant(Phrase::LeadCorrected, 0), &[("value", value)])),
                );
                said.extend(say.filter(|_| corrected.flatten().is_none()).map(str::to_owned));
                if waits_for_a_yes(&output) {
                    continue;
                }
                match output["next_question"]["text"].as_str() {
                    Some(question) => said.push(question.to_owned()),
                    None => return Made::calls("finish_lead", json!({ "reason": "all_questions_done" })),
                }
            }
            "search_knowledge" => {
                said.extend(output["answers"][0]["answer"].as_str().or(say).map(str::to_owned));
                // Back to where the caller was.
                let open = lead(conversation)
                    .and_then(|saved| saved["next_question"]["text"].as_str().map(str::to_owned));
                said.extend(open);
            }
            "get_project_status" if say.is_none() => {
                let names: Vec<&str> =
                    output["projects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                said.push(format!("{WHICH}: {}?", names.join(" or ")));
            }
            "finish_lead" | "take_message" => {
                said.extend(say.map(str::to_owned));
                said.push(variant(Phrase::AnythingElse, 0).to_owned());
            }
            _ => said.extend(say.map(str::to_owned)),
        }
    }
    if said.is_empty() {
        said.push(variant(Phrase::AnythingElse, 0).to_owned());
    }
    Made::says(&said.join(" "))
}
