//! What a plan allows: features that are on or off, limits that are numbers. The plans themselves are rows of a
//! catalogue, not code; code asks only [`Entitlements::allows`] and [`Entitlements::limit`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that names no feature, or no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} of that name")]
pub struct UnknownName {
    /// `feature` or `limit`.
    pub what: &'static str,
}

macro_rules! names {
    ($(#[$outer:meta])* $type:ident, $what:literal: $($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$doc])* $variant,)*
        }

        impl $type {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the catalogue and in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;
            fn from_str(name: &str) -> Result<Self, UnknownName> {
                Self::ALL.iter().copied().find(|it| it.name() == name).ok_or(UnknownName { what: $what })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

names! {
    /// Something a plan has or has not.
    Feature, "feature":
    /// The chat widget on websites.
    ChatWidget = "chat_widget";
    /// Answers from the knowledge base.
    Faq = "faq";
    /// Notifications by e-mail.
    EmailNotifications = "email_notifications";
    /// The basic figures.
    BasicAnalytics = "basic_analytics";
    /// Creating and changing knowledge.
    KnowledgeManagement = "knowledge_management";
    /// Answering the phone.
    PhoneAnswering = "phone_answering";
    /// Choosing voice and persona.
    VoiceAndPersona = "voice_and_persona";
    /// A summary after each call.
    CallSummaries = "call_summaries";
    /// A call to the right person when it is urgent.
    UrgentPhoneAlerts = "urgent_phone_alerts";
    /// All engines, not only the local one.
    AllEngines = "all_engines";
    /// Settings of voice activity detection and turn-taking.
    VadSettings = "vad_settings";
    /// Figures of sessions.
    SessionAnalytics = "session_analytics";
    /// Watching the sockets.
    WebsocketMonitor = "websocket_monitor";
    /// Synchronising project tools by schedule and webhook, not only on demand.
    ScheduledSync = "scheduled_sync";
    /// Recognising clients by their number.
    ClientRecognition = "client_recognition";
    /// Telling clients where their project stands.
    ProjectStatus = "project_status";
    /// Answers from the documents of project tools.
    DocumentAnswers = "document_answers";
    /// Noticing requests beyond what was agreed.
    ScopeGuard = "scope_guard";
    /// The regular digest.
    Digest = "digest";
    /// The deeper figures.
    AdvancedAnalytics = "advanced_analytics";
    /// Hiding our name on widgets.
    HiddenBranding = "hidden_branding";
    /// Sign-in through the organization's own identity provider.
    SingleSignOn = "single_sign_on";
}

names! {
    /// Something a plan has so much of.
    Limit, "limit":
    /// Questions of the lead flow.
    LeadQuestions = "lead_questions";
    /// Connected project tools.
    ProjectTools = "project_tools";
    /// Voice minutes in a month that cost nothing extra.
    VoiceMinutesPerMonth = "voice_minutes_per_month";
    /// Requests to the API in a day.
    ApiRequestsPerDay = "api_requests_per_day";
    /// Calls at the same time.
    ConcurrentCalls = "concurrent_calls";
}

/// What an organization's plan entitles it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlements {
    /// The plan's id in the catalogue, such as `pro`.
    pub plan: String,
    /// The version of the catalogue's row.
    pub version: i32,
    /// Whether requests to the API above the plan's number are charged for instead of refused.
    pub charges_api_requests: bool,
    features: BTreeSet<Feature>,
    limits: BTreeMap<Limit, u64>,
}

impl Entitlements {
    /// Of a row of the catalogue. Names that this version of the program does not know entitle to nothing here
    /// and are left out. A limit that is not named is none.
    pub fn of_row<'a>(
        plan: &str,
        version: i32,
        features: impl IntoIterator<Item = &'a str>,
        limits: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> Self {
        Self {
            plan: plan.to_owned(),
            version,
            charges_api_requests: false,
            features: features.into_iter().filter_map(|name| name.parse().ok()).collect(),
            limits: limits.into_iter().filter_map(|(name, most)| Some((name.parse().ok()?, most))).collect(),
        }
    }

    /// Of organizations that resell or operate: everything, without limit.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            plan: "unlimited".to_owned(),
            version: 1,
            charges_api_requests: false,
            features: Feature::ALL.iter().copied().collect(),
            limits: BTreeMap::new(),
        }
    }

    /// The same, with requests to the API above the plan's number charged for (or not).
    #[must_use]
    pub fn charging_api_requests(self, charges_api_requests: bool) -> Self {
        Self { charges_api_requests, ..self }
    }

    /// Whether the plan has the feature.
    #[must_use]
    pub fn allows(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// How much at most; `None` means no limit.
    #[must_use]
    pub fn limit(&self, limit: Limit) -> Option<u64> {
        self.limits.get(&limit).copied()
    }

    /// The features, in the order of [`Feature::ALL`].
    pub fn features(&self) -> impl Iterator<Item = Feature> {
        self.features.iter().copied()
    }
}

/// A row of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The order in which plans are offered; a higher one has more.
    pub rank: i32,
    /// The name on screens.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// ISO 4217.
    pub currency: String,
    /// Minor units of the currency.
    pub price_per_month_minor: i64,
    /// Millionths of the currency's unit for a minute beyond those included; `None`: there are none to be had.
    pub overage_per_minute_micro: Option<i64>,
    /// Millionths of the currency's unit for an API request beyond those included.
    pub overage_per_api_request_micro: Option<i64>,
    /// Whether it can be chosen.
    pub offered: bool,
    /// What it entitles to; holds its id and version.
    pub entitlements: Entitlements,
}

impl Plan {
    /// Its id in the catalogue, such as `pro`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.entitlements.plan
    }

    /// Whether it has the feature or allows more than `most` of the limit.
    #[must_use]
    fn has(&self, need: Need) -> bool {
        match need {
            Need::Feature(feature) => self.entitlements.allows(feature),
            Need::More { limit, than } => self.entitlements.limit(limit).is_none_or(|most| most > than),
        }
    }
}

/// What a refused request would have needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A feature.
    Feature(Feature),
    /// More of something.
    More {
        /// Of what.
        limit: Limit,
        /// The most that the present plan allows.
        than: u64,
    },
}

/// The lowest plan on offer that has it.
#[must_use]
pub fn lowest_with(catalogue: &[Plan], need: Need) -> Option<&Plan> {
    catalogue.iter().filter(|plan| plan.offered && plan.has(need)).min_by_key(|plan| plan.rank)
}

/// Something that an organization has more of than a plan allows, and that would have to go before it could change to
/// that plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {used} of {limit}, and the plan allows {most}")]
pub struct Obstacle {
    /// Of what.
    pub limit: Limit,
    /// How much there is.
    pub used: u64,
    /// How much the plan allows.
    pub most: u64,
}

/// What stands in the way of a change to a plan. Only what is stored counts: what happens over time (minutes, requests,
/// calls at once) simply meets the new limit from then on.
#[must_use]
pub fn obstacles(wanted: &Entitlements, used: &BTreeMap<Limit, u64>) -> Vec<Obstacle> {
    [Limit::LeadQuestions, Limit::ProjectTools]
        .into_iter()
        .filter_map(|limit| {
            let (used, most) = (used.get(&limit).copied().unwrap_or_default(), wanted.limit(limit)?);
            (used > most).then_some(Obstacle { limit, used, most })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(id: &str, rank: i32, features: &[&str], questions: Option<u64>, offered: bool) -> Plan {
        Plan {
            rank,
            name: id.to_owned(),
            description: String::new(),
            currency: "USD".to_owned(),
            price_per_month_minor: 0,
            overage_per_minute_micro: None,
            overage_per_api_request_micro: None,
            offered,
            entitlements: Entitlements::of_row(
                id,
                1,
                features.iter().copied(),
                questions.map(|most| ("lead_questions", most)),
            ),
        }
    }

    #[test]
    fn a_refusal_names_the_lowest_plan_on_offer_that_has_it() {
        let catalogue = [
            plan("large", 4, &["digest", "faq"], None, true),
            plan("old", 2, &["digest"], Some(8), false),
            plan("middle", 3, &["faq", "digest"], Some(10), true),
            plan("small", 1, &["faq"], Some(5), true),
        ];
        let check =
            |need, expect| assert_eq!(lowest_with(&catalogue, need).map(Plan::id), expect, "{need:?}");
        check(Need::Feature(Feature::Digest), Some("middle"));
        check(Need::Feature(Feature::Faq), Some("small"));
        check(Need::Feature(Feature::ScopeGuard), None);
        let more = |than| Need::More { limit: Limit::LeadQuestions, than };
        check(more(5), Some("middle"));
        check(more(10), Some("large"));
    }

    #[test]
    fn what_is_stored_stands_in_the_way_of_a_smaller_plan() {
        let small = plan("small", 1, &[], Some(5), true).entitlements;
        let used = |count| BTreeMap::from([(Limit::LeadQuestions, count), (Limit::ConcurrentCalls, 99)]);
        assert_eq!(obstacles(&small, &used(5)), []);
        let found = obstacles(&small, &used(6));
        assert_eq!(found, [Obstacle { limit: Limit::LeadQuestions, used: 6, most: 5 }]);
        assert_eq!(found[0].to_string(), "there are 6 of lead_questions, and the plan allows 5");
    }

    #[test]
    fn a_row_entitles_to_what_it_names_and_nothing_else() {
        let pro = Entitlements::of_row(
            "pro",
            1,
            ["phone_answering", "time_travel"],
            [("concurrent_calls", 5), ("wishes", 3)],
        );
        assert!(pro.allows(Feature::PhoneAnswering));
        assert!(!pro.allows(Feature::ScopeGuard));
        assert_eq!(pro.features().count(), 1);
        assert_eq!(pro.limit(Limit::ConcurrentCalls), Some(5));
        assert_eq!(pro.limit(Limit::ApiRequestsPerDay), None);
    }

    #[test]
    fn names_come_back() {
        for &feature in Feature::ALL {
            assert_eq!(feature.name().parse(), Ok(feature));
        }
        for &limit in Limit::ALL {
            assert_eq!(limit.name().parse(), Ok(limit));
        }
        assert!("time_travel".parse::<Feature>().is_err());
    }
}
