//! Voices: found and heard.

use axum::http::StatusCode;
use serde_json::json;

use super::world::World;

#[tokio::test]
async fn voices_are_listed_by_provider_text_and_language() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "admin").await;
    let asked = async |query: &str| world.get(&format!("/api/v1/voices{query}"), Some(&token)).await;
    let listed = async |query: &str| {
        let answer = asked(query).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
        answer.json()
    };
    let all = listed("").await;
    assert_eq!(all["items"][0]["provider"], "hum");
    assert_eq!(all["items"][0]["language"], "en-US");
    assert_eq!(all["unavailable"], json!([]));
    assert_eq!(listed("?provider=hum&search=HUM&language=en").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed("?language=de").await["items"], json!([]));
    assert_eq!(listed("?search=nobody").await["items"], json!([]));
    assert_eq!(asked("?provider=nobody").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_voice_is_heard_ten_times_a_minute() {
    let world = World::new().await;
    let agency = world.agency("Aurora", 1).await;
    let token = world.sign_in_as(&agency, "admin").await;
    let body = json!({ "text": "Hello", "provider": "hum" });
    for _ in 0..10 {
        let answer = world.post("/api/v1/voices/preview", Some(&token), &body).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "audio/wav"));
        let wav = audio::wav::parse(&answer.body).unwrap();
        assert!(wav.sample_rate_hz == 8_000 && wav.mono().len() > 800);
    }
    let answer = world.post("/api/v1/voices/preview", Some(&token), &body).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too-many"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 61);
}
