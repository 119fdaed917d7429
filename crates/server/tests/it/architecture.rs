//! The workspace's shape, tested as absences: directions between crates, and what each must not reach for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate with the crates of ours that it may depend on. What is not written here is forbidden.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("audio", &[]),
    ("provider-traits", &["domain"]),
    ("providers", &["provider-traits", "domain", "audio"]),
    ("speech", &["provider-traits", "domain", "audio"]),
    ("failover", &["provider-traits", "domain", "audio"]),
    ("voice", &["provider-traits", "domain", "audio"]),
    ("brain", &["provider-traits", "domain"]),
    ("letters", &["domain"]),
    ("store", &["domain"]),
    ("app", &["store", "letters", "voice", "brain", "provider-traits", "domain", "audio"]),
    // `providers` here only for the vendors' wire formats: signatures, forms, TwiML.
    ("api", &["app", "store", "voice", "provider-traits", "domain", "providers"]),
    ("simulator", &["domain", "audio", "provider-traits"]),
];

/// Wire the rest together, so they may depend on anything but each other.
const COMPOSERS: &[&str] = &["server", "testkit"];

struct Crate {
    name: String,
    folder: PathBuf,
    manifest: toml::Table,
}

fn crates() -> Vec<Crate> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found: Vec<Crate> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("Cargo.toml").exists())
        .map(|folder| {
            let manifest: toml::Table =
                fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap().to_owned();
            Crate { name, folder, manifest }
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

impl Crate {
    fn dependencies(&self, kinds: &[&str]) -> BTreeSet<String> {
        let of = |kind: &&str| self.manifest.get(*kind).and_then(toml::Value::as_table);
        kinds.iter().filter_map(of).flat_map(|table| table.keys().cloned()).collect()
    }

    /// The program text of `src`, without test modules: they come last in a file, or in files of their own.
    fn sources(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        walk(&self.folder.join("src"), &mut found);
        found
    }
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                walk(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, program_text(&text)));
        }
    }
}

/// What is compiled into the program: up to the first test module, without comments.
fn program_text(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |out, line| out + line + "\n")
}

/// Files of crates outside `except` whose program text has one of the words.
fn uses(crates: &[Crate], words: &[&str], except: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for one in crates.iter().filter(|one| !except.contains(&one.name.as_str())) {
        for (path, text) in one.sources() {
            for word in words.iter().filter(|word| text.contains(**word)) {
                found.push(format!("{} uses {word}", path.display()));
            }
        }
    }
    found
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn crates_depend_in_one_direction() {
    let crates = crates();
    let ours: BTreeSet<&str> = crates.iter().map(|one| one.name.as_str()).collect();
    let mut wrong = Vec::new();
    for one in &crates {
        let name = one.name.as_str();
        let composer = COMPOSERS.contains(&name);
        let allowed = ALLOWED.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed);
        if allowed.is_none() && !composer {
            wrong.push(format!("{name} has no line in ALLOWED: decide what it may depend on"));
        }
        for dependency in one.dependencies(&["dependencies", "build-dependencies"]) {
            let mine = ours.contains(dependency.as_str());
            let may = if composer {
                !COMPOSERS.contains(&dependency.as_str())
            } else {
                allowed.is_some_and(|allowed| allowed.contains(&dependency.as_str()))
            };
            if mine && !may {
                wrong.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_allowed_directions_have_no_circle() {
    let depth_of = |name: &str| ALLOWED.iter().position(|(known, _)| *known == name);
    for (name, allowed) in ALLOWED {
        for dependency in *allowed {
            assert!(depth_of(dependency) < depth_of(name), "{name} stands before {dependency} in ALLOWED");
        }
    }
}

#[test]
fn every_dependency_has_its_version_and_reason_in_the_workspace() {
    let mut wrong = Vec::new();
    for one in crates() {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = one.manifest.get(kind).and_then(toml::Value::as_table) else { continue };
            for (name, value) in table {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                let ours = value.get("path").is_some();
                if !inherited && !ours {
                    wrong.push(format!("{}: {name} is not `workspace = true`", one.name));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn only_store_knows_sql() {
    let found = crates();
    let mut wrong = uses(&found, &["sqlx::", "use sqlx"], &["store", "testkit"]);
    for one in found.iter().filter(|one| !["store", "testkit"].contains(&one.name.as_str())) {
        if one.dependencies(&["dependencies"]).contains("sqlx") {
            wrong.push(format!("{} depends on sqlx", one.name));
        }
    }
    assert_none(&wrong);
}

#[test]
fn only_the_edge_knows_http_serving() {
    let wrong: Vec<String> = crates()
        .iter()
        .filter(|one| !["api", "server", "testkit"].contains(&one.name.as_str()))
        .filter(|one| one.dependencies(&["dependencies"]).contains("axum"))
        .map(|one| format!("{} depends on axum", one.name))
        .collect();
    assert_none(&wrong);
}

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    let banned = [
        "tokio",
        "async fn",
        "std::fs",
        "std::net",
        "std::thread",
        "std::process",
        "SystemTime::now",
        "Utc::now",
    ];
    let crates: Vec<Crate> =
        crates().into_iter().filter(|one| ["domain", "audio"].contains(&one.name.as_str())).collect();
    assert_eq!(crates.len(), 2);
    assert_none(&uses(&crates, &banned, &[]));
    for one in &crates {
        assert!(!one.dependencies(&["dependencies"]).contains("tokio"), "{} depends on tokio", one.name);
    }
}

#[test]
fn only_the_configuration_reads_the_environment() {
    let mut wrong = uses(&crates(), &["std::env::", "use std::env"], &["server", "testkit"]);
    // What the program was compiled for is no environment.
    wrong.retain(|found| !found.contains("api/src/health/document.rs"));
    let server: Vec<Crate> = crates().into_iter().filter(|one| one.name == "server").collect();
    let elsewhere = uses(&server, &["env::var", "env::vars"], &[]);
    wrong.extend(elsewhere.into_iter().filter(|found| !found.contains("config/places.rs")));
    // The one exception: clap reads the password of `call`, which is no setting of the server and must not stand
    // in a list of processes.
    let attributes = uses(&crates(), &["env = \""], &[]);
    wrong.extend(attributes.into_iter().filter(|found| !found.contains("server/src/cli.rs")));
    let command_line = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli.rs")).unwrap();
    if command_line.matches("env = \"").count() > 1 {
        wrong.push("cli.rs reads more of the environment than the password of `call`".to_owned());
    }
    assert_none(&wrong);
}

#[test]
fn every_queue_is_bounded_and_every_task_has_an_owner() {
    assert_none(&uses(&crates(), &["unbounded_channel", "futures_channel::mpsc::unbounded"], &[]));
}

#[test]
fn only_composers_choose_providers() {
    let wrong: Vec<String> = crates()
        .iter()
        .filter(|one| !["server", "testkit"].contains(&one.name.as_str()))
        .filter(|one| {
            let dependencies = one.dependencies(&["dependencies"]);
            dependencies.contains("speech") || dependencies.contains("simulator")
        })
        .map(|one| format!("{} chooses a provider itself", one.name))
        .collect();
    assert_none(&wrong);
}

#[test]
fn lints_are_inherited_and_never_allowed_away() {
    let crates = crates();
    for one in &crates {
        let inherits = one.manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert!(inherits.is_some(), "{} does not inherit the workspace's lints", one.name);
    }
    assert_none(&uses(&crates, &["#[allow(", "#![allow("], &[]));
}

#[test]
fn the_documents_name_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut named = 0;
    let mut documents: Vec<PathBuf> = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    let guides = fs::read_dir(root.join("docs/guides")).unwrap();
    documents.extend(guides.map(|entry| entry.unwrap().path()));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let document = document.display();
        // Every other piece is inside backquotes.
        for path in
            text.split('`').skip(1).step_by(2).filter(|path| path.ends_with(".rs") && path.contains('/'))
        {
            named += 1;
            let there = root.join("crates").join(path).exists() || root.join(path).exists();
            assert!(there || path.contains('<'), "{document} names {path}, which does not exist");
        }
    }
    assert!(named > 20, "the file names are not found any more");
}

#[test]
fn the_search_itself_finds_what_is_there() {
    let text = "use a;\n// sqlx:: in a comment\nfn f() { sqlx::query() }\n\n#[cfg(test)]\nmod tests {\n    std::env::var();\n}\n";
    let program = program_text(text);
    assert!(program.contains("sqlx::query"));
    assert!(!program.contains("comment"));
    assert!(!program.contains("std::env"));
    assert!(!uses(&crates(), &["clap::"], &[]).is_empty(), "the server's command line is built on clap");
    assert!(uses(&crates(), &["clap::"], &["server"]).is_empty());
}
