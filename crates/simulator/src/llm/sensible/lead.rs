//! The questions about a new project: asked in order, answers saved, corrections saved again.

use domain::acts::{Act, does, is_question};
use domain::agent_phrases::{Phrase, variant};
use domain::intents::{self, Intent};
use domain::spoken_forms::{email, money, names, phone};
use domain::words::{find_phrase, words};
use serde_json::{Value, json};

use super::super::conversation::{Conversation, Message};
use super::super::mind::Made;
use super::told::agent_lines;

/// A question of the lead flow, as the instructions have it.
struct Question<'a> {
    label: &'a str,
    /// What sort of answer it wants.
    kind: &'a str,
    text: &'a str,
}

impl Question<'_> {
    /// Whether these words answer it without having been asked.
    fn is_answered_by(&self, text: &str) -> bool {
        match self.kind.split(", ").next().unwrap_or_default() {
            "a name" => names::read(text, false).is_some(),
            "an e-mail address" => email::read(text).is_ok(),
            "a telephone number" => phone::read(text, "US").is_some(),
            "an amount or a range" => money::read(text).is_some_and(|amount| {
                amount.is_certain && (amount.currency.is_some() || text.contains("budget"))
            }),
            _ => self.names_a_choice(text),
        }
    }

    fn names_a_choice(&self, text: &str) -> bool {
        let choices = self.kind.strip_prefix("one of: ").into_iter().flat_map(|choices| choices.split(", "));
        let said = words(text);
        choices
            .filter(|choice| *choice != "needed")
            .any(|choice| find_phrase(&said, &words(choice)).is_some())
    }

    /// Addresses and numbers are read back: the next question waits for a yes.
    fn is_read_back(&self) -> bool {
        self.kind.starts_with("an e-mail address") || self.kind.starts_with("a telephone number")
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

/// The instructions say that it has an answer.
fn is_saved(system: &str, question: &Question<'_>) -> bool {
    system.contains(&format!("- Saved: {} = ", question.label))
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
fn under_way(conversation: &Conversation) -> Option<Saved> {
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

/// Whether questions are being asked.
pub(super) fn is_under_way(conversation: &Conversation) -> bool {
    under_way(conversation).is_some()
}

pub(super) fn next_question(saved: &Value) -> Option<&str> {
    saved["next_question"]["text"].as_str()
}

pub(super) fn waits_for_a_yes(saved: &Value) -> bool {
    saved["note"].as_str().is_some_and(|note| note.contains("wait for a yes"))
}

/// The label of what the agent's last words ask for.
pub(super) fn asked(conversation: &Conversation, last: &str) -> Option<String> {
    let confirming = under_way(conversation).filter(Saved::waits_for_a_yes);
    let confirming = confirming.map(|saved| saved.label().to_owned());
    confirming.or_else(|| {
        let all = questions(&conversation.system);
        all.iter().find(|question| last.contains(question.text)).map(|question| question.label.to_owned())
    })
}

/// What the caller had not answered yet when something else came between.
pub(super) fn still_open(conversation: &Conversation) -> Option<String> {
    if let Some(saved) = under_way(conversation) {
        let open = if saved.waits_for_a_yes() { saved.output["say"].as_str() } else { saved.next_question() };
        return open.map(str::to_owned);
    }
    let last = agent_lines(conversation).next()?;
    let all = questions(&conversation.system);
    all.iter().find(|question| last.contains(question.text)).map(|question| question.text.to_owned())
}

pub(super) fn save(label: &str, text: &str) -> Made {
    Made::says("").and_calls("save_lead_answer", json!({ "question": label, "answer": text }))
}

/// Saves each answer that the words hold, those that are read back last.
fn save_all(answered: &[&Question<'_>], text: &str) -> Made {
    let (last, first): (Vec<&Question<'_>>, Vec<&Question<'_>>) =
        answered.iter().copied().partition(|question| question.is_read_back());
    first.into_iter().chain(last).fold(Made::says(""), |made, question| {
        made.and_calls("save_lead_answer", json!({ "question": question.label, "answer": text }))
    })
}

/// What the caller has told already is saved and not asked.
pub(super) fn begin(conversation: &Conversation, text: &str) -> Made {
    let all = questions(&conversation.system);
    let begins = variant(Phrase::LeadBegins, 0);
    let told: Vec<&Question<'_>> = all.iter().filter(|question| question.is_answered_by(text)).collect();
    match (told.as_slice(), all.first()) {
        ([], Some(first)) => Made::says(&format!("{begins} {}", first.text)),
        ([], None) => Made::calls("search_knowledge", json!({ "question": text })),
        (told, _) => {
            let mut made = save_all(told, text);
            made.pieces = Made::says(&format!("{begins} ")).pieces;
            made
        }
    }
}

pub(super) fn hear(conversation: &Conversation, text: &str, last: &str, yes: Option<bool>) -> Option<Made> {
    let all = questions(&conversation.system);
    let saved = under_way(conversation);
    let open = all.iter().find(|question| last.contains(question.text));
    let asks = is_question(text) && intents::classify(text) != Intent::NewProject;
    let confirming = saved.as_ref().filter(|saved| saved.waits_for_a_yes());
    let ends = does(text, Act::Goodbye) || does(text, Act::NothingElse);
    if saved.is_some() && ends && confirming.is_none() {
        let stopped = Made::calls("finish_lead", json!({ "reason": "caller_stopped" }));
        return Some(stopped.and_calls("end_call", json!({ "reason": "caller_said_goodbye" })));
    }
    if let Some(saved) = confirming {
        if asks {
            return Some(Made::calls("search_knowledge", json!({ "question": text })));
        }
        return Some(if yes == Some(true) { ask_next(saved) } else { save(saved.label(), text) });
    }
    if let Some(label) = corrected(conversation, &all, open, saved.as_ref(), text) {
        return Some(save(&label, text));
    }
    let open = open?;
    if asks {
        return Some(Made::calls("search_knowledge", json!({ "question": text })));
    }
    let told: Vec<&Question<'_>> = all
        .iter()
        .filter(|question| {
            question.label != open.label
                && !is_saved(&conversation.system, question)
                && question.is_answered_by(text)
        })
        .collect();
    // An address is no answer to the question for the name, though a budget may come with it.
    let is_of_another_kind = !told.is_empty()
        && matches!(open.kind.split(", ").next(), Some("an e-mail address" | "a telephone number"))
        && !open.is_answered_by(text);
    let mut answered = told;
    if !is_of_another_kind {
        answered.push(open);
    }
    Some(save_all(&answered, text))
}

/// The answer that the words correct.
fn corrected(
    conversation: &Conversation,
    all: &[Question<'_>],
    open: Option<&Question<'_>>,
    saved: Option<&Saved>,
    text: &str,
) -> Option<String> {
    let begins = ["no ", "no, ", "sorry ", "sorry, ", "actually "].iter().any(|mark| text.starts_with(mark));
    if correction(text).is_none() && !begins || open.is_some_and(|open| open.is_answered_by(text)) {
        return None;
    }
    let spells = text.contains(" with a ") || text.contains(" with an ");
    let fits = |question: &&Question<'_>| {
        is_saved(&conversation.system, question)
            && (question.is_answered_by(text) || spells && question.kind.starts_with("a name"))
    };
    let found = all.iter().rev().find(fits).map(|question| question.label.to_owned());
    found.or_else(|| saved.filter(|_| correction(text).is_some()).map(|saved| saved.label().to_owned()))
}

/// "No, make that twelve thousand": what it is corrected to.
pub(super) fn correction(text: &str) -> Option<&str> {
    ["make that ", "i meant "].iter().find_map(|words| text.split_once(words)).map(|(_, value)| value)
}

fn ask_next(saved: &Saved) -> Made {
    match saved.next_question() {
        Some(question) => Made::says(question),
        None => Made::calls("finish_lead", json!({ "reason": "all_questions_done" })),
    }
}
