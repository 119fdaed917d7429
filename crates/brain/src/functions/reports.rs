//! What clients want beyond what was agreed, who wants to be called back, and how satisfied callers are.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeZone, Utc};
use domain::agent_phrases::{Phrase, fill, variant};
use domain::spoken_forms::phone;
use provider_traits::tools::WantedCallback;
use serde_json::json;

use super::arguments::Arguments;
use super::{Answer, ConversationFunctions, Refusal, Run};

impl ConversationFunctions {
    pub(super) async fn report_scope_change(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["quote"])?;
        let quote = given.text("quote", 1_000)?;
        let arguments = json!({ "quote": quote });
        let report =
            run.tool("report_scope_change", arguments, self.tools.report_scope_change(quote)).await?;
        let say = fill(variant(Phrase::ScopeNeutral, 0), &[("contact", &report.manager)]);
        Ok(Answer::new(json!({ "reported": true, "say": say })))
    }

    pub(super) async fn schedule_callback(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["when", "number", "about"])?;
        let tz = self.plan.business.timezone;
        let at = given.optional_text("when", 40)?.map(|when| moment(when, &tz)).transpose()?;
        let country = &self.plan.business.default_country;
        let number = match given.text("number", 200)? {
            "calling_number" => self.plan.caller.number.clone(),
            said => phone::read(said, country),
        };
        let number = number.ok_or_else(|| {
            let what = "number: must be a whole telephone number, or calling_number if the caller's is known";
            Refusal::Argument(what.to_owned())
        })?;
        let about = given.optional_text("about", 500)?.unwrap_or_default().to_owned();
        let wanted = WantedCallback { number: number.into(), at, about };
        let arguments = serde_json::to_value(&wanted).unwrap_or_default();
        let due = run.tool("schedule_callback", arguments, self.tools.schedule_callback(wanted)).await?;
        let due = due.with_timezone(&tz).format("%A, %-d %B, %-I:%M %p").to_string();
        Ok(Answer::new(json!({
            "scheduled": true,
            "called_back": due,
            "note": "Tell the caller when they will be called, in the business's own time.",
        })))
    }

    pub(super) async fn record_satisfaction(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["score", "comment"])?;
        let score = given.number("score", 1, 5)?;
        let comment = given.optional_text("comment", 1_000)?.unwrap_or_default();
        let arguments = json!({ "score": score, "comment": comment });
        run.tool("record_satisfaction", arguments, self.tools.record_satisfaction(score, comment)).await?;
        Ok(Answer::new(json!({ "recorded": true })))
    }
}

/// A time on the wall at the business.
fn moment<Z: TimeZone>(text: &str, tz: &Z) -> Result<DateTime<Utc>, Refusal> {
    let wrong = || {
        Refusal::Argument("when: must be a local date and time like 2026-11-30T14:30, or empty".to_owned())
    };
    let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").map_err(|_no_time| wrong())?;
    match tz.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => Ok(at.with_timezone(&Utc)),
        // The hour that the clock leaves out.
        MappedLocalTime::None => Err(wrong()),
    }
}
