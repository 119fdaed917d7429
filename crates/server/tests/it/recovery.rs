//! The death of the process in mid-call, seen from outside: the program, its data folder, its API.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

/// A running demonstration, killed when dropped.
struct Demonstration {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Demonstration {
    fn start(data_dir: &Path, script: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_studioconnect"))
            // Nobody comes back to this call, and nobody waits for it.
            .args(["--set", "sessions.resume_within=1s", "demo", "--port", "0", "--data-dir"])
            .arg(data_dir)
            .arg("--script")
            .arg(script)
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("a piped standard output");
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Reads lines until one fits; panics with all that was printed when none does in time.
    fn wait_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(90)) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if fits(&line) {
                        return line;
                    }
                }
                Err(_) => panic!("no {what} in:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Where it is reached, and what its owner signs in with.
    fn entrance(&mut self) -> (String, String, String) {
        let watch = self.wait_for("address", |line| line.contains("Watch the call:"));
        let url = watch.split_whitespace().last().unwrap().to_owned();
        let sign_in = self.wait_for("password", |line| line.contains("Sign in with:"));
        let words: Vec<&str> = sign_in.split_whitespace().collect();
        (url, words[words.len() - 3].to_owned(), words[words.len() - 1].to_owned())
    }
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test]
async fn a_call_whose_process_was_killed_is_in_the_records_with_all_that_was_said() {
    let folder = testkit::folders::fresh("recovery");
    let script = folder.path().join("talkative.toml");
    std::fs::write(
        &script,
        r#"
name = "talkative"
about = "Asks until somebody pulls the plug."
from = "+15135550111"
to = "+15135550100"
voice = "slt"
max_seconds = 120

[[step]]
say = "how is my website coming along"

[[step]]
say = "and what are your opening hours"

[[step]]
silence_ms = 60000
"#,
    )
    .unwrap();

    let mut first = Demonstration::start(folder.path(), &script);
    first.entrance();
    first.wait_for("answer about the website", |line| {
        line.contains("Ava") && line.contains("homepage design")
    });
    let question = first.wait_for("second question", |line| line.contains("Caller"));
    first.wait_for("answer about the hours", |line| line.contains("Ava") && line.contains("nine to six"));
    // "up to the last second": what was said a second ago must survive.
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    drop(first);

    let mut second = Demonstration::start(folder.path(), &script);
    let (url, email, password) = second.entrance();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let session: Value = http
        .post(format!("{url}/api/v1/auth/login"))
        .json(&serde_json::json!({ "email": email, "password": password }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = session["token"].as_str().expect("a token").to_owned();
    let get = |path: String| http.get(format!("{url}{path}")).bearer_auth(&token).send();

    let deadline = Instant::now() + Duration::from_secs(60);
    let call = loop {
        let calls: Value = get("/api/v1/calls".to_owned()).await.unwrap().json().await.unwrap();
        let found =
            calls["items"].as_array().unwrap().iter().find(|call| call["end_reason"] == "process_died");
        if let Some(call) = found {
            break get(format!("/api/v1/calls/{}", call["id"].as_str().unwrap()))
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap();
        }
        assert!(Instant::now() < deadline, "the call was not completed after the restart: {calls}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(call["status"], "completed");
    let turns = call["turns"].as_array().unwrap();
    let said = |speaker: &str, words: &str| {
        turns.iter().any(|turn| turn["speaker"] == speaker && turn["text"].as_str().unwrap().contains(words))
    };
    assert!(said("agent", "homepage design"), "{turns:#?}");
    assert!(said("agent", "nine to six"), "{turns:#?}");
    let second_question = question.split("Caller").nth(1).unwrap().trim();
    assert!(said("caller", second_question), "{second_question:?} in {turns:#?}");

    let recording = get(format!("/api/v1/calls/{}/recording", call["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(recording.status(), 200);
    let sound = audio::wav::parse(&recording.bytes().await.unwrap()).expect("a WAV file that can be read");
    assert_eq!((sound.sample_rate_hz, sound.channels), (8_000, 2));
    let loudest = |channel: u16| sound.channel(channel).iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    assert!(loudest(0) > 1_000, "the caller is not on the recording");
    assert!(loudest(1) > 1_000, "the agent is not on the recording");
    let seconds = sound.channel(0).len() / 8_000;
    let last_turn_ms = turns.iter().filter_map(|turn| turn["started_ms"].as_u64()).max().unwrap();
    assert!(
        seconds as u64 * 1_000 + 1_000 >= last_turn_ms,
        "{seconds} s of sound, last turn at {last_turn_ms} ms"
    );
}
