//! Who stands where: preference, scores, limits.

use std::sync::Arc;
use std::time::Duration;

use failover::ChainSettings;
use failover::llm::LlmChain;
use failover::report::{Circuit, Reporting as _};
use failover::tts::TtsChain;
use provider_traits::llm::LanguageModel;
use provider_traits::tts::{TextToSpeech, TtsRequest};
use tokio_util::task::TaskTracker;

use crate::llm::question;
use crate::scripted::{Fault, Scripted};

fn providers() -> Vec<Scripted> {
    (0..4).map(Scripted::at).collect()
}

fn voices(providers: &[Scripted], settings: ChainSettings) -> TtsChain {
    let links = providers.iter().map(|one| Arc::new(one.clone()) as Arc<dyn TextToSpeech>);
    TtsChain::new(links.collect(), settings, TaskTracker::new())
}

fn models(providers: &[Scripted], settings: ChainSettings) -> LlmChain {
    let links = providers.iter().map(|one| Arc::new(one.clone()) as Arc<dyn LanguageModel>);
    LlmChain::new(links.collect(), settings, TaskTracker::new())
}

/// Without hedges, so that each link is seen as it is.
fn plain() -> ChainSettings {
    ChainSettings { hedge: None, ..ChainSettings::voices() }
}

async fn speak(chain: &dyn TextToSpeech) {
    let request = TtsRequest { text: "One.".into(), voice: String::new(), language: "en-US".into() };
    let mut audio = chain.speak(&request).await.expect("a chain with links always begins");
    while audio.recv().await.is_some() {}
}

async fn ask(chain: &dyn LanguageModel) {
    let mut answer = chain.answer(&question()).await.expect("a chain with links always begins");
    while answer.recv().await.is_some() {}
}

fn ids(all: &[&str]) -> Vec<String> {
    all.iter().map(|&id| id.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_business_has_its_own_order_and_only_what_runs_here_is_added() {
    let all = providers();
    let chain = voices(&all, plain());
    let fronts = [
        (ids(&["last", "first"]), "last"),
        (ids(&["middle", "unknown", "middle"]), "middle"),
        (ids(&["here", "first"]), "here"),
        (ids(&[]), "here"),
    ];
    for (wish, front) in fronts {
        assert_eq!(chain.in_order(&wish).expect("a chain").descriptor().id, front, "{wish:?}");
    }
    all[1].set(Some(Fault::Refused));
    speak(chain.in_order(&ids(&["middle"])).expect("a chain").as_ref()).await;
    let asked = all.iter().map(|one| one.asked().len()).collect::<Vec<_>>();
    assert_eq!(asked, [0, 1, 0, 1], "whom the business does not name hears nothing");
    assert_eq!(chain.descriptor().id, "first", "the others' order is as it was");
}

#[tokio::test(start_paused = true)]
async fn health_is_shared_by_all_businesses() {
    let all = providers();
    let chain = voices(&all, plain());
    all[0].set(Some(Fault::WrongKey));
    speak(chain.in_order(&ids(&["first"])).expect("a chain").as_ref()).await;
    assert_eq!(chain.descriptor().id, "middle");
    let report = chain.report();
    assert!(matches!(report.links[0].circuit, Circuit::Open { is_refused: true, .. }), "{report:?}");
    assert_eq!(report.links[0].place, Some(3), "the last resort");
    assert_eq!(
        report.links[0].why,
        "it refuses us, look at its key; tried again in 300 s: first refused the request: wrong key"
    );
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_twice_as_slow_steps_back_and_returns_when_it_is_quick_again() {
    let all = providers();
    let chain = voices(&all, plain());
    // The second is known from a business that prefers it.
    let others = chain.in_order(&ids(&["middle"])).expect("a chain");
    all[0].set(Some(Fault::SlowMs(580)));
    for _ in 0..5 {
        speak(&chain).await;
        speak(others.as_ref()).await;
    }
    assert_eq!(chain.descriptor().id, "middle");
    let why = chain.report().links[0].why.clone();
    assert_eq!(why, "its first results take 580 ms, those of middle 150 ms; that one stands before it");

    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(chain.descriptor().id, "first", "one request tries it");
    speak(&chain).await;
    assert_eq!(chain.descriptor().id, "middle", "it is still slow");

    all[0].set(None);
    tokio::time::advance(Duration::from_secs(31)).await;
    speak(&chain).await;
    assert_eq!(chain.descriptor().id, "first", "it is well again");
    assert_eq!(chain.report().links[0].why, "in its place");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_fails_too_often_steps_back_though_each_rest_is_over() {
    let all = providers();
    let chain = voices(&all, plain());
    for fault in [None, None, None, Some(Fault::Refused), Some(Fault::Refused)] {
        all[0].set(fault);
        speak(&chain).await;
        tokio::time::advance(Duration::from_secs(81)).await;
    }
    assert_eq!(chain.descriptor().id, "middle");
    let why = chain.report().links[0].why.clone();
    assert_eq!(why, "40 % of its last requests failed; middle stands before it");
}

#[tokio::test(start_paused = true)]
async fn being_slow_never_puts_a_vendor_behind_the_voice_of_this_machine() {
    let all = [Scripted::at(0), Scripted::at(3)];
    let chain = voices(&all, plain());
    all[0].set(Some(Fault::SlowMs(580)));
    for _ in 0..10 {
        speak(&chain).await;
    }
    assert_eq!(chain.descriptor().id, "first");
    all[0].set(Some(Fault::Refused));
    speak(&chain).await;
    assert_eq!(chain.descriptor().id, "here");
}

#[tokio::test(start_paused = true)]
async fn a_full_link_is_passed_over_and_has_not_failed() {
    let all = providers();
    let chain = models(&all, ChainSettings { most_at_once: 1, ..ChainSettings::models() });
    let held = chain.answer(&question()).await.expect("it begins");
    tokio::time::sleep(Duration::from_millis(160)).await;
    ask(&chain).await;
    let report = chain.report();
    assert_eq!(all.iter().map(|one| one.asked().len()).collect::<Vec<_>>(), [1, 1, 0, 0]);
    assert_eq!((report.links[0].counts.full, report.links[0].counts.failures), (1, 0));
    drop(held);
    tokio::time::sleep(Duration::from_millis(10)).await;
    ask(&chain).await;
    assert_eq!(all[0].asked().len(), 2, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn hedges_keep_to_their_budget() {
    let all = providers();
    // Slower than the hedge, sooner than the deadline.
    all[0].set(Some(Fault::SlowMs(800)));
    let chain =
        models(&all, ChainSettings { good_first_result: Duration::from_secs(2), ..ChainSettings::models() });
    for _ in 0..100 {
        ask(&chain).await;
    }
    let hedged = chain.report().links[0].counts.hedged;
    assert!((1..=6).contains(&hedged), "one to begin with, then 5 of 100: {hedged}");
}
