//! What was said in a call so far, in no engine's words: what an engine, a brain or another node needs to go on.
//!
//! It is read from the [call's log](crate::call_log), so it can be had from whatever holds the log: the running
//! call, the session store, or, when that is gone, the database.

use serde::{Deserialize, Serialize};

use crate::call_log::EventKind;
use crate::call_plan::KnownClient;
use crate::ids::{QuestionId, TurnId};
use crate::leads::LeadAnswer;

/// Lines that are kept; the oldest go first.
const LINES: usize = 200;
/// Characters of a line that are kept.
const LINE_CHARS: usize = 2_000;

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The caller.
    Caller,
    /// The agent.
    Agent,
}

/// A line of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who.
    pub by: Side,
    /// The words; of the agent's only those that the caller can have heard.
    pub text: String,
}

/// A caller's turn that nobody has answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// The turn.
    pub turn: TurnId,
    /// The words.
    pub text: String,
}

/// What became of the lead flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadState {
    /// It has not begun.
    #[default]
    NotBegun,
    /// Answers are being taken.
    UnderWay,
    /// It was closed, complete or not.
    Closed,
}

/// A conversation so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// What was said, oldest first.
    pub lines: Vec<Said>,
    /// The caller's last turn, while no answer to it has been heard.
    pub unanswered: Option<Unanswered>,
    /// The answers of the lead flow, the latest of each question.
    pub answers: Vec<LeadAnswer>,
    /// Questions of the lead flow that were asked and stay open.
    pub left_open: Vec<QuestionId>,
    /// Where the lead flow stands.
    pub lead: LeadState,
    /// Whether somebody was alerted.
    pub flagged_urgent: bool,
    /// The client that the caller proved to be in this conversation.
    pub client: Option<KnownClient>,
}

/// How a log says that a question of the lead flow stays open: the arguments of `save_lead_answer` then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOpen {
    /// The question.
    pub question: QuestionId,
    /// Always true.
    pub left_open: bool,
}

impl History {
    /// The history that a log tells.
    #[must_use]
    pub fn of<'a>(log: impl IntoIterator<Item = &'a EventKind>) -> Self {
        let mut history = Self::default();
        for entry in log {
            history.note(entry);
        }
        history
    }

    /// Whether nothing was said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes note of an entry of the log. Returns whether it changed anything.
    pub fn note(&mut self, entry: &EventKind) -> bool {
        match entry {
            EventKind::CallerTurn { turn, text, .. } => {
                self.say(Side::Caller, text);
                self.unanswered = Some(Unanswered { turn: *turn, text: text.clone() });
                true
            }
            EventKind::AgentTurn { heard, .. } if !heard.trim().is_empty() => {
                self.say(Side::Agent, heard);
                self.unanswered = None;
                true
            }
            EventKind::ToolCall { name, result, ok: true, .. } if name == "verify_client" => {
                let verified = KnownClient::deserialize(&result["verified"]).ok();
                self.client = verified.or(self.client.take());
                true
            }
            EventKind::ToolCall { name, arguments, ok: true, .. } => self.note_tool(name, arguments),
            _ => false,
        }
    }

    fn note_tool(&mut self, name: &str, arguments: &serde_json::Value) -> bool {
        match name {
            "save_lead_answer" => {
                if let Ok(LeftOpen { question, left_open: true }) = LeftOpen::deserialize(arguments) {
                    self.left_open.retain(|known| *known != question);
                    self.left_open.push(question);
                    return true;
                }
                let Ok(answer) = LeadAnswer::deserialize(arguments) else { return false };
                self.left_open.retain(|known| *known != answer.question);
                self.answers.retain(|known| known.question != answer.question);
                self.answers.push(answer);
                if self.lead == LeadState::NotBegun {
                    self.lead = LeadState::UnderWay;
                }
                true
            }
            "finish_lead" => {
                self.lead = LeadState::Closed;
                true
            }
            "flag_urgent" => {
                self.flagged_urgent = true;
                true
            }
            _ => false,
        }
    }

    fn say(&mut self, by: Side, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if self.lines.len() >= LINES {
            self.lines.remove(0);
        }
        self.lines.push(Said { by, text: text.chars().take(LINE_CHARS).collect() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{QuestionId, ToolCallId};
    use crate::leads::LeadField;

    fn caller(text: &str) -> EventKind {
        let turn = TurnId(uuid::Uuid::nil());
        EventKind::CallerTurn { turn, started_ms: 0, ended_ms: 1, text: text.to_owned(), confidence: None }
    }

    fn agent(heard: &str) -> EventKind {
        EventKind::AgentTurn {
            turn: TurnId(uuid::Uuid::nil()),
            started_ms: 0,
            ended_ms: 1,
            generated: "all of it".to_owned(),
            sent: "all of it".to_owned(),
            heard: heard.to_owned(),
            interrupted: false,
        }
    }

    fn saved(value: &str) -> EventKind {
        let answer = LeadAnswer {
            question: QuestionId(uuid::Uuid::nil()),
            field: LeadField::Name,
            said: value.to_owned(),
            value: value.to_owned(),
        };
        EventKind::ToolCall {
            id: ToolCallId(uuid::Uuid::nil()),
            name: "save_lead_answer".to_owned(),
            arguments: serde_json::to_value(answer).expect("JSON"),
            result: serde_json::Value::Null,
            ok: true,
            duration_ms: 1,
        }
    }

    #[test]
    fn a_log_tells_what_was_said_and_what_is_owed() {
        let log = [agent("Hello."), caller("my name is maria"), saved("Maria"), saved("Mary")];
        let history = History::of(&log);
        let said: Vec<&str> = history.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(said, ["Hello.", "my name is maria"]);
        assert_eq!(history.unanswered.expect("nobody answered").text, "my name is maria");
        assert_eq!(history.answers.len(), 1, "the later answer replaces the earlier");
        assert_eq!(history.answers[0].value, "Mary");
        assert_eq!(history.lead, LeadState::UnderWay);
    }

    #[test]
    fn a_question_that_was_left_open_is_known_until_it_is_answered() {
        let open = LeftOpen { question: QuestionId(uuid::Uuid::nil()), left_open: true };
        let left = EventKind::ToolCall {
            id: ToolCallId(uuid::Uuid::nil()),
            name: "save_lead_answer".to_owned(),
            arguments: serde_json::to_value(open).expect("JSON"),
            result: serde_json::Value::Null,
            ok: true,
            duration_ms: 1,
        };
        assert_eq!(History::of([&left]).left_open, [open.question]);
        let answered = History::of([&left, &saved("Maria")]);
        assert!(answered.left_open.is_empty() && answered.answers.len() == 1);
    }

    #[test]
    fn words_that_nobody_heard_answer_nothing() {
        let history = History::of(&[caller("how much is a logo"), agent(" ")]);
        assert_eq!(history.lines.len(), 1);
        assert!(history.unanswered.is_some());
    }

    #[test]
    fn a_long_call_keeps_its_last_lines() {
        let mut history = History::default();
        for number in 0..2 * LINES {
            history.note(&caller(&number.to_string()));
        }
        assert_eq!(history.lines.len(), LINES);
        assert_eq!(history.lines[LINES - 1].text, (2 * LINES - 1).to_string());
    }
}
