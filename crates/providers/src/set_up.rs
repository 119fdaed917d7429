//! Why a vendor's provider can't be made, and keys as headers.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

/// Why a provider can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The machine trusts nobody.
    #[error("could not read the certificates that this machine trusts")]
    Certificates(#[from] rustls::Error),
    /// The key has a character that no header may have. It is not shown.
    #[error("the key has a character that a header can't carry")]
    Key,
}

/// A key as a header that is not shown, behind a word such as `Bearer `.
pub(crate) fn secret_header(scheme: &str, key: &SecretString) -> Result<HeaderValue, SetUpError> {
    let value = format!("{scheme}{}", key.expose_secret());
    let mut value = HeaderValue::try_from(value).map_err(|_unshown| SetUpError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
