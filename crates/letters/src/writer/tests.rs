use super::*;
use crate::draft::{Block, Line};
use crate::samples;

fn letters() -> Letters {
    Letters::new().expect("the layout is in order")
}

fn nasty() -> &'static str {
    "<script>alert('x')</script> {{ brand.name }} {% raw %} & \"q\" </td></table> http://a.example"
}

fn write(draft: &Draft) -> Letter {
    letters().write(&samples::plain_brand(), draft).expect("a letter")
}

#[test]
fn every_letter_says_the_same_in_both_parts() {
    let letters = letters();
    for (name, draft) in samples::all() {
        let letter = letters.write(&samples::own_brand(), &draft).expect("a letter");
        assert!(letter.html.contains("color-scheme"), "{name}");
        for block in &draft.blocks {
            let said = match block {
                Block::Text { text }
                | Block::Heading { text }
                | Block::Quote { text }
                | Block::Code { text } => vec![text.clone()],
                Block::Facts { facts } => facts.iter().map(|fact| fact.value.clone()).collect(),
                Block::List { items } => items.clone(),
                Block::Transcript { lines } => lines.iter().map(|line| line.text.clone()).collect(),
                Block::Button { url, .. } => vec![url.clone()],
            };
            for words in said.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty()) {
                assert!(letter.text.contains(words), "{name}: {words:?} is not in the text part");
                // Addresses are escaped in another way.
                let there = letter.html.contains(&*escaped(words)) || words.starts_with("https://");
                assert!(there, "{name}: {words:?} is not in the HTML part");
            }
        }
        assert!(!letter.html.contains("{{") && !letter.html.contains("{%"), "{name}");
        assert!(!letter.html.contains("<mj-"), "{name}: a tag that no mail program knows");
    }
}

#[test]
fn whatever_somebody_says_stays_words() {
    let line = Line { speaker: nasty().to_owned(), at: "0:01".to_owned(), text: nasty().to_owned() };
    let draft = Draft {
        subject: nasty().to_owned(),
        preheader: nasty().to_owned(),
        heading: nasty().to_owned(),
        reason: nasty().to_owned(),
        ..Draft::default()
    }
    .text(nasty())
    .quote(nasty())
    .facts([("Name", Some(nasty().to_owned()))])
    .list(nasty(), &[nasty().to_owned()])
    .with(Block::Transcript { lines: vec![line] })
    .button(nasty(), Some("https://studio.example/\"><script>"));
    let letter = write(&draft);
    let ours = write(&Draft { subject: "Nothing".to_owned(), ..Draft::default() });
    let count = |letter: &Letter, what: &str| letter.html.matches(what).count();
    assert_eq!(count(&letter, "<script"), 0, "{}", letter.html);
    assert_eq!(count(&letter, "alert('x')"), 0);
    assert!(letter.html.contains("&lt;script&gt;"));
    assert!(letter.html.contains("{{ brand.name }}"), "what is said is no template");
    // Structure comes from the layout only.
    assert_eq!(count(&letter, "<body"), count(&ours, "<body"));
    assert_eq!(count(&letter, "</body>"), 1);
}

#[test]
fn a_subject_is_one_short_line() {
    for (subject, expect) in [
        ("Call from Maria", "Call from Maria".to_owned()),
        ("a\r\nBcc: x@y.example", "a Bcc: x@y.example".to_owned()),
        ("a\u{202e}b\u{0}c\u{7f}", "a b c".to_owned()),
        ("  \t a   b ", "a b".to_owned()),
        (&"x".repeat(121), format!("{}…", "x".repeat(119))),
        (&"ü".repeat(120), "ü".repeat(120)),
    ] {
        let letter = write(&Draft { subject: subject.to_owned(), ..Draft::default() });
        assert_eq!(letter.subject, expect);
    }
}

#[test]
fn a_letter_fetches_nothing_but_the_logo() {
    let letters = letters();
    let logo = Some("https://studio.example/logo.png".to_owned());
    let brands = [(samples::plain_brand(), 0), (Brand { logo, ..samples::own_brand() }, 1)];
    for (brand, pictures) in brands {
        for (name, draft) in samples::all() {
            let html = letters.write(&brand, &draft).expect("a letter").html;
            assert_eq!(html.matches("<img").count(), pictures, "{name}");
            for fetching in ["<link", "@import", "url(", "<iframe", "<script", "background=\"http"] {
                assert!(!html.contains(fetching), "{name}: {fetching}");
            }
        }
    }
}

#[test]
fn the_longest_transcript_is_written() {
    // Four hours of a turn every five seconds.
    let line = |at: usize| Line {
        speaker: "Caller".to_owned(),
        at: format!("{at}"),
        text: "We need the files by Thursday, and Dana said that she would send them to us.".to_owned(),
    };
    let lines = (0..2_880).map(line).collect();
    let letter = write(&Draft::default().with(Block::Transcript { lines }));
    assert_eq!(letter.text.matches("by Thursday").count(), 2_880);
}
