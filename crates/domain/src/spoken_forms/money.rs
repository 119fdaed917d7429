//! Amounts and ranges of money.

use std::fmt;

use super::numbers::{self, Found};

/// An amount or a range as a caller gave it, in whole units of a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// ISO 4217 code, when the caller named the currency.
    pub currency: Option<&'static str>,
    /// Least.
    pub low: Option<u64>,
    /// Most.
    pub high: Option<u64>,
    /// Whether a currency or a scale ("thousand") was said, or the number is too large for anything else.
    pub is_certain: bool,
}

impl Amount {
    /// The normal form, such as `USD 10000-15000`, `USD 5000`, `USD 5000+`, `USD 0-5000`.
    #[must_use]
    pub fn value(&self, default_currency: &str) -> String {
        let currency = self.currency.unwrap_or(default_currency);
        match (self.low, self.high) {
            (Some(low), Some(high)) if low == high => format!("{currency} {low}"),
            (Some(low), Some(high)) => format!("{currency} {low}-{high}"),
            (Some(low), None) => format!("{currency} {low}+"),
            (None, high) => format!("{currency} 0-{}", high.unwrap_or(0)),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::speak::amount(self))
    }
}

fn currency(token: &str) -> Option<&'static str> {
    Some(match token {
        "dollars" | "dollar" | "bucks" | "usd" => "USD",
        "euros" | "euro" | "eur" => "EUR",
        "pounds" | "pound" | "quid" | "gbp" => "GBP",
        t if t.starts_with('$') => "USD",
        t if t.starts_with('€') || t.ends_with('€') => "EUR",
        t if t.starts_with('£') => "GBP",
        _ => return None,
    })
}

/// Largest sum anybody is taken to mean.
const MOST: f64 = 1e12;

/// Reads an amount or a range. What follows a correction ("no, make that …") counts alone.
#[must_use]
pub fn read(text: &str) -> Option<Amount> {
    let mut tokens = numbers::tokens(text);
    // "between five hundred and one thousand" is a range, not five hundred and one.
    if let Some(between) = tokens.iter().position(|t| t == "between")
        && let Some(and) = tokens.iter().rposition(|t| t == "and").filter(|and| *and > between + 1)
    {
        tokens[and] = "to".to_owned();
    }
    let tokens = after_correction(&tokens);
    let is = |i: usize, options: &[&str]| tokens.get(i).is_some_and(|t| options.contains(&t.as_str()));
    let mut found: Vec<(usize, Found)> = Vec::new();
    let mut i = 0;
    while i < tokens.len() && found.len() < 4 {
        // Split "10-15k" and "$10,000-$15,000".
        if let Some((a, b)) = tokens[i].split_once(['-', '–']) {
            let pair = [a.to_owned(), b.to_owned()];
            if let (Some(low), Some(high)) = (numbers::read(&pair[..1]), numbers::read(&pair[1..])) {
                found.push((i, Found { used: 0, ..low }));
                found.push((i, Found { used: 1, ..high }));
                i += 1;
                continue;
            }
        }
        match numbers::read(&tokens[i..]) {
            Some(f) if f.value.is_finite() && f.value <= MOST => {
                found.push((i, f));
                i += f.used.max(1);
            }
            _ => i += 1,
        }
    }
    let (at, first) = *found.first()?;
    let named = tokens.iter().find_map(|t| currency(t));
    let whole = |v: f64| v.round().clamp(0.0, MOST) as u64;
    let mut low = first.value;
    let mut high = first.value;
    let mut scaled = first.scale > 1.0;
    let mut last = (at, first);
    if let Some(&(second_at, second)) = found.get(1) {
        let gap: Vec<&str> =
            tokens[(at + first.used).min(second_at)..second_at].iter().map(String::as_str).collect();
        let joins = gap.iter().all(|w| {
            matches!(*w, "to" | "and" | "or" | "through" | "until" | "maybe" | "up" | "say" | "even")
                || currency(w).is_some()
        });
        if joins {
            high = second.value;
            scaled |= second.scale > 1.0;
            // "ten to fifteen thousand" and "10-15k" mean thousands twice.
            if low < high && first.scale <= 1.0 && second.scale > 1.0 && low * second.scale <= high {
                low *= second.scale;
            } else if high < low && second.scale <= 1.0 && first.scale > 1.0 && high * first.scale >= low {
                high *= first.scale;
            }
            last = (second_at, second);
        }
    }
    if low > high {
        std::mem::swap(&mut low, &mut high);
    }
    let before = |n: usize| at.checked_sub(n);
    let preceded = |options: &[&str]| before(1).is_some_and(|i| is(i, options));
    let preceded_twice = |first: &str, options: &[&str]| {
        before(2).is_some_and(|i| is(i, &[first])) && before(1).is_some_and(|i| is(i, options))
    };
    let after = last.0 + last.1.used;
    let skip = usize::from(tokens.get(after).is_some_and(|t| currency(t).is_some()));
    let end = after + skip;
    let single = low == high;
    let at_most = preceded(&["under", "below", "maximum", "max", "within"])
        || preceded_twice("up", &["to"])
        || preceded_twice("less", &["than"])
        || preceded_twice("more", &["than"]) && before(3).is_some_and(|i| is(i, &["no", "not"]))
        || preceded_twice("at", &["most"])
        || is(end, &["max", "maximum", "tops"])
        || (is(end, &["or", "at"]) && is(end + 1, &["less", "most"]));
    let at_least = !at_most
        && (preceded(&["over", "above", "minimum", "upwards"])
            || preceded_twice("more", &["than"])
            || preceded_twice("at", &["least"])
            || preceded_twice("upwards", &["of"])
            || is(end, &["plus", "minimum"])
            || (is(end, &["or", "and"]) && is(end + 1, &["more", "up", "above"])));
    Some(Amount {
        currency: named,
        low: (!(at_most && single)).then(|| whole(low)),
        high: (!(at_least && single)).then(|| whole(high)),
        is_certain: named.is_some() || scaled || low >= 500.0,
    })
}

/// Whether the words stop where an amount often goes on ("ten", "ten to").
pub(crate) fn ends_open(text: &str) -> bool {
    read(text).is_none_or(|a| !a.is_certain)
}

/// The tokens after the last "make that", "I mean", "no", when a number follows it.
pub(crate) fn after_correction(tokens: &[String]) -> &[String] {
    let cut = (1..tokens.len()).rev().find(|&i| {
        let here = tokens[i].as_str();
        let before = tokens[i - 1].as_str();
        matches!(
            (before, here),
            ("make", "that" | "it")
                | ("i", "mean" | "meant")
                | ("rather", _)
                | ("actually", _)
                | ("no", _)
                | ("sorry", _)
        ) && !(before == "no" && matches!(here, "more" | "less"))
    });
    let Some(cut) = cut else { return tokens };
    let start = if matches!(tokens[cut - 1].as_str(), "make" | "i") { cut + 1 } else { cut };
    let rest = &tokens[start..];
    if (0..rest.len()).any(|i| numbers::read(&rest[i..]).is_some()) { rest } else { tokens }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_ranges_are_read() {
        for (text, expect) in [
            ("ten thousand dollars", "USD 10000"),
            ("between ten and fifteen thousand dollars", "USD 10000-15000"),
            ("ten to fifteen thousand", "USD 10000-15000"),
            ("from five thousand to eight thousand euros", "EUR 5000-8000"),
            ("around five k", "USD 5000"),
            ("up to twenty thousand", "USD 0-20000"),
            ("less than ten thousand pounds", "GBP 0-10000"),
            ("not more than ten thousand", "USD 0-10000"),
            ("at least thirty thousand", "USD 30000+"),
            ("more than thirty thousand", "USD 30000+"),
            ("fifty thousand plus", "USD 50000+"),
            ("five thousand dollars or more", "USD 5000+"),
            ("ten thousand dollars max", "USD 0-10000"),
            ("fifteen hundred bucks", "USD 1500"),
            ("$10,000-$15,000", "USD 10000-15000"),
            ("10-15k", "USD 10000-15000"),
            ("a couple of thousand dollars", "USD 2000"),
            ("half a million", "USD 500000"),
            ("five no make that ten thousand", "USD 10000"),
            ("five thousand no make it eight thousand dollars", "USD 8000"),
            ("ten thousand i mean twelve thousand", "USD 12000"),
            ("two thousand five hundred dollars", "USD 2500"),
            ("ten or twelve grand", "USD 10000-12000"),
            ("we have about twelve thousand five hundred dollars for it", "USD 12500"),
            ("between five hundred and one thousand dollars", "USD 500-1000"),
        ] {
            assert_eq!(read(text).map(|a| a.value("USD")).as_deref(), Some(expect), "{text}");
        }
        for text in ["", "not sure", "no idea", "a lot of money"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_small_bare_number_is_not_certain() {
        assert!(read("ten").is_some_and(|a| !a.is_certain));
        assert!(read("ten dollars").is_some_and(|a| a.is_certain));
        assert!(read("five thousand").is_some_and(|a| a.is_certain));
    }
}
