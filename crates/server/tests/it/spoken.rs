//! Spoken calls: every file of `scenarios/` against a server with the demonstration's agency, in lockstep.
//!
//! What is heard is real: the caller's voice is synthesised, goes through the telephone codec, is recognised by
//! the server, and the agent's voice is recognised by the caller. Only time is not: lockstep makes a minute of
//! call last a few seconds, with the same outcome on a slow machine.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use server::config::{Config, Layers, Loaded};
use server::wiring::server::listen;
use server::wiring::studio::{self, Studio};
use simulator::line::session::Pace;
use simulator::llm::mind::Mind;
use simulator::llm::{self, LlmVendor, Protocol};
use simulator::scenario::file::Scenario;
use simulator::scenario::report::Verdict;
use simulator::scenario::run::{RunOptions, run};
use simulator::vendor::stand_in::{Place, StandIn};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// A configuration of this test's own: nothing of the machine's environment, a fresh data folder, a free port.
pub(crate) fn config(data_dir: &Path) -> Config {
    config_with(data_dir, Vec::new())
}

fn config_with(data_dir: &Path, mut settings: Vec<(&'static str, String)>) -> Config {
    settings.push(("data_dir", data_dir.display().to_string()));
    let layers = Layers { machine_defaults: settings, ..Layers::default() };
    let mut config = Loaded::from_layers(&layers).unwrap().config;
    config.server.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.server.port = 0;
    config.media.allow_lockstep = true;
    config.speech.prerender = false;
    config
}

async fn open_studio(data_dir: &Path) -> Studio {
    let config = config(data_dir);
    let database = testkit::database::fresh().await.unwrap();
    let listener = listen(&config).await.unwrap();
    studio::open(&config, database.db, listener).await.unwrap()
}

#[expect(clippy::print_stdout, reason = "the report of a call is what `make e2e` is run for")]
async fn check(name: &str) {
    let scenario = Scenario::load(&scenarios().join(format!("{name}.toml"))).unwrap();
    let folder = testkit::folders::fresh(name);
    let studio = open_studio(folder.path()).await;
    // Jitter is a matter of real time; everything else is the same in lockstep.
    let pace = if scenario.jitter_ms > 0 { Pace::RealTime } else { Pace::Lockstep };
    let options = RunOptions { pace: Some(pace), ..RunOptions::default() };
    let report = run(&studio.stage, &scenario, &options, None).await.unwrap();
    println!("{}", report.table());
    studio.running.stop(Duration::from_secs(5)).await;
    if scenario.must_fail {
        assert_eq!(report.verdict, Verdict::Failed, "a wrong expectation was met");
    } else {
        assert_eq!(report.verdict, Verdict::Passed);
    }
}

/// The same call with a language model's brain: the model behaves well, so what is heard must be the same.
#[expect(clippy::print_stdout, reason = "the report of a call is what `make e2e` is run for")]
async fn check_with_a_model(name: &str) {
    let settings = llm::Settings { mind: Mind::sensible(), ..llm::Settings::default() };
    let model =
        StandIn::start(LlmVendor::new(Protocol::Compatible, settings), Place::default()).await.unwrap();
    let scenario = Scenario::load(&scenarios().join(format!("{name}.toml"))).unwrap();
    let folder = testkit::folders::fresh(&format!("{name}-with-a-model"));
    let url = format!("{}{}", model.url(), Protocol::Compatible.base_path());
    let config = config_with(
        folder.path(),
        vec![
            ("llm.order", "compatible".to_owned()),
            ("compatible.llm_url", url),
            ("compatible.llm_model", "a-model".to_owned()),
        ],
    );
    let database = testkit::database::fresh().await.unwrap();
    let studio = studio::open(&config, database.db, listen(&config).await.unwrap()).await.unwrap();
    let options = RunOptions { pace: Some(Pace::Lockstep), ..RunOptions::default() };
    let report = run(&studio.stage, &scenario, &options, None).await.unwrap();
    println!("{}", report.table());
    studio.running.stop(Duration::from_secs(5)).await;
    assert_eq!(report.verdict, Verdict::Passed);
    assert!(model.taken() > 0, "the model was asked");
    model.stop().await;
}

macro_rules! spoken_with_a_model {
    ($($name:ident)*) => {
        mod with_a_model {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::check_with_a_model(stringify!($name)).await;
            })*
        }
    };
}

spoken_with_a_model! {
    faq_in_paraphrase
    known_client_status
    message_for_a_person
    new_lead_with_correction
    question_inside_the_lead_flow
    two_projects_to_choose_from
    urgent_caller_is_connected
}

macro_rules! spoken {
    ($($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check(stringify!($name)).await;
        })*

        #[test]
        fn every_scenario_is_run() {
            let run: BTreeSet<String> = [$(stringify!($name).to_owned()),*].into();
            let there: BTreeSet<String> = std::fs::read_dir(scenarios())
                .unwrap()
                .filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".toml").map(str::to_owned))
                .collect();
            assert_eq!(there, run, "files of scenarios/ and the list in spoken.rs differ");
        }
    };
}

spoken! {
    back_channel
    connection_breaks
    demo
    expected_to_fail_wrong_answer
    faq_in_paraphrase
    gaps_and_malformed_messages
    hang_up_in_mid_sentence
    interruption_that_was_nothing
    interruption_with_a_question
    jitter_in_real_time
    keys_instead_of_words
    known_client_status
    long_call_between_topics
    message_for_a_person
    new_lead_with_correction
    noise_is_no_interruption
    phantom_words_ignored
    question_inside_the_lead_flow
    silence_to_goodbye
    transfer_nobody_answers
    two_projects_to_choose_from
    urgent_caller_is_connected
}
