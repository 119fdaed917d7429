//! The installation's own secrets: what the operator configured, else what the first start drew by lot and keeps
//! in the data folder.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use app::secrets::Envelope;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::Config;

/// The folder in the data folder that only its owner may enter.
const FOLDER: &str = "keys";

/// Letters of passwords that people read off a screen: none looks like another.
const LETTERS: &[u8; 20] = b"bcdfghjkmnpqrstvwxyz";

/// A new password to be read off a screen: 12 letters, 51 bits.
#[must_use]
pub fn password() -> String {
    let letters: Vec<char> = rand::random::<[u8; 12]>()
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Opens the envelope of stored secrets.
///
/// # Errors
/// When a key is too weak or the key file can't be read or made.
pub fn envelope(config: &Config) -> anyhow::Result<Envelope> {
    let current = match &config.secrets.encryption_key {
        Some(key) => key.clone(),
        None => kept(&config.general.data_dir, "encryption")?,
    };
    let former: Vec<SecretString> = config
        .secrets
        .encryption_keys_old
        .iter()
        .flat_map(|keys| keys.expose_secret().split(',').map(str::trim).filter(|key| !key.is_empty()))
        .map(|key| key.to_owned().into())
        .collect();
    Envelope::new(&current, &former).context("secrets.encryption_key (ENCRYPTION_KEY)")
}

/// What access tokens are signed with.
///
/// # Errors
/// When the configured one is too short, or the key file can't be read or made.
pub fn token_key(config: &Config) -> anyhow::Result<SecretString> {
    match &config.secrets.jwt_secret {
        Some(key) if key.expose_secret().len() < 32 => {
            anyhow::bail!("secrets.jwt_secret (JWT_SECRET) needs at least 32 characters")
        }
        Some(key) => Ok(key.clone()),
        None => kept(&config.general.data_dir, "tokens"),
    }
}

/// The secret of a file, drawn when there is none. Two processes that start at once agree on one.
fn kept(data_dir: &Path, name: &str) -> anyhow::Result<SecretString> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let folder = data_dir.join(FOLDER);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("could not make {}", folder.display()))?;
    let path = folder.join(name);
    let context = || format!("could not keep the secret {}", path.display());
    if !path.exists() {
        let drawn = folder.join(format!(".{name}.{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&drawn)
            .with_context(context)?;
        file.write_all(hex::encode(rand::random::<[u8; 32]>()).as_bytes()).with_context(context)?;
        file.sync_all().with_context(context)?;
        // Fails when another process was first, and then its secret counts.
        let linked = std::fs::hard_link(&drawn, &path);
        std::fs::remove_file(&drawn).with_context(context)?;
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(context),
        }
    }
    let secret = std::fs::read_to_string(&path).with_context(context)?;
    Ok(secret.trim().to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_drawn_once_and_kept_from_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let first = kept(folder.path(), "tokens").expect("drawn");
        let again = kept(folder.path(), "tokens").expect("kept");
        assert_eq!(first.expose_secret(), again.expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        let other = kept(folder.path(), "encryption").expect("drawn");
        assert_ne!(first.expose_secret(), other.expose_secret());
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join(FOLDER)), 0o700);
        assert_eq!(mode(&folder.path().join(FOLDER).join("tokens")), 0o600);
        let left: Vec<_> = std::fs::read_dir(folder.path().join(FOLDER)).expect("a folder").collect();
        assert_eq!(left.len(), 2);
    }
}
