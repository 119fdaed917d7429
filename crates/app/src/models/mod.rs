//! Whether the models that the configuration names still exist: vendors retire them, and a call that finds that out is
//! late.
//!
//! Once a day one node asks each configured vendor for its list, which costs nothing. What it finds out is written down
//! for the health document of every node, and logged. A vendor that does not answer says nothing about a model.

pub mod judging;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use provider_traits::model_list::ModelList;
use serde::{Deserialize, Serialize};
use store::SystemTx;
use store::model_checks::ModelCheck;

use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;
use judging::{ModelState, judged};

/// Until a vendor has told its models; nobody waits for it on the telephone.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
/// What was found out so recently is not asked for again when a server starts.
const FRESH_FOR: TimeDelta = TimeDelta::hours(1);

/// A vendor, and the models that the configuration wants of it.
#[derive(Clone)]
pub struct WatchedVendor {
    /// Its list.
    pub list: Arc<dyn ModelList>,
    /// The settings (`openai.llm_model`) with their models.
    pub models: Vec<(&'static str, String)>,
}

/// What was found out about a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFinding {
    /// The vendor's id.
    pub vendor: String,
    /// The setting that names it.
    pub setting: String,
    /// Its id.
    pub model: String,
    /// How it is.
    pub state: ModelState,
    /// When the vendor was asked.
    pub checked_at: DateTime<Utc>,
}

impl ModelFinding {
    /// What an operator should know of it, in plain words; `None`: all is well, or nothing is known.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self { vendor, setting, model, .. } = self;
        let instead = |replacement: &Option<String>| {
            replacement.as_ref().map(|other| format!(" (the vendor names {other})")).unwrap_or_default()
        };
        match &self.state {
            ModelState::Served | ModelState::NotKnown { .. } => None,
            ModelState::Ending { on, replacement } => Some(format!(
                "{vendor} ends the model {model} on {}: choose another for {setting}{}",
                on.date_naive(),
                instead(replacement)
            )),
            ModelState::Gone { replacement } => Some(format!(
                "{vendor} does not serve the model {model} any more, or not with this key: choose another for \
                 {setting}{}",
                instead(replacement)
            )),
        }
    }
}

/// Asks vendors for their models. Each is asked once, and once more for each model that its list does not name.
pub async fn look(watched: &[WatchedVendor], now: DateTime<Utc>, within: Duration) -> Vec<ModelFinding> {
    let asked = join_all(watched.iter().map(|vendor| async move {
        let states = tokio::time::timeout(within, judged(&*vendor.list, &vendor.models, now)).await;
        states.unwrap_or_else(|_late| {
            let reason = format!("{} did not answer within {} s", vendor.list.vendor(), within.as_secs());
            vec![ModelState::NotKnown { reason }; vendor.models.len()]
        })
    }));
    let all = watched.iter().zip(asked.await).flat_map(|(vendor, states)| {
        vendor.models.iter().zip(states).map(move |((setting, model), state)| ModelFinding {
            vendor: vendor.list.vendor().to_owned(),
            setting: (*setting).to_owned(),
            model: model.clone(),
            state,
            checked_at: now,
        })
    });
    all.collect()
}

/// Asks the configured vendors, writes down what they said, and logs what an operator should know.
///
/// # Errors
/// Storage errors; then nothing is written.
pub async fn check(app: &App) -> Result<Vec<ModelFinding>, AppError> {
    let found = look(&app.watched_models, app.ambient.now(), TOLD_WITHIN).await;
    for finding in &found {
        match (finding.warning(), &finding.state) {
            (Some(warning), _) => tracing::warn!(setting = %finding.setting, "{warning}"),
            (None, ModelState::NotKnown { reason }) => {
                tracing::info!(setting = %finding.setting, reason, "it is not known whether the model is served");
            }
            _ => {}
        }
    }
    let mut tx = SystemTx::begin(&app.db, "the models belong to the installation").await?;
    let before = store::model_checks::list(&mut tx).await?;
    for finding in &found {
        let known = before.iter().any(|check| {
            check.setting == finding.setting && check.model == finding.model && check.state != "not_known"
        });
        // A vendor that is silent tonight does not make us forget what it said.
        if !(known && matches!(finding.state, ModelState::NotKnown { .. })) {
            store::model_checks::put(&mut tx, &written(finding)).await?;
        }
    }
    let settings: Vec<String> = found.iter().map(|finding| finding.setting.clone()).collect();
    store::model_checks::keep_only(&mut tx, &settings).await?;
    tx.commit().await?;
    Ok(found)
}

/// What is known of the models that the configuration names now.
///
/// # Errors
/// Storage errors.
pub async fn known(app: &App) -> Result<Vec<ModelFinding>, AppError> {
    let mut tx = SystemTx::begin(&app.db, "the models belong to the installation").await?;
    let checks = store::model_checks::list(&mut tx).await?;
    let wanted = |check: &ModelCheck| {
        let mut named = app.watched_models.iter().flat_map(|vendor| &vendor.models);
        named.any(|(setting, model)| *setting == check.setting && *model == check.model)
    };
    Ok(checks.into_iter().filter(wanted).filter_map(read).collect())
}

/// [`check`], unless what is configured was checked within the hour: for the start of a server.
///
/// # Errors
/// As [`check`].
pub async fn check_unless_fresh(app: &App) -> Result<(), AppError> {
    let known = known(app).await?;
    let since = app.ambient.now() - FRESH_FOR;
    let fresh = known.iter().filter(|finding| finding.checked_at >= since).count();
    let named: usize = app.watched_models.iter().map(|vendor| vendor.models.len()).sum();
    if fresh < named {
        check(app).await?;
    }
    Ok(())
}

fn written(finding: &ModelFinding) -> ModelCheck {
    let (ends_at, replacement, reason) = match &finding.state {
        ModelState::Served => (None, None, None),
        ModelState::Ending { on, replacement } => (Some(*on), replacement.clone(), None),
        ModelState::Gone { replacement } => (None, replacement.clone(), None),
        ModelState::NotKnown { reason } => (None, None, Some(reason.clone())),
    };
    ModelCheck {
        setting: finding.setting.clone(),
        vendor: finding.vendor.clone(),
        model: finding.model.clone(),
        state: finding.state.word().to_owned(),
        ends_at,
        replacement,
        reason,
        checked_at: finding.checked_at,
    }
}

fn read(check: ModelCheck) -> Option<ModelFinding> {
    let state = match check.state.as_str() {
        "served" => ModelState::Served,
        "ending" => ModelState::Ending { on: check.ends_at?, replacement: check.replacement },
        "gone" => ModelState::Gone { replacement: check.replacement },
        _ => ModelState::NotKnown { reason: check.reason.unwrap_or_default() },
    };
    let ModelCheck { vendor, setting, model, checked_at, .. } = check;
    Some(ModelFinding { vendor, setting, model, state, checked_at })
}

/// The daily run of [`check`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CheckModels {}

impl TaskHandler for CheckModels {
    const IDENTIFIER: &'static str = "check_models";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        check(app).await.map(drop).map_err(|error| format!("{error:#}"))
    }
}
