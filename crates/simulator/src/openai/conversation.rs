//! The conversation: items in order, what was made of them, which functions wait for a result.

use serde_json::{Map, Value, json};

use super::configuration::only;
use super::events::Refusal;

/// An item.
#[derive(Debug, Clone)]
struct Item {
    id: String,
    value: Value,
    /// Audio that was made of it, in milliseconds; `None` when it is no spoken item of the agent.
    made_ms: Option<u32>,
}

/// The conversation of a session.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    items: Vec<Item>,
    /// Calls that were made, and whether their result came.
    calls: Vec<(String, bool)>,
}

/// What became of an item that the client sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Added {
    pub(super) previous: Option<String>,
    pub(super) item: Value,
    pub(super) means: Meaning,
}

/// What an item of the client is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An earlier turn: role and words.
    Earlier(String, String),
    /// The result of a call: its id and the result.
    Output(String, String),
}

impl Conversation {
    pub(super) fn last(&self) -> Option<&str> {
        self.items.last().map(|item| item.id.as_str())
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.items.iter().position(|item| item.id == id)
    }

    /// Appends an item of ours; `spoken` when audio will be made of it. The id of the item before it is returned.
    pub(super) fn append(&mut self, id: &str, value: Value, spoken: bool) -> Option<String> {
        let previous = self.last().map(str::to_owned);
        self.items.push(Item { id: id.to_owned(), value, made_ms: spoken.then_some(0) });
        previous
    }

    /// The item has become this; the id of the item before it is returned.
    pub(super) fn finish(&mut self, id: &str, value: Value) -> Option<String> {
        let at = self.position(id)?;
        self.items[at].value = value;
        Some(self.items[at.checked_sub(1)?].id.clone())
    }

    pub(super) fn made(&mut self, id: &str, ms: u32) {
        if let Some(at) = self.position(id) {
            self.items[at].made_ms = self.items[at].made_ms.map(|made| made + ms);
        }
    }

    pub(super) fn called(&mut self, call_id: &str) {
        self.calls.push((call_id.to_owned(), false));
    }

    /// Takes an item of the client.
    pub(super) fn create(&mut self, item: &Value, previous: &Value, new_id: &str) -> Result<Added, Refusal> {
        let Value::Object(fields) = item else { return Err(Refusal::missing("item")) };
        let id = match fields.get("id").and_then(Value::as_str) {
            None => new_id.to_owned(),
            Some(id) if id.len() > 32 => return Err(Refusal::invalid("item.id", "too long")),
            Some(id) if self.position(id).is_some() => {
                let message = format!("Error adding item: an item with ID '{id}' already exists.");
                return Err(Refusal::new("item_create_duplicate_item_id", message));
            }
            Some(id) => id.to_owned(),
        };
        let at = match previous.as_str() {
            None => self.items.len(),
            Some("root") => 0,
            Some(previous) => match self.position(previous) {
                Some(at) => at + 1,
                None => {
                    let message =
                        format!("Error adding item: the previous item with ID '{previous}' does not exist.");
                    return Err(Refusal::new("item_create_invalid_previous_item_id", message));
                }
            },
        };
        let (value, means) = match fields.get("type").and_then(Value::as_str) {
            Some("message") => message(fields, &id)?,
            Some("function_call_output") => self.output(fields, &id)?,
            _ => {
                return Err(Refusal::invalid(
                    "item.type",
                    "supported values are message, function_call_output",
                ));
            }
        };
        if let Meaning::Output(call_id, _) = &means
            && let Some(call) = self.calls.iter_mut().find(|(known, _)| known == call_id)
        {
            call.1 = true;
        }
        let previous = at.checked_sub(1).map(|before| self.items[before].id.clone());
        self.items.insert(at, Item { id, value: value.clone(), made_ms: None });
        Ok(Added { previous, item: value, means })
    }

    fn output(&self, fields: &Map<String, Value>, id: &str) -> Result<(Value, Meaning), Refusal> {
        only(fields, "item", &["id", "type", "object", "status", "call_id", "output"])?;
        let text = |name: &str| {
            let value = fields.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| Refusal::missing(&format!("item.{name}")))
        };
        let (call_id, output) = (text("call_id")?, text("output")?);
        match self.calls.iter().find(|(known, _)| *known == call_id) {
            None => {
                let message = format!("Tool call ID '{call_id}' not found in conversation.");
                return Err(Refusal::new("invalid_tool_call_id", message).of("item.call_id"));
            }
            Some((_, true)) => {
                let message = format!("Tool call ID '{call_id}' already has an output.");
                return Err(Refusal::new("invalid_tool_call_id", message).of("item.call_id"));
            }
            Some((_, false)) => {}
        }
        let value = json!({ "id": id, "type": "function_call_output", "call_id": call_id, "output": output });
        Ok((value, Meaning::Output(call_id, output)))
    }

    /// Shortens the agent's words to what was heard. Returns what had been made.
    pub(super) fn truncate(&mut self, id: &str, content_index: u64, end_ms: u64) -> Result<u32, Refusal> {
        let Some(at) = self.position(id) else {
            let message = format!("Error truncating item: the item with id '{id}' does not exist.");
            return Err(Refusal::new("item_truncate_invalid_item_id", message));
        };
        let made_ms = match self.items[at].made_ms {
            Some(made_ms) if made_ms > 0 && content_index == 0 => made_ms,
            _ => {
                let message = "Only model output audio messages can be truncated";
                return Err(Refusal::new("unsupported_content_type", message));
            }
        };
        if end_ms > u64::from(made_ms) {
            let message = format!("Audio content of {made_ms}ms is already shorter than {end_ms}ms");
            return Err(Refusal::new("invalid_value", message));
        }
        // The transcript goes with it: nobody knows which words were heard.
        self.items[at].made_ms = Some(u32::try_from(end_ms).unwrap_or(made_ms));
        Ok(made_ms)
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        let Some(at) = self.position(id) else {
            let message = format!("Error deleting item: the item with id '{id}' does not exist.");
            return Err(Refusal::new("item_delete_invalid_item_id", message));
        };
        self.items.remove(at);
        Ok(())
    }

    pub(super) fn get(&self, id: &str) -> Result<Value, Refusal> {
        let found = self.position(id).map(|at| self.items[at].value.clone());
        found.ok_or_else(|| {
            Refusal::new("item_retrieve_invalid_item_id", format!("The item with id '{id}' does not exist."))
        })
    }
}

fn message(fields: &Map<String, Value>, id: &str) -> Result<(Value, Meaning), Refusal> {
    only(fields, "item", &["id", "type", "object", "status", "role", "content"])?;
    let role = fields.get("role").and_then(Value::as_str).unwrap_or_default();
    let expected = match role {
        "user" | "system" => "input_text",
        "assistant" => "output_text",
        _ => return Err(Refusal::invalid("item.role", "supported values are user, assistant, system")),
    };
    let Some(content) = fields.get("content").and_then(Value::as_array).filter(|parts| !parts.is_empty())
    else {
        return Err(Refusal::missing("item.content"));
    };
    let mut words = Vec::new();
    for (number, part) in content.iter().enumerate() {
        let path = format!("item.content[{number}]");
        if part["type"] != expected {
            let message = format!("Invalid value: {}. Supported values are: '{expected}'.", part["type"]);
            return Err(Refusal::new("invalid_value", message).of(&format!("{path}.type")));
        }
        let Value::Object(parts) = part else { return Err(Refusal::missing(&path)) };
        only(parts, &path, &["type", "text"])?;
        let Some(text) = part["text"].as_str() else { return Err(Refusal::missing(&format!("{path}.text"))) };
        words.push(text.to_owned());
    }
    let value =
        json!({ "id": id, "type": "message", "status": "completed", "role": role, "content": content });
    Ok((value, Meaning::Earlier(role.to_owned(), words.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.expect_err("refused").code
    }

    fn turn(role: &str, content: &str) -> Value {
        json!({ "type": "message", "role": role, "content": [{ "type": content, "text": "hello" }] })
    }

    #[test]
    fn history_has_text_of_the_right_kind_for_its_role() {
        let mut conversation = Conversation::default();
        for (number, (role, content)) in
            [("user", "input_text"), ("assistant", "output_text")].iter().enumerate()
        {
            let added = conversation.create(&turn(role, content), &Value::Null, &format!("item_{number}"));
            assert_eq!(added.expect("accepted").means, Meaning::Earlier((*role).into(), "hello".into()));
        }
        for (role, content) in [("assistant", "text"), ("assistant", "input_text"), ("user", "output_text")] {
            assert_eq!(code(conversation.create(&turn(role, content), &Value::Null, "x")), "invalid_value");
        }
    }

    #[test]
    fn a_call_has_exactly_one_result() {
        let mut conversation = Conversation::default();
        let output = json!({ "type": "function_call_output", "call_id": "call_1", "output": "{}" });
        assert_eq!(code(conversation.create(&output, &Value::Null, "a")), "invalid_tool_call_id");
        conversation.called("call_1");
        conversation.create(&output, &Value::Null, "b").expect("the first");
        assert_eq!(code(conversation.create(&output, &Value::Null, "c")), "invalid_tool_call_id");
    }

    #[test]
    fn nothing_is_truncated_beyond_what_was_made() {
        let mut conversation = Conversation::default();
        conversation.append("item_1", json!({}), true);
        conversation.append("item_2", json!({}), false);
        assert_eq!(
            code(conversation.truncate("item_1", 0, 0)),
            "unsupported_content_type",
            "nothing made yet"
        );
        assert_eq!(code(conversation.truncate("item_2", 0, 0)), "unsupported_content_type", "not spoken");
        assert_eq!(code(conversation.truncate("item_3", 0, 0)), "item_truncate_invalid_item_id");
        conversation.made("item_1", 3_700);
        let refusal = conversation.truncate("item_1", 0, 3_760).expect_err("too far");
        assert_eq!(refusal.message, "Audio content of 3700ms is already shorter than 3760ms");
        assert_eq!(conversation.truncate("item_1", 0, 1_200), Ok(3_700));
        assert_eq!(code(conversation.truncate("item_1", 0, 1_300)), "invalid_value", "only ever shorter");
        assert_eq!(conversation.delete("item_1"), Ok(()));
        assert_eq!(code(conversation.delete("item_1")), "item_delete_invalid_item_id");
    }
}
