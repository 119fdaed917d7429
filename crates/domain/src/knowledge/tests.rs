use super::*;

/// Entries in the style of an agency's FAQ: question, variants, answer.
const ENTRIES: &[(&str, &[&str], &str)] = &[
    (
        "What are your opening hours?",
        &["when are you open", "are you open on saturday"],
        "We are open Monday to Friday from nine to six.",
    ),
    (
        "Where are you located?",
        &["what is your address", "is there parking"],
        "Our studio is at twelve Main Street.",
    ),
    ("What services do you offer?", &["what do you do"], "We design brands, websites and packaging."),
    (
        "How much does a website cost?",
        &["what is the price of a website"],
        "A website usually starts at eight thousand dollars.",
    ),
    (
        "How much does a logo or brand identity cost?",
        &["what does a logo cost"],
        "A brand identity starts at five thousand dollars.",
    ),
    (
        "How long does a website take?",
        &["how many weeks does a website take"],
        "A typical website takes eight to ten weeks.",
    ),
    ("What are your payment terms?", &["do you take a deposit"], "Half up front and half at delivery."),
    ("Do you do social media?", &["can you manage our instagram"], "Yes, we plan and run campaigns."),
    (
        "How many revisions are included?",
        &["how many rounds of changes do i get"],
        "Two rounds of revisions are included.",
    ),
    ("Do you offer hosting and maintenance?", &["who hosts the website"], "Yes, with a monthly care plan."),
    ("Who owns the files?", &["do i own the design"], "You own all final files once the project is paid."),
    ("How does a project start?", &["what is the first step"], "With a free half hour call."),
    ("Can I see your portfolio?", &["do you have examples of your work"], "On our website."),
];

fn best(question: &str) -> Option<(usize, f32)> {
    let variants: Vec<Vec<String>> =
        ENTRIES.iter().map(|(_, v, _)| v.iter().map(|s| (*s).to_owned()).collect()).collect();
    let candidates: Vec<Candidate<'_>> = ENTRIES
        .iter()
        .zip(&variants)
        .map(|((question, _, answer), variants)| Candidate { question, variants, answer })
        .collect();
    rank(question, &candidates).first().map(|h| (h.index, h.confidence))
}

#[test]
fn paraphrases_find_their_entry() {
    for (question, expect) in [
        ("when do you open", 0),
        ("what time do you close on friday", 0),
        ("how late can i reach you are you open late", 0),
        ("where is your office", 1),
        ("what's the address of your studio", 1),
        ("where can i park", 1),
        ("what kind of services do you have", 2),
        ("how expensive is a web site", 3),
        ("what would you charge for a new homepage", 3),
        ("i wanted to ask what a website would cost me", 3),
        ("what do you charge for branding", 4),
        ("how much for a new logo", 4),
        ("how fast can you build a website", 5),
        ("and how many weeks does a new website take", 5),
        ("how many weeks until a site is finished", 5),
        ("do i have to pay a deposit", 6),
        ("how do i pay", 6),
        ("can you run our facebook", 7),
        ("how many rounds of feedback do i get", 8),
        ("can you look after the site after launch", 9),
        ("who has the rights to the logo", 10),
        ("do the source files belong to me", 10),
        ("how do we get started", 11),
        ("where can i see your previous work", 12),
        ("do you have references", 12),
    ] {
        let (index, confidence) = best(question).unwrap_or((99, 0.0));
        assert_eq!(index, expect, "{question} ({confidence:.2})");
        assert!(confidence >= DONT_KNOW_BELOW, "{question}: {confidence:.2}");
    }
}

#[test]
fn questions_nobody_wrote_an_answer_for_stay_below_the_threshold() {
    for question in [
        "do you sell pizza",
        "what is the capital of france",
        "can you repair my washing machine",
        "do you have a parrot",
        "is the mayor coming to the party",
        "",
        "the the and",
    ] {
        let confidence = best(question).map_or(0.0, |(_, c)| c);
        assert!(confidence < DONT_KNOW_BELOW, "{question}: {confidence:.2}");
    }
}

#[test]
fn search_terms_carry_synonyms_and_no_stop_words() {
    let terms = search_terms("what is the price of a homepage");
    for expect in ["price", "cost", "website", "homepage"] {
        assert!(terms.iter().any(|t| t == expect), "{expect} in {terms:?}");
    }
    assert!(!terms.iter().any(|t| t == "the" || t == "what"), "{terms:?}");
}
