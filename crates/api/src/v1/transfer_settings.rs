//! Whom callers are connected with, and how.

use std::collections::BTreeMap;

use app::transfers::settings::TransferChange;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use domain::transfers::{Availability, HoldMusic, TransferMode, TransferSettings, TransferTarget};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hours::BusinessHoursView;
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(
        get_transfer_settings,
        put_transfer_settings,
        update_transfer_settings
    ))
}

/// Whom callers are connected with, and how.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransferSettings)]
pub struct TransferSettingsView {
    /// How callers are connected.
    #[serde(default)]
    #[garde(skip)]
    mode: ModeView,
    /// How long each telephone rings, in seconds.
    #[serde(default = "ring_seconds")]
    #[garde(range(min = 10, max = 60))]
    #[schema(minimum = 10, maximum = 60, default = 25)]
    ring_seconds: u32,
    /// What callers hear while they wait.
    #[serde(default)]
    #[garde(skip)]
    hold_music: HoldMusicView,
    /// People, in the order in which they are called when nobody fits better. Beside them there is the organization's own
    /// number for transfers (`transfer_to`), which comes first.
    #[garde(length(max = 20), dive)]
    #[schema(max_items = 20)]
    targets: Vec<TargetView>,
}

fn ring_seconds() -> u32 {
    TransferSettings::default().ring_seconds
}

/// How a caller is connected.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TransferMode)]
pub enum ModeView {
    /// The person hears what it is about and takes the call with key 1; else the next one is called, and in the end the
    /// caller comes back to the agent. Needs a carrier account that may place calls; without one it is `blind`.
    #[default]
    Warm,
    /// The person's telephone rings, and the agent is out of it.
    Blind,
}

impl From<TransferMode> for ModeView {
    fn from(mode: TransferMode) -> Self {
        match mode {
            TransferMode::Warm => Self::Warm,
            TransferMode::Blind => Self::Blind,
        }
    }
}

impl From<ModeView> for TransferMode {
    fn from(mode: ModeView) -> Self {
        match mode {
            ModeView::Warm => Self::Warm,
            ModeView::Blind => Self::Blind,
        }
    }
}

/// What callers hear while they wait to be connected.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HoldMusic)]
pub enum HoldMusicView {
    /// Music, with words now and then that say who is being tried.
    #[default]
    Music,
    /// The words only, with pauses.
    Words,
}

impl From<HoldMusic> for HoldMusicView {
    fn from(music: HoldMusic) -> Self {
        match music {
            HoldMusic::Music => Self::Music,
            HoldMusic::Words => Self::Words,
        }
    }
}

impl From<HoldMusicView> for HoldMusic {
    fn from(music: HoldMusicView) -> Self {
        match music {
            HoldMusicView::Music => Self::Music,
            HoldMusicView::Words => Self::Words,
        }
    }
}

/// When somebody may be called.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TransferAvailability)]
pub enum AvailableView {
    /// While the business is open; always where it gave no hours.
    #[default]
    BusinessHours,
    /// At any time.
    Always,
    /// At the `hours` of their own.
    OwnHours,
}

/// Somebody whom callers can be connected with.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransferTarget)]
pub struct TargetView {
    /// Their name, as callers ask for them and hear it.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Dana Reed")]
    name: String,
    /// What they are. Whoever asks for that role gets them.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100, default = "", example = "account manager")]
    role: String,
    /// What they answer for. A caller whose words have all words of one of them gets this person.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 100)))]
    #[schema(max_items = 20, example = json!(["new projects"]))]
    topics: Vec<String>,
    /// Where they are called, with country code. Neither emergency nor premium numbers.
    #[garde(length(chars, max = 40))]
    #[schema(max_length = 40, example = "+15135550142")]
    phone: String,
    /// When they may be called.
    #[serde(default)]
    #[garde(skip)]
    available: AvailableView,
    /// Their own hours, in the business's time zone; needed for `own_hours`, and only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    hours: Option<BusinessHoursView>,
}

/// What to change. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferSettingsPatch {
    /// How callers are connected.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    mode: Option<ModeView>,
    /// How long each telephone rings, in seconds.
    #[serde(default, deserialize_with = "required")]
    #[garde(inner(range(min = 10, max = 60)))]
    #[schema(nullable = false, minimum = 10, maximum = 60)]
    ring_seconds: Option<u32>,
    /// What callers hear while they wait.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(nullable = false)]
    hold_music: Option<HoldMusicView>,
    /// With whom.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 20), dive)]
    #[schema(nullable = false, max_items = 20)]
    targets: Option<Vec<TargetView>>,
}

impl From<TransferTarget> for TargetView {
    fn from(target: TransferTarget) -> Self {
        let (available, hours) = match target.available {
            Availability::BusinessHours => (AvailableView::BusinessHours, None),
            Availability::Always => (AvailableView::Always, None),
            Availability::Own(hours) => (AvailableView::OwnHours, Some(hours.into())),
        };
        Self {
            name: target.name,
            role: target.role,
            topics: target.topics,
            phone: target.phone.into(),
            available,
            hours,
        }
    }
}

impl TargetView {
    /// The target; what can't be read is noted by field.
    fn checked(self, field: &str, errors: &mut BTreeMap<String, String>) -> Option<TransferTarget> {
        let phone = match PhoneNumber::parse(&self.phone, None) {
            Ok(phone) => Some(phone),
            Err(error) => {
                errors.insert(format!("{field}.phone"), format!("is {error}"));
                None
            }
        };
        let available = match (self.available, self.hours) {
            (AvailableView::BusinessHours, None) => Some(Availability::BusinessHours),
            (AvailableView::Always, None) => Some(Availability::Always),
            (AvailableView::OwnHours, Some(hours)) => Some(Availability::Own(hours.into())),
            (AvailableView::OwnHours, None) => {
                errors.insert(format!("{field}.hours"), "must be given with own_hours".to_owned());
                None
            }
            (AvailableView::BusinessHours | AvailableView::Always, Some(_)) => {
                errors.insert(format!("{field}.hours"), "must be left out unless own_hours".to_owned());
                None
            }
        };
        Some(TransferTarget {
            name: self.name.trim().to_owned(),
            role: self.role.trim().to_owned(),
            topics: self.topics.into_iter().map(|topic| topic.trim().to_owned()).collect(),
            phone: phone?,
            available: available?,
        })
    }
}

impl From<TransferSettings> for TransferSettingsView {
    fn from(settings: TransferSettings) -> Self {
        Self {
            mode: settings.mode.into(),
            ring_seconds: settings.ring_seconds,
            hold_music: settings.hold_music.into(),
            targets: settings.targets.into_iter().map(TargetView::from).collect(),
        }
    }
}

impl From<TransferSettingsView> for TransferSettingsPatch {
    fn from(all: TransferSettingsView) -> Self {
        Self {
            mode: Some(all.mode),
            ring_seconds: Some(all.ring_seconds),
            hold_music: Some(all.hold_music),
            targets: Some(all.targets),
        }
    }
}

impl TransferSettingsPatch {
    /// The change, with every target read on its own.
    fn checked(self) -> Result<TransferChange, ApiError> {
        let mut errors = BTreeMap::new();
        let targets = self.targets.map(|targets| {
            let targets = targets.into_iter().enumerate();
            let read = targets
                .filter_map(|(place, target)| target.checked(&format!("targets[{place}]"), &mut errors));
            read.collect::<Vec<_>>()
        });
        if !errors.is_empty() {
            return Err(app::error::AppError::InvalidFields { errors }.into());
        }
        Ok(TransferChange {
            mode: self.mode.map(TransferMode::from),
            ring_seconds: self.ring_seconds,
            hold_music: self.hold_music.map(HoldMusic::from),
            targets,
        })
    }
}

/// Get whom callers are connected with, and how. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/transfer-settings", operation_id = "get_transfer_settings", tag = "calls",
    extensions(("x-permission" = json!("organization:read"))),
    responses(
        (status = 200, description = "The settings", body = TransferSettingsView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
    ),
)]
pub(crate) async fn get_transfer_settings(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationRead>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::transfer_settings::get(&mut tx).await?))
}

/// Replace whom callers are connected with, and how.
#[utoipa::path(
    put, path = "/api/v1/transfer-settings", operation_id = "put_transfer_settings", tag = "calls",
    extensions(("x-permission" = json!("organization:manage"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = TransferSettingsView, example = json!({
        "mode": "warm",
        "ring_seconds": 25,
        "hold_music": "music",
        "targets": [
            { "name": "Dana Reed", "role": "account manager", "topics": ["new projects"], "phone": "+15135550142" },
            { "name": "Sam Okafor", "role": "bookkeeper", "topics": ["invoices", "payment"], "phone": "+15135550143" },
        ],
    })),
    responses(
        (status = 200, description = "The settings as they are now", body = TransferSettingsView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 412, description = "They were changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn put_transfer_settings(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
    IfMatch(based_on): IfMatch,
    ValidJson(settings): ValidJson<TransferSettingsView>,
) -> Result<Response, ApiError> {
    let change = TransferSettingsPatch::from(settings).checked()?;
    Ok(shown(app::transfers::settings::change(&_state.app, &tenant.actor(), based_on, change).await?))
}

/// Change a part of whom callers are connected with, and how.
#[utoipa::path(
    patch, path = "/api/v1/transfer-settings", operation_id = "update_transfer_settings", tag = "calls",
    extensions(("x-permission" = json!("organization:manage"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`")),
    request_body(content = TransferSettingsPatch, example = json!({"ring_seconds": 20})),
    responses(
        (status = 200, description = "The settings as they are now", body = TransferSettingsView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 412, description = "They were changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_transfer_settings(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::OrganizationManage>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<TransferSettingsPatch>,
) -> Result<Response, ApiError> {
    let change = patch.checked()?;
    Ok(shown(app::transfers::settings::change(&_state.app, &tenant.actor(), based_on, change).await?))
}

fn shown((settings, updated_at): (TransferSettings, DateTime<Utc>)) -> Response {
    tagged(updated_at, Json(TransferSettingsView::from(settings)))
}
