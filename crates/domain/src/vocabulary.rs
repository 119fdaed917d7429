//! What callers of a business are likely to say: sentences and words for a transcriber with a language model
//! of its own, made from the business's data and the language pack.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::agent_phrases::fill;
use crate::call_plan::Vocabulary;
use crate::language::{FIRST_NAMES, LISTS, SURNAMES, Sections, listed};
use crate::leads::LeadQuestion;
use crate::words::words;

static CALLER: LazyLock<Sections> =
    LazyLock::new(|| Sections::read(include_str!("../data/en/caller_phrases.txt")));

/// The business's own words.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// Its name.
    pub business: &'a str,
    /// The agent's name and the contact's.
    pub people: &'a [String],
    /// Questions of the knowledge base with their variants.
    pub questions: &'a [String],
    /// Answers of the knowledge base.
    pub answers: &'a [String],
    /// The lead flow.
    pub lead_questions: &'a [LeadQuestion],
    /// Project names and aliases.
    pub projects: &'a [String],
    /// Client (company) names and their people's.
    pub clients: &'a [String],
}

/// Builds the vocabulary. Equal sources give an equal key.
#[must_use]
pub fn build(sources: &Sources<'_>) -> Vocabulary {
    let mut sentences = Collected::default();
    for question in sources.questions {
        sentences.add(question);
        for lead_in in CALLER.get("before_questions") {
            sentences.add(&format!("{lead_in} {question}"));
        }
        sentences.add_opened(question, OPENINGS_OF_QUESTION);
        for variant in said_otherwise(question) {
            sentences.add_opened(&variant, OPENINGS_OF_REQUEST);
        }
    }
    add_requests(&mut sentences, sources);
    for name in [
        "yes",
        "no",
        "back_channels",
        "thinking",
        "refusals",
        "unknown_answers",
        "soonest",
        "flexible",
        "this_number",
    ] {
        for phrase in LISTS.get(name) {
            sentences.add(phrase);
        }
    }
    for choice in sources.lead_questions.iter().flat_map(|q| &q.choices) {
        for frame in
            ["{c}", "{c} please", "it's {c}", "it would be {c}", "we need {c}", "mostly {c}", "i think {c}"]
        {
            sentences.add(&fill(frame, &[("c", choice)]));
        }
    }
    for name in sources.clients.iter().chain(sources.people) {
        for frame in [
            "{c}",
            "it's {c}",
            "my name is {c}",
            "this is {c}",
            "i'm calling from {c}",
            "it's called {c}",
            "the company is called {c}",
        ] {
            sentences.add_often(&fill(frame, &[("c", name)]), OFTEN);
        }
    }
    add_names(&mut sentences);
    add_numbers(&mut sentences);
    add_addresses(&mut sentences, sources.clients);

    let mut known: BTreeSet<String> =
        sentences.list.iter().flat_map(|s| s.split(' ')).map(str::to_owned).collect();
    for text in sources.answers.iter().map(String::as_str).chain([sources.business]) {
        known.extend(
            words(text)
                .into_iter()
                .filter(|w| !listed("stopwords", w) && !w.contains(|c: char| c.is_ascii_digit())),
        );
    }
    known.extend(FIRST_NAMES.iter().chain(SURNAMES.iter()).map(|n| (*n).to_owned()));
    for list in ["company_words", "spelling_alphabet", "mail_hosts"] {
        known.extend(LISTS.get(list).iter().map(|w| (*w).to_owned()));
    }
    known.extend(('a'..='z').map(String::from));
    let known: Vec<String> = known.into_iter().collect();
    let mut key = Fnv::default();
    for text in sentences.list.iter().chain(&known) {
        key.add(text);
    }
    Vocabulary { key: format!("en-{:016x}", key.0), sentences: sentences.list, words: known }
}

/// Openings that each sentence is shown with; the openings take turns.
const OPENINGS_OF_QUESTION: usize = 12;
const OPENINGS_OF_REQUEST: usize = 3;
/// How many times as often as another sentence a part of every talk is said, or the name of who is known.
const OFTEN: usize = 4;

/// A question with the small words that callers put in.
fn said_otherwise(question: &str) -> Vec<String> {
    let plain = words(question).join(" ");
    let mut variants = Vec::new();
    for start in ["do you ", "can you ", "can i "] {
        if let Some(rest) = plain.strip_prefix(start) {
            variants.push(format!("{start}also {rest}"));
        }
    }
    for thing in ["website", "logo", "brand"] {
        let (one, another) = (format!(" a {thing} "), format!(" a new {thing} "));
        let padded = format!("{plain} ");
        if padded.contains(&one) {
            variants.push(padded.replace(&one, &another).trim().to_owned());
        }
    }
    variants
}

/// The patterns of the language pack with the business's projects and services.
fn add_requests(sentences: &mut Collected, sources: &Sources<'_>) {
    let contact = sources.people.first().map_or("someone", String::as_str);
    let projects: Vec<&str> =
        sources.projects.iter().map(String::as_str).chain(["project", "website", "logo"]).collect();
    let choices = sources.lead_questions.iter().flat_map(|q| q.choices.iter()).map(String::as_str);
    let services: Vec<&str> = choices.chain(["website", "logo", "brand", "online shop"]).collect();
    for template in CALLER.get("project") {
        for name in &projects {
            sentences.add_opened(&fill(template, &[("project", name)]), OPENINGS_OF_REQUEST);
        }
    }
    let lead_ins = CALLER.get("before_clauses");
    for (i, template) in CALLER.get("project_clause").iter().enumerate() {
        for (j, name) in projects.iter().enumerate() {
            let clause = fill(template, &[("project", name)]);
            for step in 0..3 {
                let lead_in = lead_ins[(i + j + step * 3) % lead_ins.len()];
                sentences.add_opened(&format!("{lead_in} {clause}"), 1);
            }
        }
    }
    for template in CALLER.get("service") {
        for name in &services {
            sentences.add_opened(&fill(template, &[("service", name)]), OPENINGS_OF_REQUEST);
        }
    }
    for section in ["intents", "message"] {
        for template in CALLER.get(section) {
            let text = fill(template, &[("contact", contact), ("business", sources.business)]);
            sentences.add_opened(&text, OPENINGS_OF_REQUEST);
        }
    }
    for section in ["talk", "answers"] {
        for template in CALLER.get(section) {
            let text = fill(template, &[("contact", contact), ("business", sources.business)]);
            sentences.add_often(&text, OFTEN);
            if section == "talk" {
                sentences.add_opened(&text, 2);
            }
        }
    }
    for opening in CALLER.get("openings") {
        sentences.add(opening);
    }
}

/// Sentences in the order they came, each once, as plain lower-case words.
#[derive(Default)]
struct Collected {
    list: Vec<String>,
    seen: BTreeSet<String>,
    /// How many openings were given out.
    opened: usize,
}

impl Collected {
    fn add(&mut self, text: &str) {
        // A recogniser knows words, no digits; who writes "24/7" loses only that sentence.
        let plain = one_spelling(&words(text).join(" "));
        if !plain.is_empty()
            && !plain.contains(|c: char| c.is_ascii_digit())
            && self.seen.insert(plain.clone())
        {
            self.list.push(plain);
        }
    }

    /// A sentence that is said so many times as often as others.
    fn add_often(&mut self, text: &str, times: usize) {
        self.add(text);
        let plain = one_spelling(&words(text).join(" "));
        if self.seen.contains(&plain) {
            self.list.extend(std::iter::repeat_n(plain, times - 1));
        }
    }

    /// The sentence as it is, and behind the next few openings.
    fn add_opened(&mut self, text: &str, openings: usize) {
        self.add(text);
        let known = CALLER.get("openings");
        for _ in 0..openings {
            self.add(&format!("{} {text}", known[self.opened % known.len()]));
            self.opened += 1;
        }
    }
}

/// Words that sound the same are written the same: a model with both would hear either.
fn one_spelling(plain: &str) -> String {
    let mut text = format!(" {plain} ");
    for (other, usual) in CALLER.get("spelling").iter().filter_map(|line| line.split_once(" = ")) {
        text = text.replace(&format!(" {other} "), &format!(" {usual} "));
    }
    text.trim().to_owned()
}

fn add_names(sentences: &mut Collected) {
    for (i, first) in FIRST_NAMES.iter().enumerate() {
        let last = SURNAMES[(i * 7) % SURNAMES.len().max(1)];
        sentences.add(&format!("my name is {first} {last}"));
        if i % 3 == 0 {
            sentences.add(&format!("this is {first}"));
            sentences.add(&format!("{first} {last}"));
        }
        if i % 5 == 0 {
            sentences.add(&format!("it's {first} {last}"));
            sentences.add(&format!("it is {first} {last}"));
            sentences.add(&format!("actually my name is {first} {last}"));
            sentences.add(&format!("i'm {first} and i need a new website"));
        }
    }
    for last in SURNAMES.iter().take(60) {
        sentences.add(&format!("no it's {last}"));
        sentences.add(&format!("the last name is {last}"));
        let letter = last.chars().next_back().unwrap_or('s');
        sentences.add(&format!("no it's {last} with a {letter}"));
        sentences.add(&format!("{last} with an {letter}"));
    }
}

fn add_numbers(sentences: &mut Collected) {
    const DIGITS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    // Runs that hold every pair of digits: dictated numbers are new each time.
    for a in 0..10_usize {
        for step in 0..10_usize {
            let run: Vec<&str> = (0..10).map(|i| DIGITS[(a + i * step + i * i * (a + 1)) % 10]).collect();
            sentences.add(&run.join(" "));
        }
        for b in DIGITS {
            sentences.add(&format!("{} {b}", DIGITS[a]));
        }
        sentences.add(&format!("double {}", DIGITS[a]));
        sentences.add(&format!("triple {}", DIGITS[a]));
        sentences.add(&format!("oh {} four two", DIGITS[a]));
    }
    for area in
        ["five one three", "two one two", "four one five", "eight hundred", "six four six", "three oh five"]
    {
        for tail in [
            "five five five zero one four two",
            "five five five oh one nine nine",
            "two six eight one nine three seven",
            "nine seven four zero six two eight",
        ] {
            for frame in ["{n}", "it's {n}", "my number is {n}", "you can call me at {n}", "sure {n}"] {
                sentences.add(&fill(frame, &[("n", &format!("{area} {tail}"))]));
            }
        }
    }
    let amounts = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "twelve",
        "fifteen",
        "twenty",
        "twenty five",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "eighty",
        "a hundred",
    ];
    for amount in amounts {
        for frame in CALLER.get("money") {
            sentences.add(&fill(frame, &[("n", amount), ("m", "fifteen"), ("contact", "")]));
        }
    }
    for (low, high) in [
        ("two", "three"),
        ("three", "five"),
        ("five", "ten"),
        ("ten", "fifteen"),
        ("fifteen", "twenty"),
        ("twenty", "thirty"),
        ("thirty", "fifty"),
    ] {
        for frame in [
            "between {n} and {m} thousand dollars",
            "{n} to {m} thousand dollars",
            "{n} to {m} thousand",
            "around {n} to {m} thousand",
        ] {
            sentences.add(&fill(frame, &[("n", low), ("m", high)]));
        }
    }
    for month in [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ] {
        for frame in CALLER.get("month") {
            sentences.add(&fill(frame, &[("month", month)]));
        }
    }
    for count in ["a", "one", "two", "three", "four", "six", "eight", "ten", "twelve", "a couple of", "a few"]
    {
        for unit in ["weeks", "months"] {
            for frame in [
                "in {n} {u}",
                "in about {n} {u}",
                "within {n} {u}",
                "{n} {u} from now",
                "maybe in {n} {u}",
                "{n} {u}",
            ] {
                sentences.add(&fill(frame, &[("n", count), ("u", unit)]));
            }
        }
    }
}

/// Addresses spoken and spelled: common first names at the hosts people use, and the clients' own domains.
fn add_addresses(sentences: &mut Collected, clients: &[String]) {
    let spelled = |name: &str| name.chars().map(String::from).collect::<Vec<_>>().join(" ");
    for (i, name) in FIRST_NAMES.iter().take(160).enumerate() {
        // Most have the one, and are heard with it when in doubt.
        let host = ["gmail", "yahoo", "gmail", "outlook", "gmail", "hotmail", "gmail", "icloud"][i % 8];
        let last = SURNAMES[(i * 11) % SURNAMES.len().max(1)];
        let whole = [
            format!("{} at gmail dot com", spelled(name)),
            format!("{name} at {host} dot com"),
            format!("{name} dot {last} at {host} dot com"),
            format!("{} at {last} dot com", spelled(name)),
        ];
        for address in whole.iter().take(if i < 80 { 4 } else { 2 }) {
            sentences.add(address);
        }
        if i % 4 == 0 {
            sentences.add(&format!("it's {}", whole[0]));
            sentences.add(&format!("it is {}", whole[2]));
            sentences.add(&format!("my email is {}", whole[i % 3]));
            sentences.add(&format!("no it's {}", whole[0]));
        }
        if i % 8 == 0 {
            sentences.add(&format!("{} dot {} at {host} dot com", spelled(name), spelled(last)));
            sentences.add(&format!("{} underscore {last} at {host} dot com", &name[..1]));
        }
    }
    for last in SURNAMES.iter().take(80) {
        sentences.add(&spelled(last));
        sentences.add(&format!("{} dot {last} at {last} dash design dot co dot uk", &last[..1]));
    }
    for name in clients {
        let name = words(name).join(" ");
        sentences.add(&format!("info at {name} dot com"));
        // Who is known is likelier than any of the common names.
        if let Some((first, last)) = name.split_once(' ').filter(|(_, last)| !last.contains(' ')) {
            for host in ["gmail", "gmail", "outlook", "yahoo"] {
                for address in [
                    format!("{first} dot {last} at {host} dot com"),
                    format!("{first} at {host} dot com"),
                    format!("it's {first} dot {last} at {host} dot com"),
                    format!("my email is {first} dot {last} at {host} dot com"),
                ] {
                    sentences.add_often(&address, OFTEN);
                }
            }
            sentences.add_often(&format!("this is {first}"), OFTEN);
            sentences.add_often(&format!("my name is {first}"), OFTEN);
        }
    }
    for letter in 'a'..='z' {
        sentences.add(&format!("double {letter}"));
    }
    for word in LISTS.get("spelling_alphabet") {
        sentences.add(&format!("{} as in {word}", &word[..1]));
    }
}

/// FNV-1a: the same everywhere and for ever.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> (Vec<String>, Vec<String>) {
        (vec!["What are your opening hours?".into()], vec!["Bakery Website".into(), "e-commerce".into()])
    }

    #[test]
    fn the_business_and_the_language_are_both_in_it() {
        let (questions, projects) = sources();
        let built = build(&Sources {
            business: "Aurora Branding",
            questions: &questions,
            projects: &projects,
            ..Sources::default()
        });
        for expect in [
            "what are your opening hours",
            "how is the bakery website coming along",
            "m a r i a at gmail dot com",
            "i would like to talk to a real person",
            "between ten and fifteen thousand dollars",
            "yes",
            "goodbye",
        ] {
            assert!(built.sentences.iter().any(|s| s == expect), "{expect}");
        }
        assert!(built.words.iter().any(|w| w == "aurora"));
        assert!((1_000..8_000).contains(&built.sentences.len()), "{}", built.sentences.len());
        assert!(built.sentences.iter().all(|s| s.chars().all(|c| c.is_lowercase() || c == ' ' || c == '\'')));
    }

    #[test]
    fn the_key_follows_the_content() {
        let (questions, projects) = sources();
        let one = build(&Sources { questions: &questions, ..Sources::default() });
        assert_eq!(one, build(&Sources { questions: &questions, ..Sources::default() }));
        assert_ne!(
            one.key,
            build(&Sources { questions: &questions, projects: &projects, ..Sources::default() }).key
        );
    }
}
