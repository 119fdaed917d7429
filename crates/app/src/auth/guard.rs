//! Slows down who guesses: per account and per address, with growing delay, counted in the database for all nodes.
//!
//! A try is counted before its outcome is known, so that tries in parallel can't slip through, and taken back when
//! it turns out right. What is refused costs no password check.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use store::{SystemTx, guarded_tries};

use super::tokens;
use crate::error::AppError;

/// What is guarded. An office shares an address, so addresses get more tries that cost nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// Passwords of one account, known or not.
    Account(String),
    /// Passwords from one address.
    Address(IpAddr),
    /// Second factors of one person.
    SecondFactor(domain::ids::UserId),
    /// Links asked for one account.
    LinkFor(String),
    /// Links asked for from one address.
    LinkFrom(IpAddr),
    /// Refresh tokens that are none, from one address.
    RefreshFrom(IpAddr),
    /// Tests that an organization asks for, each of which is sent to somebody.
    TestOf(domain::ids::OrgId),
}

impl Guarded {
    fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Address(_) => "address",
            Self::SecondFactor(_) => "second_factor",
            Self::LinkFor(_) => "link_for",
            Self::LinkFrom(_) => "link_from",
            Self::RefreshFrom(_) => "refresh_from",
            Self::TestOf(_) => "test_of",
        }
    }

    /// Tries that cost nothing.
    fn free(&self) -> u32 {
        match self {
            Self::Account(_) | Self::SecondFactor(_) => 5,
            Self::LinkFor(_) => 3,
            Self::LinkFrom(_) | Self::TestOf(_) => 10,
            Self::Address(_) | Self::RefreshFrom(_) => 30,
        }
    }

    fn subject(&self) -> [u8; 32] {
        match self {
            Self::Account(email) | Self::LinkFor(email) => tokens::hash(&email.trim().to_lowercase()),
            Self::Address(ip) | Self::LinkFrom(ip) | Self::RefreshFrom(ip) => {
                tokens::hash(&network(*ip).to_string())
            }
            Self::SecondFactor(user_id) => tokens::hash(&user_id.to_string()),
            Self::TestOf(org_id) => tokens::hash(&org_id.to_string()),
        }
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Counts a try at each of them. Commit the transaction when it was counted, drop it when not. Several subjects
/// are locked in the order given: give it in the order of [`Guarded`]'s variants, so that none waits in a circle.
///
/// # Errors
/// [`AppError::TooMany`] when one of them comes too early.
pub(crate) async fn begin_try(
    tx: &mut SystemTx,
    subjects: &[Guarded],
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    for subject in subjects {
        let (kind, hash) = (subject.kind(), subject.subject());
        let tries = guarded_tries::lock(tx, kind, &hash, now).await?;
        let tries = tries
            .one_more(subject.free(), now)
            .map_err(|retry_after_s| AppError::TooMany { retry_after_s })?;
        guarded_tries::set(tx, kind, &hash, tries).await?;
    }
    Ok(())
}

/// Takes a try back that turned out right: what belongs to one account starts afresh, an address loses this one.
pub(crate) async fn succeeded(tx: &mut SystemTx, subjects: &[Guarded]) -> Result<(), AppError> {
    for subject in subjects {
        let (kind, hash) = (subject.kind(), subject.subject());
        match subject {
            Guarded::Account(_) | Guarded::SecondFactor(_) | Guarded::LinkFor(_) => {
                guarded_tries::clear(tx, kind, &hash).await?;
            }
            Guarded::Address(_) | Guarded::LinkFrom(_) | Guarded::RefreshFrom(_) | Guarded::TestOf(_) => {
                guarded_tries::take_back(tx, kind, &hash).await?;
            }
        }
    }
    Ok(())
}

/// Takes a try back without forgetting those before it: it was neither right nor wrong.
pub(crate) async fn take_back(tx: &mut SystemTx, subjects: &[Guarded]) -> Result<(), AppError> {
    for subject in subjects {
        guarded_tries::take_back(tx, subject.kind(), &subject.subject()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_in_whatever_letters_and_an_ipv6_network_one_address() {
        let account = |text: &str| Guarded::Account(text.to_owned()).subject();
        assert_eq!(account("a@x.com"), account(" A@X.com"));
        assert_ne!(account("a@x.com"), account("b@x.com"));
        let from = |n: u16| Guarded::Address(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n])).subject();
        assert_eq!(from(1), from(2));
        let v4 = |n: u8| Guarded::Address(IpAddr::from([192, 0, 2, n])).subject();
        assert_ne!(v4(1), v4(2));
    }
}
