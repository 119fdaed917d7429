use super::*;

const HEAD: &str = r#"
name = "a_call"
about = "Somebody calls."
from = "+15135550111"
to = "+15135550100"
"#;

fn parse(rest: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(&format!("{HEAD}{rest}"), "a_call.toml", Path::new("."))
}

fn refused(rest: &str, fragments: &[&str]) {
    let message = match parse(rest) {
        Ok(_) => panic!("accepted: {rest}"),
        Err(error) => error.to_string(),
    };
    for fragment in fragments {
        assert!(message.contains(fragment), "{fragment:?} is missing in {message:?}");
    }
}

#[test]
fn scenario_of_all_kinds_of_steps_is_read() {
    let scenario = parse(
        r#"
voice = "awb"
background = { noise = "pink", dbfs = -50.0 }
[[step]]
say = "hi, how is my website coming along?"
faults = [{ at_ms = 200, ms = 100, fate = "lost" }]
expect = { heard_all = ["review"], heard_some = { of = ["a", "b"], at_least = 1 }, silence_at_most_ms = 3000 }
[[step]]
noise = "clicks"
ms = 300
when = { agent_speaking_ms = 800 }
expect = { agent_pause_at_most_ms = 500 }
[[step]]
dtmf = "0#"
when = "now"
[[step]]
hang_up = "break"
when = { heard = "goodbye|bye" }
[expect]
status = "completed"
recording = true
lead.email = { equals = "maria@example.com" }
turns = [{ who = "caller", contains = ["website"] }]
"#,
    )
    .expect("a scenario");
    assert_eq!(scenario.steps.len(), 4);
    assert_eq!(scenario.pace, Pace::Lockstep);
    assert!(matches!(scenario.steps[1].get_ref().when, Some(WhenTable::AgentSpeakingMs(800))));
    assert!(scenario.expect.lead.contains_key("email"));
}

#[test]
fn unknown_field_is_named_with_its_line() {
    refused("[[step]]\nsay = \"hi\"\nexpct = {}\n", &["a_call.toml", "line 8", "expct"]);
    refused("volume = 3\n[[step]]\nsay = \"hi\"\n", &["line 6", "volume"]);
    refused("[[step]]\nsay = \"hi\"\nexpect = { herd_all = [] }\n", &["line 8", "herd_all", "heard_all"]);
}

#[test]
fn step_has_exactly_one_action() {
    refused("[[step]]\nwhen = \"now\"\n", &["line 6", "step 1", "no action", "await_end_ms"]);
    refused(
        "[[step]]\nsay = \"hi\"\n\n[[step]]\nsay = \"hi\"\ndtmf = \"1\"\n",
        &["line 9", "step 2", "say, dtmf"],
    );
    refused("[[step]]\nsay = \"hi\"\nms = 3\n", &["ms only goes with noise"]);
    refused("[[step]]\nnoise = \"white\"\n", &["noise needs ms"]);
}

#[test]
fn impossible_values_are_refused_with_what_is_allowed() {
    refused("[[step]]\nsay = 3\n", &["line 7", "string"]);
    refused("[[step]]\nsay = \" \"\n", &["say is empty"]);
    refused("[[step]]\ndtmf = \"x\"\n", &["0-9"]);
    refused("[[step]]\nnoise = \"brown\"\nms = 3\n", &["line 7", "pink"]);
    refused("max_seconds = 1\n[[step]]\nsay = \"hi\"\n", &["5 to 3600"]);
    refused("background = { noise = \"white\", dbfs = 3.0 }\n[[step]]\nsay = \"hi\"\n", &["-90 to 0"]);
    refused("step = []\n", &["no [[step]]"]);
    refused("[[step]]\nsay = \"hi\"\n[expect]\nlead.name = {}\n", &["equals"]);
    refused("[[step]]\nsay = \"hi\"\n[expect]\nlead.name = { matches = \"(\" }\n", &["matches"]);
    refused(
        "[[step]]\nsay = \"hi\"\nexpect = { heard_some = { of = [\"a\"], at_least = 2 } }\n",
        &["1 to 1"],
    );
}

#[test]
fn every_scenario_of_the_repository_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of scenarios") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(scenario.name.as_str()));
            assert_eq!(
                scenario.must_fail,
                scenario.name.starts_with("expected_to_fail"),
                "{}",
                scenario.name
            );
            // The demonstration's is carried in the program, apart from its folder.
            let has_phrases = scenario.phrases.len() > 40 || scenario.name == "demo";
            assert!(has_phrases, "{} names no agent_phrases", scenario.name);
            names.push(scenario.name);
        }
    }
    assert!(names.len() >= 16, "{names:?}");
}
