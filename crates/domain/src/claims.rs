//! What a sentence claims, and whether anybody has said so: amounts, dates, numbers, addresses, promises, progress.
//!
//! A language model invents. What the agent says for a business is held against what it was told: by the business
//! (its answers, its projects' status) or, for what is only read back, by the caller. A caller's word is no price.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};

use crate::language::Sections;
use crate::spoken_forms::numbers::{Found, read, read_ordinal, tokens};
use crate::spoken_forms::speak;
use crate::words::{find_phrase, stem, words};

static LISTS: LazyLock<Sections> = LazyLock::new(|| Sections::read(include_str!("../data/en/claims.txt")));

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Numbers up to this are counting ("two questions"), not a claim.
const COUNTING: f64 = 12.0;
/// A token with so many digits is a number to dial or a reference.
const REFERENCE_DIGITS: usize = 6;

/// What nobody has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfounded {
    /// A sum, a share, a span of time or another number.
    Number,
    /// A day or a time.
    Date,
    /// A telephone number, address or reference.
    Address,
    /// A promise in the business's name.
    Promise,
    /// How a project stands.
    Progress,
}

impl Unfounded {
    /// In plain words, for the call's timeline.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Number => "a number that nobody has given",
            Self::Date => "a date that nobody has given",
            Self::Address => "an address or telephone number that nobody has given",
            Self::Promise => "a promise that the business has not made",
            Self::Progress => "a project's status that nobody has given",
        }
    }
}

/// What was said so far, by whom it counts.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    business: Facts,
    caller: Facts,
    knows_progress: bool,
}

#[derive(Debug, Clone, Default)]
struct Facts {
    /// In hundredths.
    numbers: BTreeSet<u64>,
    /// Numbers with their unit of time, stemmed.
    spans: BTreeSet<(u64, String)>,
    /// Stemmed.
    words: HashSet<String>,
    /// Tokens with an at sign, and the digits of long numbers.
    addresses: HashSet<String>,
}

impl Facts {
    fn take(&mut self, text: &str) {
        let tokens = tokens(&plainly(text));
        for (at, token) in tokens.iter().enumerate() {
            self.take_token(token);
            if let Some(found) = read(&tokens[at..]) {
                self.numbers.insert(hundredths(found.value));
                if let Some(unit) = tokens.get(at + found.used).filter(|next| is_time_unit(next)) {
                    self.spans.insert((hundredths(found.value), stem(unit)));
                }
            }
            if let Some((number, _)) = read_ordinal(&tokens[at..]) {
                self.numbers.insert(u64::from(number) * 100);
            }
        }
        self.words.extend(words(text).iter().map(|word| stem(word)));
    }

    fn take_token(&mut self, token: &str) {
        if token.contains('@') {
            self.addresses.insert(token.to_owned());
        }
        let digits: String = token.chars().filter(char::is_ascii_digit).collect();
        if digits.len() >= REFERENCE_DIGITS {
            self.addresses.insert(digits);
        }
        let day = token.get(..10).and_then(|day| day.parse::<NaiveDate>().ok());
        if let Some(day) = day {
            self.take_day(day);
        }
        if let Some((hours, minutes)) = token.split_once(':') {
            let number = |text: &str| {
                text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok()
            };
            if let (Some(hours), Some(minutes)) = (number(hours), number(minutes)) {
                let twelve = if hours > 12 { hours - 12 } else { hours };
                self.numbers.extend([hours * 100, minutes * 100, twelve * 100]);
            }
        }
    }

    fn take_day(&mut self, day: NaiveDate) {
        self.numbers.insert(u64::from(day.day()) * 100);
        self.numbers.extend(u64::try_from(day.year()).ok().map(|year| year * 100));
        self.words.insert(stem(speak::month(day.month()).to_lowercase().as_str()));
        self.words.insert(stem(WEEKDAYS[day.weekday().num_days_from_monday() as usize]));
    }

    fn has_all(&self, phrase: &str) -> bool {
        words(phrase).iter().all(|word| self.words.contains(&stem(word)))
    }

    fn has_any(&self, section: &str) -> bool {
        LISTS.get(section).iter().any(|phrase| self.has_all(phrase))
    }
}

impl Evidence {
    /// What the business has said: its profile, its answers, what a function returned.
    pub fn business_says(&mut self, text: &str) {
        self.business.take(text);
    }

    /// A day that may be named, such as today.
    pub fn may_name(&mut self, day: NaiveDate) {
        self.business.take_day(day);
    }

    /// What the caller has said: it may be read back.
    pub fn caller_says(&mut self, text: &str) {
        self.caller.take(text);
    }

    /// The status of the caller's projects was looked up.
    pub fn knows_progress(&mut self) {
        self.knows_progress = true;
    }

    /// What the sentence claims without anybody having said so.
    #[must_use]
    pub fn lacks(&self, sentence: &str) -> Option<Unfounded> {
        let said = words(sentence);
        let is_question = sentence.trim_end().ends_with('?');
        let tokens = tokens(&plainly(sentence));
        self.lacks_number(&tokens, &said)
            .or_else(|| self.lacks_day(&tokens, &said))
            .or_else(|| self.lacks_address(&tokens))
            .or_else(|| self.lacks_promise(&said))
            .or_else(|| if is_question { None } else { self.lacks_progress(&said) })
    }

    fn lacks_number(&self, tokens: &[String], said: &[String]) -> Option<Unfounded> {
        let tells_a_price = has_of("price_words", said);
        let mut at = 0;
        while at < tokens.len() {
            let Some(found) = read(&tokens[at..]) else {
                at += 1;
                continue;
            };
            let kind = kind_of(tokens, at, found);
            let unit = tokens.get(at + found.used).map(|unit| stem(unit)).unwrap_or_default();
            let known = self.business.numbers.contains(&hundredths(found.value));
            let read_back = self.caller.numbers.contains(&hundredths(found.value));
            let fine = match kind {
                Kind::Counted => found.value <= COUNTING || known || read_back,
                Kind::Moment => true,
                Kind::Span => known || self.caller.spans.contains(&(hundredths(found.value), unit)),
                Kind::Day => known || read_back,
                Kind::Sum => known || (read_back && !tells_a_price),
            };
            if !fine {
                return Some(if kind == Kind::Day { Unfounded::Date } else { Unfounded::Number });
            }
            at += found.used.max(1);
        }
        None
    }

    fn lacks_day(&self, tokens: &[String], said: &[String]) -> Option<Unfounded> {
        let known = |word: &str| {
            let word = stem(word);
            self.business.words.contains(&word) || self.caller.words.contains(&word)
        };
        let weekday = said.iter().any(|word| {
            let day = word.trim_end_matches("'s");
            let day = if WEEKDAYS.contains(&day) { day } else { day.trim_end_matches('s') };
            WEEKDAYS.contains(&day) && !known(day)
        });
        let month = (1..=12).map(speak::month).any(|month| {
            let month = month.to_lowercase();
            let named = tokens.iter().enumerate().any(|(at, token)| {
                let ambiguous = matches!(month.as_str(), "may" | "march");
                let dated = |at: usize| {
                    tokens.get(at).is_some_and(|next| {
                        read_ordinal(std::slice::from_ref(next)).is_some()
                            || read(std::slice::from_ref(next)).is_some()
                    })
                };
                token.trim_end_matches("'s") == month && (!ambiguous || dated(at + 1))
            });
            named && !known(&month)
        });
        let relative = has_of("delivery", said)
            && LISTS
                .get("relative_days")
                .iter()
                .any(|phrase| find_phrase(said, &words(phrase)).is_some() && !self.business.has_all(phrase))
            && !has_of("denials", said);
        (weekday || month || relative).then_some(Unfounded::Date)
    }

    fn lacks_address(&self, tokens: &[String]) -> Option<Unfounded> {
        let known = |address: &str| {
            [&self.business, &self.caller].iter().any(|facts| {
                facts
                    .addresses
                    .iter()
                    .any(|known| known == address || (!address.contains('@') && known.ends_with(address)))
            })
        };
        let unknown = tokens.iter().any(|token| {
            if token.contains('@') {
                return !known(token);
            }
            let digits: String = token.chars().filter(char::is_ascii_digit).collect();
            let is_sum = token.contains(',') || token.starts_with(['$', '€', '£']);
            digits.len() >= REFERENCE_DIGITS && !is_sum && !known(&digits)
        });
        unknown.then_some(Unfounded::Address)
    }

    fn lacks_promise(&self, said: &[String]) -> Option<Unfounded> {
        if has_of("denials", said) {
            return None;
        }
        let made = LISTS
            .get("promises")
            .iter()
            .any(|phrase| find_phrase(said, &words(phrase)).is_some() && !self.business.has_all(phrase));
        made.then_some(Unfounded::Promise)
    }

    fn lacks_progress(&self, said: &[String]) -> Option<Unfounded> {
        let of_a_project = has_of("project_nouns", said) && has_any_word(said, &["your", "the", "our", "it"]);
        if !of_a_project || !has_any_word(said, &["is", "are", "was", "has", "have", "it's", "been", "went"])
        {
            return None;
        }
        let (done, late, on_track) = (has_of("done", said), has_of("late", said), has_of("on_track", said));
        if !(done || late || on_track) || has_of("denials", said) {
            return None;
        }
        let founded = (!done || self.business.has_any("done"))
            && (!late || self.business.has_any("late"))
            && (!on_track || !self.business.has_any("late") || self.business.has_any("on_track"));
        (!self.knows_progress || !founded).then_some(Unfounded::Progress)
    }
}

/// What sort of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Money or a share.
    Sum,
    /// A span of time.
    Span,
    /// "One moment", "two seconds".
    Moment,
    /// A day of a month, a time of day.
    Day,
    Counted,
}

fn kind_of(tokens: &[String], at: usize, found: Found) -> Kind {
    let token = tokens[at].as_str();
    let next = tokens.get(at + found.used).map(String::as_str).unwrap_or_default();
    let before = at.checked_sub(1).map(|at| tokens[at].as_str()).unwrap_or_default();
    let money =
        token.contains(['$', '€', '£', '%']) || LISTS.get("currencies").contains(&next) || next == "percent";
    if money || found.scale > 1.0 {
        return Kind::Sum;
    }
    if is_time_unit(next) {
        let moment = next.starts_with("second") || next.starts_with("minute");
        return if moment && found.value <= 2.0 { Kind::Moment } else { Kind::Span };
    }
    let is_month = (1..=12).map(speak::month).any(|month| month.to_lowercase() == before);
    if is_month || matches!(next, "am" | "pm" | "a.m" | "p.m" | "o'clock") || token.contains(':') {
        return Kind::Day;
    }
    Kind::Counted
}

fn is_time_unit(word: &str) -> bool {
    LISTS.get("time_units").contains(&word)
}

/// Signs as words.
fn plainly(text: &str) -> String {
    text.replace('%', " percent ").replace(['–', '—'], " ")
}

fn has_of(section: &str, said: &[String]) -> bool {
    LISTS.get(section).iter().any(|phrase| find_phrase(said, &words(phrase)).is_some())
}

fn has_any_word(said: &[String], any: &[&str]) -> bool {
    said.iter().any(|word| any.contains(&word.as_str()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, bounded and positive")]
fn hundredths(value: f64) -> u64 {
    (value.clamp(0.0, 1e15) * 100.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        let mut evidence = Evidence::default();
        evidence.business_says(
            "A website usually starts at eight thousand dollars and takes eight to ten weeks.",
        );
        evidence
            .business_says("We are open Monday to Friday from nine to six. Write to hello@aurora.example.");
        evidence.business_says("Half up front. Project Bakery Website in review due 2026-12-05");
        evidence.caller_says(
            "my budget is five hundred dollars and call me at 513-555-0142 i need it in 3 weeks",
        );
        evidence.may_name("2026-11-21".parse().expect("a day"));
        evidence
    }

    #[test]
    fn what_somebody_has_said_may_be_said() {
        let mut evidence = evidence();
        evidence.knows_progress();
        for sentence in [
            "A website starts at $8,000.",
            "That is eight thousand dollars, and it takes eight to ten weeks.",
            "We are open on Mondays from nine to six.",
            "So your budget is five hundred dollars?",
            "I have 513-555-0142, is that right?",
            "It is due on Saturday, December 5th.",
            "It is due on December fifth.",
            "One moment, I have two questions for you.",
            "Give me two seconds.",
            "I can't promise a discount, but Dana can tell you.",
            "Your website is in review.",
            "You may call us any time.",
            "You can write to hello@aurora.example.",
            "Today is Saturday.",
            "I'll note three weeks as the time frame.",
        ] {
            assert_eq!(evidence.lacks(sentence), None, "{sentence}");
        }
    }

    #[test]
    fn what_nobody_has_said_is_found_out() {
        use Unfounded as U;
        for (sentence, lacking) in [
            ("A website costs $4,500.", U::Number),
            ("We can do it for five hundred dollars, that is our price.", U::Number),
            ("You get 20% off.", U::Number),
            ("It will take three months.", U::Number),
            ("We have won 57 awards.", U::Number),
            ("It will be ready on Tuesday.", U::Date),
            ("It launches on January 15th.", U::Date),
            ("The site will be ready tomorrow.", U::Date),
            ("It goes live at 4 pm.", U::Date),
            ("Call us at 212-555-0188.", U::Address),
            ("Write to boss@evil.example.", U::Address),
            ("I promise it will look great.", U::Promise),
            ("We will give you a refund.", U::Promise),
            ("I've booked you a meeting.", U::Promise),
            ("Your website is finished.", U::Progress),
            ("The logo has been approved.", U::Progress),
            ("Your project is on track.", U::Progress),
        ] {
            assert_eq!(evidence().lacks(sentence), Some(lacking), "{sentence}");
        }
    }

    #[test]
    fn progress_must_be_the_one_that_was_told() {
        let mut evidence = Evidence::default();
        evidence
            .business_says("Online Shop: at risk. The payment integration is taking longer than planned.");
        evidence.knows_progress();
        assert_eq!(evidence.lacks("Your shop is at risk."), None);
        assert_eq!(evidence.lacks("Your shop is on track."), Some(Unfounded::Progress));
        assert_eq!(evidence.lacks("Your shop is finished."), Some(Unfounded::Progress));
        assert_eq!(evidence.lacks("Is your shop finished?"), None, "a question claims nothing");
    }
}
