//! Password hashes: argon2id in PHC strings. Hashes of older systems (scrypt in PHC strings, bcrypt) are understood,
//! and replaced at the next sign-in.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use scrypt::Scrypt;
use secrecy::{ExposeSecret, SecretString};

use crate::error::AppError;
use crate::runtime::App;

/// A hash that no password of anybody has, with the parameters of the real ones: checking against it takes
/// an unknown account as long as a known one.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c3R1ZGlvY29ubmVjdC1kZQ$\
                     q1bLk1Jv0Xf1hmP7gAowqR9sK6c0bJkq2l2g0n4m1tY";

/// Passwords checked at once by this process: each takes 19 MiB and a core for some 20 ms.
pub(crate) const PARALLEL_CHECKS: usize = 4;

/// How a password compares with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Right,
    /// It is the one, and its hash should be made anew.
    RightButOld,
    /// It is not.
    Wrong,
}

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

/// Compares a password with a hash. Without a hash (no such account, or none by password) the same work is done
/// and the answer is no. Blocks, like [`hash_password`].
#[must_use]
pub fn compare(password: &str, hash: Option<&str>) -> Verdict {
    let text = hash.unwrap_or(DECOY);
    if text.starts_with("$2") {
        let right = bcrypt::verify(password, text).unwrap_or_else(|_| unreadable());
        return if right { Verdict::RightButOld } else { Verdict::Wrong };
    }
    let Ok(parsed) = PasswordHash::new(text) else {
        unreadable();
        return Verdict::Wrong;
    };
    let password = password.as_bytes();
    let (right, is_old) = match parsed.algorithm.as_str() {
        "scrypt" => (Scrypt::default().verify_password(password, &parsed).is_ok(), true),
        _ => (Argon2::default().verify_password(password, &parsed).is_ok(), is_outdated(&parsed)),
    };
    match (right && hash.is_some(), is_old) {
        (false, _) => Verdict::Wrong,
        (true, false) => Verdict::Right,
        (true, true) => Verdict::RightButOld,
    }
}

fn unreadable() -> bool {
    tracing::error!("a stored password hash can't be read");
    false
}

/// Whether an argon2 hash was made with other parameters than ours.
fn is_outdated(hash: &PasswordHash) -> bool {
    let decoy = PasswordHash::new(DECOY).expect("the decoy is a valid hash: a test reads it");
    (hash.algorithm, &hash.params) != (decoy.algorithm, &decoy.params)
}

/// Compares without blocking the async threads; waits for its turn where many sign in at once.
pub(super) async fn verify(
    app: &App,
    password: &SecretString,
    hash: Option<String>,
) -> Result<Verdict, AppError> {
    if password.expose_secret().len() > domain::passwords::LONGEST_BYTES {
        // Refused unread: hashing must not be a way to burn our time.
        return Ok(Verdict::Wrong);
    }
    let password = password.clone();
    in_turn(app, move || compare(password.expose_secret(), hash.as_deref())).await
}

/// Hashes without blocking the async threads.
///
/// # Errors
/// As [`hash_password`].
pub async fn hash(app: &App, password: SecretString) -> Result<String, AppError> {
    in_turn(app, move || hash_password(password.expose_secret())).await?
}

async fn in_turn<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AppError> {
    let turn = app.password_checks.acquire().await;
    let _turn = turn.map_err(|_| AppError::Bug("the sign-in queue is closed".into()))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| AppError::Bug(format!("a password check did not finish: {error}")))
}

/// Checks a password that somebody chose against the rules.
///
/// # Errors
/// [`AppError::Invalid`] with the reason, for the field.
pub fn check_rules(field: &'static str, password: &str, personal: &[&str]) -> Result<(), AppError> {
    domain::passwords::check(password, personal)
        .map_err(|flaw| AppError::Invalid { field, message: flaw.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let hash = hash_password("correct horse").expect("hashed");
        assert!(hash.starts_with("$argon2id$"));
        assert_eq!(compare("correct horse", Some(&hash)), Verdict::Right);
        assert_eq!(compare("correct horsf", Some(&hash)), Verdict::Wrong);
        assert_eq!(compare("", Some(&hash)), Verdict::Wrong);
        assert_eq!(compare("correct horse", Some("scrambled")), Verdict::Wrong);
        assert_eq!(compare("correct horse", Some("$2b$scrambled")), Verdict::Wrong);
    }

    #[test]
    fn an_unknown_account_costs_the_same_work() {
        assert_eq!(compare("anything", None), Verdict::Wrong);
        let decoy = PasswordHash::new(DECOY).expect("the decoy is a valid hash");
        let real = hash_password("x").expect("hashed");
        let real = PasswordHash::new(&real).expect("a valid hash");
        assert_eq!((decoy.algorithm, &decoy.params), (real.algorithm, &real.params));
        assert_eq!(decoy.hash.map(|h| h.len()), real.hash.map(|h| h.len()));
    }

    #[test]
    fn hashes_of_older_systems_are_understood_and_asked_to_be_replaced() {
        // Small costs, so that an unoptimised test ends.
        let bcrypt = bcrypt::hash("correct horse", 4).expect("hashed");
        let params = scrypt::Params::new(4, 8, 1).expect("parameters");
        let scrypt = Scrypt::new_with_params(params);
        let scrypt =
            PasswordHasher::<PasswordHash>::hash_password(&scrypt, b"correct horse").expect("hashed");
        let weak = argon2::Params::new(64, 1, 1, None).expect("parameters");
        let weak = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, weak);
        let weak = weak.hash_password(b"correct horse").expect("hashed");
        for hash in [bcrypt, scrypt.to_string(), weak.to_string()] {
            assert_eq!(compare("correct horse", Some(&hash)), Verdict::RightButOld, "{hash}");
            assert_eq!(compare("correct horsf", Some(&hash)), Verdict::Wrong, "{hash}");
        }
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        assert_ne!(hash_password("same").expect("hashed"), hash_password("same").expect("hashed"));
    }
}
