use super::*;
use crate::ids::QuestionId;

pub(super) fn questions() -> Vec<LeadQuestion> {
    use AnswerType as T;
    use LeadField as F;
    [
        ("May I have your name, please?", T::Name, F::Name, true),
        ("What is the best email address to reach you?", T::Email, F::Email, true),
        ("And what phone number can we call you back on?", T::Phone, F::Phone, false),
        ("What is the name of your company?", T::Text, F::Company, false),
        (
            "What kind of project is it: branding, a website, packaging or marketing?",
            T::Choice,
            F::Service,
            true,
        ),
        ("Do you have a budget in mind?", T::MoneyRange, F::Budget, false),
        ("And when would you like to have it finished?", T::Date, F::Timeline, false),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, (text, answer_type, field, required))| LeadQuestion {
        id: QuestionId(uuid::Uuid::from_u128(i as u128)),
        text: text.into(),
        label: format!("{field:?}"),
        answer_type,
        field,
        required,
        choices: if answer_type == T::Choice {
            ["branding", "website", "packaging", "marketing"].map(String::from).to_vec()
        } else {
            Vec::new()
        },
        retry_text: None,
        skip_when: None,
        urgency_weight: 0,
    })
    .collect()
}

pub(super) fn context(number: Option<&PhoneNumber>) -> Context<'_> {
    Context {
        today: NaiveDate::from_ymd_opt(2026, 11, 21).expect("a date"),
        default_country: "US",
        currency: "USD",
        caller_number: number,
    }
}

/// Runs a conversation: what the caller says, and whether what the agent then says contains the words.
fn run(lines: &[(&str, &str)]) -> Progress {
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    flow.begin();
    for (caller, expect) in lines {
        // Between any two lines the flow may move to another process.
        let stored = serde_json::to_value(flow.progress()).expect("progress is plain data");
        flow = LeadQualifier::new(&questions, serde_json::from_value(stored).expect("progress comes back"));
        let step = flow.hear(caller, &context(None));
        let said = if step.done { "DONE".to_owned() } else { step.say.join(" ") };
        assert!(said.contains(expect), "to {caller:?}: {said:?} lacks {expect:?}");
    }
    flow.into_progress()
}

fn values(progress: &Progress) -> Vec<&str> {
    progress.answers.iter().map(|a| a.as_ref().map_or("-", |a| a.value.as_str())).collect()
}

#[test]
fn the_whole_flow_is_asked_in_order() {
    let progress = run(&[
        ("my name is maria lopez", "Thank you, Maria. What is the best email"),
        ("m a r i a at gmail dot com", "maria at gmail dot com"),
        ("yes that's right", "phone number"),
        (
            "five one three five five five oh one four two",
            "five one three, five five five, zero one four two",
        ),
        ("yes", "name of your company"),
        ("green valley bakery", "What kind of project"),
        ("a new website", "budget"),
        ("between ten and fifteen thousand dollars", "finished"),
        ("by the end of march", "DONE"),
    ]);
    assert_eq!(
        values(&progress),
        [
            "Maria Lopez",
            "maria@gmail.com",
            "+15135550142",
            "Green Valley Bakery",
            "website",
            "USD 10000-15000",
            "2027-03-31"
        ]
    );
}

#[test]
fn corrections_replace_earlier_answers() {
    let progress = run(&[
        ("maria lopez", "email"),
        ("no it's lopez with an s", "Maria Lopes"),
        ("maria at gmail dot com", "Is that right"),
        ("no it's maria dot l at gmail dot com", "maria dot l at gmail dot com"),
        ("correct", "phone"),
        ("i'd rather not say", "company"),
        ("it's called bright bakery", "What kind"),
        ("packaging", "budget"),
        ("five thousand dollars", "finished"),
        ("sorry no make that ten thousand", "ten thousand dollars"),
        ("actually my name is anna smith", "Anna Smith"),
        ("in three months", "DONE"),
    ]);
    assert_eq!(
        values(&progress),
        ["Anna Smith", "maria.l@gmail.com", "-", "Bright Bakery", "packaging", "USD 10000", "2027-02-21"]
    );
}

#[test]
fn an_address_that_was_misheard_is_spelled_again() {
    let progress = run(&[
        ("maria lopez", "email"),
        ("mario at gmail dot com", "mario at gmail dot com"),
        ("no that's wrong", "spell it"),
        ("m a r i a at gmail dot com", "maria at gmail dot com"),
        ("yes", "phone"),
    ]);
    assert_eq!(values(&progress)[1], "maria@gmail.com");
}

#[test]
fn an_answer_that_is_no_answer_is_asked_twice_more_and_left() {
    let progress = run(&[
        ("maria lopez", "email"),
        ("blue sky over water", "at sign"),
        ("green grass", "at sign"),
        ("hello there", "phone"),
    ]);
    assert_eq!(values(&progress)[1], "-");
    assert!(progress.skipped[1]);
}

#[test]
fn several_answers_in_one_breath_are_all_taken() {
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    let taken = flow.absorb(
        "hi my name is maria lopez i'm calling from bright bakery and i need a new website",
        &context(None),
    );
    assert_eq!(taken.len(), 3, "{taken:?}");
    let step = flow.begin();
    assert_eq!(step.say, ["What is the best email address to reach you?"]);
    let step = flow.hear(
        "maria at gmail dot com and my number is five one three five five five oh one four two",
        &context(None),
    );
    assert_eq!(step.saved.len(), 2, "{:?}", step.saved);
    let step = flow.hear("yes", &context(None));
    assert!(step.say.last().is_some_and(|s| s.contains("budget")), "{:?}", step.say);
}

#[test]
fn the_number_of_the_call_can_be_meant() {
    let number = PhoneNumber::parse("+15135550111", None).expect("a number");
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    flow.prefill(LeadField::Name, "Maria Lopez");
    flow.prefill(LeadField::Email, "maria@gmail.com");
    flow.begin();
    let step = flow.hear("the number i'm calling from", &context(Some(&number)));
    assert_eq!(step.saved[0].value, "+15135550111");
}

#[test]
fn transitions_never_repeat_in_a_row() {
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    let said: Vec<String> = (0..12).map(|_| flow.transition(3)).collect();
    assert!(said.windows(2).all(|w| w[0] != w[1]), "{said:?}");
}

#[test]
fn who_will_not_say_is_told_what_it_is_for_once() {
    run(&[
        ("i'd rather not say", "only use it to get back to you. May I have your name"),
        ("maria lopez", "email"),
        ("i'm not comfortable giving that", "only use it to get back to you"),
        ("no i won't", "phone"),
    ]);
}

#[test]
fn a_bare_small_number_is_asked_again_as_money() {
    run(&[
        ("maria lopez", "email"),
        ("i don't have an email", "phone"),
        ("skip that", "company"),
        ("bright bakery", "What kind"),
        ("a logo", "budget"),
        ("ten", "rough amount"),
        ("ten thousand", "finished"),
        ("as soon as possible", "DONE"),
    ]);
}

#[test]
fn a_question_of_the_callers_is_no_answer_and_the_flow_resumes() {
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    flow.begin();
    assert!(!flow.would_understand("how much does a website cost", &context(None)));
    assert!(flow.would_understand("maria lopez", &context(None)));
    assert_eq!(flow.ask_again().say, ["May I have your name, please?"]);
    assert!(!flow.is_complete());
}

/// The questions, and a budget that is asked of nobody who wants packaging.
fn conditional() -> Vec<LeadQuestion> {
    let mut questions = questions();
    questions[5].skip_when = Some(crate::leads::SkipCondition {
        question: questions[4].id,
        comparison: crate::leads::Comparison::Is,
        value: "Packaging".to_owned(),
    });
    questions[5].required = true;
    questions
}

#[test]
fn a_question_is_not_asked_when_an_earlier_answer_makes_it_superfluous() {
    for (service, next) in
        [("packaging", "finished"), ("branding", "budget"), ("branding and packaging", "budget")]
    {
        let questions = conditional();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        for (field, value) in [
            (LeadField::Name, "Maria Lopez"),
            (LeadField::Email, "maria@gmail.com"),
            (LeadField::Phone, "+15135550142"),
            (LeadField::Company, "Bright Bakery"),
        ] {
            flow.prefill(field, value);
        }
        flow.begin();
        let step = flow.hear(service, &context(None));
        assert!(step.say.last().is_some_and(|s| s.contains(next)), "{service}: {:?}", step.say);
        assert_eq!(flow.is_complete(), next == "finished", "{service}");
    }
}

#[test]
fn a_correction_opens_and_closes_the_questions_that_depend_on_it() {
    let questions = conditional();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    flow.prefill(LeadField::Name, "Maria Lopez");
    flow.prefill(LeadField::Email, "maria@gmail.com");
    flow.prefill(LeadField::Phone, "+15135550142");
    flow.prefill(LeadField::Company, "Bright Bakery");
    flow.begin();
    flow.hear("packaging", &context(None));
    assert!(flow.hear("next month", &context(None)).done);
    assert!(flow.correct_afterwards("no that was all", &context(None)).is_none());
    let step = flow.correct_afterwards("sorry no make that branding", &context(None)).expect("a correction");
    assert!(!step.done && step.say.last().is_some_and(|s| s.contains("budget")), "{:?}", step.say);
    let step = flow.hear("no i meant packaging", &context(None));
    assert!(step.done, "{:?}", step.say);
}

#[test]
fn a_correction_after_the_last_question_is_taken() {
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    for (at, value) in
        ["Maria", "a@b.com", "+15135550142", "Bakery", "website", "USD 5000"].iter().enumerate()
    {
        flow.prefill(questions[at].field, value);
    }
    flow.begin();
    assert!(flow.correct_afterwards("make that ten thousand", &context(None)).is_none(), "it is not over");
    assert!(flow.hear("by the end of march", &context(None)).done);
    let step = flow
        .correct_afterwards("oh no make that ten thousand dollars", &context(None))
        .expect("a correction");
    assert_eq!(step.saved[0].value, "USD 10000");
    assert!(step.done);
    assert!(flow.correct_afterwards("actually when do you open on monday", &context(None)).is_none());
}

#[test]
fn a_question_is_asked_again_in_other_words() {
    let questions = questions();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    for question in &questions[..5] {
        flow.prefill(question.field, "x");
    }
    flow.begin();
    let first = flow.hear("green grass", &context(None)).say;
    let second = flow.hear("blue sky", &context(None)).say;
    assert_ne!(first, second);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_heard_the_flow_comes_to_its_end(lines in proptest::collection::vec("[a-z ]{0,30}|yes|no|a at b dot com|actually|ten thousand", 60)) {
        let questions = conditional();
        let mut flow = LeadQualifier::new(&questions, Progress::default());
        flow.begin();
        let mut asked = 0;
        let mut before = None;
        for line in &lines {
            let step = flow.hear(line, &context(None));
            asked += 1;
            // The first sentence is the transition; the last is the next question.
            let transition = step.say.first().filter(|_| step.say.len() > 1).cloned();
            proptest::prop_assert!(transition.is_none() || transition != before, "{transition:?} twice in a row");
            before = transition;
            if step.done {
                break;
            }
            proptest::prop_assert!(!step.say.is_empty(), "dead air after {line:?}");
        }
        proptest::prop_assert!(flow.progress().done || asked == 60);
    }
}

#[test]
fn who_goes_on_to_the_next_answer_has_confirmed_the_last() {
    let questions: Vec<LeadQuestion> = questions()
        .into_iter()
        .filter(|question| matches!(question.field, LeadField::Email | LeadField::Budget))
        .collect();
    let mut flow = LeadQualifier::new(&questions, Progress::default());
    flow.begin();
    for (caller, expect) in [
        ("maria at gmail dot com", "right?"),
        ("it is for the bakery on main street", "yes or no"),
        ("around five thousand", "DONE"),
    ] {
        let step = flow.hear(caller, &context(None));
        let said = if step.done { "DONE".to_owned() } else { step.say.join(" ") };
        assert!(said.contains(expect), "to {caller:?}: {said:?} lacks {expect:?}");
    }
    assert_eq!(values(flow.progress()), ["maria@gmail.com", "USD 5000"]);
}
