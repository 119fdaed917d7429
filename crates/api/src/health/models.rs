//! The models that the configuration names, as the daily check found them.

use std::time::Duration;

use app::models::ModelFinding;
use app::models::judging::ModelState;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::HealthStatus;
use super::document::Reason;
use crate::state::ApiState;

/// A model whose end is nearer than this is a reason not to be well; before that it is only listed.
const URGENT_BEFORE: TimeDelta = TimeDelta::days(14);

/// A model that the configuration names.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelFigures {
    /// The setting that names it.
    #[schema(example = "openai.llm_model")]
    setting: String,
    /// Whose it is.
    #[schema(example = "openai")]
    vendor: String,
    /// Its id.
    #[schema(example = "gpt-6-luna")]
    model: String,
    /// `served`, `ending` (within 60 days), `gone`, or `not_known` when the vendor did not answer.
    #[schema(example = "served")]
    state: &'static str,
    /// When it ends, where that is near.
    ends_at: Option<DateTime<Utc>>,
    /// What the vendor names to take instead.
    replacement: Option<String>,
    /// Why it is not known.
    reason: Option<String>,
    /// When the vendor was asked.
    checked_at: DateTime<Utc>,
}

/// What is known; `None` when the database does not answer in time.
pub(super) async fn known(state: &ApiState, within: Duration) -> Option<Vec<ModelFinding>> {
    let asked = tokio::time::timeout(within, app::models::known(&state.app)).await.ok()?;
    asked.inspect_err(|error| tracing::warn!(%error, "the checks of models could not be read")).ok()
}

/// What is wrong with them.
pub(super) fn reasons(found: &[ModelFinding], now: DateTime<Utc>) -> Vec<Reason> {
    let urgent = |finding: &&ModelFinding| match &finding.state {
        ModelState::Gone { .. } => true,
        ModelState::Ending { on, .. } => *on - now < URGENT_BEFORE,
        ModelState::Served | ModelState::NotKnown { .. } => false,
    };
    let warnings = found.iter().filter(urgent).filter_map(ModelFinding::warning);
    warnings.map(|text| Reason { status: HealthStatus::Degraded, text }).collect()
}

impl From<ModelFinding> for ModelFigures {
    fn from(finding: ModelFinding) -> Self {
        let state = finding.state.word();
        let (ends_at, replacement, reason) = match finding.state {
            ModelState::Served => (None, None, None),
            ModelState::Ending { on, replacement } => (Some(on), replacement, None),
            ModelState::Gone { replacement } => (None, replacement, None),
            ModelState::NotKnown { reason } => (None, None, Some(reason)),
        };
        let ModelFinding { vendor, setting, model, checked_at, .. } = finding;
        Self { setting, vendor, model, state, ends_at, replacement, reason, checked_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_gone_or_ends_soon_is_a_reason() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let finding = |state| ModelFinding {
            vendor: "openai".to_owned(),
            setting: "openai.llm_model".to_owned(),
            model: "gpt-old".to_owned(),
            state,
            checked_at: now,
        };
        let ending = |days| ModelState::Ending { on: now + TimeDelta::days(days), replacement: None };
        let named = ModelState::Gone { replacement: Some("gpt-new".to_owned()) };
        for (state, said) in [
            (ModelState::Served, None),
            (ModelState::NotKnown { reason: "silence".to_owned() }, None),
            (ending(30), None),
            (ending(13), Some("on 2026-12-04")),
            (named, Some("the vendor names gpt-new")),
        ] {
            let found = reasons(&[finding(state.clone())], now);
            let said = said.map(|said| found.iter().any(|reason| reason.text.contains(said)));
            assert_eq!((found.len(), said), (usize::from(said.is_some()), said.map(|_| true)), "{state:?}");
        }
    }
}
