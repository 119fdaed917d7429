//! Text as local synthesisers should read it.
//!
//! Flite reads money, years, clock times, ordinals and ranges well by itself. It reads `@` as a symbol, an ISO
//! date as a row of digits, a telephone number as billions, and swallows `&`: these are spelled out here.

/// Longer texts are cut: a phone sentence is far shorter.
const MAX_CHARS: usize = 2_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The text with what local synthesisers read badly spelled out, without control characters.
#[must_use]
pub(crate) fn speakable(text: &str) -> String {
    let mut spoken = String::with_capacity(text.len() + 16);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let mut at = 0;
    while at < words.len() && spoken.len() < MAX_CHARS {
        let (word, used) = match phone_number(&words[at..]) {
            Some((spoken, used)) => (spoken, used),
            None => (speakable_word(words[at]), 1),
        };
        if !word.is_empty() {
            if !spoken.is_empty() {
                spoken.push(' ');
            }
            spoken.push_str(&word);
        }
        at += used;
    }
    spoken
}

fn speakable_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !(c.is_alphanumeric() || "&@+$€£%/".contains(c)));
    let Some(start) = word.find(core).filter(|_| !core.is_empty()) else {
        // A lone dash is a pause; other lone marks are nothing to say.
        return if word.starts_with(['-', '–', '—']) { ",".to_owned() } else { String::new() };
    };
    let (before, mut after) = (&word[..start], &word[start + core.len()..]);
    if matches!(core, "e.g" | "i.e") {
        // The abbreviation's own full stop.
        after = after.strip_prefix('.').unwrap_or(after);
    }
    let middle = match core {
        "&" => "and".to_owned(),
        "+" => "plus".to_owned(),
        "/" => "or".to_owned(),
        "e.g" => "for example".to_owned(),
        "i.e" => "that is".to_owned(),
        "etc" => "et cetera".to_owned(),
        _ if core.contains('@') => email(core),
        _ => iso_date(core)
            .or_else(|| website(core))
            .or_else(|| reference(core))
            .unwrap_or_else(|| core.replace('&', " and ").replace(['/', '–', '—', '_'], " ")),
    };
    // Only marks that change the melody are kept.
    let pause = |marks: &str| marks.chars().filter(|c| ".,?!;:".contains(*c)).collect::<String>();
    format!("{}{middle}{}", pause(before), pause(after))
}

fn email(address: &str) -> String {
    let mut spoken = String::new();
    for part in address.split_inclusive(['@', '.', '_', '-', '+']) {
        let (text, mark) = match part.char_indices().next_back() {
            Some((at, mark)) if "@._-+".contains(mark) => (&part[..at], Some(mark)),
            _ => (part, None),
        };
        spoken.push_str(&digits_apart(text));
        spoken.push_str(match mark {
            Some('@') => " at ",
            Some('.') => " dot ",
            Some('_') => " underscore ",
            Some('-') => " dash ",
            Some('+') => " plus ",
            _ => "",
        });
    }
    spoken.trim().to_owned()
}

/// Digits inside a name are said one by one.
fn digits_apart(text: &str) -> String {
    let mut spoken = String::new();
    let mut after_digit = false;
    for c in text.chars() {
        if (c.is_ascii_digit() || after_digit) && !spoken.is_empty() {
            spoken.push(' ');
        }
        after_digit = c.is_ascii_digit();
        spoken.push(c);
    }
    spoken
}

fn website(word: &str) -> Option<String> {
    let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://")).unwrap_or(word);
    let is_host = rest.split('.').count() > 1
        && rest.split('.').all(|label| {
            label.len() > 1 && label.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c))
        })
        && !rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_host.then(|| rest.trim_end_matches('/').replace('.', " dot ").replace('/', " slash "))
}

/// `INC-204` and `A12`: letters in capitals with a number are said letter by letter, digit by digit.
fn reference(word: &str) -> Option<String> {
    let (letters, digits) = word.split_at(word.find(|c: char| c.is_ascii_digit())?);
    let letters = letters.trim_end_matches('-');
    let spelled = (1..=4).contains(&letters.len())
        && letters.chars().all(|c| c.is_ascii_uppercase())
        && digits.len() > 1
        && digits.chars().all(|c| c.is_ascii_digit());
    spelled.then(|| letters.chars().chain(digits.chars()).map(String::from).collect::<Vec<_>>().join(" "))
}

fn iso_date(word: &str) -> Option<String> {
    let mut parts = word.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day): (u32, usize, u32) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let name = MONTHS.get(month.checked_sub(1)?)?;
    let ending = match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    (1..=31).contains(&day).then(|| format!("{name} {day}{ending}, {year}"))
}

/// A telephone number over one or several words: at least seven digits, said one by one with a pause between
/// the groups it was written in (or groups of three and four).
fn phone_number(words: &[&str]) -> Option<(String, usize)> {
    let mut groups: Vec<String> = Vec::new();
    let mut used = 0;
    let mut ending = "";
    for word in words {
        let core = word.trim_end_matches(['.', ',', '?', '!', ';', ':']);
        let is_part = core.chars().any(|c| c.is_ascii_digit())
            && core.chars().all(|c| c.is_ascii_digit() || "+-().".contains(c));
        if !is_part || iso_date(core).is_some() {
            break;
        }
        let digits = core.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
        groups.extend(digits.map(str::to_owned));
        used += 1;
        ending = &word[core.len()..];
        if !ending.is_empty() {
            break;
        }
    }
    let digits: usize = groups.iter().map(String::len).sum();
    // "1.234.567" as an amount is rare on a phone; "2,000,000" has commas and never comes here.
    if !(7..=17).contains(&digits) {
        return None;
    }
    if let [whole] = groups.as_slice() {
        groups = groups_of(whole);
    }
    let spoken: Vec<String> = groups.iter().map(|group| digits_apart(group)).collect();
    Some((spoken.join(", ") + ending, used))
}

/// Groups of three from the left and the last one of four: 415 555 0132.
fn groups_of(digits: &str) -> Vec<String> {
    let (head, tail) = digits.split_at(digits.len().saturating_sub(4));
    let first = head.len() % 3;
    let mut groups: Vec<String> = Vec::new();
    if first > 0 {
        groups.push(head[..first].to_owned());
    }
    groups.extend((first..head.len()).step_by(3).map(|at| head[at..at + 3].to_owned()));
    groups.push(tail.to_owned());
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_synthesisers_read_badly_is_spelled_out() {
        let check = |text: &str, spoken: &str| assert_eq!(speakable(text), spoken);
        check("Write to maria.lopez@gmail.com.", "Write to maria dot lopez at gmail dot com.");
        check("it is j_doe-42@x.io?", "it is j underscore doe dash 4 2 at x dot io?");
        check("Due on 2026-12-03.", "Due on December 3rd, 2026.");
        check("Call +1 415 555 0132 now.", "Call 1, 4 1 5, 5 5 5, 0 1 3 2 now.");
        check("Call (415) 555-0132.", "Call 4 1 5, 5 5 5, 0 1 3 2.");
        check("It is 4155550132.", "It is 4 1 5, 5 5 5, 0 1 3 2.");
        check("Ticket INC-204 is open", "Ticket I N C 2 0 4 is open");
        check("UX/UI & SEO — all of it", "UX UI and SEO , all of it");
        check("See aurora-branding.com/work", "See aurora-branding dot com slash work");
        check("e.g. a logo (or two)", "for example a logo or two");
        check("", "");
    }

    #[test]
    fn what_they_read_well_is_left_alone() {
        for text in [
            "It costs $4,500.",
            "between $5,000 and $10,000,",
            "50% off, 4-6 weeks; Q3?",
            "Tuesday, March 3rd, 2026 at 10:30 am.",
            "Hello Ms. O'Neil, what's next?",
        ] {
            assert_eq!(speakable(text), text);
        }
    }

    #[test]
    fn control_characters_and_excess_are_dropped() {
        assert_eq!(speakable("one\0two\n\tthree"), "one two three");
        assert!(speakable(&"word ".repeat(10_000)).len() < MAX_CHARS + 10);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", numbers in "[0-9+() .,@/&-]{0,60}") {
            let _ = speakable(&text);
            let _ = speakable(&numbers);
        }
    }
}
