//! The program as a person meets it: what commands print and how they end.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

/// Variables of the tester's own environment that would change what is tested.
const UNSET: &[&str] = &["DATABASE_URL", "DATA_DIR", "PORT", "HOST", "PUBLIC_URL", "LOG_LEVEL", "LOG_FORMAT"];

/// Runs the program in a folder of its own, so that no `.env` and no file of the tester is read.
fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_studioconnect"));
    for name in UNSET {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_refused_configuration_has_status_3_and_names_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("studioconnect.toml"), "[server]\nprot = 1\n").unwrap();
    std::fs::write(folder.path().join(".env"), "PORT=many\n").unwrap();
    let output = run(folder.path(), &["serve"], &[("STUDIOCONNECT_TYPO", "1")]);
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output.stderr);
    for part in ["server.prot", ".env variable PORT", "\"many\"", "STUDIOCONNECT_TYPO"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["config", "check", "--config", "none.toml"], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("studioconnect: could not read none.toml: No such file"));
}

#[test]
fn config_show_tells_origins_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("TWILIO_AUTH_TOKEN", "s3cret-token"), ("PORT", "4321")];
    let output = run(folder.path(), &["config", "show", "--set", "limits.calls=7"], &environment);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert!(said.contains("port = 4321  # environment variable PORT"), "{said}");
    assert!(said.contains("calls = 7  # command line"), "{said}");
    assert!(said.contains("auth_token = \"(set, not shown)\""), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_wrong_command_line_has_status_2() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["sreve"], &[]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["call", "--pace", "slow"], &[]).status.code(), Some(2));
}

#[test]
fn migrate_makes_the_database_and_does_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["migrate", "--data-dir", data.to_str().unwrap()];
    let first = run(folder.path(), &arguments, &[]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("migrations applied"), "{}", text(&first.stdout));
    let second = run(folder.path(), &arguments, &[]);
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert!(text(&second.stdout).contains("is up to date"), "{}", text(&second.stdout));
}

#[test]
fn an_unreachable_database_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let free_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ada:hunter2@127.0.0.1:{free_port}/db");
    let output = run(folder.path(), &["migrate"], &[("DATABASE_URL", &url)]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with("studioconnect: the database is not available"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn doctor_has_status_4_when_something_is_broken_and_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("server.port={}", taken.local_addr().unwrap().port());
    let data = folder.path().join("data");
    let arguments = ["doctor", "--set", &port, "--data-dir", data.to_str().unwrap()];
    let output = run(folder.path(), &arguments, &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("BROKEN  port"), "{said}");
    assert!(said.contains("to mend: "), "{said}");
    assert!(said.contains("the private PostgreSQL starts on this machine"), "{said}");
    assert!(!data.exists(), "doctor left something behind");
}

#[test]
fn shells_are_told_how_to_complete() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["completions", "bash"], &[]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("studioconnect"));
}
