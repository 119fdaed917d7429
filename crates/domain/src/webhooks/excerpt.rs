//! What the delivery log keeps of a receiver's answer: enough to see what is wrong, nothing that opens a door.

/// Most bytes of an answer that are kept.
const MAX_BYTES: usize = 2 * 1024;
/// A run of letters and digits from this length on may be a key.
const KEY_LENGTH: usize = 24;
const REDACTED: &str = "[redacted]";

/// The readable beginning of an answer, without keys, tokens and e-mail addresses.
#[must_use]
pub fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars() {
        if is_part_of_word(c) {
            word.push(c);
            continue;
        }
        push_word(&mut out, &word);
        word.clear();
        if out.len() >= MAX_BYTES {
            break;
        }
        // Line ends and tabs become spaces, what else can't be seen is left out.
        match c {
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => {}
            c => out.push(c),
        }
    }
    push_word(&mut out, &word);
    if out.len() > MAX_BYTES {
        let end = (0..=MAX_BYTES).rev().find(|&at| out.is_char_boundary(at)).unwrap_or(0);
        out.truncate(end);
    }
    out.trim().to_owned()
}

fn is_part_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '=' | '.' | '@')
}

fn push_word(out: &mut String, word: &str) {
    out.push_str(if is_sensitive(word) { REDACTED } else { word });
}

fn is_sensitive(word: &str) -> bool {
    let known_key =
        ["whsec_", "sc_live_", "sk_live_", "sk-", "ghp_", "xox"].iter().any(|start| word.starts_with(start));
    let address = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let random = word.split(['/', '.', '=']).any(|part| {
        part.len() >= KEY_LENGTH
            && part.bytes().any(|b| b.is_ascii_digit())
            && part.bytes().any(|b| b.is_ascii_alphabetic())
    });
    known_key || address || random
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: &str) {
        assert_eq!(excerpt(body.as_bytes()), expect);
    }

    #[test]
    fn words_stay_and_keys_go() {
        check("not found", "not found");
        check("{\"error\":\"no such hook\"}", "{\"error\":\"no such hook\"}");
        check("secret whsec_C2FVsBQIhrscChlQIMV was wrong", "secret [redacted] was wrong");
        check("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x", "Bearer [redacted]");
        check("ask maria@northwind.example for help", "ask [redacted] for help");
        check("at /srv/app/handlers/webhooks.js:12", "at /srv/app/handlers/webhooks.js:12");
        check("<h1>Bad\u{0} gateway</h1>\r\n\tnginx", "<h1>Bad gateway</h1>  nginx");
    }

    #[test]
    fn a_long_or_broken_answer_is_cut() {
        assert_eq!(excerpt(&[0xff, 0xfe, b'o', b'k']), "ok");
        let long = "word ".repeat(10_000);
        assert!(excerpt(long.as_bytes()).len() <= MAX_BYTES);
        let wide = "ä ".repeat(10_000);
        assert!(excerpt(wide.as_bytes()).len() <= MAX_BYTES);
    }
}
