//! Slows down who guesses passwords: per account and per address, with growing delay.
//!
//! Kept in memory, so each process counts for itself; the shared limits come with Redis.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;

/// Tries that cost nothing. An office shares an address, so it gets more.
const FREE_TRIES_ACCOUNT: u32 = 5;
const FREE_TRIES_ADDRESS: u32 = 30;
/// The delay doubles from one second up to here. Longer would let anybody lock an owner out.
const LONGEST_DELAY_S: i64 = 300;
/// What was tried longer ago than this is forgotten.
const MEMORY: TimeDelta = TimeDelta::minutes(30);
/// Accounts and addresses that are remembered; when full, the ones tried longest ago go first.
const CAPACITY: usize = 10_000;
/// Passwords checked at once: each takes 19 MiB and a core for some 20 ms.
const PARALLEL_CHECKS: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    last: DateTime<Utc>,
}

/// Recent sign-in tries of this process.
#[derive(Debug)]
pub struct LoginLimits {
    tries: Mutex<HashMap<Key, Tries>>,
    pub(super) checks: Semaphore,
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self { tries: Mutex::default(), checks: Semaphore::new(PARALLEL_CHECKS) }
    }
}

impl LoginLimits {
    /// Counts a try before its outcome is known, so that tries in parallel can't slip through.
    ///
    /// # Errors
    /// The seconds to wait, when it comes too early. Such a try is not counted.
    pub fn begin_try(&self, now: DateTime<Utc>, email: &str, address: Option<IpAddr>) -> Result<(), u64> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<Key> = keys(email, address).collect();
        let wait_s = keys.iter().filter_map(|key| tries.get(key).map(|t| wait_s(key, *t, now))).max();
        if let Some(wait_s) = wait_s
            && wait_s > 0
        {
            return Err(wait_s.unsigned_abs());
        }
        make_room(&mut tries, now);
        for key in keys {
            let entry = tries.entry(key).or_insert(Tries { count: 0, last: now });
            if now - entry.last > MEMORY {
                entry.count = 0;
            }
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
        }
        Ok(())
    }

    /// Takes a try back that turned out right: the account starts afresh, the address loses this one.
    pub fn succeeded(&self, email: &str, address: Option<IpAddr>) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(email, address) {
            match &key {
                Key::Account(_) => {
                    tries.remove(&key);
                }
                Key::Address(_) => {
                    if let Some(entry) = tries.get_mut(&key) {
                        entry.count = entry.count.saturating_sub(1);
                    }
                }
            }
        }
    }
}

fn keys(email: &str, address: Option<IpAddr>) -> impl Iterator<Item = Key> {
    let account = Key::Account(email.trim().to_lowercase());
    std::iter::once(account).chain(address.map(|address| Key::Address(network(address))))
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn wait_s(key: &Key, tries: Tries, now: DateTime<Utc>) -> i64 {
    let free = match key {
        Key::Account(_) => FREE_TRIES_ACCOUNT,
        Key::Address(_) => FREE_TRIES_ADDRESS,
    };
    let Some(over) = tries.count.checked_sub(free) else { return 0 };
    let delay_s = 1i64.checked_shl(over).unwrap_or(LONGEST_DELAY_S).clamp(1, LONGEST_DELAY_S);
    let until = tries.last + TimeDelta::seconds(delay_s);
    // Rounded up: a client that waits as told must be let in.
    ((until - now).num_milliseconds() + 999) / 1_000
}

fn make_room(tries: &mut HashMap<Key, Tries>, now: DateTime<Utc>) {
    if tries.len() < CAPACITY {
        return;
    }
    tries.retain(|_, entry| now - entry.last <= MEMORY);
    while tries.len() >= CAPACITY {
        let oldest = tries.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        tries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a valid time")
    }

    fn address(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    #[test]
    fn the_delay_doubles_once_the_free_tries_are_used() {
        let limits = LoginLimits::default();
        for n in 0..5 {
            assert_eq!(limits.begin_try(at(0), "a@x.com", address(n)), Ok(()));
        }
        // From another address and in other letters: it is the account that is guarded.
        assert_eq!(limits.begin_try(at(0), " A@X.com", address(9)), Err(1));
        assert_eq!(limits.begin_try(at(1), "a@x.com", address(9)), Ok(()));
        assert_eq!(limits.begin_try(at(1), "a@x.com", address(9)), Err(2));
        assert_eq!(limits.begin_try(at(3), "a@x.com", address(9)), Ok(()));
        assert_eq!(limits.begin_try(at(3), "a@x.com", address(9)), Err(4));
        assert_eq!(limits.begin_try(at(3), "b@x.com", address(9)), Ok(()));
    }

    #[test]
    fn the_delay_stays_bearable_and_is_forgotten() {
        let limits = LoginLimits::default();
        let mut now = 0;
        for _ in 0..40 {
            if let Err(wait) = limits.begin_try(at(now), "a@x.com", None) {
                assert!(wait <= 300);
                now += i64::try_from(wait).expect("small");
                assert_eq!(limits.begin_try(at(now), "a@x.com", None), Ok(()));
            }
        }
        now += 31 * 60;
        for _ in 0..5 {
            assert_eq!(limits.begin_try(at(now), "a@x.com", None), Ok(()));
        }
    }

    #[test]
    fn one_address_cannot_try_many_accounts() {
        let limits = LoginLimits::default();
        let tried = (0..100).filter(|n| limits.begin_try(at(0), &format!("{n}@x.com"), address(1)).is_ok());
        assert_eq!(tried.count(), 30);
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one_address() {
        let limits = LoginLimits::default();
        let from = |n: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]));
        let tried = (0..100).filter(|&n| limits.begin_try(at(0), &format!("{n}@x.com"), from(n)).is_ok());
        assert_eq!(tried.count(), 30);
    }

    #[test]
    fn the_right_password_clears_the_account() {
        let limits = LoginLimits::default();
        for _ in 0..20 {
            assert_eq!(limits.begin_try(at(0), "a@x.com", address(1)), Ok(()));
            limits.succeeded("a@x.com", address(1));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let limits = LoginLimits::default();
        for n in 0..(CAPACITY + 50) {
            let _ = limits.begin_try(at(0), &format!("{n}@x.com"), None);
        }
        assert!(limits.tries.lock().expect("no panic").len() <= CAPACITY);
    }
}
