//! Clients who call from a strange number: the code that goes to the address on file, read from the letter as a person
//! would read it, and what nobody hears without it.

use app::clients::ClientChange;
use domain::call_log::{EndReason, EventKind};
use store::clients::ContactKind;

use super::{Left, RINGS, STRANGER, called};
use crate::played::{Brain, Line, Scene, on_both_brains};

on_both_brains! {
    the_right_code_opens_the_projects
    number_and_code_may_be_keyed_in
    three_wrong_codes_close_the_door
}

const MARIA: &str = "maria@brightbakery.example";
const ASKS: &str = "how is my website coming along";
const TELLS: &str = "maria at brightbakery dot example";
/// What only the client may hear.
const PRIVATE: &str = "homepage design is ready";

/// As a person reads a code aloud.
fn spoken(code: &str) -> String {
    const DIGITS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let digits: Vec<&str> = code.bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect();
    digits.join(" ")
}

fn keyed(code: &str) -> Line {
    Line::Presses(format!("{code}#"))
}

/// The code's place in the call's log is how many digits it had.
fn keeps_codes_to_itself(left: &Left) {
    for event in &left.came.log {
        if let EventKind::ToolCall { name, arguments, .. } = &event.kind
            && name == "verify_client"
        {
            let digits = arguments.to_string().bytes().filter(u8::is_ascii_digit).count();
            assert!(digits <= 1, "{arguments}");
        }
    }
}

async fn the_right_code_opens_the_projects(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    let code = scene.code_sent_to(MARIA, |code| Line::Says(spoken(code)));
    let left =
        called(&scene, STRANGER, vec![ASKS.into(), TELLS.into(), code, "no thank you goodbye".into()]).await;
    left.says(&["if that is on file here", "Thank you, Maria", PRIVATE]);
    let tools = left.came.tools();
    for tool in ["identify_client", "verify_client", "get_project_status"] {
        assert!(tools.contains(&tool), "{}", left.told);
    }
    assert!(left.came.call.client_id.is_some(), "{}", left.told);
    keeps_codes_to_itself(&left);
    left.ends(EndReason::AgentSaidGoodbye);
    scene.stop().await;
}

async fn number_and_code_may_be_keyed_in(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    let mut tx = scene.tx().await;
    let maria =
        store::clients::find_by_contact(&mut tx, ContactKind::Email, MARIA).await.unwrap().unwrap().id;
    drop(tx);
    let change = ClientChange { code: Some(Some("20417".to_owned())), ..ClientChange::default() };
    app::clients::change(scene.app(), &scene.owner(), maria, None, change).await.unwrap();
    let code = scene.code_sent_to(MARIA, keyed);
    let left =
        called(&scene, STRANGER, vec![ASKS.into(), keyed("20417"), code, "no thank you goodbye".into()])
            .await;
    left.says(&[PRIVATE]);
    assert_eq!(left.came.call.client_id, Some(maria), "{}", left.told);
    scene.stop().await;
}

async fn three_wrong_codes_close_the_door(brain: Brain) {
    let scene = Scene::with(brain, RINGS, &[]).await;
    let wrong = |by: u32| {
        scene.code_sent_to(MARIA, move |code| {
            let other = (code.parse::<u32>().unwrap() + by) % 1_000_000;
            Line::Says(spoken(&format!("{other:06}")))
        })
    };
    let right = scene.code_sent_to(MARIA, |code| Line::Says(spoken(code)));
    let left = called(
        &scene,
        STRANGER,
        vec![
            ASKS.into(),
            TELLS.into(),
            wrong(1),
            wrong(2),
            wrong(3),
            right,
            "never mind".into(),
            "no thank you goodbye".into(),
        ],
    )
    .await;
    left.says(&["not the code I sent", "can't confirm that on this call"]);
    left.says_nothing_of(&[PRIVATE, "Maria"]);
    assert_eq!(left.came.tools().iter().filter(|tool| **tool == "verify_client").count(), 3, "{}", left.told);
    assert!(left.came.call.client_id.is_none(), "{}", left.told);
    scene.stop().await;
}
