//! A model that works well: it keeps to its instructions, calls the right function and says what comes back.
//!
//! It understands callers as the product's rules do, so that the same scenario can be carried by both brains; what it
//! proves is everything around a model (functions, sentences, guards, falling over), not what models understand.

use chrono::NaiveDateTime;
use domain::acts::{Act, does, is_question};
use domain::agent_phrases::{Phrase, fill, variant};
use domain::intents::{self, Intent};
use domain::projects::{self, Match, Named};
use domain::satisfaction::spoken;
use domain::spoken_forms::{times, yes_no};
use domain::words::{find_phrase, words};
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
        Some(Message::Caller(text)) if text.starts_with('[') => from_the_telephone(conversation, text),
        Some(Message::Caller(text)) => hear(conversation, text),
        _ => Made::says(variant(Phrase::WhereWereWe, 0)),
    }
}

/// What the telephone tells: keys are an answer to what was asked, after anything else the question is asked again.
fn from_the_telephone(conversation: &Conversation, note: &str) -> Made {
    let keys = note.split_once("pressed the keys ").map(|(_, keys)| keys);
    let digits: String = keys.into_iter().flat_map(str::chars).filter(char::is_ascii_digit).collect();
    let asked = lead(conversation).filter(Saved::waits_for_a_yes).map(|saved| saved.label().to_owned());
    let last = agent_lines(conversation).next().unwrap_or_default();
    let label = asked.or_else(|| {
        let all = questions(&conversation.system);
        all.iter().find(|question| last.contains(question.text)).map(|question| question.label.to_owned())
    });
    match label {
        Some(label) if !digits.is_empty() => save(&label, &digits),
        _ => Made::says(asked_last(conversation).unwrap_or_else(|| variant(Phrase::WhereWereWe, 0))),
    }
}

/// A question of the lead flow, as the instructions have it.
struct Question<'a> {
    label: &'a str,
    /// What sort of answer it wants.
    kind: &'a str,
    text: &'a str,
}

impl Question<'_> {
    /// Whether these words name one of its choices.
    fn is_answered_by(&self, text: &str) -> bool {
        let choices = self.kind.strip_prefix("one of: ").into_iter().flat_map(|choices| choices.split(", "));
        let said = words(text);
        choices
            .filter(|choice| *choice != "needed")
            .any(|choice| find_phrase(&said, &words(choice)).is_some())
    }
}

/// "2. Email (an e-mail address, needed): <question>…</question>".
fn questions(system: &str) -> Vec<Question<'_>> {
    system.lines().filter_map(question).collect()
}

fn question(line: &str) -> Option<Question<'_>> {
    let (number, rest) = line.split_once(". ")?;
    number.parse::<u8>().ok()?;
    let (label, rest) = rest.split_once(" (")?;
    let (kind, rest) = rest.split_once("): <question>")?;
    Some(Question { label, kind, text: rest.split_once("</question>")?.0 })
}

fn agent_lines(conversation: &Conversation) -> impl Iterator<Item = &str> {
    conversation.messages.iter().rev().filter_map(|message| match message {
        Message::Agent { text, .. } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    })
}

/// What the caller last said that is more than yes or no.
fn wish(conversation: &Conversation) -> &str {
    let lines = conversation.messages.iter().rev().filter_map(|message| match message {
        Message::Caller(text) => Some(text.as_str()),
        _ => None,
    });
    let mut wishes =
        lines.filter(|text| text.split_whitespace().count() >= 3 && yes_no::read(text).is_none());
    wishes.next().unwrap_or_default()
}

fn asked_last(conversation: &Conversation) -> Option<&str> {
    agent_lines(conversation).next().filter(|line| line.ends_with('?'))
}

/// What the lead flow's last function said.
struct Saved {
    output: Value,
    /// Its next question was asked since.
    is_followed: bool,
}

impl Saved {
    fn label(&self) -> &str {
        self.output["question"].as_str().unwrap_or_default()
    }

    fn next_question(&self) -> Option<&str> {
        next_question(&self.output)
    }

    /// It was read back, and the caller has not yet said that it is right.
    fn waits_for_a_yes(&self) -> bool {
        waits_for_a_yes(&self.output) && !self.is_followed
    }
}

/// The lead flow, while it is under way.
fn lead(conversation: &Conversation) -> Option<Saved> {
    let of_the_flow = |message: &Message| matches!(message, Message::Output { name, .. } if name == "save_lead_answer" || name == "finish_lead");
    let at = conversation.messages.iter().rposition(of_the_flow)?;
    let output: Value = match &conversation.messages[at] {
        Message::Output { name, output, .. } if name == "save_lead_answer" => {
            serde_json::from_str(output).ok()?
        }
        _ => return None,
    };
    let next = next_question(&output);
    let is_followed = conversation.messages[at + 1..].iter().any(|message| match message {
        Message::Agent { text, .. } => next.is_some_and(|next| text.contains(next)),
        _ => false,
    });
    Some(Saved { is_followed, output })
}

fn next_question(saved: &Value) -> Option<&str> {
    saved["next_question"]["text"].as_str()
}

fn waits_for_a_yes(saved: &Value) -> bool {
    saved["note"].as_str().is_some_and(|note| note.contains("wait for a yes"))
}

/// What the caller had not answered yet when something else came between.
fn still_open(conversation: &Conversation) -> Option<String> {
    if let Some(saved) = lead(conversation) {
        let open = if saved.waits_for_a_yes() { saved.output["say"].as_str() } else { saved.next_question() };
        return open.map(str::to_owned);
    }
    let last = agent_lines(conversation).next()?;
    let all = questions(&conversation.system);
    all.iter().find(|question| last.contains(question.text)).map(|question| question.text.to_owned())
}

fn hear(conversation: &Conversation, text: &str) -> Made {
    let last = agent_lines(conversation).next().unwrap_or_default();
    let yes = yes_no::read(text);
    if last.ends_with('?') && last.contains("connect you") && yes == Some(true) {
        let wish = wish(conversation);
        return Made::calls("transfer_call", json!({ "reason": wish, "whom": wish }));
    }
    if let Some(made) = callback(conversation, text, last, yes) {
        return made;
    }
    if last.contains(variant(Phrase::AskSatisfaction, 0)) {
        let end = json!({ "reason": "nothing_more_to_do" });
        return match spoken::read(text) {
            Some(score) => Made::calls("record_satisfaction", json!({ "score": score, "comment": "" }))
                .and_calls("end_call", end),
            None => Made::calls("end_call", end),
        };
    }
    if let Some(made) = message(conversation, text, last, yes) {
        return made;
    }
    if last.contains(WHICH) {
        return Made::calls("get_project_status", json!({ "project": text }));
    }
    if let Some(made) = manners(conversation, text) {
        return made;
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
    let asks = is_question(text) && intents::classify(text) != Intent::NewProject;
    if let Some(saved) = &saved {
        let confirming = saved.waits_for_a_yes();
        let label = saved.label();
        if ends && !confirming {
            let stopped = Made::calls("finish_lead", json!({ "reason": "caller_stopped" }));
            return Some(stopped.and_calls("end_call", json!({ "reason": "caller_said_goodbye" })));
        }
        match yes {
            Some(true) if confirming => return Some(ask_next(saved)),
            _ if confirming && !asks => return Some(save(label, text)),
            _ => {}
        }
        if correction(text).is_some() {
            return Some(save(label, text));
        }
        if confirming {
            return Some(Made::calls("search_knowledge", json!({ "question": text })));
        }
    }
    let open = open?;
    if asks {
        return Some(Made::calls("search_knowledge", json!({ "question": text })));
    }
    Some(save(open.label, text))
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
    if does(text, Act::Stop) {
        return Some(if lead(conversation).is_some() {
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
    let said: Vec<String> = [Some(say(phrase)), still_open(conversation)].into_iter().flatten().collect();
    Some(Made::says(&said.join(" ")))
}

/// "No, make that twelve thousand": what it is corrected to.
fn correction(text: &str) -> Option<&str> {
    ["make that ", "i meant "].iter().find_map(|words| text.split_once(words)).map(|(_, value)| value)
}

fn save(label: &str, text: &str) -> Made {
    Made::calls("save_lead_answer", json!({ "question": label, "answer": text }))
}

fn ask_next(saved: &Saved) -> Made {
    match saved.next_question() {
        Some(question) => Made::says(question),
        None => Made::calls("finish_lead", json!({ "reason": "all_questions_done" })),
    }
}

/// What the instructions say of the present moment at the business.
fn today(system: &str) -> Option<NaiveDateTime> {
    let (_, rest) = system.split_once("For the business it is ")?;
    let (moment, _) = rest.split_once(" (")?;
    NaiveDateTime::parse_from_str(moment, "%A, %d %B %Y, %H:%M").ok()
}

/// "Call me back tomorrow at ten": the number is asked for, then it is arranged.
fn callback(conversation: &Conversation, text: &str, last: &str, yes: Option<bool>) -> Option<Made> {
    // Whoever leaves a message leaves it, whatever it asks for.
    let ask_message = fill(variant(Phrase::AskMessage, 0), &[("contact", contact(&conversation.system))]);
    if agent_lines(conversation).any(|line| line.contains(&ask_message)) {
        return None;
    }
    let ask = variant(Phrase::AskCallingNumber, 0);
    let today = today(&conversation.system)?;
    let moment = |text: &str| {
        let wanted = text.contains("call me") || text.contains("call us") || text.contains("call back");
        wanted.then(|| times::read(text, today)).flatten()
    };
    if last.contains(ask) && yes == Some(true) {
        let wish = wish(conversation);
        let when = moment(wish)?.format("%Y-%m-%dT%H:%M").to_string();
        return Some(Made::calls(
            "schedule_callback",
            json!({ "when": when, "number": "calling_number", "about": wish }),
        ));
    }
    moment(text).map(|_| Made::says(ask))
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
    named(system, "contact").unwrap_or("the team")
}

/// What the instructions have between such tags.
fn named<'a>(system: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = system.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(name, _)| name)
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

fn topic(conversation: &Conversation, text: &str) -> Made {
    let can = |function: &str| conversation.tools.iter().any(|tool| tool == function);
    let last_question = variant(Phrase::AskSatisfaction, 0);
    if (does(text, Act::Goodbye) || does(text, Act::NothingElse))
        && conversation.system.contains(last_question)
        && !agent_lines(conversation).any(|line| line.contains(last_question))
    {
        return Made::says(last_question);
    }
    if does(text, Act::Goodbye) {
        return Made::calls("end_call", json!({ "reason": "caller_said_goodbye" }));
    }
    let last = agent_lines(conversation).next().unwrap_or_default();
    let is_no_more = does(text, Act::Thanks) && last.ends_with(variant(Phrase::AnythingElse, 0));
    if does(text, Act::NothingElse) || is_no_more {
        return Made::calls("end_call", json!({ "reason": "nothing_more_to_do" }));
    }
    match intents::classify(text) {
        Intent::Spam => Made::calls("end_call", json!({ "reason": "unwanted_call" })),
        Intent::SpeakToHuman if can("transfer_call") => Made::says(variant(Phrase::OfferTransfer, 0)),
        Intent::StatusUpdate if can("get_project_status") => {
            Made::calls("get_project_status", json!({ "project": text }))
        }
        Intent::ScopeChange if can("report_scope_change") => {
            Made::calls("report_scope_change", json!({ "quote": text }))
        }
        Intent::NewProject if can("save_lead_answer") => begin_lead(conversation, text),
        _ if can("get_project_status") && is_about_a_project(conversation, text) => {
            Made::calls("get_project_status", json!({ "project": text }))
        }
        _ => Made::calls("search_knowledge", json!({ "question": text })),
    }
}

/// What the caller has told already is saved and not asked.
fn begin_lead(conversation: &Conversation, text: &str) -> Made {
    let all = questions(&conversation.system);
    let begins = variant(Phrase::LeadBegins, 0);
    let told = all.iter().find(|question| question.is_answered_by(text));
    match (told, all.first()) {
        (Some(told), _) => {
            let answer = json!({ "question": told.label, "answer": text });
            Made::says(&format!("{begins} ")).and_calls("save_lead_answer", answer)
        }
        (None, Some(first)) => Made::says(&format!("{begins} {}", first.text)),
        (None, None) => Made::calls("search_knowledge", json!({ "question": text })),
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
                said.extend(still_open(conversation));
            }
            "get_project_status" if say.is_none() => {
                let asked = conversation.messages.iter().rev().find_map(|message| match message {
                    Message::Caller(text) => Some(text.as_str()),
                    _ => None,
                });
                let asked = asked.unwrap_or_default();
                let is_unknown = output["note"].as_str().is_some_and(|note| note.starts_with("no project"));
                if is_unknown && intents::classify(asked) != Intent::StatusUpdate {
                    return Made::calls("search_knowledge", json!({ "question": asked }));
                }
                let names: Vec<&str> =
                    output["projects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                said.push(format!("{WHICH}: {}?", names.join(" or ")));
            }
            "schedule_callback" => {
                said.extend(
                    output["called_back"].as_str().map(|when| format!("We will call you back on {when}.")),
                );
                said.push(variant(Phrase::AnythingElse, 0).to_owned());
            }
            // Something is done.
            "finish_lead" | "take_message" | "report_scope_change" | "get_project_status" => {
                said.extend(say.map(str::to_owned));
                let open = if *name == "finish_lead" { None } else { still_open(conversation) };
                said.push(open.unwrap_or_else(|| variant(Phrase::AnythingElse, 0).to_owned()));
            }
            _ => said.extend(say.map(str::to_owned)),
        }
    }
    if said.is_empty() {
        said.push(variant(Phrase::AnythingElse, 0).to_owned());
    }
    Made::says(&said.join(" "))
}
