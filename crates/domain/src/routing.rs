//! Where a call to a number goes at a given moment, and why.
//!
//! In this order: the first date rule that holds, the holiday, the hours. What is not said otherwise is answered by
//! the number's own agent at any time.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::hours::BusinessHours;
use crate::ids::AgentId;
use crate::phone::PhoneNumber;

/// Most date rules of one number.
pub const MAX_DATE_RULES: usize = 50;
/// Longest words that a caller is told, in characters.
pub const MAX_WORDS: usize = 1_000;

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Destination {
    /// An agent talks to the caller.
    Agent {
        /// Which; `None` is the number's own.
        #[serde(default)]
        agent_id: Option<AgentId>,
    },
    /// The caller hears some words and leaves a message.
    Message {
        /// The words; empty means the usual ones.
        #[serde(default)]
        text: String,
    },
    /// A telephone is rung; when nobody answers, a message is taken.
    Forward {
        /// Whose.
        number: PhoneNumber,
    },
}

impl Default for Destination {
    fn default() -> Self {
        Self::Agent { agent_id: None }
    }
}

/// Days on which a call goes somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRule {
    /// What it is called.
    pub name: String,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// Where to, all day long.
    pub destination: Destination,
}

/// How calls to a number are routed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routing {
    /// The number's own hours; `None` takes the organization's.
    pub hours: Option<BusinessHours>,
    /// While it is open; by default the number's own agent.
    pub open: Destination,
    /// While it is closed.
    pub after_hours: Destination,
    /// While it is closed for a holiday; `None` as after hours.
    pub holidays: Option<Destination>,
    /// Days that differ; the first that holds counts.
    pub dates: Vec<DateRule>,
    /// When no agent can take the call: all lines are busy, or something of ours fails. `None` rings the number's
    /// fallback number when it has one, and takes a message otherwise. Never an agent.
    pub overflow: Option<Destination>,
}

/// Why a call goes where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// It is open.
    Open,
    /// It is closed.
    Closed,
    /// It is closed for a holiday.
    Holiday {
        /// Its name.
        name: String,
    },
    /// A date rule holds.
    DateRule {
        /// Its name.
        name: String,
    },
}

/// Where a call goes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Where to.
    pub destination: Destination,
    /// Why.
    pub reason: Reason,
    /// When it opens again, unless it is open or stays closed.
    pub opens_at: Option<DateTime<Utc>>,
}

/// A part of a routing that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingProblem {
    /// Where, such as `dates[2].to`.
    pub field: String,
    /// What is allowed.
    pub message: String,
}

impl Routing {
    /// Decides where a call goes. `organization` are the hours that count when the number has none of its own.
    #[must_use]
    pub fn decide(&self, at: DateTime<Utc>, tz: Tz, organization: &BusinessHours) -> Decision {
        let hours = self.hours.as_ref().unwrap_or(organization);
        let open = hours.is_open(at, tz);
        let opens_at = if open { None } else { hours.next_opening(at, tz) };
        let today = at.with_timezone(&tz).date_naive();
        if let Some(rule) = self.dates.iter().find(|rule| (rule.from..=rule.to).contains(&today)) {
            let reason = Reason::DateRule { name: rule.name.clone() };
            return Decision { destination: rule.destination.clone(), reason, opens_at };
        }
        if open {
            return Decision { destination: self.open.clone(), reason: Reason::Open, opens_at };
        }
        let (destination, reason) = match hours.holiday(today) {
            Some(holiday) => {
                let destination = self.holidays.as_ref().unwrap_or(&self.after_hours);
                (destination, Reason::Holiday { name: holiday.name.clone() })
            }
            None => (&self.after_hours, Reason::Closed),
        };
        Decision { destination: destination.clone(), reason, opens_at }
    }

    /// Every place where it says where a call goes, with the field's name.
    pub fn destinations(&self) -> impl Iterator<Item = (String, &Destination)> {
        let fixed = [("open", Some(&self.open)), ("after_hours", Some(&self.after_hours))]
            .into_iter()
            .chain([("holidays", self.holidays.as_ref()), ("overflow", self.overflow.as_ref())])
            .filter_map(|(field, destination)| Some((field.to_owned(), destination?)));
        let by_date = self
            .dates
            .iter()
            .enumerate()
            .map(|(place, rule)| (format!("dates[{place}].destination"), &rule.destination));
        fixed.chain(by_date)
    }

    /// What can't be used, field by field. Empty when all is well; whether the agents exist is not known here.
    #[must_use]
    pub fn problems(&self) -> Vec<RoutingProblem> {
        let mut problems: Vec<RoutingProblem> = Vec::new();
        let mut refuse = |field: String, message: String| problems.push(RoutingProblem { field, message });
        for problem in self.hours.iter().flat_map(BusinessHours::problems) {
            refuse(format!("hours.{}", problem.field), problem.message);
        }
        if self.dates.len() > MAX_DATE_RULES {
            refuse("dates".to_owned(), format!("must not be more than {MAX_DATE_RULES}"));
        }
        for (place, rule) in self.dates.iter().enumerate() {
            if !(1..=100).contains(&rule.name.trim().chars().count()) {
                refuse(format!("dates[{place}].name"), "must have 1 to 100 characters".to_owned());
            }
            if rule.to < rule.from {
                refuse(format!("dates[{place}].to"), "must not be before `from`".to_owned());
            }
        }
        for (field, destination) in self.destinations() {
            match destination {
                Destination::Message { text } if text.chars().count() > MAX_WORDS => {
                    refuse(
                        format!("{field}.text"),
                        format!("must not be longer than {MAX_WORDS} characters"),
                    );
                }
                Destination::Agent { .. } if field == "overflow" => {
                    let message = "must be `message` or `forward`: no agent is free then".to_owned();
                    refuse("overflow.kind".to_owned(), message);
                }
                _ => {}
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;

    use super::*;

    fn routing() -> Routing {
        serde_json::from_value(serde_json::json!({
            "hours": {
                "weekly": { "monday": [{ "opens": "09:00", "closes": "18:00" }] },
                "holidays": [
                    { "date": "2026-05-25", "name": "Memorial Day" },
                    { "date": "2026-06-01", "name": "Half day", "hours": [{ "opens": "09:00", "closes": "12:00" }] },
                ],
            },
            "after_hours": { "kind": "message", "text": "We are closed." },
            "holidays": { "kind": "forward", "number": "+15135550199" },
            "dates": [{
                "name": "Moving", "from": "2026-03-01", "to": "2026-03-02",
                "destination": { "kind": "message" },
            }],
        }))
        .expect("a routing")
    }

    fn check(time: &str, kind: &str, reason: &Reason) {
        let at = format!("{time}:00-04:00").parse().expect("a time");
        let decision = routing().decide(at, New_York, &BusinessHours::default());
        let destination = serde_json::to_value(&decision.destination).expect("json");
        assert_eq!((destination["kind"].as_str(), &decision.reason), (Some(kind), reason), "{time}");
        assert_eq!(decision.opens_at.is_none(), *reason == Reason::Open, "{time}");
    }

    #[test]
    fn dates_go_before_holidays_and_holidays_before_hours() {
        check("2026-05-18T10:00", "agent", &Reason::Open);
        check("2026-05-18T18:00", "message", &Reason::Closed);
        check("2026-05-19T10:00", "message", &Reason::Closed);
        check("2026-05-25T10:00", "forward", &Reason::Holiday { name: "Memorial Day".to_owned() });
        check("2026-06-01T10:00", "agent", &Reason::Open);
        check("2026-06-01T13:00", "forward", &Reason::Holiday { name: "Half day".to_owned() });
        // Still winter time in New York: one minute to midnight of the last day.
        check("2026-03-02T23:59", "message", &Reason::DateRule { name: "Moving".to_owned() });
    }

    #[test]
    fn nothing_said_means_the_own_agent_at_any_time() {
        let at = "2026-12-25T03:00:00Z".parse().expect("a time");
        let never: BusinessHours =
            serde_json::from_value(serde_json::json!({ "weekly": {} })).expect("hours");
        for hours in [never, BusinessHours::default()] {
            let decision = Routing::default().decide(at, New_York, &hours);
            assert_eq!(decision.destination, Destination::Agent { agent_id: None });
        }
        assert_eq!(serde_json::from_str::<Routing>("{}").expect("a routing"), Routing::default());
    }

    #[test]
    fn every_problem_names_its_field() {
        let mut wrong = routing();
        wrong.dates[0].to = wrong.dates[0].from.pred_opt().expect("a day");
        wrong.dates[0].name = String::new();
        wrong.after_hours = Destination::Message { text: "x".repeat(MAX_WORDS + 1) };
        wrong.overflow = Some(Destination::Agent { agent_id: None });
        let fields: Vec<String> = wrong.problems().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["dates[0].name", "dates[0].to", "after_hours.text", "overflow.kind"]);
        assert_eq!(routing().problems(), []);
    }
}
