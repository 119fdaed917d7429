//! What goes wrong.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before a word of an answer.
    Refuse,
    /// The request is lost: nothing comes of it, and nothing is answered for ever.
    Lose,
    /// The vendor answers with a failure of its own.
    Fail(Failure),
    /// Nothing comes for so long, not even the head of the answer; then it is sound.
    SlowFirstByte(Duration),
    /// The head comes at once, the first piece of the body so much later.
    SlowFirstPiece(Duration),
    /// After so many pieces nothing comes any more, and the connection stays open.
    Stall(usize),
    /// Status 200, and a body that is none of the protocol's.
    Garbage,
    /// After so many pieces the connection is closed in the middle of the body; an answer of one piece ends in its
    /// middle.
    Cut(usize),
    /// After so many pieces the body ends as if it were whole.
    EndEarly(usize),
}

/// A failure that the vendor tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The key is wrong: 401.
    Unauthorized,
    /// Too many requests: 429, with `Retry-After` where given.
    RateLimited(Option<Duration>),
    /// The account is empty: what the vendor says then, mostly 429.
    NoCredit,
    /// This status of 5xx.
    Server(u16),
}

impl Fault {
    /// Its name on a command line and in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Refuse => "refuse".to_owned(),
            Self::Lose => "lose".to_owned(),
            Self::Fail(Failure::Unauthorized) => "401".to_owned(),
            Self::Fail(Failure::RateLimited(None)) => "429".to_owned(),
            Self::Fail(Failure::RateLimited(Some(after))) => format!("429={}", after.as_secs()),
            Self::Fail(Failure::NoCredit) => "no-credit".to_owned(),
            Self::Fail(Failure::Server(status)) => status.to_string(),
            Self::SlowFirstByte(delay) => format!("slow={}", delay.as_millis()),
            Self::SlowFirstPiece(delay) => format!("slow-piece={}", delay.as_millis()),
            Self::Stall(pieces) => format!("stall={pieces}"),
            Self::Garbage => "garbage".to_owned(),
            Self::Cut(pieces) => format!("cut={pieces}"),
            Self::EndEarly(pieces) => format!("end-early={pieces}"),
        }
    }
}

/// What a command line understands.
const UNDERSTOOD: &str = "refuse, lose, 401, 429, 429=SECONDS, no-credit, 500 to 599, slow=MS, \
                          slow-piece=MS, stall=PIECES, garbage, cut=PIECES or end-early=PIECES";

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, value) = match text.split_once('=') {
            None => (text, None),
            Some((kind, value)) => {
                (kind, Some(value.parse::<u32>().map_err(|_| format!("{value:?} is not a number"))?))
            }
        };
        let ms = |value: u32| Duration::from_millis(u64::from(value));
        let count = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        Ok(match (kind, value) {
            ("refuse", None) => Self::Refuse,
            ("lose", None) => Self::Lose,
            ("401", None) => Self::Fail(Failure::Unauthorized),
            ("429", after) => {
                Self::Fail(Failure::RateLimited(after.map(|after| Duration::from_secs(u64::from(after)))))
            }
            ("no-credit", None) => Self::Fail(Failure::NoCredit),
            ("slow", Some(value)) => Self::SlowFirstByte(ms(value)),
            ("slow-piece", Some(value)) => Self::SlowFirstPiece(ms(value)),
            ("stall", Some(value)) => Self::Stall(count(value)),
            ("garbage", None) => Self::Garbage,
            ("cut", Some(value)) => Self::Cut(count(value)),
            ("end-early", Some(value)) => Self::EndEarly(count(value)),
            (status, None) => match status.parse() {
                Ok(status @ 500..=599) => Self::Fail(Failure::Server(status)),
                _ => return Err(format!("must be {UNDERSTOOD}")),
            },
            _ => return Err(format!("must be {UNDERSTOOD}")),
        })
    }
}

/// The fault of the next requests.
#[derive(Debug, Default)]
pub(super) struct Plan(Mutex<Option<(Fault, Option<usize>)>>);

impl Plan {
    /// `times`: only so many requests; `None`: until told otherwise.
    pub(super) fn set(&self, fault: Option<Fault>, times: Option<usize>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault.map(|fault| (fault, times));
    }

    pub(super) fn next(&self) -> Option<Fault> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, times) = plan.as_mut()?;
        let fault = *fault;
        if let Some(left) = times {
            *left = left.saturating_sub(1);
            if *left == 0 {
                *plan = None;
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_name_every_fault() {
        let second = Duration::from_secs(1);
        for fault in [
            Fault::Refuse,
            Fault::Lose,
            Fault::Fail(Failure::Unauthorized),
            Fault::Fail(Failure::RateLimited(None)),
            Fault::Fail(Failure::RateLimited(Some(second))),
            Fault::Fail(Failure::NoCredit),
            Fault::Fail(Failure::Server(503)),
            Fault::SlowFirstByte(second),
            Fault::SlowFirstPiece(second),
            Fault::Stall(2),
            Fault::Garbage,
            Fault::Cut(0),
            Fault::EndEarly(1),
        ] {
            assert_eq!(fault.name().parse(), Ok(fault));
        }
        for wrong in ["", "402", "600", "slow", "slow=x", "garbage=1", "cut"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_can_be_for_the_next_requests_only() {
        let plan = Plan::default();
        plan.set(Some(Fault::Refuse), Some(2));
        assert_eq!([plan.next(), plan.next(), plan.next()], [Some(Fault::Refuse), Some(Fault::Refuse), None]);
        plan.set(Some(Fault::Garbage), None);
        assert_eq!([plan.next(), plan.next()], [Some(Fault::Garbage), Some(Fault::Garbage)]);
        plan.set(None, None);
        assert_eq!(plan.next(), None);
    }
}
