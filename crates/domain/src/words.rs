//! Words of a transcript: cutting, light stemming, and how alike two of them are.

/// The words of a text: lower case, hyphens and punctuation cut away, apostrophes kept.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’'))
        .map(|w| w.replace('’', "'").trim_matches('\'').to_lowercase())
        .filter(|w| !w.is_empty())
        .collect()
}

/// Cuts the endings that change with grammar, so that "designs", "designing" and "designed" meet.
#[must_use]
pub fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    let without = |n: usize| &word[..word.len() - n];
    let mut root = if let Some(root) = word.strip_suffix("ies") {
        return format!("{root}y");
    } else if word.ends_with("sses")
        || word.ends_with("ches")
        || word.ends_with("shes")
        || word.ends_with("xes")
    {
        without(2)
    } else if word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is") {
        without(1)
    } else {
        word
    };
    for ending in ["ing", "ed"] {
        if let Some(shorter) = root.strip_suffix(ending)
            && shorter.len() >= 3
            && shorter.contains(['a', 'e', 'i', 'o', 'u', 'y'])
        {
            root = shorter;
            let bytes = root.as_bytes();
            let last = bytes[bytes.len() - 1];
            if bytes.len() > 3 && last == bytes[bytes.len() - 2] && !matches!(last, b'l' | b's' | b'z') {
                root = &root[..root.len() - 1];
            }
            break;
        }
    }
    if root.len() > 4 { root.strip_suffix('e').unwrap_or(root) } else { root }.to_owned()
}

/// How many letters must be changed, added or dropped to make one word the other. Words are compared up to
/// 48 letters.
#[must_use]
pub fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(48).collect();
    let b: Vec<char> = b.chars().take(48).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// How alike two words are, 0 to 1.
#[must_use]
pub fn similarity(a: &str, b: &str) -> f32 {
    let longest = a.chars().count().max(b.chars().count()).clamp(1, 48);
    1.0 - (edit_distance(a, b) as f32 / longest as f32).min(1.0)
}

/// Whether two words are the same but for grammar or a letter or two that a recogniser may have missed.
#[must_use]
pub fn is_close(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let shorter = a.len().min(b.len());
    if shorter < 3 {
        return false;
    }
    let allowed = match shorter {
        0..=5 => 0,
        6..=8 => 1,
        _ => 2,
    };
    stem(a) == stem(b)
        || (allowed > 0 && a.len().abs_diff(b.len()) <= allowed && edit_distance(a, b) <= allowed)
}

/// Where a phrase stands in the words, word for word.
#[must_use]
pub fn find_phrase(said: &[String], phrase: &[String]) -> Option<usize> {
    if phrase.is_empty() || phrase.len() > said.len() {
        return None;
    }
    said.windows(phrase.len()).position(|w| w == phrase)
}

/// Where a phrase stands in the words, forgiving grammar and a missed letter, and at most one foreign word
/// between two of its words.
#[must_use]
pub fn find_loosely(said: &[String], phrase: &[String]) -> Option<usize> {
    let (first, rest) = phrase.split_first()?;
    (0..said.len()).find(|&start| {
        if !is_close(&said[start], first) {
            return false;
        }
        let mut at = start + 1;
        rest.iter().all(|word| {
            let near = (at..said.len().min(at + 2)).find(|&i| is_close(&said[i], word));
            near.inspect(|&i| at = i + 1).is_some()
        })
    })
}

/// The text with its first letter large.
#[must_use]
pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_grammar_are_cut() {
        for (word, expect) in [
            ("designs", "design"),
            ("designing", "design"),
            ("designed", "design"),
            ("planning", "plan"),
            ("prices", "pric"),
            ("price", "pric"),
            ("companies", "company"),
            ("business", "business"),
            ("website's", "websit"),
            ("is", "is"),
            ("billing", "bill"),
            ("process", "process"),
        ] {
            assert_eq!(stem(word), expect, "{word}");
        }
    }

    #[test]
    fn a_missed_letter_in_a_long_word_is_forgiven_and_in_a_short_one_not() {
        assert!(is_close("packaging", "packagin"));
        assert!(is_close("website", "websites"));
        assert!(!is_close("shop", "stop"));
        assert!(!is_close("cost", "most"));
    }

    #[test]
    fn a_phrase_is_found_with_one_foreign_word_between() {
        let said = words("could I please talk to a real person, thanks");
        assert_eq!(find_loosely(&said, &words("talk to person")), None);
        assert_eq!(find_loosely(&said, &words("talk to real person")), Some(3));
        assert_eq!(find_phrase(&said, &words("real person")), Some(6));
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(edit_distance("lopez", "lopes"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
        assert!(similarity("maria", "maria") > 0.99);
    }
}
