//! What the functions brought, said.

use domain::agent_phrases::{Phrase, fill, variant};
use domain::intents::{self, Intent};
use serde_json::{Value, json};

use super::super::conversation::Conversation;
use super::super::mind::Made;
use super::told::{caller_lines, phrase};
use super::{WHICH, identity, lead, urgent};

pub(super) fn answer(conversation: &Conversation, outputs: &[(&str, &str)]) -> Made {
    let outputs: Vec<(&str, Value)> = outputs
        .iter()
        .map(|(name, output)| (*name, serde_json::from_str(output).unwrap_or_default()))
        .collect();
    let saved: Vec<&Value> = outputs
        .iter()
        .filter(|(name, output)| *name == "save_lead_answer" && output.get("error").is_none())
        .map(|(_, output)| output)
        .collect();
    if let Some(last) = saved.last() {
        return after_answers(conversation, &saved, last);
    }
    let mut said: Vec<String> = Vec::new();
    for (name, output) in &outputs {
        let say = output["say"].as_str().map(str::to_owned);
        if output.get("error").is_some() {
            said.push(phrase(conversation, Phrase::DontKnow));
            continue;
        }
        match *name {
            "search_knowledge" => {
                said.extend(output["answers"][0]["answer"].as_str().map(str::to_owned).or(say));
                // Back to where the caller was.
                said.extend(lead::still_open(conversation));
            }
            "get_project_status" if say.is_none() => {
                let asked = caller_lines(conversation).next().unwrap_or_default();
                let is_unknown = output["note"].as_str().is_some_and(|note| note.starts_with("no project"));
                if is_unknown && intents::classify(asked) != Intent::StatusUpdate {
                    return Made::calls("search_knowledge", json!({ "question": asked }));
                }
                let names: Vec<&str> =
                    output["projects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                said.push(format!("{WHICH}: {}?", names.join(" or ")));
            }
            "verify_client" if say.is_none() => return verified(conversation, output),
            "flag_urgent" => {
                said.extend(say);
                let asks = said.last().is_some_and(|last| last.ends_with('?'));
                if let Some(made) = urgent::next_question(conversation).filter(|_| !asks) {
                    said.push(made.text());
                }
            }
            "schedule_callback" => {
                said.extend(
                    output["called_back"].as_str().map(|when| format!("We will call you back on {when}.")),
                );
                said.push(variant(Phrase::AnythingElse, 0).to_owned());
            }
            // Something is done.
            "finish_lead" | "take_message" | "report_scope_change" | "get_project_status" => {
                said.extend(say);
                let open = if *name == "finish_lead" { None } else { lead::still_open(conversation) };
                said.push(open.unwrap_or_else(|| variant(Phrase::AnythingElse, 0).to_owned()));
            }
            _ => said.extend(say),
        }
    }
    if said.is_empty() {
        said.push(variant(Phrase::AnythingElse, 0).to_owned());
    }
    Made::says(&said.join(" "))
}

/// Answers were saved: what they want said, then the next question.
fn after_answers(conversation: &Conversation, saved: &[&Value], last: &Value) -> Made {
    let text = caller_lines(conversation).next().unwrap_or_default();
    let waiting = saved.iter().rev().find(|output| lead::waits_for_a_yes(output));
    if let Some(say) = waiting.and_then(|output| output["say"].as_str()) {
        return Made::says(say);
    }
    let corrected = lead::correction(text);
    let said = match corrected {
        Some(value) => Some(fill(variant(Phrase::LeadCorrected, 0), &[("value", value)])),
        None => last["say"].as_str().map(str::to_owned),
    };
    match lead::next_question(last) {
        Some(question) => {
            let said: Vec<String> = said.into_iter().chain([question.to_owned()]).collect();
            Made::says(&said.join(" "))
        }
        None => {
            let said = corrected.and(said).map(|said| format!("{said} ")).unwrap_or_default();
            Made::says(&said).and_calls("finish_lead", json!({ "reason": "all_questions_done" }))
        }
    }
}

/// The caller has proved who they are: thanks, and what they wanted to know.
fn verified(conversation: &Conversation, output: &Value) -> Made {
    let name = output["person"].as_str().and_then(|person| person.split_whitespace().next());
    let name = name.or(output["client"].as_str()).unwrap_or_default();
    let thanks = fill(variant(Phrase::Identified, 0), &[("name", name)]);
    match identity::question(conversation) {
        Some(question) => {
            Made::says(&format!("{thanks} ")).and_calls("get_project_status", json!({ "project": question }))
        }
        None => Made::says(&format!("{thanks} {}", variant(Phrase::AnythingElse, 0))),
    }
}
