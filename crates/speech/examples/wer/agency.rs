//! What callers of an agency say: a vocabulary as the product makes them, and lines to be recognised.

use domain::call_plan::Vocabulary;

/// Lines of the vocabulary that are also spoken.
const CLOSED: [&str; 20] = [
    "hi this is maria from oakley foods",
    "how is my website project going",
    "what is the status of my project",
    "is the packaging design finished",
    "when will the new logo be ready",
    "how much does a logo cost",
    "do you do social media campaigns",
    "what are your opening hours",
    "can i speak to dana please",
    "i would like to start a new project",
    "we need a new website",
    "our budget is about ten thousand dollars",
    "we want to launch in three months",
    "yes that is right",
    "no thank you",
    "could you repeat that please",
    "this is urgent our website is down",
    "please call me back tomorrow morning",
    "that is all thank you goodbye",
    "where is your office",
];

/// Other ways to say things, none of them a sentence of the vocabulary.
const OPEN: [&str; 20] = [
    "hello i am calling about my new website",
    "tell me the status of the packaging please",
    "is my logo ready yet",
    "i want to know how much a website would cost",
    "what does a new logo cost",
    "are you open tomorrow morning",
    "please tell dana to call me back",
    "we would like a new logo and a website",
    "our budget is about twenty thousand dollars",
    "we need it in two months",
    "yes please",
    "no that is not right",
    "my name is maria lopez",
    "the company is called oakley foods",
    "i need to speak to someone about my project",
    "can you do a campaign for social media",
    "when is the website going to be finished",
    "it is urgent please call me",
    "thank you very much goodbye",
    "can you repeat the status of my project",
];

const LETTERS: [&str; 8] = [
    "m a r i a at gmail dot com",
    "j o h n dot s m i t h at outlook dot com",
    "it is k e v i n at oakley foods dot com",
    "p e t r a",
    "d a v i d at studio dot io",
    "l o p e z",
    "maria dot lopez at gmail dot com",
    "info at oakley foods dot com",
];

const DIGITS: [&str; 8] = [
    "four one five five five five zero one three two",
    "my number is two one two five five five zero one nine eight",
    "six five zero two five three one one four seven",
    "it is five five five oh one double two",
    "nine four nine",
    "about fifteen thousand dollars",
    "between five and ten thousand dollars",
    "two thousand five hundred dollars",
];

const NAMES: [&str; 12] = [
    "maria", "lopez", "smith", "kevin", "dana", "petra", "oakley", "kovacs", "john", "david", "susan",
    "peter",
];

const NUMBERS: [&str; 32] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "fifteen", "twenty", "thirty", "forty", "fifty", "sixty", "eighty", "hundred", "thousand",
    "double", "triple", "dollars", "weeks", "months", "between", "half", "a", "million",
];

const EXTRA: [&str; 40] = [
    "dot",
    "at",
    "gmail",
    "outlook",
    "com",
    "io",
    "studio",
    "info",
    "number",
    "company",
    "called",
    "name",
    "dash",
    "underscore",
    "hello",
    "tell",
    "know",
    "want",
    "would",
    "someone",
    "yet",
    "very",
    "much",
    "going",
    "finished",
    "email",
    "address",
    "phone",
    "branding",
    "logo",
    "designer",
    "brochure",
    "video",
    "photography",
    "spring",
    "autumn",
    "january",
    "friday",
    "monday",
    "correct",
];

/// Distractors: the shape of what the rules brain understands, several hundred sentences.
fn patterns() -> Vec<String> {
    let things =
        ["logo", "website", "packaging", "campaign", "brochure", "video", "brand", "app", "poster", "shop"];
    let shapes = [
        "how is the {} going",
        "what is the status of the {}",
        "is the {} ready",
        "when will the {} be finished",
        "how much does a {} cost",
        "i would like a new {}",
        "we need a {}",
        "can you make a {} for us",
        "do you do {} design",
        "i have a question about the {}",
        "the {} is late",
        "the {} looks great",
        "i want to change the {}",
        "who is working on the {}",
        "send me the {} please",
        "is there news about the {}",
    ];
    let amounts = ["five", "ten", "fifteen", "twenty", "thirty", "fifty"];
    let mut sentences = Vec::new();
    for shape in shapes {
        sentences.extend(things.iter().map(|thing| shape.replace("{}", thing)));
    }
    for amount in amounts {
        sentences.push(format!("our budget is {amount} thousand dollars"));
        sentences.push(format!("about {amount} thousand"));
        sentences.push(format!("in {amount} weeks"));
        sentences.push(format!("between {amount} and twenty thousand dollars"));
    }
    for name in NAMES {
        sentences.push(format!("my name is {name}"));
        sentences.push(format!("this is {name}"));
        sentences.push(format!("{name} at gmail dot com"));
    }
    for sentence in [
        "the company is acme foods",
        "thank you goodbye",
        "thanks bye",
        "yes",
        "no",
        "yes please",
        "not yet",
        "i don't know",
        "my email is",
        "my phone number is",
        "hello",
        "good morning",
        "can you hear me",
    ] {
        sentences.push(sentence.to_owned());
    }
    sentences
}

/// The vocabulary.
pub(crate) fn vocabulary() -> Vocabulary {
    let mut sentences: Vec<String> = CLOSED.iter().map(|line| (*line).to_owned()).collect();
    sentences.extend(patterns());
    let mut words: Vec<String> = (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect();
    words.extend(NUMBERS.iter().chain(&EXTRA).chain(&NAMES).map(|word| (*word).to_owned()));
    Vocabulary { key: "wer".to_owned(), sentences, words }
}

/// The vocabulary that the product itself makes for an agency: thousands of sentences.
pub(crate) fn product_vocabulary() -> Vocabulary {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    domain::vocabulary::build(&domain::vocabulary::Sources {
        business: "Aurora Branding",
        people: &own(&["Dana", "Ava"]),
        questions: &own(&[
            "how much does a logo cost",
            "what are your opening hours",
            "where is your office",
        ]),
        answers: &own(&["a logo costs between two and five thousand dollars depending on the scope"]),
        lead_questions: &[],
        projects: &own(&["website", "packaging design", "new logo"]),
        clients: &own(&["Oakley Foods", "Maria Lopez"]),
    })
}

/// The lines to be spoken, by kind.
pub(crate) fn groups() -> Vec<(&'static str, Vec<String>)> {
    let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    vec![
        ("closed", own(&CLOSED)),
        ("open", own(&OPEN)),
        ("letters", own(&LETTERS)),
        ("digits", own(&DIGITS)),
        ("noise", vec![String::new(); 54]),
    ]
}
