//! The envelope around secrets in the database: AES-256-GCM with a key that the database never sees.
//!
//! A sealed value is `version (1 byte) | key id (4 bytes) | nonce (12) | ciphertext and tag`. What it belongs to
//! (table, column, record) is bound to it, so that a value moved to another record does not open. Keys are derived
//! from the operator's `ENCRYPTION_KEY`; older ones stay readable until `studioconnect secrets rotate` has sealed
//! everything anew.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use secrecy::{ExposeSecret, SecretString};

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
const HEADER_LEN: usize = 1 + KEY_ID_LEN;

/// Why a secret could not be sealed or opened. Says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It was sealed with a key that is not configured.
    #[error("sealed with a key that is not configured: add the former ENCRYPTION_KEY to ENCRYPTION_KEYS_OLD")]
    UnknownKey,
    /// It was changed, or belongs to another record.
    #[error("the sealed value is damaged or belongs to another record")]
    Damaged,
    /// The key is too weak.
    #[error("an encryption key needs at least 32 characters")]
    WeakKey,
    /// The machine failed us.
    #[error("encryption is not available on this machine")]
    Unavailable,
}

struct Key {
    id: [u8; KEY_ID_LEN],
    key: RandomizedNonceKey,
}

/// Seals and opens secrets.
pub struct Envelope {
    /// The first seals, all open.
    keys: Vec<Key>,
}

// By hand: keys are not shown.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("keys", &self.keys.len()).finish()
    }
}

impl Envelope {
    /// With the operator's key, and former ones that may still be needed to open.
    ///
    /// # Errors
    /// [`SecretError::WeakKey`] when one has less than 32 characters.
    pub fn new(current: &SecretString, former: &[SecretString]) -> Result<Self, SecretError> {
        let keys = std::iter::once(current).chain(former).map(derive).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Seals a secret for one place: `purpose` names table and column, `owner` the record.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`].
    pub fn seal(&self, purpose: &str, owner: &str, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        let key = self.keys.first().ok_or(SecretError::Unavailable)?;
        let mut body = secret.to_vec();
        let nonce = key
            .key
            .seal_in_place_append_tag(Aad::from(bound(purpose, owner)), &mut body)
            .map_err(|_| SecretError::Unavailable)?;
        let mut sealed = Vec::with_capacity(HEADER_LEN + NONCE_LEN + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// [`SecretError::UnknownKey`], [`SecretError::Damaged`].
    pub fn open(&self, purpose: &str, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, SecretError> {
        let (header, rest) = sealed.split_at_checked(HEADER_LEN).ok_or(SecretError::Damaged)?;
        if header[0] != VERSION {
            return Err(SecretError::Damaged);
        }
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SecretError::Damaged)?;
        let key = self.keys.iter().find(|key| key.id == header[1..]).ok_or(SecretError::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretError::Damaged)?;
        let mut body = body.to_vec();
        let length = key
            .key
            .open_in_place(nonce, Aad::from(bound(purpose, owner)), &mut body)
            .map_err(|_| SecretError::Damaged)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// Whether a sealed value should be sealed anew because it is not under the current key.
    #[must_use]
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        let current = self.keys.first().map(|key| key.id);
        sealed.get(1..HEADER_LEN) != current.as_ref().map(<[u8; KEY_ID_LEN]>::as_slice)
    }
}

fn bound(purpose: &str, owner: &str) -> Vec<u8> {
    // The length keeps ("ab", "c") and ("a", "bc") apart.
    format!("{}:{purpose}:{owner}", purpose.len()).into_bytes()
}

/// Any passphrase of the operator's becomes a key; its id is derived too and tells nothing about it.
fn derive(passphrase: &SecretString) -> Result<Key, SecretError> {
    let passphrase = passphrase.expose_secret();
    if passphrase.len() < 32 {
        return Err(SecretError::WeakKey);
    }
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"studioconnect secrets v1");
    let root = salt.extract(passphrase.as_bytes());
    let mut key = [0u8; 32];
    let mut id = [0u8; 32];
    for (info, out) in [(b"key".as_slice(), &mut key), (b"id".as_slice(), &mut id)] {
        root.expand(&[info], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(out))
            .map_err(|_| SecretError::Unavailable)?;
    }
    let mut short = [0u8; KEY_ID_LEN];
    short.copy_from_slice(&id[..KEY_ID_LEN]);
    let key = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| SecretError::Unavailable)?;
    Ok(Key { id: short, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(current: &str, former: &[&str]) -> Envelope {
        let former: Vec<SecretString> = former.iter().map(|text| text.to_string().into()).collect();
        Envelope::new(&current.to_owned().into(), &former).expect("long enough")
    }

    const ONE: &str = "one passphrase of more than 32 characters";
    const TWO: &str = "two passphrase of more than 32 characters";

    #[test]
    fn what_was_sealed_opens_at_its_own_place_only() {
        let envelope = envelope(ONE, &[]);
        let sealed = envelope.seal("webhooks.secret", "hook_1", b"whsec").expect("sealed");
        assert!(!sealed.windows(5).any(|window| window == b"whsec"));
        assert_eq!(envelope.open("webhooks.secret", "hook_1", &sealed), Ok(b"whsec".to_vec()));
        assert_eq!(envelope.open("webhooks.secret", "hook_2", &sealed), Err(SecretError::Damaged));
        assert_eq!(envelope.open("users.totp", "hook_1", &sealed), Err(SecretError::Damaged));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let envelope = envelope(ONE, &[]);
        let sealed = envelope.seal("a", "b", b"secret").expect("sealed");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(envelope.open("a", "b", &changed).is_err(), "byte {place}");
        }
        assert_eq!(envelope.open("a", "b", &[]), Err(SecretError::Damaged));
    }

    #[test]
    fn a_former_key_opens_and_asks_to_be_replaced() {
        let old = envelope(ONE, &[]);
        let sealed = old.seal("a", "b", b"secret").expect("sealed");
        let new = envelope(TWO, &[ONE]);
        assert_eq!(new.open("a", "b", &sealed), Ok(b"secret".to_vec()));
        assert!(new.is_outdated(&sealed) && !old.is_outdated(&sealed));
        assert_eq!(envelope(TWO, &[]).open("a", "b", &sealed), Err(SecretError::UnknownKey));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(Envelope::new(&"short".to_owned().into(), &[]).err(), Some(SecretError::WeakKey));
    }
}
