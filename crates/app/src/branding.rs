//! How organizations look: what each says of itself, and what holds for it in the end.

pub mod logo;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::branding::{Branding, EffectiveBranding, READABLE_CONTRAST, check_contrast, effective};
use domain::ids::OrgId;
use domain::plans::Feature;
use serde_json::json;
use store::branding::{Logo, StoredBranding};
use store::jobs::NewJob;
use store::{OrgTx, SystemTx};

use crate::audit::{self, Actor};
use crate::auth::Identity;
use crate::error::AppError;
use crate::jobs::DeleteObject;
use crate::runtime::App;

/// Says anew what an organization looks like, whole, if it is still as the asker saw it.
///
/// # Errors
/// [`AppError::OutOfDate`]; [`AppError::Invalid`] naming the field; [`AppError::PlanRequired`] for hiding "powered by"
/// without the feature.
pub async fn change(
    app: &App,
    actor: &Actor,
    identity: &Identity,
    based_on: Option<DateTime<Utc>>,
    branding: Branding,
) -> Result<StoredBranding, AppError> {
    if branding.hide_powered_by == Some(true) {
        identity.demand_feature(Feature::HiddenBranding)?;
    }
    if let Err(contrast) = check_contrast(&branding) {
        let message = format!(
            "can't be read on its background: the contrast is {contrast:.1}, at least {READABLE_CONTRAST} is needed"
        );
        return Err(AppError::Invalid { field: "accent_color", message });
    }
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    store::organizations::lock(&mut tx).await?;
    let before = store::branding::get(&mut tx).await?;
    refuse_if_outdated(&before, based_on)?;
    store::branding::put(&mut tx, &branding, app.ambient.now()).await?;
    audit::record(&mut tx, app, actor, "branding:change", &actor.org_id, serde_json::Value::Null).await?;
    let after = store::branding::get(&mut tx).await?;
    tx.commit().await?;
    Ok(after)
}

fn refuse_if_outdated(before: &StoredBranding, based_on: Option<DateTime<Utc>>) -> Result<(), AppError> {
    let version = before.updated_at.unwrap_or_default();
    if based_on.is_some_and(|seen| seen != version) { Err(AppError::OutOfDate) } else { Ok(()) }
}

/// Exchanges the logo; `None` takes it away. What comes is looked at, whatever it claims to be.
///
/// # Errors
/// [`AppError::Invalid`] for what is no usable picture; provider errors when it can't be kept.
pub async fn set_logo(app: &App, actor: &Actor, picture: Option<Bytes>) -> Result<StoredBranding, AppError> {
    let logo = match picture {
        None => None,
        Some(body) => {
            let kind = logo::examine(&body)
                .map_err(|error| AppError::Invalid { field: "body", message: error.to_string() })?;
            // A name of its own each time: the job that removes a former one can't meet it.
            let name = app.ambient.new_id().simple();
            let key = format!("branding/{}/logo-{name}.{}", actor.org_id, kind.extension());
            app.objects.put(&key, body).await?;
            Some(Logo { key, media_type: kind.media_type().to_owned() })
        }
    };
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    store::organizations::lock(&mut tx).await?;
    let before = store::branding::get(&mut tx).await?;
    store::branding::set_logo(&mut tx, logo.as_ref(), app.ambient.now()).await?;
    let detail = json!({ "logo": logo.as_ref().map(|logo| &logo.media_type) });
    audit::record(&mut tx, app, actor, "branding:change_logo", &actor.org_id, detail).await?;
    let after = store::branding::get(&mut tx).await?;
    if let Some(old) = before.logo.filter(|old| logo.as_ref() != Some(old)) {
        let job = NewJob {
            task: DeleteObject::TASK,
            payload: serde_json::to_value(DeleteObject { key: old.key })
                .map_err(|error| AppError::Bug(format!("a job can't be written: {error}")))?,
            ..NewJob::default()
        };
        store::jobs::enqueue(&mut tx, &job).await?;
    }
    tx.commit().await?;
    Ok(after)
}

/// What holds for an organization.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// Whose it is; `None` for the installation's own.
    pub org_id: Option<OrgId>,
    /// Name, colours, sender.
    pub branding: EffectiveBranding,
    /// The nearest logo.
    pub logo: Option<Logo>,
}

/// What holds for an organization: its own words, else those of the ones above it. Without an organization, what the
/// platform says.
///
/// # Errors
/// Storage errors.
pub async fn appearance(app: &App, org_id: Option<OrgId>) -> Result<Appearance, AppError> {
    let mut tx = SystemTx::begin(&app.db, "how a tenant looks is said by those above it, too").await?;
    let whose = match org_id {
        Some(id) => Some(id),
        None => store::organizations::platform(&mut tx).await?,
    };
    let (chain, may_hide) = match whose {
        Some(id) => {
            let entitled = store::plans::entitlements_for(&mut tx, id).await?;
            (store::branding::chain(&mut tx, id).await?, entitled.allows(Feature::HiddenBranding))
        }
        // Before the platform exists there is only the product itself.
        None => (Vec::new(), false),
    };
    let logo = chain.iter().find_map(|one| one.logo.clone());
    let words: Vec<Branding> = chain.into_iter().map(|one| one.branding).collect();
    Ok(Appearance { org_id, branding: effective(&words, may_hide), logo })
}
