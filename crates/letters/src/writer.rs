//! Writing letters: the layout is compiled once, then filled in.

use std::borrow::Cow;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use crate::brand::Brand;
use crate::draft::{Draft, MAX_SUBJECT};

const LAYOUT: &str = include_str!("../templates/letter.mjml");
const PLAIN: &str = include_str!("../templates/letter.txt");
/// Steps that one letter may take to be filled in: room for the transcript of a call of four hours
/// (`the_longest_transcript_is_written`); a template that does not end is stopped.
const FUEL: u64 = 2_000_000;

/// An e-mail without its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line of at most [`MAX_SUBJECT`] characters.
    pub subject: String,
    /// For programs and people without HTML.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// A letter that could not be written: a defect of the layout.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The layout is no MJML.
    #[error("the layout of letters can't be compiled: {0}")]
    Layout(String),
    /// The layout can't be filled in.
    #[error("a letter can't be filled in")]
    Template(#[from] minijinja::Error),
}

/// Writes letters.
#[derive(Debug)]
pub struct Letters {
    templates: Environment<'static>,
}

/// What templates see.
#[derive(Serialize)]
struct Context<'a> {
    brand: &'a Brand,
    #[serde(flatten)]
    draft: &'a Draft,
}

impl Letters {
    /// Compiles the layout: MJML to HTML first, so that what is filled in later passes no further parser.
    ///
    /// # Errors
    /// [`LetterError`] when the layout is wrong: it is part of the program, so a test sees it first.
    pub fn new() -> Result<Self, LetterError> {
        let layout = |error: &dyn std::error::Error| LetterError::Layout(error.to_string());
        let parsed = mrml::parse(LAYOUT).map_err(|error| layout(&error))?;
        let html = parsed
            .element
            .render(&mrml::prelude::render::RenderOptions::default())
            .map_err(|error| layout(&error))?;
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|name| match name.ends_with(".html") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        templates.set_fuel(Some(FUEL));
        templates.add_filter("paragraphs", |text: String| paragraphs(&text));
        templates.add_filter("broken", |text: String| Value::from_safe_string(broken(&text)));
        templates.add_template_owned("letter.html", html)?;
        templates.add_template("letter.txt", PLAIN)?;
        Ok(Self { templates })
    }

    /// Writes a letter.
    ///
    /// # Errors
    /// [`LetterError::Template`] when it takes more than a letter may.
    pub fn write(&self, brand: &Brand, draft: &Draft) -> Result<Letter, LetterError> {
        let subject = one_line(&draft.subject, MAX_SUBJECT);
        let draft = &Draft { subject: subject.clone(), ..draft.clone() };
        let context = Value::from(Serde(Context { brand, draft }));
        let html = self.templates.get_template("letter.html")?.render(context.clone())?;
        let text = self.templates.get_template("letter.txt")?.render(context)?;
        Ok(Letter { subject, text: without_control(&text), html: without_control(&html) })
    }
}

/// The text as one line of at most so many characters, with an ellipsis when it was longer. What could end a header
/// or turn the writing around does not get into it.
#[must_use]
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || is_invisible(c)).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most - 1).collect();
    format!("{}…", cut.trim_end())
}

/// Control characters, and those that turn the direction of what follows.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn without_control(text: &str) -> String {
    text.chars().filter(|&c| matches!(c, '\n' | '\t') || !is_invisible(c)).collect()
}

fn paragraphs(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    text.split("\n\n").map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Escapes, and keeps line breaks.
fn broken(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.trim().lines().map(escaped).collect();
    lines.join("<br>")
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
