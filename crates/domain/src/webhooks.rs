//! Outgoing webhooks: which events there are, who wants which, and how long one is tried.

pub mod catalogue;
mod excerpt;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use excerpt::excerpt;

/// Receivers that one organization may have.
pub const MAX_WEBHOOKS: u32 = 20;
/// Largest body of a webhook in bytes. What is larger is told by its id only.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;
/// Days that events and the log of their deliveries are kept.
pub const LOG_DAYS: i64 = 30;
/// Hours that the former secret still signs after a rotation.
pub const ROTATION_OVERLAP_HOURS: i64 = 24;
/// The version of the payloads' form.
pub const PAYLOAD_VERSION: u32 = 1;

/// The waiting time before each further attempt: three days in all, so that a receiver that breaks on a Friday
/// evening misses nothing by Monday. Ten attempts with the first.
pub const RETRY_DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(14 * 3_600),
    Duration::from_secs(20 * 3_600),
    Duration::from_secs(20 * 3_600 + 24 * 60 + 55),
];
/// How much longer than its delay an attempt may wait, so that a thousand events that failed together don't come
/// back together.
const JITTER: f64 = 0.1;
/// An event that has been tried since then is given up after its next failure, whatever the schedule says: its
/// turn may have come late because the receiver was left in peace.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs((3 * 24 + 8) * 3_600);
/// A receiver without any success for so long is disabled when an event is given up.
pub const DISABLE_AFTER: Duration = Duration::from_secs(3 * 24 * 3_600);
/// Failures in a row from which on a receiver is ill: it is left in peace for a while after each further one.
pub const ILL_FROM: u32 = 5;
/// The first such while; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest such while.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// A receiver may ask to be left in peace for so long at most.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// Requests at once to one receiver that is well: a slow one keeps nobody else waiting.
pub const MAX_IN_FLIGHT: u32 = 4;
/// Requests at once to one that is ill.
pub const MAX_IN_FLIGHT_ILL: u32 = 1;

/// How long to wait after the `failed`-th failed attempt (1 is the first); `None` when that was the last one.
/// `luck` is a number from 0 to 1 that spreads the attempts.
#[must_use]
pub fn retry_delay(failed: u32, luck: f64) -> Option<Duration> {
    let index = usize::try_from(failed.checked_sub(1)?).ok()?;
    let delay = RETRY_DELAYS.get(index)?;
    Some(delay.mul_f64(1.0 + JITTER * luck.clamp(0.0, 1.0)))
}

/// How long a receiver is left in peace after so many failures in a row.
#[must_use]
pub fn circuit_pause(failures_in_a_row: u32) -> Option<Duration> {
    let beyond = failures_in_a_row.checked_sub(ILL_FROM)?;
    let pause = FIRST_PAUSE.saturating_mul(1u32.checked_shl(beyond).unwrap_or(u32::MAX));
    Some(pause.min(LONGEST_PAUSE))
}

/// A text that names no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event of that name")]
pub struct UnknownEvent;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Something that webhooks tell of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $($(#[$doc])* $variant,)*
        }

        impl EventType {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in payloads, filters and the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

events! {
    /// The conversation of a call began.
    CallStarted = "call.started";
    /// A call is over and its record is complete.
    CallEnded = "call.ended";
    /// The summary of a call is written.
    CallSummarized = "call.summarized";
    /// A conversation brought a new lead.
    LeadCreated = "lead.created";
    /// A lead changed: by the conversation that is over now, or by the business.
    LeadUpdated = "lead.updated";
    /// A lead became urgent.
    LeadUrgent = "lead.urgent";
    /// A chat is over.
    ChatEnded = "chat.ended";
    /// Somebody asked for more than was agreed.
    ScopeAlert = "scope.alert";
    /// A project changed.
    ProjectUpdated = "project.updated";
    /// A client gave a verdict.
    SatisfactionRecorded = "satisfaction.recorded";
    /// A share of what the plan includes is used.
    UsageThreshold = "usage.threshold";
    /// An invoice was issued.
    InvoiceCreated = "invoice.created";
    /// An invoice was paid.
    InvoicePaid = "invoice.paid";
    /// An invoice could not be collected.
    InvoicePaymentFailed = "invoice.payment_failed";
    /// A caller asked that a message be passed on.
    MessageTaken = "message.taken";
    /// A test, sent on request only.
    Ping = "ping";
}

impl EventType {
    /// Whether this version sends it. The others are declared, so that integrators can prepare for them.
    #[must_use]
    pub const fn is_emitted(self) -> bool {
        matches!(
            self,
            Self::CallStarted
                | Self::CallEnded
                | Self::CallSummarized
                | Self::LeadCreated
                | Self::LeadUpdated
                | Self::LeadUrgent
                | Self::ProjectUpdated
                | Self::MessageTaken
                | Self::Ping
        )
    }

    /// Whether one can ask for it: the test goes to whoever is tested.
    #[must_use]
    pub const fn can_be_wanted(self) -> bool {
        !matches!(self, Self::Ping)
    }

    /// The patterns that want this event: its name, its family, everything.
    #[must_use]
    pub fn patterns(self) -> [String; 3] {
        let family = self.name().split('.').next().unwrap_or_default();
        [self.name().to_owned(), format!("{family}.*"), "*".to_owned()]
    }
}

impl FromStr for EventType {
    type Err = UnknownEvent;
    fn from_str(name: &str) -> Result<Self, UnknownEvent> {
        Self::ALL.iter().copied().find(|event| event.name() == name).ok_or(UnknownEvent)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a pattern (`call.ended`, `call.*`, `*`) can ever match.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    EventType::ALL
        .iter()
        .any(|event| event.can_be_wanted() && event.patterns().iter().any(|pattern| pattern == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_lasts_three_days() {
        let total: Duration = RETRY_DELAYS.iter().sum();
        assert_eq!(total, Duration::from_secs(3 * 24 * 3_600));
        assert!(RETRY_DELAYS.is_sorted());
        let longest: Duration = (1..).map_while(|failed| retry_delay(failed, 1.0)).sum();
        assert!(longest > total && longest < GIVE_UP_AFTER, "{longest:?}");
    }

    #[test]
    fn the_delays_follow_the_attempts_and_end() {
        assert_eq!(retry_delay(1, 0.0), Some(Duration::from_secs(5)));
        assert_eq!(retry_delay(2, 1.0), Some(Duration::from_secs(330)));
        assert_eq!(retry_delay(9, 0.0), Some(RETRY_DELAYS[8]));
        assert_eq!(retry_delay(10, 0.0), None);
        assert_eq!(retry_delay(0, 0.0), None);
    }

    #[test]
    fn an_ill_receiver_is_left_in_peace_longer_and_longer() {
        let pauses: Vec<_> = (4..13).map(|n| circuit_pause(n).map(|pause| pause.as_secs())).collect();
        let expect =
            [None, Some(30), Some(60), Some(120), Some(240), Some(480), Some(900), Some(900), Some(900)];
        assert_eq!(pauses, expect);
        assert_eq!(circuit_pause(u32::MAX), Some(LONGEST_PAUSE));
    }

    #[test]
    fn patterns_are_names_families_and_everything() {
        for good in ["*", "call.*", "lead.urgent", "invoice.*", "message.taken"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", "ping", "ping.*", "call", "call.", "c*", "**", "call.sneezed", "CALL.*", "call.* "] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn names_come_back() {
        for &event in EventType::ALL {
            assert_eq!(event.name().parse(), Ok(event));
        }
        assert_eq!("call.sneezed".parse::<EventType>(), Err(UnknownEvent));
    }
}
