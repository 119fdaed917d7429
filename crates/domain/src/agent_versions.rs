//! What can be set of an agent, how two versions of it differ, and what of it a plan must have.
//!
//! A draft is edited; publishing it makes a version that never changes again, and calls use the latest.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plans::{Entitlements, Feature};
use crate::provider_order::ProviderOrder;
use crate::turn_taking::TurnTaking;

/// The engines there are names for, the one every plan has first.
pub const ENGINES: [&str; 3] = [DEFAULT_ENGINE, "realtime", "elevenlabs"];
/// The engine that needs no vendor.
pub const DEFAULT_ENGINE: &str = "pipeline";

/// What can be set of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentSettings {
    /// The name it gives itself.
    pub name: String,
    /// BCP 47 tag.
    pub language: String,
    /// Voice id; empty means the provider's default.
    pub voice: String,
    /// For a new caller; empty means the default.
    pub greeting: String,
    /// For a recognised client; empty means the default.
    pub client_greeting: String,
    /// What a visitor of the chat reads first; empty means the default. Kept for the chat, not spoken.
    pub welcome_message: String,
    /// Who it is and how it behaves, in plain words, for brains that can use them; the rules brain does not.
    pub persona_prompt: String,
    /// Whether a caller may talk over the greeting.
    pub greeting_interruptible: bool,
    /// `pipeline`, `realtime`, `elevenlabs`.
    pub engine: String,
    /// The vendor's agent, for the engine `elevenlabs`; empty means none.
    pub elevenlabs_agent_id: String,
    /// The vendor's voice, for the engine `elevenlabs`; empty means its agent's own.
    pub elevenlabs_voice: String,
    /// Turn-taking.
    pub turn_taking: TurnTaking,
    /// Which providers its calls ask, in the engine `pipeline`.
    pub providers: ProviderOrder,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            name: "Ava".to_owned(),
            language: "en-US".to_owned(),
            voice: String::new(),
            greeting: String::new(),
            client_greeting: String::new(),
            welcome_message: String::new(),
            persona_prompt: String::new(),
            greeting_interruptible: true,
            engine: DEFAULT_ENGINE.to_owned(),
            elevenlabs_agent_id: String::new(),
            elevenlabs_voice: String::new(),
            turn_taking: TurnTaking::default(),
            providers: ProviderOrder::default(),
        }
    }
}

impl AgentSettings {
    /// The first feature that a change to these settings needs and a plan does not have. What is left as it was
    /// or put back to the default needs nothing: a plan that was lowered does not lock anybody out.
    #[must_use]
    pub fn feature_missing(&self, before: &Self, plan: &Entitlements) -> Option<Feature> {
        let default = Self::default();
        let set = |now: &str, then: &str, default: &str| now != then && now != default;
        let needed = [
            (
                Feature::VoiceAndPersona,
                set(&self.voice, &before.voice, &default.voice)
                    || set(&self.persona_prompt, &before.persona_prompt, &default.persona_prompt)
                    || set(&self.elevenlabs_voice, &before.elevenlabs_voice, &default.elevenlabs_voice),
            ),
            (
                Feature::VadSettings,
                self.turn_taking != before.turn_taking && self.turn_taking != default.turn_taking,
            ),
            (
                Feature::AllEngines,
                (self.providers != before.providers && self.providers != default.providers)
                    || set(&self.engine, &before.engine, &default.engine)
                    || set(
                        &self.elevenlabs_agent_id,
                        &before.elevenlabs_agent_id,
                        &default.elevenlabs_agent_id,
                    ),
            ),
        ];
        needed
            .into_iter()
            .find(|(feature, needs)| *needs && !plan.allows(*feature))
            .map(|(feature, _)| feature)
    }
}

/// A field in which two versions differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// The field, with a point inside a group: `turn_taking.silence_ms`.
    pub field: String,
    /// What it was.
    pub from: Value,
    /// What it is.
    pub to: Value,
}

/// The fields in which two settings differ, by name.
#[must_use]
pub fn differences(from: &AgentSettings, to: &AgentSettings) -> Vec<FieldChange> {
    let as_json = |settings| serde_json::to_value(settings).unwrap_or(Value::Null);
    let mut changes = Vec::new();
    compare("", &as_json(from), &as_json(to), &mut changes);
    changes
}

fn compare(field: &str, from: &Value, to: &Value, changes: &mut Vec<FieldChange>) {
    match (from, to) {
        (Value::Object(before), Value::Object(after)) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let path = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                let of =
                    |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or_default();
                compare(&path, &of(before), &of(after), changes);
            }
        }
        _ if from == to => {}
        _ => changes.push(FieldChange { field: field.to_owned(), from: from.clone(), to: to.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_differ_field_by_field() {
        let old = AgentSettings::default();
        let mut new = AgentSettings { greeting: "Hello".to_owned(), ..old.clone() };
        new.turn_taking.silence_ms = 700;
        let fields: Vec<String> = differences(&old, &new).into_iter().map(|change| change.field).collect();
        assert_eq!(fields, ["greeting", "turn_taking.silence_ms"]);
        assert_eq!(differences(&new, &new), []);
        let back = differences(&new, &old);
        assert_eq!((&back[0].from, &back[0].to), (&"Hello".into(), &"".into()));
    }

    #[test]
    fn a_version_of_an_earlier_release_is_read_with_defaults() {
        let read: AgentSettings =
            serde_json::from_str(r#"{"name":"Nova","dropped_later":1}"#).expect("settings");
        assert_eq!(read, AgentSettings { name: "Nova".to_owned(), ..AgentSettings::default() });
    }

    fn check(change: impl FnOnce(&mut AgentSettings), before: &AgentSettings, expect: Option<Feature>) {
        let basic = Entitlements::of_row("basic", 1, ["faq"], []);
        let mut after = before.clone();
        change(&mut after);
        assert_eq!(after.feature_missing(before, &basic), expect, "{after:?}");
        assert_eq!(after.feature_missing(before, &Entitlements::everything()), None);
    }

    #[test]
    fn a_field_is_guarded_only_where_it_leaves_its_default() {
        let plain = AgentSettings::default();
        check(|a| a.name = "Nova".to_owned(), &plain, None);
        check(|a| a.greeting = "Hi".to_owned(), &plain, None);
        check(|a| a.voice = "ruth".to_owned(), &plain, Some(Feature::VoiceAndPersona));
        check(|a| a.persona_prompt = "Dry".to_owned(), &plain, Some(Feature::VoiceAndPersona));
        check(|a| a.engine = "realtime".to_owned(), &plain, Some(Feature::AllEngines));
        check(|a| a.turn_taking.silence_ms = 700, &plain, Some(Feature::VadSettings));
        check(|a| a.providers.stt = Some(Vec::new()), &plain, Some(Feature::AllEngines));
        let rich = AgentSettings { voice: "ruth".to_owned(), engine: "realtime".to_owned(), ..plain };
        check(|a| a.greeting = "Hi".to_owned(), &rich, None);
        check(|a| a.voice = String::new(), &rich, None);
        check(|a| a.voice = "amy".to_owned(), &rich, Some(Feature::VoiceAndPersona));
    }
}
