//! Every fault of a vendor, as the provider tells it.

use std::time::Duration;

use provider_traits::error::ProviderError;
use provider_traits::stt::{SttInput, SttOutput};
use simulator::vendor::fault::{Failure, Fault};

use crate::stt::{give, next, say};
use crate::tts::{request, whole};
use crate::vendors::{Listening, TRANSCRIBERS, VOICES, Voiced, config, listening, voiced};

const SENTENCE: &str = "The website goes live on Friday.";

/// The kind of an error, and how long to wait where it says so.
fn kind(error: &ProviderError) -> String {
    let text = format!("{error} {error:?}");
    for secret in ["sk-", "xi-test", "dg-test", "polly-test", "website", "Friday"] {
        assert!(!text.contains(secret), "{text}");
    }
    match error {
        ProviderError::Unavailable { .. } => "unavailable".to_owned(),
        ProviderError::Timeout { .. } => "timeout".to_owned(),
        ProviderError::RateLimited { retry_after, .. } => {
            format!("rate limited {}", retry_after.map_or(0, |wait| wait.as_secs()))
        }
        ProviderError::Refused { .. } => "refused".to_owned(),
        ProviderError::Invalid { .. } => "invalid".to_owned(),
    }
}

/// The faults that are told at once, and how.
const PLAIN: [(Fault, &str); 6] = [
    (Fault::Refuse, "unavailable"),
    (Fault::Fail(Failure::Unauthorized), "refused"),
    (Fault::Fail(Failure::NoCredit), "refused"),
    (Fault::Fail(Failure::RateLimited(Some(Duration::from_secs(3)))), "rate limited 3"),
    (Fault::Fail(Failure::Server(500)), "unavailable"),
    (Fault::Fail(Failure::Server(503)), "unavailable"),
];

async fn spoken(one: &Voiced) -> Result<Vec<u8>, ProviderError> {
    let audio = one.tts.speak(&request(SENTENCE)).await?;
    whole(audio).await.map_err(|(_, error)| error)
}

#[tokio::test]
async fn every_fault_of_a_voice_is_told_as_what_it_is() {
    for name in VOICES {
        for (fault, expect) in PLAIN {
            let one = voiced(name).await;
            one.played.set_fault(Some(fault));
            let error = spoken(&one).await.expect_err(name);
            assert_eq!(kind(&error), expect, "{name} {}: {error}", fault.name());
            one.played.set_fault(None);
            assert!(spoken(&one).await.is_ok(), "{name} after {}", fault.name());
        }
    }
}

#[tokio::test]
async fn audio_that_was_cut_off_is_an_error_and_no_end() {
    for name in VOICES {
        for fault in [Fault::Cut(3), Fault::Cut(0)] {
            let one = voiced(name).await;
            one.played.set_fault(Some(fault));
            let audio = one.tts.speak(&request(SENTENCE)).await.unwrap();
            let (codes, error) = whole(audio).await.expect_err(name);
            assert_eq!(kind(&error), "unavailable", "{name} {}: {error}", fault.name());
            assert_eq!(
                codes.is_empty(),
                fault == Fault::Cut(0) && name == "elevenlabs socket",
                "{name} {}",
                fault.name()
            );
            one.played.set_fault(None);
            assert!(spoken(&one).await.is_ok(), "{name} after {}", fault.name());
        }
    }
    // Where the end can be told from the content, an early one is noticed too.
    let one = voiced("elevenlabs socket").await;
    one.played.set_fault(Some(Fault::EndEarly(3)));
    assert_eq!(kind(&spoken(&one).await.unwrap_err()), "unavailable");
    for name in VOICES {
        let one = voiced(name).await;
        one.played.set_fault(Some(Fault::EndEarly(0)));
        assert_eq!(
            kind(&spoken(&one).await.unwrap_err()),
            "unavailable",
            "{name}: nothing at all is no sentence"
        );
    }
}

#[tokio::test]
async fn garbage_in_place_of_a_protocol_is_told() {
    for name in ["elevenlabs socket", "compatible wav"] {
        let one = voiced(name).await;
        one.played.set_fault(Some(Fault::Garbage));
        assert_eq!(kind(&spoken(&one).await.unwrap_err()), "unavailable", "{name}");
    }
}

async fn heard(one: &Listening) -> Result<String, ProviderError> {
    let mut stream = one.stt.open(&config()).await?;
    say(&stream, 1, 0).await;
    give(&stream, SttInput::End).await;
    loop {
        match next(&mut stream).await.expect("it ended without a word") {
            SttOutput::Final { text, .. } => return Ok(text),
            SttOutput::Failed(error) => return Err(error),
            SttOutput::Partial { .. } | SttOutput::Synced { .. } => {}
        }
    }
}

#[tokio::test]
async fn every_fault_of_a_transcriber_is_told_as_what_it_is() {
    for name in TRANSCRIBERS {
        for (fault, expect) in PLAIN {
            let one = listening(name).await;
            one.played.set_fault(Some(fault));
            let error = heard(&one).await.expect_err(name);
            assert_eq!(kind(&error), expect, "{name} {}: {error}", fault.name());
            one.played.set_fault(None);
            assert!(heard(&one).await.is_ok(), "{name} after {}", fault.name());
        }
    }
}

#[tokio::test]
async fn a_transcript_that_never_comes_is_an_error_and_not_silence() {
    for name in TRANSCRIBERS {
        for fault in [Fault::Cut(0), Fault::EndEarly(0), Fault::Garbage] {
            let one = listening(name).await;
            one.played.set_fault(Some(fault));
            let error = heard(&one).await.expect_err(name);
            assert_eq!(kind(&error), "unavailable", "{name} {}: {error}", fault.name());
        }
    }
}

#[tokio::test]
async fn a_socket_that_was_lost_while_nobody_spoke_is_opened_again() {
    for name in ["openai", "elevenlabs", "deepgram"] {
        let one = listening(name).await;
        let mut stream = one.stt.open(&config()).await.unwrap();
        say(&stream, 1, 0).await;
        give(&stream, SttInput::End).await;
        while !matches!(next(&mut stream).await, Some(SttOutput::Final { .. })) {}
        // The vendor goes away and comes back: the old socket dies, the address stays.
        one.played.lose_sockets().await;
        say(&stream, 2, 1).await;
        give(&stream, SttInput::End).await;
        let text = loop {
            match next(&mut stream).await.expect("it ended") {
                SttOutput::Final { utterance: 2, text, .. } => break text,
                SttOutput::Failed(error) => panic!("{name}: {error}"),
                _ => {}
            }
        };
        assert_eq!(text, crate::vendors::PHRASES[1], "{name}");
        assert_eq!(one.played.seen().count(), 2, "{name}: two sockets");
    }
}
