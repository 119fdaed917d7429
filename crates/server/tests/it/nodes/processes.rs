//! Nodes that are processes of their own, with real signals: the measurement of `bench/`, with few calls and with time
//! for a machine that is busy. What must hold is counted: every call goes on, with everything that its caller had told.

use std::process::Stdio;

use serde_json::Value;
use testkit::redis::RedisServer;

/// Callers wait for so long at most; what they hear within three seconds is measured, not tested.
const WITHIN_S: &str = "60";
const CALLS: u64 = 4;

async fn nodes(fault: &str, settings: &[&str]) -> Value {
    let redis = RedisServer::start().await.unwrap();
    let folder = testkit::folders::fresh("processes");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_studioconnect"));
    command
        .args(["load", "nodes", fault, "--json", "--calls", &CALLS.to_string(), "--within", WITHIN_S])
        .args(["--set", &format!("redis.url={}", redis.url()), "--set", "log.level=error", "--data-dir"])
        .arg(folder.path())
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn calls_of_a_process_that_is_killed_go_on_in_another() {
    let outcome = nodes("kill", &[]).await;
    let killed = outcome["on_killed"].as_u64().unwrap();
    assert!(killed > 0 && killed < CALLS, "{outcome:#}");
    assert_eq!(outcome["resumed"], killed, "{outcome:#}");
    assert_eq!(outcome["with_lead"], killed, "{outcome:#}");
    assert_eq!(outcome["others_undisturbed"], CALLS - killed, "{outcome:#}");
}

#[tokio::test]
async fn no_call_is_cut_when_processes_are_restarted_in_turn() {
    let outcome = nodes("restart", &["server.drain_within=1s"]).await;
    assert!(outcome["handed_over"].as_u64() >= Some(CALLS), "{outcome:#}");
    assert_eq!((&outcome["cut_off"], &outcome["with_lead"]), (&0.into(), &CALLS.into()), "{outcome:#}");
}
