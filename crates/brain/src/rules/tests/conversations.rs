//! Whole calls.

use domain::leads::{LeadField, Priority};

use super::{Who, converse};

#[tokio::test]
async fn a_client_hears_how_the_project_stands() {
    let call = converse(
        Who::Maria,
        &[
            (
                "how is my website coming along",
                "in review: the homepage design|content upload, due on December fifth|anything else",
            ),
            ("no thank you that's all", "Goodbye. HANGUP"),
        ],
    )
    .await;
    assert!(call.tools.kept.lock().unwrap().messages.is_empty());
}

#[tokio::test]
async fn two_projects_are_asked_about_and_chosen() {
    converse(
        Who::Tom,
        &[
            ("hi i'm calling about my project", "Packaging Design or Online Shop"),
            ("the packaging please", "on track|print proofs"),
            ("and how is the online shop", "at risk|test orders"),
            ("thanks bye", "Goodbye. HANGUP"),
        ],
    )
    .await;
    converse(Who::Tom, &[("what's the status of my project", "Online Shop"), ("the second one", "at risk")])
        .await;
    converse(
        Who::Tom,
        &[("what's the status of my project", "Online Shop"), ("both please", "on track|at risk")],
    )
    .await;
    converse(
        Who::Tom,
        &[
            ("what's the status of my project", "Online Shop"),
            ("the rocket", "don't see"),
            ("the moon rocket", "take a message"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_unknown_caller_becomes_a_lead_with_a_correction_and_a_spelled_address() {
    let call = converse(
        Who::Stranger,
        &[
            ("hello i need a new website for my bakery", "love to help|your name"),
            ("my name is maria lopez", "Thank you, Maria.|email"),
            ("m a r i a at gmail dot com", "maria at gmail dot com|right"),
            ("yes that's right", "phone number"),
            (
                "five one three five five five oh one four two",
                "five one three, five five five, zero one four two",
            ),
            ("yes", "company"),
            ("bright bakery", "budget"),
            ("five thousand dollars", "finished"),
            ("no make that ten thousand dollars", "ten thousand dollars|finished"),
            ("by the end of march", "everything I need. Dana|anything else"),
            ("no that's all", "Goodbye. HANGUP"),
        ],
    )
    .await;
    let lead = |field| call.tools.lead(field);
    assert_eq!(lead(LeadField::Name).as_deref(), Some("Maria Lopez"));
    assert_eq!(lead(LeadField::Email).as_deref(), Some("maria@gmail.com"));
    assert_eq!(lead(LeadField::Phone).as_deref(), Some("+15135550142"));
    assert_eq!(lead(LeadField::Company).as_deref(), Some("Bright Bakery"));
    assert_eq!(lead(LeadField::Service).as_deref(), Some("website"));
    assert_eq!(lead(LeadField::Budget).as_deref(), Some("USD 10000"));
    assert_eq!(lead(LeadField::Timeline).as_deref(), Some("2027-03-31"));
    assert_eq!(call.tools.kept.lock().unwrap().finished, [(true, Priority::Normal)]);
}

#[tokio::test]
async fn questions_in_paraphrase_get_the_stored_answer() {
    converse(
        Who::Stranger,
        &[
            ("how expensive is a web site", "eight thousand"),
            ("when are you guys open", "nine to six"),
            ("where is your office", "Main Street"),
            ("do i have to pay a deposit", "half up front"),
            ("can you run our facebook", "social media"),
            ("how many rounds of changes are included", "Two rounds"),
            ("no that's it thanks", "Goodbye. HANGUP"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_question_in_the_middle_of_the_flow_is_answered_and_the_flow_goes_on() {
    let call = converse(
        Who::Stranger,
        &[
            ("i'd like to start a project", "your name"),
            ("tom baker", "email"),
            ("wait how much does a website cost", "eight thousand|back to your project|email"),
            ("tom at gmail dot com", "tom at gmail dot com"),
            ("yes", "phone"),
            ("what was that", "phone"),
            ("the number i'm calling from", "company"),
            ("how long does a website take", "eight to ten weeks|company"),
            ("do you have a swimming pool", "rather not guess|company"),
            ("northwind coffee", "kind of project"),
            ("packaging", "budget"),
            ("i don't know yet", "finished"),
            ("as soon as possible", "everything I need"),
        ],
    )
    .await;
    assert_eq!(call.tools.lead(LeadField::Phone).as_deref(), Some("+15135550177"));
    assert_eq!(call.tools.lead(LeadField::Budget), None);
    assert_eq!(call.tools.kept.lock().unwrap().finished, [(true, Priority::High)]);
}

#[tokio::test]
async fn an_urgent_caller_is_flagged_and_connected() {
    let call = converse(
        Who::Stranger,
        &[
            ("help our website is down and we are losing orders", "urgent|connect you"),
            ("yes please", "connecting you now. TRANSFER"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.urgent.len(), 1);
    assert!(kept.urgent[0].0 >= 8);
}

#[tokio::test]
async fn an_urgent_caller_who_will_not_wait_is_asked_four_quick_questions() {
    let call = converse(
        Who::Withheld,
        &[
            ("our online shop is down", "urgent"),
            ("no", "account or location"),
            ("northwind coffee", "Who"),
            ("tom baker", "number"),
            ("five one three five five five oh one two two", "what is happening"),
            ("nobody can pay since this morning", "sent this to the team as urgent"),
            ("no that's all", "HANGUP"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.urgent.len(), 1);
    assert_eq!(kept.messages[0].priority, Priority::Urgent);
    assert_eq!(kept.messages[0].reply_to.as_deref(), Some("+15135550122"));
    assert!(
        kept.messages[0].text.contains("nobody can pay")
            && kept.messages[0].text.contains("northwind coffee")
    );
}

#[tokio::test]
async fn a_stranger_hears_nothing_of_projects_and_may_leave_a_message() {
    let call = converse(
        Who::Stranger,
        &[
            ("what is the status of the bakery website", "only talk about a project with the client"),
            ("yes please", "pass on"),
            ("please tell maria her cake is ready", "Who may I say"),
            ("anna smith", "number you are calling from"),
            ("yes", "passed that on to Dana"),
            ("that's all bye", "HANGUP"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.messages[0].from_name.as_deref(), Some("Anna Smith"));
    assert_eq!(kept.messages[0].reply_to.as_deref(), Some("+15135550177"));
}

#[tokio::test]
async fn a_long_call_jumps_between_everything() {
    let call = converse(
        Who::Maria,
        &[
            ("good morning how are you", "doing well"),
            ("are you a robot", "virtual assistant"),
            ("how is my website coming along", "in review"),
            ("yes", "do for you"),
            ("when are you open", "nine to six"),
            ("can we add another page to the website", "Dana, who will confirm what it means|passed that on"),
            ("i also need a new logo", "love to help|email"),
            ("how much does a logo cost", "five thousand|email"),
            ("maria at gmail dot com", "right"),
            ("no it's maria dot l at gmail dot com", "maria dot l at gmail dot com"),
            ("correct", "budget"),
            ("what was that", "budget"),
            ("hold on a second", "time"),
            ("around six thousand dollars", "finished"),
            ("sorry no make that eight thousand", "eight thousand dollars|finished"),
            ("in about three months", "everything I need"),
            ("can i leave a message for dana", "pass on"),
            ("i will send the new photos tomorrow", "passed that on"),
            ("can i talk to a real person", "connect you with Dana"),
            ("no not now", "anything else"),
            ("no thanks goodbye", "Goodbye. HANGUP"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.messages.len(), 2);
    assert!(kept.messages[0].text.contains("another page"));
    assert_eq!(kept.finished, [(true, Priority::Normal)]);
    drop(kept);
    assert_eq!(call.tools.lead(LeadField::Email).as_deref(), Some("maria.l@gmail.com"));
    assert_eq!(call.tools.lead(LeadField::Budget).as_deref(), Some("USD 8000"));
    assert_eq!(call.tools.lead(LeadField::Service).as_deref(), Some("branding"));
}

#[tokio::test]
async fn what_nobody_knows_is_admitted_and_then_a_person_is_offered() {
    converse(
        Who::Stranger,
        &[
            ("do you have a parrot", "rather not guess"),
            ("no", "anything else"),
            ("is the moon made of cheese", "don't have an answer"),
        ],
    )
    .await;
    converse(
        Who::Stranger,
        &[
            ("purple elephants dancing slowly", "didn't quite get that"),
            ("bananas under water", "connect you with Dana"),
            ("yes", "TRANSFER"),
        ],
    )
    .await;
}

#[tokio::test]
async fn complaints_meetings_bills_and_trouble_become_messages() {
    for (text, expect) in [
        ("i am really unhappy with the design", "sorry to hear"),
        ("can we schedule a meeting next week", "can't book"),
        ("i have a question about my invoice", "can't see invoices"),
        ("the contact form does not work", "sorry about the trouble"),
    ] {
        let call =
            converse(Who::Maria, &[(text, &format!("{expect}|passed that on to Dana|anything else"))]).await;
        let kept = call.tools.kept.lock().unwrap();
        assert_eq!(kept.messages[0].text, text);
        assert_eq!(kept.messages[0].from_name.as_deref(), Some("Maria Lopez"));
    }
}

#[tokio::test]
async fn who_leaves_in_the_middle_is_kept_as_far_as_known() {
    let call = converse(
        Who::Stranger,
        &[
            ("i need a new logo", "your name"),
            ("maria lopez", "email"),
            ("never mind", "kept what we have"),
            ("bye", "HANGUP"),
        ],
    )
    .await;
    assert_eq!(call.tools.kept.lock().unwrap().finished, [(false, Priority::Normal)]);
}

#[tokio::test]
async fn cold_callers_are_thanked_and_left() {
    converse(
        Who::Withheld,
        &[("i am calling about your google business listing", "not interested. Goodbye. HANGUP")],
    )
    .await;
}

#[tokio::test]
async fn greetings_thanks_and_asides_do_not_lose_the_thread() {
    converse(
        Who::Stranger,
        &[
            ("hello", "What can I do"),
            ("who am i speaking with", "Ava"),
            ("what can you do", "answer questions"),
            ("okay", "anything else"),
            ("yes i need packaging for my coffee", "your name"),
            ("are you a real person", "not a person|your name"),
            ("it's anna smith", "Thank you, Anna"),
            ("my email is anna at yahoo dot com", "anna at yahoo dot com"),
            ("yeah that's correct", "phone"),
            ("i'd rather not say", "company"),
            ("no company", "budget"),
            ("it is about three to five thousand", "finished"),
            ("next spring", "everything I need"),
            ("okay thank you", "Goodbye. HANGUP"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_emergency_in_the_middle_of_the_flow_comes_first() {
    let call = converse(
        Who::Stranger,
        &[
            ("i need a new website", "your name"),
            ("maria lopez", "email"),
            ("oh no our website is down right now", "urgent|connect"),
            ("yes", "TRANSFER"),
        ],
    )
    .await;
    let kept = call.tools.kept.lock().unwrap();
    assert_eq!(kept.finished, [(false, Priority::Urgent)]);
    assert_eq!(kept.answers.len(), 2);
}

#[tokio::test]
async fn haste_in_the_timeline_is_no_emergency() {
    let call = converse(Who::Stranger, &[("i need a new logo as soon as possible", "your name")]).await;
    assert!(call.tools.kept.lock().unwrap().urgent.is_empty());
    assert_eq!(call.tools.lead(LeadField::Timeline).as_deref(), Some("as soon as possible"));
}

#[tokio::test]
async fn a_client_may_name_the_project_in_a_few_words() {
    converse(
        Who::Tom,
        &[
            ("how is the packaging design coming along", "on track"),
            ("what about the shop", "at risk"),
            ("the bags", "on track"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_message_can_be_said_in_one_breath() {
    let call =
        converse(Who::Tom, &[("please tell dana that the new labels look great", "passed that on to Dana")])
            .await;
    assert_eq!(call.tools.kept.lock().unwrap().messages[0].text, "the new labels look great");
}
