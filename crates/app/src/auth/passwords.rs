//! Password hashes: argon2id in PHC strings.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::error::AppError;

/// A hash that no password of anybody has, with the parameters of the real ones: checking against it takes
/// an unknown account as long as a known one.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c3R1ZGlvY29ubmVjdC1kZQ$\
                     q1bLk1Jv0Xf1hmP7gAowqR9sK6c0bJkq2l2g0n4m1tY";

/// Hashes a password with a fresh salt (argon2id, 19 MiB, two passes: the parameters OWASP asks for).
/// Takes some 20 ms of a core: call it where blocking is allowed.
///
/// # Errors
/// When the machine has no randomness, or the password is absurdly long.
pub fn hash_password(password: &str) -> Result<String, AppError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| AppError::Bug(format!("could not hash a password: {error}")))
}

/// Whether the password belongs to the hash. Without a hash (no such account) the same work is done and the
/// answer is no.
#[must_use]
pub fn password_matches(password: &str, hash: Option<&str>) -> bool {
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(DECOY)) else {
        tracing::error!("a stored password hash can't be read");
        return false;
    };
    let matches = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    matches && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let hash = hash_password("correct horse").expect("hashed");
        assert!(hash.starts_with("$argon2id$"));
        assert!(password_matches("correct horse", Some(&hash)));
        assert!(!password_matches("correct horsf", Some(&hash)));
        assert!(!password_matches("", Some(&hash)));
        assert!(!password_matches("correct horse", Some("scrambled")));
    }

    #[test]
    fn an_unknown_account_costs_the_same_work() {
        assert!(!password_matches("anything", None));
        let decoy = PasswordHash::new(DECOY).expect("the decoy is a valid hash");
        let real = hash_password("x").expect("hashed");
        let real = PasswordHash::new(&real).expect("a valid hash");
        assert_eq!((decoy.algorithm, &decoy.params), (real.algorithm, &real.params));
        assert_eq!(decoy.hash.map(|h| h.len()), real.hash.map(|h| h.len()));
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        assert_ne!(hash_password("same").expect("hashed"), hash_password("same").expect("hashed"));
    }
}
