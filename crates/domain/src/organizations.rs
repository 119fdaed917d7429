//! Organizations: what they are, where they stand, and what follows from it for those who call them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a tenant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgKind {
    /// The operator; exactly one.
    Platform,
    /// A reseller.
    Partner,
    /// An agency that uses the service.
    Business,
}

impl OrgKind {
    /// Whether an organization of this kind may have one of the other kind below it.
    #[must_use]
    pub const fn may_have(self, child: Self) -> bool {
        matches!(
            (self, child),
            (Self::Platform, Self::Partner | Self::Business) | (Self::Partner, Self::Business)
        )
    }
}

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgStatus {
    /// Trying it out.
    Trial,
    /// In good order.
    Active,
    /// A payment is late; everything works.
    PastDue,
    /// Agents only take messages.
    Suspended,
    /// Gone; kept for the records.
    Closed,
}

impl OrgStatus {
    /// Whether its own people can change nothing and its agents only take messages.
    #[must_use]
    pub const fn stands_still(self) -> bool {
        matches!(self, Self::Suspended | Self::Closed)
    }
}

/// Why agents take only a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesOnly {
    /// The organization is suspended.
    Suspended,
    /// The organization is closed.
    Closed,
    /// Its trial is over.
    TrialOver,
    /// Its plan does not include answering the phone.
    NotInPlan,
    /// All lines of its plan are taken.
    LinesTaken,
}

impl MessagesOnly {
    /// The name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Closed => "closed",
            Self::TrialOver => "trial_over",
            Self::NotInPlan => "not_in_plan",
            Self::LinesTaken => "lines_taken",
        }
    }

    /// What the caller hears before the tone. Callers have no part in what an agency and its provider settle
    /// between them, so the sentence says nothing of it.
    #[must_use]
    pub fn sentence(self, business: &str, own_words: Option<&str>) -> String {
        if let Some(words) = own_words.map(str::trim).filter(|words| !words.is_empty()) {
            return words.to_owned();
        }
        match self {
            Self::LinesTaken => format!(
                "Thank you for calling {business}. All our lines are busy. \
                 Please leave a message after the tone, and we will call you back."
            ),
            Self::Suspended | Self::Closed => format!(
                "Thank you for calling {business}. We can't take calls at the moment. \
                 Please leave a message after the tone."
            ),
            Self::TrialOver | Self::NotInPlan => format!(
                "Thank you for calling {business}. Nobody can take your call right now. \
                 Please leave a message after the tone, and we will call you back."
            ),
        }
    }
}

/// Whether agents may take calls: by where the organization stands and by its plan, in this order.
///
/// # Errors
/// Why they take only messages.
pub fn may_answer(
    status: OrgStatus,
    trial_ends_at: Option<DateTime<Utc>>,
    plan_answers: bool,
    now: DateTime<Utc>,
) -> Result<(), MessagesOnly> {
    match status {
        OrgStatus::Closed => Err(MessagesOnly::Closed),
        OrgStatus::Suspended => Err(MessagesOnly::Suspended),
        OrgStatus::Trial if trial_ends_at.is_some_and(|end| end <= now) => Err(MessagesOnly::TrialOver),
        _ if !plan_answers => Err(MessagesOnly::NotInPlan),
        OrgStatus::Trial | OrgStatus::Active | OrgStatus::PastDue => Ok(()),
    }
}

/// The day a week begins with on screens and in reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeekStart {
    /// As in most of the world.
    #[default]
    Monday,
    /// As in the Americas.
    Sunday,
}

/// The version of [`OrgSettings`] that is written.
pub const SETTINGS_VERSION: u32 = 1;

/// Longest call that may be allowed, in minutes.
pub const MOST_CALL_MINUTES: u32 = 240;

/// Settings of an organization beyond its profile. The version says how a stored document is to be read; a field that
/// is not known is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrgSettings {
    /// Always [`SETTINGS_VERSION`] when written.
    #[serde(default = "settings_version")]
    pub version: u32,
    /// A call is ended politely after so many minutes; `None` means the installation's limit, which holds in any case.
    #[serde(default)]
    pub max_call_minutes: Option<u32>,
    /// Said in place of our own sentence when agents take only messages.
    #[serde(default)]
    pub unavailable_message: Option<String>,
    /// Whether clients are asked at the end of a call how satisfied they are.
    #[serde(default)]
    pub ask_satisfaction: bool,
    /// Whether the carrier's own copy of a recorded message stays when we have ours. Left out of what is written unless it
    /// is so: the release before does not know it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_carrier_recordings: bool,
    /// The day a week begins with.
    #[serde(default)]
    pub week_starts_on: WeekStart,
}

const fn settings_version() -> u32 {
    SETTINGS_VERSION
}

impl Default for OrgSettings {
    fn default() -> Self {
        Self {
            version: SETTINGS_VERSION,
            max_call_minutes: None,
            unavailable_message: None,
            ask_satisfaction: false,
            keep_carrier_recordings: false,
            week_starts_on: WeekStart::default(),
        }
    }
}

/// A stored document of settings that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A later version of the program wrote it.
    #[error("settings of version {0} are not known to this version of the program")]
    Version(u64),
    /// It has another shape.
    #[error("the settings have another shape: {0}")]
    Shape(String),
}

impl OrgSettings {
    /// Reads a stored document. One without version is empty, from the time before there were settings.
    ///
    /// # Errors
    /// When a later version wrote it, or it has another shape.
    pub fn read(stored: serde_json::Value) -> Result<Self, SettingsError> {
        match stored.get("version").and_then(serde_json::Value::as_u64) {
            None | Some(1) => {
                serde_json::from_value(stored).map_err(|error| SettingsError::Shape(error.to_string()))
            }
            Some(later) => Err(SettingsError::Version(later)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("a valid time")
    }

    fn check(status: OrgStatus, trial_ends_in: Option<i64>, plan: bool, expect: Result<(), MessagesOnly>) {
        assert_eq!(may_answer(status, trial_ends_in.map(at), plan, at(0)), expect, "{status:?} {plan}");
    }

    #[test]
    fn agents_answer_for_those_in_good_standing_whose_plan_has_the_phone() {
        check(OrgStatus::Active, None, true, Ok(()));
        check(OrgStatus::PastDue, None, true, Ok(()));
        check(OrgStatus::Trial, Some(1), true, Ok(()));
        check(OrgStatus::Trial, None, true, Ok(()));
        check(OrgStatus::Trial, Some(0), true, Err(MessagesOnly::TrialOver));
        check(OrgStatus::Active, Some(-5), true, Ok(()));
        check(OrgStatus::Active, None, false, Err(MessagesOnly::NotInPlan));
        check(OrgStatus::Suspended, None, true, Err(MessagesOnly::Suspended));
        check(OrgStatus::Closed, None, false, Err(MessagesOnly::Closed));
    }

    #[test]
    fn a_caller_hears_the_name_or_the_businesss_own_words() {
        let sentence = MessagesOnly::NotInPlan.sentence("Aurora", None);
        assert!(sentence.contains("Aurora") && sentence.contains("after the tone"), "{sentence}");
        assert!(!sentence.to_lowercase().contains("plan"), "{sentence}");
        assert_eq!(MessagesOnly::Closed.sentence("Aurora", Some(" We moved. ")), "We moved.");
        assert_eq!(
            MessagesOnly::Closed.sentence("Aurora", Some(" ")),
            MessagesOnly::Closed.sentence("Aurora", None)
        );
    }

    #[test]
    fn the_tree_has_three_levels() {
        assert!(OrgKind::Platform.may_have(OrgKind::Partner));
        assert!(OrgKind::Partner.may_have(OrgKind::Business));
        for (above, below) in [
            (OrgKind::Partner, OrgKind::Partner),
            (OrgKind::Business, OrgKind::Business),
            (OrgKind::Platform, OrgKind::Platform),
        ] {
            assert!(!above.may_have(below), "{above:?} {below:?}");
        }
    }

    #[test]
    fn settings_are_read_in_the_version_they_were_written_in() {
        assert_eq!(OrgSettings::read(serde_json::json!({})), Ok(OrgSettings::default()));
        let written =
            serde_json::to_value(OrgSettings { max_call_minutes: Some(20), ..OrgSettings::default() });
        let read = OrgSettings::read(written.expect("serialisable")).expect("our own");
        assert_eq!(read.max_call_minutes, Some(20));
        assert_eq!(OrgSettings::read(serde_json::json!({"version": 9})), Err(SettingsError::Version(9)));
        let unknown = OrgSettings::read(serde_json::json!({"version": 1, "colour": "red"}));
        assert!(matches!(unknown, Err(SettingsError::Shape(_))), "{unknown:?}");
    }
}
