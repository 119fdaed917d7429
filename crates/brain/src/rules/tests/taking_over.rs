//! Going on with what a model or another node had until now.

use domain::history::{History, LeadState, Said, Side, Unanswered};
use domain::ids::TurnId;
use domain::leads::{LeadAnswer, LeadField, Priority};
use provider_traits::brain::{ExpectedAnswer, GoOn, NextStep, Prompt};
use uuid::Uuid;

use super::{Call, Heard, Who};

const TURN: TurnId = TurnId(Uuid::from_u128(77));

/// A history of lines: `A:` the agent's, `C:` the caller's. A caller's last line is unanswered.
fn history(call: &Call, lines: &[&str], answers: &[(LeadField, &str)]) -> History {
    let mut history = History::default();
    for line in lines {
        let (by, text) = line.split_once(": ").expect("A: or C:");
        let by = if by == "A" { Side::Agent } else { Side::Caller };
        history.lines.push(Said { by, text: text.into() });
        history.unanswered = (by == Side::Caller).then(|| Unanswered { turn: TURN, text: text.into() });
    }
    for (field, value) in answers {
        let question =
            call.plan.lead_questions.iter().find(|question| question.field == *field).expect("one");
        let (said, value) = ((*value).to_owned(), (*value).to_owned());
        history.answers.push(LeadAnswer { question: question.id, field: *field, said, value });
        history.lead = LeadState::UnderWay;
    }
    history
}

async fn cut_off(call: &mut Call) -> Heard {
    call.prompt(Prompt::GoOn(GoOn::CutOff)).await
}

async fn owed(call: &mut Call, text: &str) -> Heard {
    call.prompt(Prompt::GoOn(GoOn::AnswerOwed { turn: TURN, text: text.into() })).await
}

fn check(heard: &Heard, has: &[&str], lacks: &[&str]) {
    for part in has {
        assert!(heard.text.contains(part), "{:?} lacks {part:?}", heard.text);
    }
    for part in lacks {
        assert!(!heard.text.contains(part), "{:?} has {part:?}", heard.text);
    }
}

const ASKED_BY_A_MODEL: &[&str] = &[
    "A: Hi, this is Ava at Aurora. What can I do for you?",
    "C: i need a new website for my bakery",
    "A: Lovely! Who am I speaking with?",
    "C: maria lopez",
    "A: Thanks, Maria. And which e-mail can we write to?",
    "C: maria at gmail dot com",
];

#[tokio::test]
async fn the_lead_flow_goes_on_with_the_next_open_question() {
    let mut call = Call::new(Who::Stranger);
    let mut lines = ASKED_BY_A_MODEL.to_vec();
    lines.push("A: Great, and what is the best number to reach you?");
    let answers = [(LeadField::Name, "Maria Lopez"), (LeadField::Email, "maria@gmail.com")];
    let history = history(&call, &lines, &answers);
    call.mind.take_over(&history);
    let heard = cut_off(&mut call).await;
    check(&heard, &["cut off", "phone number"], &["your name", "email"]);
    assert_eq!(heard.expect, ExpectedAnswer::Digits);
    // What nobody had saved of the caller's earlier words is saved now, and not asked.
    assert_eq!(call.tools.lead(LeadField::Service).as_deref(), Some("website"));
    check(&call.say("five one three five five five oh one four two").await, &["zero one four two"], &[]);
    check(&call.say("yes").await, &["company"], &[]);
    check(&call.say("bright bakery").await, &["budget"], &["What kind of project"]);
    check(&call.say("ten thousand dollars").await, &["finished"], &[]);
    check(&call.say("by the end of march").await, &["everything I need"], &[]);
    assert_eq!(call.tools.kept.lock().unwrap().finished, [(true, Priority::Normal)]);
}

#[tokio::test]
async fn an_answer_that_is_owed_counts_for_the_question_that_a_model_asked_in_its_own_words() {
    let mut call = Call::new(Who::Stranger);
    let lines = [
        "A: Hello, how can I help?",
        "C: i need a new website",
        "A: Wonderful. Roughly what budget did you have in mind?",
        "C: about ten thousand dollars",
    ];
    let history = history(&call, &lines, &[(LeadField::Name, "Maria Lopez")]);
    call.mind.take_over(&history);
    let heard = owed(&mut call, "about ten thousand dollars").await;
    assert_eq!(call.tools.lead(LeadField::Budget).as_deref(), Some("USD 10000"));
    check(&heard, &["email"], &["your name", "budget", "cut off"]);
}

#[tokio::test]
async fn a_flow_of_which_nothing_was_saved_yet_is_taken_up_all_the_same() {
    let mut call = Call::new(Who::Stranger);
    let lines = &ASKED_BY_A_MODEL[..3];
    let lines = [lines, &["A: May I have your name?", "C: maria lopez"]].concat();
    let history = history(&call, &lines, &[]);
    call.mind.take_over(&history);
    check(&owed(&mut call, "maria lopez").await, &["Maria", "email"], &[]);
    assert_eq!(call.tools.lead(LeadField::Name).as_deref(), Some("Maria Lopez"));
    assert_eq!(call.tools.lead(LeadField::Service).as_deref(), Some("website"));
}

#[tokio::test]
async fn an_address_that_was_being_read_back_is_confirmed() {
    let mut call = Call::new(Who::Stranger);
    let mut lines = ASKED_BY_A_MODEL.to_vec();
    lines.extend(["A: So that is maria at gmail dot com, is that correct?", "C: yes"]);
    let answers = [(LeadField::Name, "Maria Lopez"), (LeadField::Email, "maria@gmail.com")];
    let history = history(&call, &lines, &answers);
    call.mind.take_over(&history);
    check(&owed(&mut call, "yes").await, &["phone number"], &["email", "Sorry"]);
}

#[tokio::test]
async fn an_answer_that_was_saved_and_not_acknowledged_is_not_heard_twice() {
    let mut call = Call::new(Who::Stranger);
    let history = history(&call, &ASKED_BY_A_MODEL[..4], &[(LeadField::Name, "Maria Lopez")]);
    call.mind.take_over(&history);
    check(&owed(&mut call, "maria lopez").await, &["email"], &["sorry", "Sorry"]);
    assert!(call.tools.lead(LeadField::Email).is_none());
}

#[tokio::test]
async fn a_question_that_was_left_open_is_not_asked_again() {
    let mut call = Call::new(Who::Stranger);
    let mut history = history(&call, &ASKED_BY_A_MODEL[..5], &[(LeadField::Name, "Maria Lopez")]);
    history.left_open.push(call.plan.lead_questions[1].id);
    history.lines.push(Said { by: Side::Agent, text: "Alright, we leave that open.".into() });
    history.unanswered = None;
    call.mind.take_over(&history);
    check(&cut_off(&mut call).await, &["phone number"], &["email"]);
}

#[tokio::test]
async fn a_flow_whose_last_answer_was_saved_is_finished() {
    let mut call = Call::new(Who::Stranger);
    let answers = [
        (LeadField::Name, "Maria Lopez"),
        (LeadField::Email, "maria@gmail.com"),
        (LeadField::Phone, "+15135550142"),
        (LeadField::Company, "Bright Bakery"),
        (LeadField::Service, "website"),
        (LeadField::Budget, "USD 10000"),
        (LeadField::Timeline, "2027-03-31"),
    ];
    let history = history(&call, &["A: By when?", "C: by the end of march", "A: Got it."], &answers);
    call.mind.take_over(&history);
    check(&cut_off(&mut call).await, &["cut off", "everything I need"], &["back to your project"]);
    assert_eq!(call.tools.kept.lock().unwrap().finished.len(), 1);
}

#[tokio::test]
async fn a_closed_flow_is_not_asked_again() {
    let mut call = Call::new(Who::Stranger);
    let mut history = history(&call, &["A: Anything else I can do?"], &[(LeadField::Name, "Maria Lopez")]);
    history.lead = LeadState::Closed;
    call.mind.take_over(&history);
    let heard = cut_off(&mut call).await;
    check(&heard, &["cut off", "else"], &["back to your project", "email"]);
    assert!(matches!(call.say("no that's all").await.next, Some(NextStep::HangUp)));
}

#[tokio::test]
async fn a_question_that_nobody_answered_is_answered_after_the_cut() {
    let mut call = Call::new(Who::Stranger);
    let history = history(&call, &["A: Hello, how can I help?", "C: when are you open"], &[]);
    call.mind.take_over(&history);
    check(
        &cut_off(&mut call).await,
        &["Sorry, we were cut off for a moment.", "nine to six"],
        &["Where were we"],
    );
}

#[tokio::test]
async fn without_anything_open_the_caller_is_asked() {
    let mut call = Call::new(Who::Stranger);
    let history = history(&call, &["A: Hello, how can I help?", "C: thanks", "A: You are welcome."], &[]);
    call.mind.take_over(&history);
    check(&cut_off(&mut call).await, &["cut off", "Where were we? How can I help?"], &[]);
    // A second cut is not told in the same words.
    let again = cut_off(&mut call).await;
    check(&again, &["cut off"], &["Sorry, we were cut off for a moment."]);
}

#[tokio::test]
async fn words_that_were_lost_are_asked_for_and_the_question_stays_open() {
    let mut call = Call::new(Who::Stranger);
    let mut lines = ASKED_BY_A_MODEL[..5].to_vec();
    lines.push("A: And what is your budget?");
    let history =
        history(&call, &lines, &[(LeadField::Name, "Maria Lopez"), (LeadField::Email, "maria@gmail.com")]);
    call.mind.take_over(&history);
    let heard = call.prompt(Prompt::GoOn(GoOn::WordsLost)).await;
    check(&heard, &["say that again"], &[]);
    assert_eq!(heard.expect, ExpectedAnswer::Money);
    call.say("ten thousand dollars").await;
    assert_eq!(call.tools.lead(LeadField::Budget).as_deref(), Some("USD 10000"));
}

#[tokio::test]
async fn an_offer_that_a_model_made_can_be_accepted() {
    let mut call = Call::new(Who::Stranger);
    let lines = ["A: Hello.", "C: is dana there", "A: Shall I connect you with Dana?", "C: yes please"];
    let history = history(&call, &lines, &[]);
    call.mind.take_over(&history);
    assert!(matches!(owed(&mut call, "yes please").await.next, Some(NextStep::Transfer { .. })));
}

#[tokio::test]
async fn a_snapshot_of_its_own_knows_better_than_the_history() {
    let mut first = Call::new(Who::Stranger);
    first.say("can i leave a message").await;
    let asked = first.say("the photos are ready").await;
    check(&asked, &["calling?"], &[]);
    let snapshot = first.mind.snapshot();
    // The message is being taken; the agent's question was heard.
    let mut call = Call::new(Who::Stranger);
    let history = history(
        &call,
        &[
            "C: can i leave a message",
            "A: What would you like me to pass on?",
            "C: the photos are ready",
            "A: Who may I say is calling?",
        ],
        &[],
    );
    call.mind.restore(snapshot);
    call.mind.take_over(&history);
    check(&cut_off(&mut call).await, &["cut off", "Who may I say is calling?"], &["Where were we"]);
    check(&call.say("maria lopez").await, &["call you back"], &[]);
    call.say("yes").await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.messages[0].text, "the photos are ready");
}

#[tokio::test]
async fn an_answer_that_was_made_and_not_heard_is_said_and_not_made_again() {
    let mut first = Call::new(Who::Stranger);
    first.say("i need a new website").await;
    let prompt = Prompt::CallerSaid { turn: TURN, text: "maria lopez".into(), agent_was_heard: None };
    let made = first.prompt(prompt).await;
    let mut call = Call::new(Who::Stranger);
    let history = history(
        &call,
        &["C: i need a new website", "A: May I have your name, please?", "C: maria lopez"],
        &[(LeadField::Name, "Maria Lopez")],
    );
    call.mind.restore(first.mind.snapshot());
    call.mind.take_over(&history);
    let heard = cut_off(&mut call).await;
    check(&heard, &["cut off", &made.text], &[]);
    assert!(call.tools.kept.lock().unwrap().answers.is_empty(), "nothing is saved twice");
    check(&call.say("maria at gmail dot com").await, &["maria at gmail dot com"], &[]);
}

#[tokio::test]
async fn a_snapshot_that_is_older_than_the_history_gives_way() {
    let mut first = Call::new(Who::Stranger);
    first.say("i need a new website").await;
    let snapshot = first.mind.snapshot();
    let mut call = Call::new(Who::Stranger);
    let lines = [
        "C: i need a new website",
        "A: May I have your name, please?",
        "C: maria lopez",
        "A: What is the best email address to reach you?",
        "C: maria at gmail dot com",
        "A: And what phone number can we call you back on?",
    ];
    let answers = [(LeadField::Name, "Maria Lopez"), (LeadField::Email, "maria@gmail.com")];
    let history = history(&call, &lines, &answers);
    call.mind.restore(snapshot);
    call.mind.take_over(&history);
    check(&cut_off(&mut call).await, &["phone number"], &["your name", "email"]);
}

#[tokio::test]
async fn a_call_that_was_cut_off_before_a_word_is_greeted() {
    let mut call = Call::new(Who::Maria);
    call.mind.take_over(&History::default());
    check(&cut_off(&mut call).await, &["Hello Maria"], &["cut off"]);
}

#[tokio::test]
async fn an_emergency_that_was_flagged_is_not_flagged_again() {
    let mut call = Call::new(Who::Stranger);
    let lines = ["C: our website is down", "A: I have alerted the team.", "C: it is an emergency"];
    let mut history = history(&call, &lines, &[]);
    history.flagged_urgent = true;
    call.mind.take_over(&history);
    owed(&mut call, "it is an emergency").await;
    assert!(call.tools.kept.lock().unwrap().urgent.is_empty());
}
