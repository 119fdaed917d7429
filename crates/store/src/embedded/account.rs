//! Under which account the server runs, and where its files lie so that the account can reach them.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::cluster;
use super::error::EmbeddedError;

/// Where clusters and programs lie when we are root and the data folder is closed to others (as `/root` is).
pub(super) const ROOT_HOME: &str = "/var/lib/studioconnect-postgres";
/// Accounts to run under when we are root and the data folder is root's, in order of preference.
const ACCOUNTS: [&str; 2] = ["studioconnect", "nobody"];

/// An account of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The folder that holds cluster and socket.
#[derive(Debug)]
pub(super) struct Home {
    /// The real path, without links.
    pub(super) path: PathBuf,
    /// Whom to become; `None` when we are nobody special and stay who we are.
    pub(super) account: Option<Account>,
}

/// Finds or makes the folder for cluster and socket.
pub(super) fn home(data_dir: &Path) -> Result<Home, EmbeddedError> {
    let link = data_dir.join(cluster::HOME);
    let us = Uid::effective();
    match fs::canonicalize(&link) {
        Ok(path) => existing(path, us),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // A link whose end is gone is in the way of a new one.
            let _absent = fs::remove_file(&link);
            if us.is_root() { make_as_root(data_dir, &link) } else { make(&link, None) }
        }
        Err(error) => Err(EmbeddedError::io("open", &link, &error)),
    }
}

fn existing(path: PathBuf, us: Uid) -> Result<Home, EmbeddedError> {
    let meta = fs::metadata(&path).map_err(|error| EmbeddedError::io("look at", &path, &error))?;
    if us.is_root() {
        if meta.uid() == 0 {
            return Err(EmbeddedError::failed(
                format!("use {}", path.display()),
                "it belongs to root, and PostgreSQL refuses root: remove it, or give it to another user",
            ));
        }
        return Ok(Home { path, account: Some(Account { uid: meta.uid(), gid: meta.gid() }) });
    }
    if meta.uid() != us.as_raw() {
        return Err(EmbeddedError::WrongOwner { folder: path, owner: meta.uid() });
    }
    Ok(Home { path, account: None })
}

fn make_as_root(data_dir: &Path, link: &Path) -> Result<Home, EmbeddedError> {
    let account = account_for(data_dir)?;
    if reachable(data_dir, account) {
        return make(link, Some(account));
    }
    let clusters = Path::new(ROOT_HOME).join("clusters");
    make_open_folder(Path::new(ROOT_HOME))?;
    make_open_folder(&clusters)?;
    // Never the folder of an earlier cluster: who removed the data folder wants a fresh one.
    let mut number = std::process::id();
    let place = loop {
        let place = clusters.join(format!("{number}"));
        if !place.exists() {
            break place;
        }
        number = number.wrapping_add(1);
    };
    let home = make(&place, Some(account))?;
    symlink(&place, link).map_err(|error| EmbeddedError::io("link", link, &error))?;
    tracing::info!(
        place = %place.display(),
        "the data folder is closed to the account PostgreSQL runs under; the cluster lies elsewhere"
    );
    Ok(home)
}

fn make(path: &Path, account: Option<Account>) -> Result<Home, EmbeddedError> {
    let failed = |error: &std::io::Error| EmbeddedError::io("make", path, error);
    DirBuilder::new().mode(0o700).create(path).map_err(|error| failed(&error))?;
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid)).map_err(|error| failed(&error))?;
    }
    let path = fs::canonicalize(path).map_err(|error| failed(&error))?;
    Ok(Home { path, account })
}

/// A folder that everybody may pass through and only we may change.
pub(super) fn make_open_folder(path: &Path) -> Result<(), EmbeddedError> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
        .map_err(|error| EmbeddedError::io("make", path, &error))
}

/// The data folder's owner, unless that is root.
fn account_for(data_dir: &Path) -> Result<Account, EmbeddedError> {
    let meta = fs::metadata(data_dir).map_err(|error| EmbeddedError::io("look at", data_dir, &error))?;
    if meta.uid() != 0 {
        return Ok(Account { uid: meta.uid(), gid: meta.gid() });
    }
    ACCOUNTS
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .filter(|user| !user.uid.is_root())
        .map(|user| Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .ok_or_else(|| {
            EmbeddedError::failed(
                "choose an account for PostgreSQL, which refuses root",
                "the system has neither `studioconnect` nor `nobody`: give the data folder to an ordinary user",
            )
        })
}

/// Whether an account may pass through all folders down to a path, and run it if it is a program.
pub(super) fn reachable(path: &Path, account: Account) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    path.ancestors().all(|folder| {
        fs::metadata(folder).is_ok_and(|meta| {
            let needed = if meta.uid() == account.uid {
                0o100
            } else if meta.gid() == account.gid {
                0o010
            } else {
                0o001
            };
            meta.mode() & needed != 0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_folder(mode: u32) -> (PathBuf, Account) {
        let folder = std::env::temp_dir().join(format!("reachable-{mode:o}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::set_permissions(&folder, Permissions::from_mode(mode)).expect("its mode");
        // An account that owns nothing here.
        (folder, Account { uid: 54_321, gid: 54_321 })
    }

    #[test]
    fn a_folder_is_reachable_only_when_strangers_may_pass() {
        let (open, stranger) = open_folder(0o711);
        assert!(reachable(&open, stranger));
        let (closed, stranger) = open_folder(0o700);
        assert!(!reachable(&closed, stranger));
        let _gone = (fs::remove_dir(open), fs::remove_dir(closed));
    }
}
