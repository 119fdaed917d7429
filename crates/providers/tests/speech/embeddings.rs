//! Embeddings.

use provider_traits::descriptor::Readiness;
use provider_traits::embeddings::Embeddings;
use provider_traits::error::ProviderError;
use providers::embeddings::{EmbeddingsSettings, NoEmbeddings, OpenAiEmbeddings};
use simulator::openai_audio::OpenAiAudio;
use simulator::vendor::fault::{Failure, Fault};
use simulator::vendor::stand_in::{Place, StandIn};

use crate::contracts;
use crate::vendors::http;

async fn played(only_numbers: bool) -> StandIn<OpenAiAudio> {
    let vendor = OpenAiAudio { only_numbers, ..OpenAiAudio::default() };
    StandIn::start(vendor, Place::default()).await.unwrap()
}

fn settings(played: &StandIn<OpenAiAudio>, dimensions: usize) -> EmbeddingsSettings {
    EmbeddingsSettings {
        base_url: Some(format!("{}/v1", played.url()).parse().unwrap()),
        api_key: Some("sk-test-key".to_owned().into()),
        model: "text-embedding-3-small".to_owned(),
        dimensions,
        asks_for_dimensions: dimensions != 1_536,
        http: http(),
    }
}

fn nearness(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn each_text_has_a_vector_of_length_1_in_its_place() {
    for (only_numbers, dimensions) in [(false, 1_536), (true, 1_536), (false, 256)] {
        let played = played(only_numbers).await;
        let embeddings = if only_numbers {
            OpenAiEmbeddings::compatible(settings(&played, dimensions))
        } else {
            OpenAiEmbeddings::openai(settings(&played, dimensions))
        };
        assert_eq!(embeddings.readiness(), Readiness::Ready);
        let texts =
            ["a website for a bakery", "the bakery wants a website", "parking rules"].map(str::to_owned);
        let vectors = embeddings.embed(&texts).await.unwrap();
        assert!(vectors.iter().all(|vector| (nearness(vector, vector) - 1.0).abs() < 1e-4));
        assert!(vectors.iter().all(|vector| vector.len() == embeddings.dimensions()));
        assert!(nearness(&vectors[0], &vectors[1]) > nearness(&vectors[0], &vectors[2]) + 0.3);
        assert_eq!(played.seen().refused(), [0_u16; 0]);
        assert!(embeddings.model().ends_with(&format!("text-embedding-3-small/{dimensions}")));
    }
}

#[tokio::test]
async fn many_texts_are_several_requests() {
    let played = played(false).await;
    let embeddings = OpenAiEmbeddings::openai(settings(&played, 64));
    let texts: Vec<String> = (0..5_000).map(|number| format!("text {number}")).collect();
    let vectors = embeddings.embed(&texts).await.unwrap();
    assert_eq!((vectors.len(), played.seen().count()), (5_000, 3));
    let alone = embeddings.embed(&texts[4_321..4_322]).await.unwrap();
    assert!(vectors[4_321] == alone[0], "each is in its place");
    assert!(embeddings.embed(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_what_it_is() {
    let played = played(false).await;
    let embeddings = OpenAiEmbeddings::openai(settings(&played, 1_536));
    let texts = ["a".to_owned()];
    for (fault, expect) in [
        (Fault::Refuse, "unavailable"),
        (Fault::Fail(Failure::Unauthorized), "refused"),
        (Fault::Fail(Failure::NoCredit), "refused"),
        (Fault::Fail(Failure::RateLimited(None)), "rate limit"),
        (Fault::Fail(Failure::Server(500)), "unavailable"),
        (Fault::Garbage, "unavailable"),
        (Fault::Cut(0), "unavailable"),
    ] {
        played.set_fault_for(fault, 1);
        let error = embeddings.embed(&texts).await.unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains("sk-"), "{}: {error}", fault.name());
    }
    assert!(embeddings.embed(&texts).await.is_ok());
    let long = ["a".repeat(100_000)];
    assert!(
        matches!(embeddings.embed(&long).await, Err(ProviderError::Invalid { .. })),
        "too long for the model"
    );
    assert!(matches!(embeddings.embed(&[" ".to_owned()]).await, Err(ProviderError::Invalid { .. })));
    let other = OpenAiEmbeddings::openai(EmbeddingsSettings { dimensions: 7, ..settings(&played, 1_536) });
    assert!(other.embed(&texts).await.unwrap_err().to_string().contains("embeddings.dimensions"));
    let gone =
        OpenAiEmbeddings::openai(EmbeddingsSettings { model: "ada-001".into(), ..settings(&played, 8) });
    assert!(
        matches!(gone.embed(&texts).await, Err(ProviderError::Refused { reason, .. }) if reason.contains("embeddings.model"))
    );
}

#[tokio::test]
async fn the_stand_ins_vectors_are_of_the_vendors_description() {
    let played = played(true).await;
    let asking = http().post(format!("{}/v1/embeddings", played.url())).bearer_auth("sk-test-key");
    let body = serde_json::json!({ "model": "text-embedding-3-small", "input": "a", "dimensions": 4 });
    let answer = asking.json(&body).send().await.unwrap().json().await.unwrap();
    let Some(validator) = contracts::openai("embedding_response") else { return };
    contracts::all_valid(&validator, "the stand-in's", [&answer]);
}

#[tokio::test]
async fn none_is_honest() {
    assert!(matches!(NoEmbeddings.readiness(), Readiness::Missing { .. }));
    assert!(NoEmbeddings.embed(&["a".to_owned()]).await.is_err());
}
