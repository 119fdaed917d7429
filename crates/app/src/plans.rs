//! How much an organization uses of what its plan limits.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, TimeDelta, TimeZone as _, Utc};
use domain::plans::Limit;
use store::OrgTx;
use store::calls::lines;

use crate::error::AppError;
use crate::runtime::App;

/// A call whose node has given no sign of life for so long does not take a line any more. Nodes say so every few
/// seconds; a call that rings has its media ticket, of a minute at most, to begin.
pub(crate) const LINE_SILENCE: TimeDelta = TimeDelta::minutes(2);

/// How much is used now; of a month or a day, since it began.
///
/// # Errors
/// Storage errors.
pub async fn used(app: &App, tx: &mut OrgTx) -> Result<BTreeMap<Limit, u64>, AppError> {
    let now = app.ambient.now();
    let org_id = tx.org_id();
    let mut used = store::plans::stored_use(tx, org_id).await?;
    let timezone = store::organizations::get(tx).await?.profile.timezone;
    let month = month_began(now, timezone.parse().unwrap_or(chrono_tz::UTC));
    used.insert(Limit::VoiceMinutesPerMonth, lines::voice_minutes_since(tx, month).await?);
    used.insert(Limit::ConcurrentCalls, lines::calls_in_progress(tx, None, now - LINE_SILENCE).await?);
    Ok(used)
}

/// The first moment of this month where the organization is.
fn month_began(now: DateTime<Utc>, zone: chrono_tz::Tz) -> DateTime<Utc> {
    let today = now.with_timezone(&zone).date_naive();
    let midnight = today.with_day(1).unwrap_or(today).and_time(chrono::NaiveTime::MIN);
    // A midnight that summer time leaps over begins when the leap is over.
    zone.from_local_datetime(&midnight)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(midnight + TimeDelta::hours(1))).earliest())
        .map_or(now, |begin| begin.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_where_the_organization_is() {
        let check = |now: &str, zone: chrono_tz::Tz, expect: &str| {
            let now: DateTime<Utc> = now.parse().expect("a time");
            assert_eq!(month_began(now, zone).to_rfc3339(), expect, "{now} {zone}");
        };
        check("2027-03-01T03:00:00Z", chrono_tz::America::New_York, "2027-02-01T05:00:00+00:00");
        check("2027-03-01T03:00:00Z", chrono_tz::Europe::Berlin, "2027-02-28T23:00:00+00:00");
        check("2027-01-01T00:00:00Z", chrono_tz::UTC, "2027-01-01T00:00:00+00:00");
    }
}
