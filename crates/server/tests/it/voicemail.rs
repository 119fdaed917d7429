//! What callers say to the carrier's tape: heard by the same transcriber that hears callers, and told with the call.

use std::time::Duration;

use app::calls::voicemail::RecordedMessage;
use domain::call_log::EventKind;
use domain::ids::CallId;
use domain::notification_settings::Event;
use store::messages::{Kept, MessageFilter, MessageSort, recorded};
use store::notifications::{NotificationFilter, NotificationSort};
use store::page::Wanted;
use voice::stand_ins::{MS_PER_WORD, voiced_frame};

use crate::played::{AT_MOST, Brain, NORTHWIND, OURS, Scene};

const RINGS: Duration = Duration::from_millis(20);
const WORDS: &str = "please call me back about the flyer";
/// The caller of this call says only the first line, and is answered by a goodbye.
const LINES: [&str; 2] = ["no thank you goodbye", WORDS];

/// A line of the played transcriber as a WAV file.
fn recording(phrase: usize, words: &str) -> Vec<u8> {
    let frames = words.split(' ').count() as u64 * MS_PER_WORD / 20;
    let mut samples = Vec::new();
    for _ in 0..frames {
        audio::g711::decode_into(&voiced_frame(phrase), &mut samples);
    }
    let bytes = u32::try_from(samples.len() * 2).unwrap();
    let mut wav = audio::wav::header(8_000, 1, bytes).to_vec();
    wav.extend(samples.iter().flat_map(|sample: &i16| sample.to_le_bytes()));
    wav
}

fn message(call_sid: &str) -> RecordedMessage {
    RecordedMessage {
        call_sid: call_sid.to_owned(),
        recording_sid: "RE0123".to_owned(),
        url: "https://api.example/RE0123".to_owned(),
        duration_s: 3,
        to: Some(OURS.to_owned()),
        from: Some("+15135550171".to_owned()),
    }
}

async fn kept(scene: &Scene, call_id: Option<CallId>) -> Vec<Kept> {
    let mut tx = scene.tx().await;
    let filter = MessageFilter { call_id, contains: Some("Recorded".to_owned()), ..MessageFilter::default() };
    let wanted = Wanted::first(MessageSort::CreatedAt, 9);
    store::messages::list(&mut tx, &filter, &wanted).await.unwrap().items
}

async fn letters(scene: &Scene, event: Event, key: &str) -> usize {
    let mut tx = scene.tx().await;
    let filter = NotificationFilter { event: Some(event), ..NotificationFilter::default() };
    let wanted = Wanted::first(NotificationSort::CreatedAt, 50);
    let listed = store::notifications::list(&mut tx, &filter, &wanted).await.unwrap();
    listed.items.iter().filter(|one| one.key == key).count()
}

/// Waits until it is so.
async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(AT_MOST, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_message_gets_its_words_once_the_recording_is_there_and_so_does_the_summary() {
    let scene = Scene::with(Brain::Rules, RINGS, &LINES).await;
    let came = scene.call(NORTHWIND, AT_MOST).await;
    let id = came.call.id;
    scene.app().message_recorded(message(&came.report.call_sid)).await.unwrap();
    let text = async || kept(&scene, Some(id)).await[0].message.text.clone();
    // It takes the carrier a while to put it away: the message is there meanwhile, and where its recording is.
    let asked =
        scene.twilio.until(|seen| seen.requests.iter().any(|one| one.request.path.contains("RE0123")));
    tokio::time::timeout(AT_MOST, asked).await.expect("nobody asked for the recording");
    assert_eq!(text().await, "Recorded message, 3 seconds: https://api.example/RE0123");
    scene.twilio.vendor().record(Some(recording(1, WORDS)));
    until("the words", async || text().await.contains(WORDS)).await;
    assert_eq!(text().await, format!("Recorded message, 3 seconds: \u{201c}{WORDS}\u{201d}"));
    let mut tx = scene.tx().await;
    let log = store::calls::events::list(&mut tx, id, 0, 5_000).await.unwrap();
    assert!(log.iter().any(|event| matches!(&event.kind,
        EventKind::Notice { code, text, .. } if code == "message_transcribed" && text.contains(WORDS))));
    let tape = recorded::of_call(&mut tx, id).await.unwrap().remove(0);
    drop(tx);
    // It is ours, and the carrier's is gone.
    let ours = scene.app().objects.size(&tape.key.unwrap()).await.unwrap();
    assert_eq!(ours, Some(recording(1, WORDS).len() as u64));
    until("the carrier's copy is deleted", async || {
        scene.twilio.vendor().ledger().deleted_recordings == ["RE0123"]
    })
    .await;
    until("the summary", async || {
        let mut tx = scene.tx().await;
        let summary = store::calls::get(&mut tx, id).await.unwrap().summary.unwrap_or_default();
        summary.to_string().contains("call me back about the flyer")
    })
    .await;
    let message_id = tape.message_id.to_string();
    // Whether the chain waited for the message or had run before: one letter about the call, and none twice.
    until("the letter", async || letters(&scene, Event::CallEnded, &id.to_string()).await == 1).await;
    assert!(letters(&scene, Event::MessageTaken, &message_id).await <= 1);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_call_that_is_in_no_record_is_told_with_its_words() {
    let scene = Scene::with(Brain::Rules, RINGS, &LINES).await;
    scene.twilio.vendor().record(Some(recording(1, WORDS)));
    scene.app().message_recorded(message("CAunknown")).await.unwrap();
    let message = kept(&scene, None).await.remove(0).message;
    let key = message.id.to_string();
    until("the letter", async || letters(&scene, Event::MessageTaken, &key).await == 1).await;
    assert!(kept(&scene, None).await[0].message.text.contains(WORDS), "it has the words when it is told");
    scene.stop().await;
}
