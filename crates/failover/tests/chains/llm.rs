//! What is special about language models.

use std::sync::Arc;
use std::time::Duration;

use failover::ChainSettings;
use failover::llm::LlmChain;
use failover::report::Reporting as _;
use provider_traits::descriptor::ProviderNotice;
use provider_traits::error::ProviderError;
use provider_traits::llm::{LanguageModel, LlmCall, LlmPiece, LlmRequest, LlmStop};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::scripted::{Fault, Scripted, done, words};

pub(crate) fn chain(models: &[Scripted]) -> LlmChain {
    let models = models.iter().map(|model| Arc::new(model.clone()) as Arc<dyn LanguageModel>);
    LlmChain::new(models.collect(), ChainSettings::models(), TaskTracker::new())
}

pub(crate) fn question() -> LlmRequest {
    LlmRequest {
        system: "rules".into(),
        messages: Vec::new(),
        tools: Vec::new().into(),
        max_output_tokens: 100,
    }
}

/// All pieces, and what it ended with besides.
async fn answer(chain: &dyn LanguageModel) -> (Vec<LlmPiece>, Option<ProviderError>) {
    let mut answer = chain.answer(&question()).await.expect("a chain with links always begins");
    let mut pieces = Vec::new();
    while let Some(piece) = answer.recv().await {
        match piece {
            Ok(piece) => pieces.push(piece),
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

fn told(notice: Option<ProviderNotice>) -> (&'static str, String) {
    match notice {
        Some(ProviderNotice::Told { code, text }) => (code, text),
        other => panic!("something is told: {other:?}"),
    }
}

fn call(id: &str) -> LlmPiece {
    let (id, name) = (id.to_owned(), "look_up".to_owned());
    LlmPiece::Call(LlmCall { id, name, arguments: json!({}), signature: None })
}

fn pair() -> [Scripted; 2] {
    [Scripted::at(0), Scripted::at(1)]
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_only_calls_functions_is_a_good_answer() {
    let mut models = pair();
    models[0].pieces = vec![call("a"), call("b"), done(LlmStop::Calls)];
    let chain = chain(&models);
    for _ in 0..10 {
        assert_eq!(answer(&chain).await, (models[0].pieces.clone(), None));
    }
    assert_eq!(models[1].asked().len(), 0, "no storm of failovers");
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_neither_words_nor_calls_is_none_unless_a_filter_stopped_it() {
    for stop in [LlmStop::Finished, LlmStop::Length] {
        let mut models = pair();
        models[0].pieces = vec![words(""), done(stop)];
        assert_eq!(answer(&chain(&models)).await, (models[1].pieces.clone(), None), "{stop:?}");
    }
    let mut models = pair();
    models[0].pieces = vec![done(LlmStop::Filtered)];
    assert_eq!(answer(&chain(&models)).await, (models[0].pieces.clone(), None));
}

#[tokio::test(start_paused = true)]
async fn calls_of_an_answer_that_broke_off_are_not_passed_on() {
    for fault in [Fault::Stalls, Fault::Truncated] {
        let mut models = pair();
        models[0].pieces = vec![call("a"), call("b"), done(LlmStop::Calls)];
        models[1].pieces = vec![call("c"), done(LlmStop::Calls)];
        models[0].set(Some(fault));
        assert_eq!(answer(&chain(&models)).await, (models[1].pieces.clone(), None), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn once_words_were_passed_on_the_failure_is_told_and_nobody_begins_anew() {
    for fault in [Fault::Stalls, Fault::Truncated] {
        let models = pair();
        models[0].set(Some(fault));
        let (notice, mut notices) = mpsc::channel(8);
        let chain = chain(&models).for_call(&notice).expect("a chain has something to tell");
        let (pieces, error) = answer(chain.as_ref()).await;
        assert_eq!(pieces, [words("Your "), words("website ")], "{fault:?}");
        assert!(error.is_some(), "{fault:?}");
        assert_eq!(told(notices.recv().await).0, "llm_broke_off");
        assert_eq!(models[1].asked().len(), 0, "{fault:?}");
        assert_eq!(answer(chain.as_ref()).await.1, None, "the next one answers from now on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_model_gets_company_and_the_sooner_one_answers() {
    let models = pair();
    models[0].set(Some(Fault::SlowMs(2_000)));
    let chain = chain(&models);
    let (notice, mut notices) = mpsc::channel(8);
    let of_call = chain.for_call(&notice).expect("a chain has something to tell");
    let began = Instant::now();
    let (pieces, error) = answer(of_call.as_ref()).await;
    assert_eq!((pieces.len(), error), (4, None));
    assert!(began.elapsed() < Duration::from_millis(950), "700 ms and 150 ms: {:?}", began.elapsed());
    let (code, text) = told(notices.recv().await);
    assert_eq!(code, "llm_overtaken");
    assert_eq!(text, "language model first was late; middle was asked as well and answered first");
    assert!(notices.try_recv().is_err(), "nobody failed");
    let report = chain.report();
    assert_eq!((report.links[0].counts.hedged, report.links[0].counts.hedges_lost), (1, 1));
    assert_eq!(report.links[0].counts.failures, 0, "it is slow, it did not fail");
}

#[tokio::test(start_paused = true)]
async fn two_slow_models_are_better_than_none() {
    let models = pair();
    models[0].set(Some(Fault::SlowMs(1_500)));
    models[1].set(Some(Fault::SlowMs(4_000)));
    let began = Instant::now();
    let (pieces, error) = answer(&chain(&models)).await;
    assert_eq!((pieces.len(), error), (4, None));
    assert!(
        began.elapsed() < Duration::from_millis(1_600),
        "the late one was not cut off: {:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_only_model_is_asked_again() {
    let models = [Scripted::at(0)];
    models[0].set(Some(Fault::Refused));
    let (notice, mut notices) = mpsc::channel(8);
    let chain = chain(&models).for_call(&notice).expect("a chain has something to tell");
    let (pieces, error) = answer(chain.as_ref()).await;
    assert_eq!((pieces.len(), error.is_some()), (0, true));
    assert_eq!(models[0].asked().len(), 3, "and twice again");
    assert_eq!(told(notices.recv().await).0, "llm_exhausted");
    models[0].set(Some(Fault::WrongKey));
    assert!(answer(chain.as_ref()).await.1.is_some());
    assert_eq!(models[0].asked().len(), 4, "a wrong key stays wrong");
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_cancels_the_request() {
    let models = pair();
    models[0].set(Some(Fault::SlowMs(60_000)));
    let tasks = TaskTracker::new();
    let links = models.iter().map(|model| Arc::new(model.clone()) as Arc<dyn LanguageModel>).collect();
    let chain = LlmChain::new(links, ChainSettings::models(), tasks.clone());
    drop(chain.answer(&question()).await.expect("it begins"));
    tasks.close();
    tokio::time::timeout(Duration::from_millis(10), tasks.wait()).await.expect("nothing goes on");
}
