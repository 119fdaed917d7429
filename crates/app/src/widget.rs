//! How an organization's chat widget looks and greets.

use domain::plans::Feature;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::OrgTx;

use crate::audit::{self, Actor};
use crate::auth::Identity;
use crate::error::AppError;
use crate::runtime::App;

/// The corner in which the widget waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corner {
    /// Below, on the right.
    #[default]
    BottomRight,
    /// Below, on the left.
    BottomLeft,
}

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WidgetConfig {
    /// Behind the button and the heading, `#rrggbb`.
    pub primary_color: String,
    /// On it, `#rrggbb`.
    pub text_color: String,
    /// Where it waits.
    pub position: Corner,
    /// What it says first.
    pub greeting: String,
    /// Questions to choose from.
    pub suggested_questions: Vec<String>,
    /// A picture, by its `https` address.
    pub avatar_url: Option<String>,
    /// Websites that may show it; none named: any.
    pub allowed_domains: Vec<String>,
    /// Whether our name is shown on it.
    pub show_branding: bool,
}

impl Default for WidgetConfig {
    fn default() -> Self {
        Self {
            primary_color: "#1f4ed8".to_owned(),
            text_color: "#ffffff".to_owned(),
            position: Corner::default(),
            greeting: "Hi! How can we help?".to_owned(),
            suggested_questions: Vec::new(),
            avatar_url: None,
            allowed_domains: Vec::new(),
            show_branding: true,
        }
    }
}

/// The configuration as it takes effect: a plan that shows our name shows it whatever was stored.
///
/// # Errors
/// Storage errors.
pub async fn get(app: &App, identity: &Identity) -> Result<WidgetConfig, AppError> {
    let mut tx = OrgTx::begin(&app.db, identity.org.id).await?;
    let mut config = match store::widget_configs::get(&mut tx).await? {
        Some(stored) => serde_json::from_value(stored.config).map_err(|error| {
            AppError::Bug(format!("a stored widget configuration can't be read: {error}"))
        })?,
        None => WidgetConfig::default(),
    };
    config.show_branding |= !identity.entitlements.allows(Feature::HiddenBranding);
    Ok(config)
}

/// Replaces the configuration.
///
/// # Errors
/// [`AppError::PlanRequired`] when our name is to be hidden and the plan does not have that; storage errors.
pub async fn put(
    app: &App,
    identity: &Identity,
    actor: &Actor,
    config: &WidgetConfig,
) -> Result<(), AppError> {
    if !config.show_branding {
        identity.demand_feature(Feature::HiddenBranding)?;
    }
    let value = serde_json::to_value(config)
        .map_err(|error| AppError::Bug(format!("a widget configuration can't be written: {error}")))?;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    store::widget_configs::put(&mut tx, &value, app.ambient.now()).await?;
    let detail = json!({ "show_branding": config.show_branding });
    audit::record(&mut tx, app, actor, "widget:update", &actor.org_id, detail).await?;
    Ok(tx.commit().await?)
}
