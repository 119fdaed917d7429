use super::*;

fn caller(text: &'static str) -> Utterance<'static> {
    Utterance { by_agent: false, text, intent: Some(crate::intents::classify(text).name()) }
}

fn agent(text: &'static str) -> Utterance<'static> {
    Utterance { by_agent: true, text, intent: None }
}

fn known(who: &str) -> Recorded {
    Recorded { who: Some(who.to_owned()), ..Recorded::default() }
}

#[test]
fn a_summary_says_who_called_about_what_and_in_which_words() {
    let said = [
        agent("Aurora Branding, this is Ava. How can I help?"),
        caller("Hi. We need a new website before Easter. Our budget is twenty thousand dollars."),
        agent("Dana will get back to you tomorrow."),
        caller("Thanks, bye."),
    ];
    let recorded = Recorded { lead: Some((Some("Kevin".to_owned()), true)), ..known("Kevin") };
    let summary = summarize(&said, &recorded);
    assert!(summary.text.starts_with("Kevin called about a new project."), "{}", summary.text);
    assert!(summary.text.contains("“We need a new website before Easter.”"), "{}", summary.text);
    assert!(summary.text.contains("A lead was captured with all answers."), "{}", summary.text);
    assert_eq!(summary.action_items, ["Get in touch with Kevin about the new lead"]);
    assert_eq!(summary.follow_ups, ["Dana will get back to you tomorrow."]);
    assert_eq!(summary.intents, ["new_project"]);
    assert_eq!(summary.written_by, BY_RULES);
}

#[test]
fn nothing_said_is_said() {
    let summary = summarize(&[agent("Hello?")], &Recorded::default());
    assert_eq!(summary.text, "Somebody who withheld the number called and said nothing.");
    let on_tape = Recorded { messages_from: vec![None], ..known("Maria") };
    assert_eq!(summarize(&[agent("Hello?")], &on_tape).text, "Maria called and left a message.");
    assert_eq!((summary.action_items.len(), summary.sentiment), (0, None));
    assert!(summarize(&[], &known("Maria")).text.starts_with("Maria called and"));
}

#[test]
fn what_is_asked_for_becomes_something_to_do() {
    for (text, expect) in [
        ("please send me the invoice again", true),
        ("could you call me back tomorrow", true),
        ("I need you to change the phone number on the site", true),
        ("let me know when it is done", true),
        ("can somebody look at the contact form", true),
        ("the printer needs the files by Thursday, make sure they get them", true),
        ("how is my project going", false),
        ("what are your opening hours", false),
        ("thank you very much", false),
        ("my name is Kevin", false),
        ("I called yesterday", false),
    ] {
        let items = summarize(&[caller(text)], &known("Maria")).action_items;
        assert_eq!(!items.is_empty(), expect, "{text}: {items:?}");
    }
}

#[test]
fn promises_of_the_agent_are_followed_up() {
    for (text, expect) in [
        ("I'll pass that on to Dana.", true),
        ("Dana will call you back this afternoon.", true),
        ("Somebody will be in touch.", true),
        ("We'll get back to you.", true),
        ("We are open from nine to six.", false),
        ("How can I help?", false),
        ("Your website is in review.", false),
    ] {
        let promised =
            summarize(&[caller("well that is good to know"), agent(text)], &known("Maria")).follow_ups;
        assert_eq!(!promised.is_empty(), expect, "{text}");
    }
}

#[test]
fn callers_sound_pleased_displeased_or_neither() {
    for (text, expect) in [
        ("I love the new logo, it looks great", Some(Sentiment::Positive)),
        ("thank you so much, you were very helpful", Some(Sentiment::Positive)),
        ("we are really happy with the brochure, excellent work", Some(Sentiment::Positive)),
        ("I'm really disappointed, this is unacceptable", Some(Sentiment::Negative)),
        ("this is the third time nobody called me back and I am furious", Some(Sentiment::Negative)),
        ("I am not happy with this at all", Some(Sentiment::Negative)),
        ("we want our money back or I call a lawyer", Some(Sentiment::Negative)),
        ("this project is late and full of mistakes", Some(Sentiment::Negative)),
        ("no problem, I can wait until Friday", Some(Sentiment::Neutral)),
        ("what are your opening hours on Saturday", Some(Sentiment::Neutral)),
        ("I need a website for my bakery", Some(Sentiment::Neutral)),
        ("there is a small problem with the form", Some(Sentiment::Neutral)),
        ("hello", None),
        ("", None),
    ] {
        assert_eq!(sentiment(&[text]), expect, "{text}");
    }
}

#[test]
fn lists_are_short_and_say_nothing_twice() {
    let said: Vec<Utterance<'_>> = (0..20).map(|_| caller("please send me the invoice again")).collect();
    assert_eq!(summarize(&said, &known("Maria")).action_items.len(), 1);
    let long = "please send me the file ".repeat(30);
    let said = [Utterance { by_agent: false, text: &long, intent: None }];
    let items = summarize(&said, &known("Maria")).action_items;
    assert!(items[0].split_whitespace().count() <= LONGEST_QUOTE + 3, "{items:?}");
}

#[test]
fn an_urgent_call_comes_first() {
    let recorded = Recorded {
        urgent: Some("shop is down".to_owned()),
        messages_from: vec![Some("Maria".to_owned())],
        transferred: true,
        ..known("Maria")
    };
    let summary = summarize(&[caller("our shop is down please call me back")], &recorded);
    assert_eq!(summary.action_items[..2], ["Call Maria back at once", "Answer the message of Maria"]);
    assert!(summary.text.ends_with("The call was put through to a person. It was urgent: shop is down."));
}

#[test]
fn sentences_end_at_marks_and_not_in_numbers() {
    let expect = ["It costs 1.500 euros.", "Really?", "Mail me at a@b.example please"];
    assert_eq!(sentences("It costs 1.500 euros. Really? Mail me at a@b.example please"), expect);
    assert_eq!(sentences(" . "), [""; 0]);
}
