//! Numbers, ordinals and dictated digits.

/// Pieces of a text for the readers of values: lower case, cut at spaces, inner `@`, `.`, `$` and digits kept.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    text.split_whitespace()
        .flat_map(|raw| {
            let token = raw
                .trim_matches(|c: char| {
                    matches!(c, ',' | '.' | '!' | '?' | ';' | ':' | '"' | '(' | ')' | '…')
                })
                .replace('’', "'")
                .to_lowercase();
            let hyphenated_words = token.contains('-')
                && !token.contains('@')
                && token.chars().all(|c| c.is_alphabetic() || c == '-');
            if hyphenated_words { token.split('-').map(str::to_owned).collect() } else { vec![token] }
        })
        .filter(|t| !t.is_empty())
        .collect()
}

/// A number found at the start of some tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) value: f64,
    /// How many tokens it took.
    pub(crate) used: usize,
    /// The scale word it ended with (1,000 for "ten thousand"), 1 when none.
    pub(crate) scale: f64,
}

pub(crate) fn unit(word: &str) -> Option<u32> {
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        .iter()
        .position(|w| *w == word)
        .map(|i| i as u32)
}

pub(crate) fn teen(word: &str) -> Option<u32> {
    [
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ]
    .iter()
    .position(|w| *w == word)
    .map(|i| i as u32 + 10)
}

pub(crate) fn tens(word: &str) -> Option<u32> {
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
        .iter()
        .position(|w| *w == word)
        .map(|i| i as u32 * 10 + 20)
}

fn scale(word: &str) -> Option<f64> {
    Some(match word {
        "thousand" | "thousands" | "k" | "grand" => 1e3,
        "million" | "millions" | "mil" => 1e6,
        "billion" => 1e9,
        _ => return None,
    })
}

/// A number written in digits, such as `10,000`, `$2.5` or `10k`: value and scale.
fn numeral(token: &str) -> Option<(f64, f64)> {
    let bare = token.trim_start_matches(['$', '€', '£', '~']);
    let (digits, factor) = match bare.strip_suffix('k') {
        Some(d) => (d, 1e3),
        None => match bare.strip_suffix('m') {
            Some(d) => (d, 1e6),
            None => (bare, 1.0),
        },
    };
    if digits.is_empty() || digits.len() > 15 || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != ',').collect();
    if !plain.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    plain.parse::<f64>().ok().map(|v| (v, factor))
}

/// Reads the number the tokens begin with.
pub(crate) fn read(tokens: &[String]) -> Option<Found> {
    let word = |i: usize| tokens.get(i).map(String::as_str);
    let (mut total, mut group, mut used) = (0.0_f64, None::<f64>, 0);
    // What may still be added to the group: below 10 after "twenty", below 100 after "hundred".
    let mut room = 0.0_f64;
    let (mut last_scale, mut closed) = (f64::INFINITY, None::<Found>);
    let mut i = 0;
    while let Some(w) = word(i).filter(|_| i < 16) {
        let value = unit(w).or_else(|| teen(w)).or_else(|| tens(w)).map(f64::from);
        if let Some(v) = value {
            group = Some(match group {
                None => v,
                Some(g) if v < room && v > 0.0 => g + v,
                Some(_) => break,
            });
            room = if tens(w).is_some() { 10.0 } else { 0.0 };
        } else if let Some((v, factor)) = numeral(w) {
            if group.is_some() {
                break;
            }
            group = Some(v * factor);
            room = 0.0;
            if factor > 1.0 {
                return Some(Found { value: total + v * factor, used: i + 1, scale: factor });
            }
        } else if w == "hundred" || w == "hundreds" {
            if group.is_some_and(|g| g >= 100.0) {
                break;
            }
            group = Some(group.unwrap_or(1.0) * 100.0);
            room = 100.0;
        } else if w == "dozen" {
            group = Some(group.unwrap_or(1.0) * 12.0);
            room = 0.0;
        } else if let Some(s) = scale(w) {
            // "k" alone is a letter.
            if s >= last_scale || (group.is_none() && (i > 0 || w == "k")) {
                if s >= last_scale && closed.is_some() {
                    return closed;
                }
                break;
            }
            total += group.unwrap_or(1.0) * s;
            group = None;
            last_scale = s;
            closed = Some(Found { value: total, used: i + 1, scale: s });
        } else if w == "and" && word(i + 1) == Some("a") && word(i + 2) == Some("half") && group.is_some() {
            group = group.map(|g| g + 0.5);
            i += 2;
        } else if w == "and" && used > 0 && (room > 10.0 || group.is_none()) {
            let next = word(i + 1).is_some_and(|n| unit(n).or_else(|| teen(n)).or_else(|| tens(n)).is_some());
            // "five thousand and ten thousand" are two numbers; "five hundred and ten" is one.
            if !next || group.is_none() {
                break;
            }
            i += 1;
            continue;
        } else if w == "point" && group.is_some() {
            let mut place = 0.1;
            let mut at = i + 1;
            while let Some(d) = word(at).and_then(unit).filter(|_| at < i + 5) {
                group = group.map(|g| g + f64::from(d) * place);
                place /= 10.0;
                at += 1;
            }
            if at == i + 1 {
                break;
            }
            i = at - 1;
            room = 0.0;
        } else if w == "a" && i == 0 {
            match word(1) {
                Some("couple") | Some("few") => {}
                Some(next)
                    if next == "hundred" || next == "dozen" || (scale(next).is_some() && next != "k") => {}
                _ => break,
            }
            i += 1;
            continue;
        } else if (w == "couple" || w == "few") && group.is_none() {
            group = Some(if w == "few" { 3.0 } else { 2.0 });
            if word(i + 1) == Some("of") {
                i += 1;
            }
        } else if w == "half" && i == 0 && word(1) == Some("a") && word(2).is_some_and(|n| scale(n).is_some())
        {
            group = Some(0.5);
            i = 1;
        } else {
            break;
        }
        i += 1;
        used = i;
    }
    (used > 0).then(|| Found {
        value: total + group.unwrap_or(0.0),
        used: used.min(tokens.len()),
        scale: if group.is_none() { last_scale } else { 1.0 },
    })
}

/// The first number in a text: "twenty five", "2.5", "ten thousand".
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let tokens = tokens(text);
    (0..tokens.len()).find_map(|i| read(&tokens[i..])).map(|f| f.value)
}

/// An ordinal at the start of the tokens: "third", "twenty first", "21st".
pub(crate) fn read_ordinal(tokens: &[String]) -> Option<(u32, usize)> {
    let simple = |w: &str| -> Option<u32> {
        const WORDS: [&str; 20] = [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ];
        WORDS.iter().position(|o| *o == w).map(|i| i as u32 + 1).or(match w {
            "thirtieth" => Some(30),
            "fortieth" => Some(40),
            "fiftieth" => Some(50),
            _ => None,
        })
    };
    let first = tokens.first()?;
    if let Some(n) = simple(first) {
        return Some((n, 1));
    }
    if let (Some(t), Some(n)) = (tens(first), tokens.get(1).and_then(|w| simple(w)).filter(|n| *n < 10)) {
        return Some((t + n, 2));
    }
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|s| first.strip_suffix(s))?;
    digits.parse::<u32>().ok().filter(|n| (1..=999).contains(n)).map(|n| (n, 1))
}

/// The first ordinal in a text.
#[must_use]
pub fn ordinal(text: &str) -> Option<u32> {
    let tokens = tokens(text);
    (0..tokens.len()).find_map(|i| read_ordinal(&tokens[i..])).map(|(n, _)| n)
}

/// Whether a word belongs to dictated digits.
#[must_use]
pub fn is_digit_word(word: &str) -> bool {
    unit(word).is_some()
        || teen(word).is_some()
        || tens(word).is_some()
        || matches!(word, "oh" | "double" | "triple" | "hundred")
        || (!word.is_empty() && word.chars().all(|c| c.is_ascii_digit()))
}

/// Runs of dictated digits; a run that began with "plus" begins with `+`.
pub(crate) fn digit_runs(tokens: &[String]) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut run = String::new();
    let word = |i: usize| tokens.get(i).map_or("", String::as_str);
    let starts_digit = |i: usize| is_digit_word(word(i));
    let mut i = 0;
    while i < tokens.len() {
        let w = word(i);
        let mut used = 1;
        let after_digit = run.ends_with(|c: char| c.is_ascii_digit());
        if let Some(d) = unit(w) {
            run.push_str(&d.to_string());
        } else if let Some(t) = teen(w) {
            run.push_str(&t.to_string());
        } else if let Some(t) = tens(w) {
            match unit(word(i + 1)).filter(|d| *d > 0) {
                Some(d) => {
                    run.push_str(&(t + d).to_string());
                    used = 2;
                }
                None => run.push_str(&t.to_string()),
            }
        } else if (w == "oh" || w == "o") && (after_digit || starts_digit(i + 1)) {
            run.push('0');
        } else if w == "double" || w == "triple" {
            let next = word(i + 1);
            let digit = unit(next).map(|d| d.to_string()).or_else(|| match next {
                "oh" | "o" => Some("0".to_owned()),
                d if d.len() == 1 && d.starts_with(|c: char| c.is_ascii_digit()) => Some(d.to_owned()),
                _ => None,
            });
            if let Some(digit) = digit {
                run.push_str(&digit.repeat(if w == "double" { 2 } else { 3 }));
                used = 2;
            }
        } else if w == "hundred" && after_digit {
            run.push_str("00");
        } else if w == "thousand" && after_digit {
            run.push_str("000");
        } else if w == "plus" {
            if run.is_empty() {
                run.push('+');
            }
        } else if after_digit
            && starts_digit(i + 1)
            && matches!(w, "to" | "too" | "for" | "fore" | "ate" | "won")
        {
            run.push(match w {
                "to" | "too" => '2',
                "for" | "fore" => '4',
                "ate" => '8',
                _ => '1',
            });
        } else if w.chars().any(|c| c.is_ascii_digit())
            && !w.chars().any(char::is_alphabetic)
            && !w.contains('@')
        {
            if w.starts_with('+') && run.is_empty() {
                run.push('+');
            }
            run.extend(w.chars().filter(char::is_ascii_digit).take(20));
        } else if !crate::language::listed("digit_fillers", w) {
            runs.push(std::mem::take(&mut run));
        }
        i += used;
    }
    runs.push(run);
    runs.retain(|r| r.len() > usize::from(r.starts_with('+')));
    runs
}

/// All digits dictated in a text.
#[must_use]
pub fn digits(text: &str) -> String {
    digit_runs(&tokens(text)).concat().chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoken_numbers_are_read() {
        for (text, expect) in [
            ("seven", 7.0),
            ("twenty five", 25.0),
            ("twenty-five", 25.0),
            ("two hundred and fifty", 250.0),
            ("a hundred", 100.0),
            ("ten thousand", 10_000.0),
            ("ten thousand five hundred", 10_500.0),
            ("fifteen hundred", 1_500.0),
            ("two point five million", 2_500_000.0),
            ("one and a half million", 1_500_000.0),
            ("half a million", 500_000.0),
            ("a couple of thousand", 2_000.0),
            ("five k", 5_000.0),
            ("10k", 10_000.0),
            ("$12,500", 12_500.0),
            ("about three", 3.0),
            ("ninety nine", 99.0),
            ("one hundred twenty three thousand four hundred fifty six", 123_456.0),
        ] {
            let read = number(text);
            assert!(read.is_some_and(|v| (v - expect).abs() < 1e-6), "{text}: {read:?}");
        }
        for text in ["", "nothing here", "point", "and", "k", "a"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn ordinals_are_read() {
        for (text, expect) in
            [("the third of may", Some(3)), ("twenty first", Some(21)), ("31st", Some(31)), ("three", None)]
        {
            assert_eq!(ordinal(text), expect, "{text}");
        }
    }

    #[test]
    fn dictated_digits_are_joined() {
        for (text, expect) in [
            ("five one three five five five oh one four two", "5135550142"),
            ("five thirteen five fifty five zero one forty two", "5135550142"),
            ("double five triple two", "55222"),
            ("eight hundred five five five", "800555"),
            ("five to three", "523"),
            ("it's five one three, uh, five five five", "513555"),
            ("513-555-0142", "5135550142"),
            ("double", ""),
            ("i have to go", ""),
        ] {
            assert_eq!(digits(text), expect, "{text}");
        }
    }
}
