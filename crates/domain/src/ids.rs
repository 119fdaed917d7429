//! Typed, prefixed identifiers (`call_01jd…`): a UUIDv7 in Crockford base32 behind the noun's prefix.
//!
//! The text form follows the TypeID convention: `<prefix>_` and 26 lower-case characters, so that ids
//! sort by time, say what they name, and can't be mixed up between nouns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected `{expected}_` followed by 26 characters of 0-9 a-z without i, l, o, u")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub expected: &'static str,
}

fn encode(prefix: &str, id: Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = id.as_u128();
    let mut text = [0u8; 26];
    for (place, slot) in text.iter_mut().enumerate() {
        let shift = 125 - 5 * place;
        *slot = ALPHABET[((value >> shift) & 31) as usize];
    }
    f.write_str(prefix)?;
    f.write_str("_")?;
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn decode(expected: &'static str, text: &str) -> Result<Uuid, InvalidId> {
    let invalid = InvalidId { expected };
    let Some(rest) = text.strip_prefix(expected).and_then(|r| r.strip_prefix('_')) else {
        return Err(invalid);
    };
    // 26 characters hold 130 bits: the first may only carry three.
    if rest.len() != 26 || rest.as_bytes()[0] > b'7' {
        return Err(invalid);
    }
    let mut value: u128 = 0;
    for byte in rest.bytes() {
        let Some(digit) = ALPHABET.iter().position(|&c| c == byte) else {
            return Err(invalid);
        };
        value = (value << 5) | digit as u128;
    }
    Ok(Uuid::from_u128(value))
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The noun's prefix in the text form.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                encode(Self::PREFIX, self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode(Self::PREFIX, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// An organization: platform, partner or business.
    OrgId = "org";
    /// A person who signs in.
    UserId = "user";
    /// A signed-in session of a user.
    SessionId = "sess";
    /// A configured AI persona of a business.
    AgentId = "agent";
    /// A phone number bound to a business and an agent.
    NumberId = "num";
    /// A customer of the business.
    ClientId = "client";
    /// A piece of work of a client.
    ProjectId = "proj";
    /// A prospective client captured by an agent.
    LeadId = "lead";
    /// A question of the lead flow.
    QuestionId = "ques";
    /// An entry of the knowledge base.
    KnowledgeId = "know";
    /// A voice conversation.
    CallId = "call";
    /// One utterance of caller or agent.
    TurnId = "turn";
    /// A tool run by the brain during a conversation.
    ToolCallId = "tool";
    /// A message taken for the business.
    MessageId = "msg";
    /// A role that an organization defined for itself.
    RoleId = "role";
    /// An invitation to join an organization.
    InvitationId = "inv";
    /// A program's key to the API.
    ApiKeyId = "key";
    /// An entry of the audit log.
    AuditId = "audit";
    /// A published or drafted version of an agent.
    AgentVersionId = "ver";
    /// A receiver of outgoing webhooks.
    WebhookId = "hook";
    /// An event that outgoing webhooks tell of.
    WebhookEventId = "evt";
    /// One event's way to one receiver.
    DeliveryId = "dlv";
    /// A domain or subdomain under which an organization is reached.
    DomainId = "dom";
    /// Something that can't wait.
    IncidentId = "inc";
    /// A call to somebody about an incident.
    AlertId = "alert";
    /// A caller's way to a person.
    TransferId = "tr";
    /// A request for more than was agreed.
    ChangeRequestId = "chg";
    /// A call that is to be made.
    CallbackId = "cb";
    /// A client's verdict on a conversation or project.
    SatisfactionId = "sat";
    /// Something that one person is told by one way.
    NotificationId = "ntf";
    /// An entry of the history of a lead or client.
    TimelineEntryId = "tle";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_form_round_trips(value: u128) {
            let id = CallId(Uuid::from_u128(value));
            prop_assert_eq!(id.to_string().parse::<CallId>(), Ok(id));
        }

        #[test]
        fn text_form_sorts_as_the_value(a: u128, b: u128) {
            let (x, y) = (CallId(Uuid::from_u128(a)), CallId(Uuid::from_u128(b)));
            prop_assert_eq!(x.to_string().cmp(&y.to_string()), a.cmp(&b));
        }

        #[test]
        fn any_text_is_answered_without_panic(text in ".*") {
            let _ = text.parse::<CallId>();
        }
    }

    #[test]
    fn an_id_of_another_noun_is_refused() {
        let id = LeadId(Uuid::from_u128(7)).to_string();
        assert!(id.parse::<CallId>().is_err());
        assert!("call_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<CallId>().is_err());
    }
}
