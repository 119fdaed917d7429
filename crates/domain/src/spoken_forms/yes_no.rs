//! Yes and no.

use crate::language::phrases;
use crate::words::words;

/// Reads a yes or a no; nothing when the words are neither.
#[must_use]
pub fn read(text: &str) -> Option<bool> {
    let said = words(text);
    // The earliest phrase decides, the longer one of two that begin together: "no problem", "not really".
    let mut best: Option<(usize, usize, bool)> = None;
    for (list, answer) in [("yes", true), ("no", false)] {
        for phrase in phrases(list) {
            if let Some(at) = crate::words::find_phrase(&said, phrase) {
                let better =
                    best.is_none_or(|(b, len, _)| (at, usize::MAX - phrase.len()) < (b, usize::MAX - len));
                if better {
                    best = Some((at, phrase.len(), answer));
                }
            }
        }
    }
    let (at, length, answer) = best?;
    // Far into a long sentence a "right" or a "sure" answers nothing.
    if at > 3 {
        return None;
    }
    // "I am" answers alone; "I am calling about …" does not.
    if said.len() > 5
        && !crate::language::has_phrase_of("strong_answers", &said[at..(at + length).min(said.len())])
    {
        return None;
    }
    if said.len() > at + 1 && said[at..].first().is_some_and(|w| w == "yeah" || w == "yes" || w == "well") {
        // "yeah no": the second word is meant.
        if said.get(at + 1).is_some_and(|w| w == "no" || w == "nope") {
            return Some(false);
        }
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assent_and_refusal_are_read() {
        for text in [
            "yes",
            "yeah",
            "yeah sure",
            "yep",
            "yes please",
            "that's right",
            "correct",
            "right",
            "sure",
            "ok",
            "okay",
            "of course",
            "absolutely",
            "exactly",
            "sounds good",
            "go ahead",
            "please do",
            "yes that's correct",
            "uh huh",
            "why not",
            "no problem",
            "i do",
            "that is correct",
            "perfect",
            "well yes",
        ] {
            assert_eq!(read(text), Some(true), "{text}");
        }
        for text in [
            "no",
            "nope",
            "nah",
            "no thanks",
            "no thank you",
            "not really",
            "that's wrong",
            "that's not right",
            "i don't think so",
            "not correct",
            "yeah no",
            "incorrect",
            "no that's all",
            "not yet",
            "not now",
            "that is not correct",
            "never mind",
            "well no",
            "rather not",
            "i'd rather not",
        ] {
            assert_eq!(read(text), Some(false), "{text}");
        }
        for text in ["", "website", "maria", "how much is it", "i am calling about the logo you made right"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
