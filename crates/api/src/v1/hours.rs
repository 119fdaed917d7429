//! Business hours as the API shows and takes them; organizations and the routing of numbers have some.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::hours::{BusinessHours, Holiday, Interval, TimeOfDay, Week};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::ApiError;

/// When a business is open, as times on the wall in its time zone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BusinessHours)]
pub struct BusinessHoursView {
    /// The hours of an ordinary week.
    weekly: WeekView,
    /// Days that differ; their hours replace those of the weekday.
    #[serde(default)]
    #[schema(max_items = 100)]
    holidays: Vec<HolidayView>,
}

/// The hours of each weekday; a day without intervals is closed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Week)]
pub struct WeekView {
    /// Monday's.
    #[schema(max_items = 8)]
    monday: Vec<IntervalView>,
    /// Tuesday's.
    #[schema(max_items = 8)]
    tuesday: Vec<IntervalView>,
    /// Wednesday's.
    #[schema(max_items = 8)]
    wednesday: Vec<IntervalView>,
    /// Thursday's.
    #[schema(max_items = 8)]
    thursday: Vec<IntervalView>,
    /// Friday's.
    #[schema(max_items = 8)]
    friday: Vec<IntervalView>,
    /// Saturday's.
    #[schema(max_items = 8)]
    saturday: Vec<IntervalView>,
    /// Sunday's.
    #[schema(max_items = 8)]
    sunday: Vec<IntervalView>,
}

/// Open from one time to another.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Interval)]
pub struct IntervalView {
    /// The first minute that is open, `HH:MM`.
    #[schema(value_type = String, pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$", example = "09:00")]
    opens: TimeOfDay,
    /// The first minute that is closed again; before `opens` it is on the next day, `24:00` is the end of the day.
    #[schema(value_type = String, pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", example = "18:00")]
    closes: TimeOfDay,
}

/// A day that is not like its weekday.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Holiday)]
pub struct HolidayView {
    /// The day.
    #[schema(example = "2026-12-25")]
    date: NaiveDate,
    /// What it is called.
    #[schema(min_length = 1, max_length = 100, example = "Christmas Day")]
    name: String,
    /// Whether it comes back on the same day of every year.
    #[serde(default)]
    yearly: bool,
    /// The hours of that day; none means closed.
    #[serde(default)]
    #[schema(max_items = 8)]
    hours: Vec<IntervalView>,
}

impl BusinessHoursView {
    /// The hours, if they can be used. `field` is where they stand in the request.
    ///
    /// # Errors
    /// `422` with every part that can't be used.
    pub(crate) fn checked(self, field: &str) -> Result<BusinessHours, ApiError> {
        let hours = BusinessHours::from(self);
        let problems: BTreeMap<String, String> = hours
            .problems()
            .into_iter()
            .map(|problem| (format!("{field}.{}", problem.field), problem.message))
            .collect();
        if problems.is_empty() { Ok(hours) } else { Err(ApiError::Invalid(problems)) }
    }
}

fn shown(intervals: Vec<Interval>) -> Vec<IntervalView> {
    intervals.into_iter().map(|Interval { opens, closes }| IntervalView { opens, closes }).collect()
}

fn taken(intervals: Vec<IntervalView>) -> Vec<Interval> {
    intervals.into_iter().map(|IntervalView { opens, closes }| Interval { opens, closes }).collect()
}

impl From<BusinessHours> for BusinessHoursView {
    fn from(hours: BusinessHours) -> Self {
        let week = hours.weekly;
        Self {
            weekly: WeekView {
                monday: shown(week.monday),
                tuesday: shown(week.tuesday),
                wednesday: shown(week.wednesday),
                thursday: shown(week.thursday),
                friday: shown(week.friday),
                saturday: shown(week.saturday),
                sunday: shown(week.sunday),
            },
            holidays: hours
                .holidays
                .into_iter()
                .map(|Holiday { date, name, yearly, hours }| HolidayView {
                    date,
                    name,
                    yearly,
                    hours: shown(hours),
                })
                .collect(),
        }
    }
}

impl From<BusinessHoursView> for BusinessHours {
    fn from(hours: BusinessHoursView) -> Self {
        let week = hours.weekly;
        Self {
            weekly: Week {
                monday: taken(week.monday),
                tuesday: taken(week.tuesday),
                wednesday: taken(week.wednesday),
                thursday: taken(week.thursday),
                friday: taken(week.friday),
                saturday: taken(week.saturday),
                sunday: taken(week.sunday),
            },
            holidays: hours
                .holidays
                .into_iter()
                .map(|HolidayView { date, name, yearly, hours }| Holiday {
                    date,
                    name,
                    yearly,
                    hours: taken(hours),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_where_it_stands_in_the_request() {
        let view: BusinessHoursView = serde_json::from_value(serde_json::json!({
            "weekly": { "monday": [{ "opens": "09:00", "closes": "09:00" }] },
        }))
        .expect("hours");
        let Err(ApiError::Invalid(errors)) = view.checked("business_hours") else { panic!("accepted") };
        assert_eq!(errors.into_keys().collect::<Vec<_>>(), ["business_hours.weekly.monday[0].closes"]);
    }
}
