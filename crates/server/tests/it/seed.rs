//! `studioconnect seed`, on a scale that fits a test: the data set is made, and no statement of the hot paths reads a
//! whole table. How long they take is measured at full scale (docs/benchmarks.md), not here.

use std::path::Path;
use std::process::{Command, Output};

fn seed(data: &Path, arguments: &[&str]) -> Output {
    let postgres = format!("database.postgres_dir={}", testkit::database::postgres_dir().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_studioconnect"));
    for name in ["DATABASE_URL", "DATA_DIR", "PORT", "HOST", "PUBLIC_URL", "LOG_LEVEL", "LOG_FORMAT"] {
        command.env_remove(name);
    }
    command
        .current_dir(data)
        .args(["seed", "--set", &postgres, "--set", "log.level=error", "--data-dir"])
        .arg(data.join("data"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn hot_statements_find_their_rows_by_an_index() {
    let folder = testkit::folders::fresh("seed");
    let made = seed(folder.path(), &["--calls", "6000", "--turns", "30000", "--organizations", "5"]);
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success(), "{made:?}");
    assert!(said.starts_with("6000 calls, ") && said.contains("password: "), "{said}");
    let checked = seed(folder.path(), &["--check-plans", "--most-ms", "5000"]);
    let table = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{table}\n{}", String::from_utf8_lossy(&checked.stderr));
    for index in ["calls_newest", "calls_call_sid_unique", "turns_position_unique", "leads_newest"] {
        assert!(table.contains(index), "{index} was not used:\n{table}");
    }
}
