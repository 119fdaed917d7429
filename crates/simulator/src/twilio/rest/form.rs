//! The forms that the API is sent, field by field.

use reqwest::Url;

use super::documents::error;
use crate::vendor::answer::Answer;
use crate::vendor::request::Request;

/// A form whose fields are all known.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// Reads a form and refuses fields that the operation does not have: Twilio passes over them, and the call is
    /// another than was meant.
    pub(super) fn read(request: &Request, known: &[&str]) -> Result<Self, Answer> {
        let kind = request.header("content-type").unwrap_or_default();
        if !request.body.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(error(415, 20005, &format!("the content type {kind:?} is no form")));
        }
        let mut url = Url::parse("http://form.invalid/").expect("an address");
        url.set_query(std::str::from_utf8(&request.body).ok());
        let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(error(400, 20001, &format!("there is no parameter {name}"))),
            None => Ok(Self(fields)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// An address of the web, where one is given.
    pub(super) fn address(&self, name: &str) -> Result<Option<Url>, Answer> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        match url {
            Some(url) => Ok(Some(url)),
            None => Err(error(400, 21205, &format!("{name} is not an address: {text}"))),
        }
    }

    /// A number within bounds, where one is given.
    pub(super) fn number(&self, name: &str, most: u32) -> Result<(), Answer> {
        let Some(text) = self.get(name) else { return Ok(()) };
        match text.parse::<u32>() {
            Ok(value) if value <= most => Ok(()),
            _ => Err(error(400, 20001, &format!("{name} is not a number up to {most}: {text}"))),
        }
    }

    /// One of some words, where one is given.
    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> Result<(), Answer> {
        let given = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        match given.into_iter().find(|value| !words.contains(value)) {
            Some(word) => Err(error(400, 20001, &format!("{name} can't be {word}"))),
            None => Ok(()),
        }
    }
}

/// Whether a text is an E.164 number.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}
