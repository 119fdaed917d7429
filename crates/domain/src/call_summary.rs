//! What a conversation comes to: a summary, what is to be done, whom to get back to, how the caller sounded.
//!
//! [`summarize`] extracts it from the words alone, for when no language model writes it. It invents nothing: what it
//! says is quoted, or was recorded during the conversation.

pub mod grounding;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::intents::Intent;
use crate::language::Sections;
use crate::patterns::{Pattern, Said};

/// Most entries of each list.
const MOST_ITEMS: usize = 5;
/// Sentences of the caller that a summary quotes.
const MOST_QUOTES: usize = 2;
/// Longest quotation, in words.
const LONGEST_QUOTE: usize = 32;
/// A sentence worth less says nothing that a reader misses.
const WORTH_QUOTING: f32 = 2.0;
/// Words a caller must have said before anything is said of how they sounded.
const ENOUGH_WORDS: usize = 4;
/// From this much evidence on a caller was pleased, or displeased.
const CLEAR_FEELING: f32 = 2.0;
/// Words by which a negation turns a feeling around: "not at all happy".
const NEGATION_REACH: usize = 3;

/// How a caller sounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sentiment {
    /// Pleased.
    Positive,
    /// Neither.
    Neutral,
    /// Displeased.
    Negative,
}

/// What a conversation comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// In a few sentences; empty when nothing was said.
    pub text: String,
    /// What the business is to do.
    pub action_items: Vec<String>,
    /// What the agent promised that somebody will do.
    pub follow_ups: Vec<String>,
    /// What it was about, in the order it came up.
    pub intents: Vec<String>,
    /// How the caller sounded; `None` when they said too little.
    pub sentiment: Option<Sentiment>,
    /// `rules`, or the id of the provider whose language model wrote it.
    pub written_by: String,
}

/// Who wrote a summary that no language model wrote.
pub const BY_RULES: &str = "rules";

/// Something that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utterance<'a> {
    /// Whether the agent said it.
    pub by_agent: bool,
    /// The words.
    pub text: &'a str,
    /// What a caller's turn was about.
    pub intent: Option<&'a str>,
}

/// What was recorded during a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Who called: a name, or a number; `None` for withheld ones.
    pub who: Option<String>,
    /// The lead's name and whether it is complete.
    pub lead: Option<(Option<String>, bool)>,
    /// Who left messages, as said.
    pub messages_from: Vec<Option<String>>,
    /// Whether a person took over.
    pub transferred: bool,
    /// Why it was urgent.
    pub urgent: Option<String>,
}

struct Rules {
    asks: Vec<Pattern>,
    promises: Vec<Pattern>,
    important: Vec<Pattern>,
    positive: Vec<Pattern>,
    negative: Vec<Pattern>,
    negations: Vec<&'static str>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let sections = Sections::read(include_str!("../data/en/call_summary.txt"));
    let all = |name: &str| Pattern::all(sections.get(name));
    Rules {
        asks: all("asks"),
        promises: all("promises"),
        important: all("important"),
        positive: all("positive"),
        negative: all("negative"),
        negations: sections.get("negations").iter().flat_map(|line| line.split(',')).map(str::trim).collect(),
    }
});

/// Extracts what a conversation comes to from its words and what was recorded.
#[must_use]
pub fn summarize(said: &[Utterance<'_>], recorded: &Recorded) -> Summary {
    let of_caller: Vec<&str> =
        said.iter().filter(|one| !one.by_agent).flat_map(|one| sentences(one.text)).collect();
    let of_agent: Vec<&str> =
        said.iter().filter(|one| one.by_agent).flat_map(|one| sentences(one.text)).collect();
    let intents = intents(said);
    Summary {
        text: text(&of_caller, &intents, recorded),
        action_items: action_items(&of_caller, recorded),
        follow_ups: distinct(
            of_agent.iter().filter(|one| matches(&RULES.promises, one)).map(|one| quote(one)),
        ),
        sentiment: sentiment(&of_caller),
        intents: intents.into_iter().map(|intent| intent.name().to_owned()).collect(),
        written_by: BY_RULES.to_owned(),
    }
}

/// How somebody sounded by these sentences; `None` when they said too little to tell.
#[must_use]
pub fn sentiment(sentences: &[&str]) -> Option<Sentiment> {
    let words: usize = sentences.iter().map(|one| one.split_whitespace().count()).sum();
    if words < ENOUGH_WORDS {
        return None;
    }
    let feeling: f32 = sentences.iter().map(|one| feeling(&Said::new(one))).sum();
    Some(match feeling {
        feeling if feeling >= CLEAR_FEELING => Sentiment::Positive,
        feeling if feeling <= -CLEAR_FEELING => Sentiment::Negative,
        _ => Sentiment::Neutral,
    })
}

fn feeling(said: &Said) -> f32 {
    let is_turned = |at: usize| {
        said.words[at.saturating_sub(NEGATION_REACH)..at]
            .iter()
            .any(|word| RULES.negations.contains(&word.as_str()))
    };
    let weigh = |patterns: &[Pattern], sign: f32| -> f32 {
        let found = patterns
            .iter()
            .flat_map(|pattern| pattern.find_all(said).into_iter().map(move |span| (pattern, span)));
        found
            .map(|(pattern, span)| match (is_turned(span.start), sign > 0.0) {
                // "not happy" displeases; "no problem" pleases nobody much.
                (true, true) => -pattern.weight - 1.0,
                (true, false) => 0.0,
                (false, _) => sign * pattern.weight,
            })
            .sum()
    };
    weigh(&RULES.positive, 1.0) + weigh(&RULES.negative, -1.0)
}

fn intents(said: &[Utterance<'_>]) -> Vec<Intent> {
    let mut intents: Vec<Intent> = Vec::new();
    for name in said.iter().filter_map(|one| one.intent) {
        let known = Intent::ALL.iter().find(|intent| intent.name() == name && **intent != Intent::Other);
        if let Some(intent) = known.filter(|intent| !intents.contains(intent)) {
            intents.push(*intent);
        }
    }
    intents
}

fn text(of_caller: &[&str], intents: &[Intent], recorded: &Recorded) -> String {
    let who = recorded.who.as_deref().unwrap_or("Somebody who withheld the number");
    if of_caller.is_empty() {
        return match recorded.messages_from.len() {
            0 => format!("{who} called and said nothing."),
            1 => format!("{who} called and left a message."),
            count => format!("{who} called and left {count} messages."),
        };
    }
    let about: Vec<&str> = intents.iter().take(3).filter_map(|intent| topic(*intent)).collect();
    let mut parts = vec![match about.as_slice() {
        [] => format!("{who} called."),
        [all @ .., last] if !all.is_empty() => format!("{who} called about {} and {last}.", all.join(", ")),
        [one, ..] => format!("{who} called about {one}."),
    }];
    parts.extend(key_sentences(of_caller).into_iter().map(|one| format!("“{}”", quote(one))));
    if let Some((_, complete)) = &recorded.lead {
        parts.push(match complete {
            true => "A lead was captured with all answers.".to_owned(),
            false => "A lead was captured; some answers are missing.".to_owned(),
        });
    }
    match recorded.messages_from.len() {
        0 => {}
        1 => parts.push("A message was taken.".to_owned()),
        count => parts.push(format!("{count} messages were taken.")),
    }
    if recorded.transferred {
        parts.push("The call was put through to a person.".to_owned());
    }
    if let Some(reason) = &recorded.urgent {
        parts.push(format!("It was urgent: {reason}."));
    }
    parts.join(" ")
}

const fn topic(intent: Intent) -> Option<&'static str> {
    Some(match intent {
        Intent::NewProject => "a new project",
        Intent::StatusUpdate => "the status of a project",
        Intent::BillingQuestion => "an invoice or a payment",
        Intent::ScopeChange => "a change to what was agreed",
        Intent::Complaint => "a complaint",
        Intent::MeetingRequest => "a meeting",
        Intent::SupportIssue => "something that does not work",
        Intent::SpeakToHuman => "speaking to a person",
        Intent::Emergency => "an emergency",
        Intent::Spam => "something they sell",
        Intent::Other => return None,
    })
}

/// The sentences most worth quoting, in the order they were said.
fn key_sentences<'a>(of_caller: &[&'a str]) -> Vec<&'a str> {
    let mut worth: Vec<(usize, f32)> = of_caller
        .iter()
        .map(|one| {
            let said = Said::new(one);
            RULES
                .important
                .iter()
                .filter(|pattern| pattern.find(&said).is_some())
                .map(|p| p.weight)
                .sum::<f32>()
        })
        .enumerate()
        .filter(|(_, worth)| *worth >= WORTH_QUOTING)
        .collect();
    worth.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    worth.truncate(MOST_QUOTES);
    worth.sort_by_key(|(at, _)| *at);
    worth.into_iter().map(|(at, _)| of_caller[at]).collect()
}

fn action_items(of_caller: &[&str], recorded: &Recorded) -> Vec<String> {
    let urgent = recorded.urgent.iter().map(|_| match &recorded.who {
        Some(who) => format!("Call {who} back at once"),
        None => "Look at the call at once".to_owned(),
    });
    let lead = recorded.lead.iter().map(|(name, _)| match name.as_ref().or(recorded.who.as_ref()) {
        Some(name) => format!("Get in touch with {name} about the new lead"),
        None => "Look at the new lead".to_owned(),
    });
    let messages = recorded.messages_from.iter().map(|from| match from {
        Some(from) => format!("Answer the message of {from}"),
        None => "Answer the message that was left".to_owned(),
    });
    let asked = of_caller
        .iter()
        .filter(|one| matches(&RULES.asks, one))
        .map(|one| format!("Asked for: “{}”", quote(one)));
    distinct(urgent.chain(lead).chain(messages).chain(asked))
}

fn matches(patterns: &[Pattern], sentence: &str) -> bool {
    let said = Said::new(sentence);
    patterns.iter().any(|pattern| pattern.find(&said).is_some())
}

fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for item in items {
        if kept.len() < MOST_ITEMS && !kept.iter().any(|one| one.eq_ignore_ascii_case(&item)) {
            kept.push(item);
        }
    }
    kept
}

/// The sentences of a turn; what has no end marks is one.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut begins = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if matches!(c, '.' | '?' | '!') && next_is_space {
            sentences.push(&text[begins..at + c.len_utf8()]);
            begins = at + c.len_utf8();
        }
    }
    sentences.push(&text[begins..]);
    sentences.into_iter().map(str::trim).filter(|one| one.chars().any(char::is_alphanumeric)).collect()
}

/// A sentence as it is quoted: not too long.
fn quote(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    match words.len() > LONGEST_QUOTE {
        true => format!("{} …", words[..LONGEST_QUOTE].join(" ")),
        false => words.join(" "),
    }
}

#[cfg(test)]
mod tests;
