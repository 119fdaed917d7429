//! The only code that reads the environment and configuration files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::layers::{ENV_FILE, Layers};
use super::{Loaded, dotenv};

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// Settings given by flags, by key; later ones win.
    pub flags: Vec<(String, String)>,
}

/// Reads the file, `.env` and the environment of this process and makes the configuration.
///
/// The file is the first of: `--config`, `$STUDIOCONNECT_CONFIG` (also from `.env`), `./studioconnect.toml`,
/// `/etc/studioconnect/studioconnect.toml`. The first two must exist when they are named.
///
/// # Errors
/// See [`ConfigError`].
pub fn collect(chosen: &Chosen) -> Result<Loaded, ConfigError> {
    let environment = environment();
    let dotenv = read_if_there(Path::new(".env"))?;
    let file = match named_file(chosen, &environment, dotenv.as_ref()) {
        Some(path) => Some(read(&path)?),
        None => match read_if_there(Path::new("studioconnect.toml"))? {
            Some(found) => Some(found),
            None => read_if_there(Path::new("/etc/studioconnect/studioconnect.toml"))?,
        },
    };
    let data_dir = default_data_dir(&environment, nix::unistd::Uid::effective().is_root());
    let mut machine_defaults = vec![("data_dir", data_dir.display().to_string())];
    // A program that carries PostgreSQL inside looks elsewhere only when it is told to.
    if let Some(folder) = fetched_postgres(&environment).filter(|_| !cfg!(feature = "bundled-postgres")) {
        machine_defaults.push(("database.postgres_dir", folder.display().to_string()));
    }
    let layers = Layers { machine_defaults, file, dotenv, environment, flags: chosen.flags.clone() };
    Loaded::from_layers(&layers)
}

/// Variables that are not UTF-8 are passed over: no setting of ours can have such a value.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn named_file(
    chosen: &Chosen,
    environment: &[(String, String)],
    dotenv_file: Option<&(PathBuf, String)>,
) -> Option<PathBuf> {
    let named_in = |pairs: &[(String, String)]| {
        let value = pairs.iter().find(|(name, value)| name == ENV_FILE && !value.is_empty());
        value.map(|(_, value)| PathBuf::from(value))
    };
    let in_dotenv = || dotenv_file.and_then(|(_, text)| named_in(&dotenv::parse(text).ok()?));
    chosen.file.clone().or_else(|| named_in(environment)).or_else(in_dotenv)
}

/// Root keeps data where packages do. It must not lie under `/root`, which the unprivileged user that
/// PostgreSQL runs as cannot enter.
fn default_data_dir(environment: &[(String, String)], is_root: bool) -> PathBuf {
    let base = xdg_folder(environment, "XDG_DATA_HOME", ".local/share").filter(|_| !is_root);
    base.map_or_else(|| PathBuf::from("/var/lib/studioconnect"), |base| base.join("studioconnect"))
}

/// Where `scripts/fetch-postgres.sh` puts the PostgreSQL that fits this program.
fn fetched_postgres(environment: &[(String, String)]) -> Option<PathBuf> {
    let cache = xdg_folder(environment, "XDG_CACHE_HOME", ".cache")?;
    Some(cache.join("studioconnect/postgres").join(store::embedded::POSTGRES_VERSION))
}

fn xdg_folder(environment: &[(String, String)], name: &str, below_home: &str) -> Option<PathBuf> {
    let value = |name: &str| {
        environment.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| PathBuf::from(v))
    };
    // A relative path there is to be ignored, says the XDG specification.
    let named = value(name).filter(|path| path.is_absolute());
    named.or_else(|| value("HOME").map(|home| home.join(below_home)))
}

fn read(path: &Path) -> Result<(PathBuf, String), ConfigError> {
    let text = std::fs::read_to_string(path);
    text.map(|text| (path.to_owned(), text))
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn read_if_there(path: &Path) -> Result<Option<(PathBuf, String)>, ConfigError> {
    match read(path) {
        Err(ConfigError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_data_where_postgres_may_go() {
        let home = [("HOME".to_owned(), "/root".to_owned())];
        assert_eq!(default_data_dir(&home, true), Path::new("/var/lib/studioconnect"));
    }

    #[test]
    fn a_plain_user_keeps_data_in_the_xdg_folder() {
        let check = |pairs: &[(&str, &str)], expect: &str| {
            let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(default_data_dir(&pairs, false), Path::new(expect));
        };
        check(&[("HOME", "/home/ada")], "/home/ada/.local/share/studioconnect");
        check(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "/data")], "/data/studioconnect");
        check(
            &[("HOME", "/home/ada"), ("XDG_DATA_HOME", "relative")],
            "/home/ada/.local/share/studioconnect",
        );
        check(&[], "/var/lib/studioconnect");
    }
}
