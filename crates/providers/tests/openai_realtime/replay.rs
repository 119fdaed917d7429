//! Recorded sessions, played to the client over a real socket.

use provider_traits::realtime::{RealtimeInput, RealtimeProvider as _};
use tokio_util::task::TaskTracker;

use crate::endpoint::{self, ServerSocket, client, config, endpoint, settings};
use crate::recordings::{self, Recording, line};

/// Sends what the vendor sent, each frame when the client has sent what was before it in the recording.
async fn play(mut socket: ServerSocket, recording: Recording) {
    let begun =
        recording.frames.iter().find(|frame| !frame.sent_by_client).unwrap().kind() == "session.created";
    let updated =
        recording.frames.iter().any(|frame| frame.sent_by_client && frame.kind() == "session.update");
    // Sidebands join a session that exists; some clients change nothing of it. Ours does both.
    if !begun {
        let created = serde_json::json!({ "type": "session.created", "session": {} });
        endpoint::send(&mut socket, &created).await;
    }
    let mut update_is_due = !updated;
    for frame in recording.frames {
        if frame.sent_by_client {
            if frame.kind() == "session.update" || frame.input().is_some() {
                let event = endpoint::next_event(&mut socket).await.unwrap();
                assert_eq!(event["type"], frame.kind(), "{}", recording.name);
            }
            continue;
        }
        if std::mem::take(&mut update_is_due) && frame.kind() != "session.created" {
            let event = endpoint::next_event(&mut socket).await.unwrap();
            assert_eq!(event["type"], "session.update", "{}", recording.name);
        } else if frame.kind() == "session.created" && !updated {
            update_is_due = true;
        }
        endpoint::send(&mut socket, &frame.event).await;
    }
    // Until the client goes: what is on its way to it would be lost otherwise.
    while endpoint::next_event(&mut socket).await.is_some() {}
}

async fn check(recording: Recording) {
    let tasks = TaskTracker::new();
    let name = recording.name.clone();
    let theirs = recording.frames.iter().filter(|frame| !frame.sent_by_client);
    let expected: Vec<String> = theirs.flat_map(recordings::Frame::expected).collect();
    let inputs: Vec<RealtimeInput> = recording
        .frames
        .iter()
        .filter(|frame| frame.sent_by_client)
        .filter_map(recordings::Frame::input)
        .collect();
    let url = endpoint(&tasks, |socket| play(socket, recording)).await;
    let mut link = client(settings(&url), &tasks).open(&config()).await.unwrap();
    for input in inputs {
        link.input.send(input).await.unwrap();
    }
    let mut found = Vec::new();
    while found.len() < expected.len() {
        let Some(output) = endpoint::next(&mut link).await else { break };
        found.push(line(&output));
    }
    assert_eq!(found, expected, "{name}");
    drop(link);
    endpoint::all_over(&tasks).await;
}

#[tokio::test]
async fn recorded_sessions_replay_through_the_client() {
    let Some(recordings) = recordings::all() else { return };
    let all: Vec<String> = recordings
        .iter()
        .flat_map(|one| one.frames.iter().filter(|frame| !frame.sent_by_client))
        .flat_map(recordings::Frame::expected)
        .collect();
    // What is compared must be there: answers, their ends, functions, audio, words.
    for (word, at_least) in [("done ", 16), ("answer ", 16), ("function ", 3), ("audio ", 10), ("caller ", 3)]
    {
        let there = all.iter().filter(|line| line.starts_with(word)).count();
        assert!(there >= at_least, "only {there} of {word:?} in the recordings");
    }
    for recording in recordings {
        check(recording).await;
    }
}
