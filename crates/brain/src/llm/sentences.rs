//! A model's words as they come, cut into sentences that a voice can speak.

/// Without a sentence's end after this many characters the words are cut at a comma, else at a space.
const LONGEST: usize = 240;
/// A comma earlier than this is no place to cut.
const SHORTEST_CUT: usize = 60;
/// Words that end with a full stop and don't end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "no", "inc", "ltd", "co", "vs", "approx", "dept", "est", "e.g",
    "i.e", "a.m", "p.m", "u.s",
];

/// Collects pieces of text and gives complete sentences.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    buffer: String,
}

impl Sentences {
    /// Takes a piece, of any length, and gives the sentences that are complete with it.
    pub(super) fn push(&mut self, piece: &str) -> Vec<String> {
        self.buffer.push_str(piece);
        let mut complete = Vec::new();
        while let Some(end) = end_of_sentence(&self.buffer).or_else(|| too_long(&self.buffer)) {
            let rest = self.buffer.split_off(end);
            complete.extend(spoken(&std::mem::replace(&mut self.buffer, rest)));
        }
        complete
    }

    /// What is left when no more words come.
    pub(super) fn finish(&mut self) -> Option<String> {
        spoken(&std::mem::take(&mut self.buffer))
    }

    /// Forgets what was not complete.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
    }
}

/// Where the first sentence ends, its white space included; known only once something follows.
fn end_of_sentence(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\n' && !text[..at].trim().is_empty() {
            return Some(at + 1);
        }
        if !matches!(character, '.' | '?' | '!' | '…') {
            continue;
        }
        let mut end = at + character.len_utf8();
        while let Some(&(next, closing)) = characters.peek() {
            if !matches!(closing, '.' | '?' | '!' | '…' | '"' | '\'' | '”' | '’' | ')' | '*' | '_') {
                break;
            }
            end = next + closing.len_utf8();
            characters.next();
        }
        let followed = text[end..].chars().next().is_some_and(char::is_whitespace);
        if followed && !(character == '.' && is_abbreviated(&text[..at])) {
            return Some(end + 1).filter(|&end| text.is_char_boundary(end));
        }
    }
    None
}

/// Whether the full stop behind these words belongs to the last of them.
fn is_abbreviated(before: &str) -> bool {
    let last = before.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    let last = last.trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_initial = last.len() == 1 && last.chars().all(char::is_alphabetic) && last != "i";
    // A number and a full stop at the very beginning is the mark of a list.
    let is_list_mark = last.chars().all(|c| c.is_ascii_digit()) && before.trim() == last;
    is_initial || is_list_mark || ABBREVIATIONS.contains(&last)
}

fn too_long(text: &str) -> Option<usize> {
    let (limit, _) = text.char_indices().nth(LONGEST)?;
    let head = &text[..limit];
    let comma = head.rfind([',', ';', ':', '–']).filter(|&at| at >= SHORTEST_CUT);
    comma
        .or_else(|| head.rfind(char::is_whitespace))
        .map_or(Some(limit), |at| Some(at + head[at..].chars().next().map_or(1, char::len_utf8)))
}

/// The words without what only makes sense in writing; `None` when nothing is left to say.
pub(super) fn spoken(text: &str) -> Option<String> {
    let mut said = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let bare = word.trim_start_matches(['(', '[', '<', '*', '_', '"']);
        if bare.starts_with("http://") || bare.starts_with("https://") || bare.starts_with("www.") {
            continue;
        }
        let word: String = word
            .chars()
            .filter(|c| !matches!(c, '*' | '_' | '`' | '#' | '[' | ']' | '<' | '>' | '|' | '~' | '^'))
            .filter(|c| !is_pictogram(*c) && !c.is_control())
            .collect();
        if word.is_empty() || matches!(word.as_str(), "-" | "•" | "–" | "—") && said.is_empty() {
            continue;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(&word);
    }
    said.chars().any(char::is_alphanumeric).then_some(said)
}

fn is_pictogram(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x21FF | 0x2300..=0x27BF | 0x2B00..=0x2BFF | 0xFE0F | 0x1F000..=0x1FAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences of a text that comes in pieces of this many characters.
    fn cut(text: &str, size: usize) -> Vec<String> {
        let mut sentences = Sentences::default();
        let characters: Vec<char> = text.chars().collect();
        let mut all: Vec<String> = characters
            .chunks(size)
            .flat_map(|piece| sentences.push(&piece.iter().collect::<String>()))
            .collect();
        all.extend(sentences.finish());
        all
    }

    #[test]
    fn sentences_are_the_same_however_the_words_come() {
        let cases: &[(&str, &[&str])] = &[
            ("Sure. What is your name?", &["Sure.", "What is your name?"]),
            (
                "Mr. Lopez pays $3.50 at 5 p.m. today. Fine!",
                &["Mr. Lopez pays $3.50 at 5 p.m. today.", "Fine!"],
            ),
            ("Really?! \"Yes.\" Good…  then", &["Really?!", "\"Yes.\"", "Good…", "then"]),
            ("**Bold** and `code`.\n- first\n- second", &["Bold and code.", "first", "second"]),
            ("See https://example.com/a for more. 👍", &["See for more."]),
            ("1. Branding\n2. Web", &["1. Branding", "2. Web"]),
            ("  \n ", &[]),
            ("D. Baker said é. Ünder.", &["D. Baker said é.", "Ünder."]),
        ];
        for (text, expected) in cases {
            for size in [1, 2, 3, 7, 500] {
                assert_eq!(cut(text, size), *expected, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn words_without_an_end_are_cut_at_a_comma_or_a_space() {
        let text = format!("{}, and {}", "word ".repeat(20).trim_end(), "more ".repeat(60));
        let all = cut(&text, 5);
        assert!(all[0].ends_with(',') && all.len() > 2, "{all:?}");
        assert!(all.iter().all(|sentence| sentence.chars().count() <= LONGEST + 1));
        assert_eq!(cut(&"x".repeat(1_000), 9).concat(), "x".repeat(1_000));
    }

    #[test]
    fn a_sentence_is_given_as_soon_as_something_follows_it() {
        let mut sentences = Sentences::default();
        assert!(sentences.push("It is done.").is_empty(), "there may come more of it");
        assert_eq!(sentences.push(" N"), ["It is done."]);
        sentences.clear();
        assert_eq!(sentences.finish(), None);
    }
}
