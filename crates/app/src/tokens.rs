//! Secrets that are shown once and kept as a hash: invitation links and API keys.

use aws_lc_rs::{digest, rand};
use secrecy::SecretString;

use crate::error::AppError;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 digits of base 62 hold 256 bits.
const BODY: usize = 43;
/// Six more hold the 32 bits by which a mistyped or made-up token is known without asking the database, and by which
/// scanners of leaked secrets know a real one.
const CHECK: usize = 6;

/// Draws a token: the prefix, 256 random bits, a checksum.
pub(crate) fn draw(prefix: &str) -> Result<SecretString, AppError> {
    let mut text = String::with_capacity(prefix.len() + BODY + CHECK);
    text.push_str(prefix);
    let mut bytes = [0u8; 64];
    while text.len() < prefix.len() + BODY {
        rand::fill(&mut bytes).map_err(|_| AppError::Bug("the machine has no randomness".to_owned()))?;
        for byte in bytes {
            // 248 is the largest multiple of 62 in a byte: beyond it some digits would be likelier.
            if byte < 248 && text.len() < prefix.len() + BODY {
                text.push(char::from(DIGITS[usize::from(byte) % 62]));
            }
        }
    }
    let check = checksum(&text);
    text.push_str(&check);
    Ok(text.into())
}

/// Whether a text is a token with that prefix. Says nothing about whether it was ever given out.
pub(crate) fn is_token(text: &str, prefix: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    if rest.len() != BODY + CHECK || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (body, check) = text.split_at(prefix.len() + BODY);
    checksum(body) == check
}

/// What is stored. A plain hash does: the token has 256 bits of its own, there is nothing to guess.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

fn checksum(text: &str) -> String {
    let hash = hash(text);
    let mut value = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let mut digits = [b'0'; CHECK];
    for slot in digits.iter_mut().rev() {
        *slot = DIGITS[(value % 62) as usize];
        value /= 62;
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_known_by_its_checksum_and_never_drawn_twice() {
        let (one, other) = (draw("sc_live_").expect("random"), draw("sc_live_").expect("random"));
        let one = one.expose_secret();
        assert!(is_token(one, "sc_live_"));
        assert_eq!(one.len(), "sc_live_".len() + 49);
        assert_ne!(one, other.expose_secret());
        assert!(!is_token(one, "sci_"));
        for place in 8..one.len() {
            let mut changed = one.as_bytes().to_vec();
            changed[place] = if changed[place] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(!is_token(&changed, "sc_live_"), "{place}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        for text in ["", "sc_live_", "sc_live_zz", "Bearer x", &format!("sc_live_{}", "é".repeat(25))] {
            assert!(!is_token(text, "sc_live_"), "{text}");
        }
    }
}
