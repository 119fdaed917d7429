//! A model's arguments, field by field. Every refusal names the field and what is allowed.

use serde_json::{Map, Value};

use super::Refusal;

/// Arguments longer than this are refused unread, in bytes of JSON.
const MOST_BYTES: usize = 16 * 1024;
/// Of refused arguments so much is kept in the log.
const LOGGED_CHARS: usize = 500;

/// Arguments as an object.
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads them. A model that has none to give may send nothing at all; one that was not parsed yet is parsed.
    pub(super) fn read(arguments: &Value) -> Result<Self, Refusal> {
        let size = arguments.to_string().len();
        if size > MOST_BYTES {
            return Err(Refusal::Argument(format!("the arguments are too long: at most {MOST_BYTES} bytes")));
        }
        let no_object = || Refusal::Argument("the arguments must be a JSON object".to_owned());
        match arguments {
            Value::Null => Ok(Self(Map::new())),
            Value::Object(fields) => Ok(Self(fields.clone())),
            Value::String(text) if text.trim().is_empty() => Ok(Self(Map::new())),
            Value::String(text) => serde_json::from_str(text).map(Self).map_err(|_no_json| no_object()),
            _ => Err(no_object()),
        }
    }

    /// Refuses fields that the function does not have.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.keys().find(|field| !known.contains(&field.as_str())) {
            None => Ok(()),
            Some(field) => {
                let field: String = field.chars().take(64).collect();
                Err(Refusal::Argument(if known.is_empty() {
                    format!("{field}: there is no such argument; this function has none")
                } else {
                    format!("{field}: there is no such argument; there are: {}", known.join(", "))
                }))
            }
        }
    }

    /// A text that must be there, without space around it.
    pub(super) fn text(&self, field: &str, most_chars: usize) -> Result<&str, Refusal> {
        self.optional_text(field, most_chars)?
            .ok_or_else(|| Refusal::Argument(format!("{field}: is needed, a text that is not empty")))
    }

    /// A text that may be missing, null or empty.
    pub(super) fn optional_text(&self, field: &str, most_chars: usize) -> Result<Option<&str>, Refusal> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.chars().count() > most_chars => {
                Err(Refusal::Argument(format!("{field}: at most {most_chars} characters")))
            }
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(Refusal::Argument(format!("{field}: must be a text"))),
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, field: &str, choices: &[(&str, T)]) -> Result<T, Refusal> {
        let allowed = || {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Refusal::Argument(format!("{field}: must be one of: {}", words.join(", ")))
        };
        let Some(Value::String(given)) = self.0.get(field) else { return Err(allowed()) };
        choices.iter().find(|(word, _)| word == given).map(|(_, value)| *value).ok_or_else(allowed)
    }

    /// A whole number within bounds, both included.
    pub(super) fn number(&self, field: &str, least: u8, most: u8) -> Result<u8, Refusal> {
        let given = self.0.get(field);
        // Some models write 8.0.
        let whole = given.and_then(|value| {
            value
                .as_u64()
                .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64))
        });
        whole
            .and_then(|number| u8::try_from(number).ok())
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| {
                Refusal::Argument(format!("{field}: must be a whole number from {least} to {most}"))
            })
    }
}

/// Arguments as the log keeps them, when nothing else is known of them.
pub(super) fn for_log(arguments: &Value) -> Value {
    let text = match arguments {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() <= MOST_BYTES && !arguments.is_string() {
        return arguments.clone();
    }
    Value::String(text.chars().take(LOGGED_CHARS).collect())
}
