//! Folders of a test's own.

use tempfile::TempDir;

/// A new, empty folder, removed when dropped.
///
/// # Panics
/// When it can't be made.
#[must_use]
pub fn fresh(name: &str) -> TempDir {
    tempfile::Builder::new()
        .prefix(&format!("studioconnect-{name}-"))
        .tempdir()
        .expect("a folder for the test")
}
