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
use simulator::scenario::report::{Report, Verdict};
use simulator::scenario::run::{RunOptions, run};
use simulator::vendor::stand_in::{Place, StandIn};
use store::calls::usage::Rated;
use store::{OrgTx, SystemTx};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// A configuration of this test's own: nothing of the machine's environment, a fresh data folder, a free port.
pub(crate) fn config(data_dir: &Path) -> Config {
    config_with(data_dir, Vec::new())
}

pub(crate) fn config_with(data_dir: &Path, mut settings: Vec<(&'static str, String)>) -> Config {
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
    let report = run(&studio.stage, &scenario, &options(&scenario), None).await.unwrap();
    println!("{}", report.table());
    studio.running.stop(Duration::from_secs(5)).await;
    judge(&scenario, &report);
}

/// Jitter is a matter of real time; everything else is the same in lockstep.
fn options(scenario: &Scenario) -> RunOptions {
    let pace = if scenario.jitter_ms > 0 { Pace::RealTime } else { Pace::Lockstep };
    RunOptions { pace: Some(pace), ..RunOptions::default() }
}

fn judge(scenario: &Scenario, report: &Report) {
    if scenario.must_fail {
        assert_eq!(report.verdict, Verdict::Failed, "a wrong expectation was met");
    } else {
        assert_eq!(report.verdict, Verdict::Passed);
    }
}

/// What a call's record says of its costs.
async fn costs(studio: &Studio, report: &Report) -> Vec<Rated> {
    let db = &studio.running.app.db;
    let mut tx = SystemTx::begin(db, "a test knows only the carrier's id").await.unwrap();
    let found = store::calls::life::find_by_sid(&mut tx, &report.carrier.call_sid).await.unwrap();
    let (org_id, call_id) = found.unwrap();
    drop(tx);
    studio.running.app.call_finished(call_id).await;
    // The summary has its price, too.
    studio.running.app.follow_up_call(org_id, call_id).await.unwrap();
    let mut tx = OrgTx::begin(db, org_id).await.unwrap();
    store::calls::usage::list(&mut tx, call_id).await.unwrap()
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
            ("prices.models", "compatible/a-model text_in=1 text_cached=0.1 text_out=4".to_owned()),
        ],
    );
    let database = testkit::database::fresh().await.unwrap();
    let studio = studio::open(&config, database.db, listen(&config).await.unwrap()).await.unwrap();
    let report = run(&studio.stage, &scenario, &options(&scenario), None).await.unwrap();
    println!("{}", report.table());
    let costs = costs(&studio, &report).await;
    studio.running.stop(Duration::from_secs(5)).await;
    judge(&scenario, &report);
    assert_eq!(model.taken() > 0, !costs.is_empty(), "what is asked is metered: {costs:?}");
    for one in &costs {
        assert_eq!((one.metered.provider.as_str(), one.metered.model.as_str()), ("compatible", "a-model"));
        assert!(one.cost.is_some_and(|cost| cost > 0), "{one:?}");
    }
    // Nobody asks a model about silence, keys for a person, or greetings.
    let answered = costs.iter().any(|one| one.metered.turn.is_some());
    assert_eq!(answered, !WITHOUT_A_MODEL.contains(&name), "turns have a cost");
    model.stop().await;
}

/// Scenarios in which nothing is said that a model would answer.
const WITHOUT_A_MODEL: [&str; 1] = ["silence_to_goodbye"];

macro_rules! spoken {
    ($($name:ident)*; by_the_rules_alone $($by_rules:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check(stringify!($name)).await;
        })*

        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $by_rules() {
            check(stringify!($by_rules)).await;
        })*

        mod with_a_model {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::check_with_a_model(stringify!($name)).await;
            })*
        }

        #[test]
        fn every_scenario_is_run() {
            let run: BTreeSet<String> =
                [$(stringify!($name).to_owned(),)* $(stringify!($by_rules).to_owned(),)*].into();
            let there: BTreeSet<String> = std::fs::read_dir(scenarios())
                .unwrap()
                .filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".toml").map(str::to_owned))
                .collect();
            assert_eq!(there, run, "files of scenarios/ and the list in spoken.rs differ");
        }
    };
}

// Carried by both brains; behind them the one whose last correction is misheard ("make that" becomes "baker at"): the
// stand-in of a model saves it and does not say so.
spoken! {
    address_corrected_when_read_back
    back_channel
    client_complains
    client_wants_more_than_agreed
    client_without_the_code
    connection_breaks
    demo
    emergency_with_quick_questions
    expected_to_fail_wrong_answer
    faq_in_paraphrase
    gaps_and_malformed_messages
    hang_up_in_mid_sentence
    interruption_that_was_nothing
    interruption_with_a_question
    jitter_in_real_time
    keys_instead_of_words
    known_client_status
    lead_left_in_the_middle
    long_call_between_topics
    message_for_a_person
    new_lead_with_correction
    noise_is_no_interruption
    not_urgent_is_no_emergency
    phantom_words_ignored
    question_inside_the_lead_flow
    silence_to_goodbye
    transfer_nobody_answers
    trouble_of_a_stranger
    two_projects_to_choose_from
    urgent_caller_is_connected;
    by_the_rules_alone
    lead_in_one_breath
}
