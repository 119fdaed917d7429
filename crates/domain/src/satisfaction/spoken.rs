//! A score from one to five as people say it.

use crate::words::words;

/// Numbers as they are said, and as a transcriber may write them.
const NUMBERS: &[(&str, u8)] = &[
    ("1", 1),
    ("one", 1),
    ("2", 2),
    ("two", 2),
    ("3", 3),
    ("three", 3),
    ("4", 4),
    ("four", 4),
    ("fours", 4),
    ("5", 5),
    ("five", 5),
    ("fives", 5),
];
/// What a transcriber makes of a number that is all that was said.
const ALONE: &[(&str, u8)] = &[("won", 1), ("to", 2), ("too", 2), ("for", 4), ("fore", 4)];
/// Numbers that are none of the scale: whoever says them has not answered.
const BEYOND: &[&str] =
    &["0", "zero", "6", "six", "7", "seven", "8", "eight", "9", "nine", "10", "ten", "half"];
/// "No one", "this one", "one moment": no score.
const NOT_BEFORE: &[&str] = &["no", "this", "that", "last", "any", "every", "some", "which"];
const NOT_BEHIND: &[&str] = &["moment", "second", "minute", "more", "thing", "question", "last"];

/// The score in words that answer "from one to five"; `None` when there is none, or more than one.
#[must_use]
pub fn read(text: &str) -> Option<u8> {
    let said = words(text);
    if let [only] = said.as_slice()
        && let Some((_, score)) = ALONE.iter().find(|(word, _)| word == only)
    {
        return Some(*score);
    }
    let mut found: Option<u8> = None;
    for (at, word) in said.iter().enumerate() {
        if BEYOND.contains(&word.as_str()) {
            return None;
        }
        let Some((_, score)) = NUMBERS.iter().find(|(number, _)| number == word) else { continue };
        let before = at.checked_sub(1).map_or("", |at| said[at].as_str());
        let behind = said.get(at + 1).map_or("", String::as_str);
        // "Four out of five", "four of five": the second is the scale.
        let is_scale = before == "of" && found.is_some();
        if is_scale || NOT_BEFORE.contains(&before) || NOT_BEHIND.contains(&behind) {
            continue;
        }
        if found.is_some_and(|earlier| earlier != *score) {
            return None;
        }
        found = Some(*score);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_heard_in_what_people_say() {
        for (text, expect) in [
            ("five", Some(5)),
            ("5", Some(5)),
            ("a four", Some(4)),
            ("I'd say a four", Some(4)),
            ("four out of five", Some(4)),
            ("five of five", Some(5)),
            ("five stars", Some(5)),
            ("definitely a five, thank you", Some(5)),
            ("three I guess", Some(3)),
            ("only one", Some(1)),
            ("for", Some(4)),
            ("too", Some(2)),
            ("no more than two", Some(2)),
            ("no", None),
            ("no thank you", None),
            ("i'd rather not", None),
            ("ten", None),
            ("three or four", None),
            ("three and a half", None),
            ("one moment please", None),
            ("no one helped me", None),
            ("one more question", None),
            ("for the website", None),
            ("it was fine", None),
            ("", None),
        ] {
            assert_eq!(read(text), expect, "{text:?}");
        }
    }
}
