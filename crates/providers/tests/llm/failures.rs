//! Every fault of every vendor, and what it is called.

use std::time::Duration;

use provider_traits::error::ProviderError;
use providers::llm::{LlmSettings, Patience};
use secrecy::SecretString;
use simulator::llm::Protocol;
use simulator::llm::mind::{Ending, Made, Mind};
use simulator::vendor::fault::{Failure, Fault};

use crate::vendors::{KEY, client, client_settings, plain, stage, stage_with};

const WORDS: &str = "Your logo is at the printer, and it will be ready on Friday at noon.";
const QUESTION: &str = "What about the secret project Bluebird?";

/// The name of an error's kind.
fn kind(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unavailable { .. } => "unavailable",
        ProviderError::Timeout { .. } => "timeout",
        ProviderError::RateLimited { .. } => "rate limited",
        ProviderError::Refused { .. } => "refused",
        ProviderError::Invalid { .. } => "invalid",
    }
}

/// No key, no word of the conversation, no address.
fn tells_nothing(error: &ProviderError) {
    let shown = format!("{error} {error:?}");
    for secret in [KEY, "Bluebird", "printer", "127.0.0.1", "by order"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn each_fault_is_called_what_it_is() {
    let seven = Duration::from_secs(7);
    for protocol in Protocol::ALL {
        let stage = stage(protocol, Mind::always(Made::says(WORDS))).await;
        for (fault, expect) in [
            (Fault::Refuse, "unavailable"),
            (Fault::Fail(Failure::Unauthorized), "refused"),
            (Fault::Fail(Failure::NoCredit), "refused"),
            (Fault::Fail(Failure::RateLimited(None)), "rate limited"),
            (Fault::Fail(Failure::RateLimited(Some(seven))), "rate limited"),
            (Fault::Fail(Failure::Server(500)), "unavailable"),
            (Fault::Fail(Failure::Server(503)), "unavailable"),
            (Fault::Fail(Failure::Server(529)), "unavailable"),
            (Fault::Garbage, "unavailable"),
            (Fault::Cut(0), "unavailable"),
            (Fault::Cut(6), "unavailable"),
            (Fault::EndEarly(0), "unavailable"),
            (Fault::EndEarly(6), "unavailable"),
        ] {
            stage.stand_in.set_fault_for(fault, 1);
            let error = stage.failure(&plain(QUESTION)).await;
            assert_eq!(kind(&error), expect, "{protocol:?} {}: {error}", fault.name());
            tells_nothing(&error);
            if let ProviderError::RateLimited { retry_after, provider } = error {
                let told = (fault == Fault::Fail(Failure::RateLimited(Some(seven)))).then_some(seven);
                assert_eq!((retry_after, provider), (told, stage.model.descriptor().id), "{protocol:?}");
            }
        }
        assert_eq!(stage.answer(&plain(QUESTION)).await.text(), WORDS, "{protocol:?}: sound again");
    }
}

#[tokio::test]
async fn what_was_said_before_a_fault_in_the_middle_is_passed_on() {
    for protocol in Protocol::ALL {
        for fault in [Fault::Cut(8), Fault::EndEarly(8)] {
            let stage = stage(protocol, Mind::always(Made::says(WORDS))).await;
            stage.stand_in.set_fault(Some(fault));
            let whole = crate::vendors::read(stage.model.answer(&plain(QUESTION)).await.unwrap()).await;
            assert!(WORDS.starts_with(&whole.text()) && !whole.text().is_empty(), "{protocol:?} {whole:?}");
            let error = whole.error.unwrap_or_else(|| panic!("{protocol:?}: {:?}", whole.done));
            assert!(error.to_string().contains("cut off"), "{protocol:?} {}: {error}", fault.name());
        }
    }
}

#[tokio::test]
async fn an_error_that_the_vendor_tells_in_the_middle_is_understood() {
    for (ending, expect) in [(Ending::Overloaded, "unavailable"), (Ending::RateLimited, "rate limited")] {
        for protocol in Protocol::ALL {
            let stage = stage(protocol, Mind::always(Made::says(WORDS).ending(ending))).await;
            let whole = crate::vendors::read(stage.model.answer(&plain(QUESTION)).await.unwrap()).await;
            let error = whole.error.clone().unwrap_or_else(|| panic!("{protocol:?}: {whole:?}"));
            assert_eq!((kind(&error), whole.text().as_str()), (expect, WORDS), "{protocol:?}: {error}");
            tells_nothing(&error);
        }
    }
}

#[tokio::test]
async fn a_model_that_is_gone_is_refused_with_the_setting_that_chose_it() {
    for protocol in Protocol::ALL {
        let old = |settings: LlmSettings| LlmSettings { model: "model-of-yesterday".to_owned(), ..settings };
        let stage = stage_with(protocol, Mind::default(), old).await;
        let error = stage.failure(&plain(QUESTION)).await;
        assert_eq!(kind(&error), "refused", "{protocol:?}: {error}");
        let shown = error.to_string();
        assert!(
            shown.contains("model-of-yesterday") && shown.contains("llm.the_model"),
            "{protocol:?}: {shown}"
        );
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_shown() {
    for protocol in Protocol::ALL {
        let wrong = |settings: LlmSettings| LlmSettings {
            api_key: Some(SecretString::from("sk-wrong-and-secret")),
            ..settings
        };
        let stage = stage_with(protocol, Mind::default(), wrong).await;
        let error = stage.failure(&plain(QUESTION)).await;
        assert_eq!(kind(&error), "refused", "{protocol:?}: {error}");
        assert!(
            !format!("{error:?} {:?}", client_settings(protocol, "http://x")).contains("sk-"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    for protocol in Protocol::ALL {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let model = client(protocol, client_settings(protocol, &url)).unwrap();
        let error = model.answer(&plain(QUESTION)).await.map(|_| ()).unwrap_err();
        assert_eq!(kind(&error), "unavailable", "{protocol:?}: {error}");
        tells_nothing(&error);
    }
}

#[tokio::test]
async fn the_safety_net_ends_what_nobody_watches() {
    let patience = Patience { accepted: Duration::from_millis(300), between: Duration::from_millis(300) };
    for protocol in Protocol::ALL {
        let short = |settings: LlmSettings| LlmSettings { patience, ..settings };
        let stage = stage_with(protocol, Mind::always(Made::says(WORDS)), short).await;
        let never = Duration::from_secs(3_600);
        for fault in
            [Fault::SlowFirstByte(never), Fault::SlowFirstPiece(never), Fault::Stall(0), Fault::Stall(6)]
        {
            stage.stand_in.set_fault_for(fault, 1);
            let error = stage.failure(&plain(QUESTION)).await;
            let expect = ProviderError::Timeout { provider: stage.model.descriptor().id, waited_ms: 300 };
            assert_eq!(error, expect, "{protocol:?} {}", fault.name());
        }
    }
}
