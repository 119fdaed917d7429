//! The audit log: who did what to which object, from where.

use std::borrow::Cow;
use std::sync::Arc;

use app::App;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::ids::{ApiKeyId, AuditId, OrgId, UserId};
use futures_util::stream;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::OrgTx;
use store::audit::{ByActor, Filter, Recorded};
use store::page::{Cursor, MAX_PAGE};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Page, PageQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::ValidQuery;
use crate::problem::{ApiError, Problem};
use crate::spreadsheet;
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_audit_log)).routes(routes!(export_audit_log))
}

/// What kind of actor did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    Person,
    /// A program with an API key.
    ApiKey,
    /// The system itself.
    System,
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct ActorView {
    /// A person, a program or the system.
    kind: ActorKind,
    /// The person's or the key's id; `null` for the system.
    #[schema(example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: Option<String>,
    /// What they are called, while the organization knows them.
    name: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// The entry's id.
    #[schema(value_type = String, example = "audit_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: AuditId,
    /// When.
    at: DateTime<Utc>,
    /// Who.
    actor: ActorView,
    /// The organization that their rights came from.
    #[schema(value_type = String, example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    home_organization_id: OrgId,
    /// Whether they acted from an organization above this one.
    from_above: bool,
    /// What, as `resource:action`.
    #[schema(example = "members:update")]
    action: String,
    /// To which object: its id.
    #[schema(example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    object: String,
    /// From which address.
    ip: Option<String>,
    /// Further facts; `null` when there are none.
    #[schema(value_type = Option<Object>)]
    detail: serde_json::Value,
}

impl AuditEntry {
    fn of(recorded: Recorded, org_id: OrgId) -> Self {
        let entry = recorded.entry;
        let (kind, id) = match (entry.user_id, entry.api_key_id) {
            (Some(id), _) => (ActorKind::Person, Some(id.to_string())),
            (None, Some(id)) => (ActorKind::ApiKey, Some(id.to_string())),
            (None, None) => (ActorKind::System, None),
        };
        Self {
            id: AuditId(entry.id),
            at: entry.at,
            actor: ActorView { kind, id, name: recorded.actor_name },
            home_organization_id: entry.home_org_id,
            from_above: entry.home_org_id != org_id,
            action: entry.action,
            object: entry.object,
            ip: entry.ip,
            detail: entry.detail,
        }
    }
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what this person (`user_…`), this key (`key_…`) or the system (`system`) did.
    #[garde(length(chars, max = 100))]
    #[param(max_length = 100, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// Only this action (`members:update`), or all of a resource (`members`).
    #[garde(length(chars, max = 100))]
    #[param(max_length = 100, example = "members")]
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// Only what was done to the object of this id.
    #[garde(length(chars, max = 100))]
    #[param(max_length = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// Not before this moment.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<DateTime<Utc>>,
    /// Before this moment.
    #[garde(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<DateTime<Utc>>,
    /// Only entries with these words in action, object, address or detail.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
}

impl AuditQuery {
    fn filter(&self) -> Result<Filter, ApiError> {
        let words = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let actor = words(&self.actor).map(|text| actor(&text)).transpose()?;
        Ok(Filter {
            actor,
            action: words(&self.action),
            object: words(&self.object),
            from: self.from,
            to: self.to,
            q: words(&self.q),
        })
    }
}

fn actor(text: &str) -> Result<ByActor, ApiError> {
    if text == "system" {
        return Ok(ByActor::System);
    }
    let person = text.parse::<UserId>().ok().map(ByActor::Person);
    let found = person.or_else(|| text.parse::<ApiKeyId>().ok().map(ByActor::Key));
    found.ok_or_else(|| ApiError::field("actor", "must be the id of a person or of an API key, or `system`"))
}

/// List entries of the audit log, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit-log", operation_id = "list_audit_log", tag = "audit",
    extensions(("x-permission" = json!("audit:read"))),
    params(AuditQuery, PageQuery),
    responses(
        (status = 200, description = "A page of entries", body = Page<AuditEntry>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_audit_log(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AuditRead>,
    ValidQuery(query): ValidQuery<AuditQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let filter = query.filter()?;
    let mut tx = tenant.begin(&_state).await?;
    let entries = store::audit::list(&mut tx, &filter, page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(entries, |one| place(one).to_string(), |one| AuditEntry::of(one, tenant.org_id()))))
}

fn place(recorded: &Recorded) -> Cursor {
    Cursor { at: recorded.entry.at, id: recorded.entry.id }
}

/// How the log is written out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// For spreadsheets. Texts that a spreadsheet would run as a formula have an apostrophe before them.
    #[default]
    Csv,
    /// One JSON object per line, as the list has them.
    Jsonl,
}

/// How the log is wanted.
#[derive(Debug, Clone, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `csv` or `jsonl`.
    #[serde(default)]
    #[garde(skip)]
    #[param(inline)]
    format: ExportFormat,
}

/// Export the audit log, newest first.
///
/// All entries that match, streamed. That somebody took the log away is itself recorded in it.
#[utoipa::path(
    get, path = "/api/v1/audit-log/export", operation_id = "export_audit_log", tag = "audit",
    extensions(("x-permission" = json!("audit:read"))),
    params(AuditQuery, ExportQuery),
    responses(
        (status = 200, description = "The entries, as `text/csv` or `application/x-ndjson`", content(
            (String = "text/csv"),
            (String = "application/x-ndjson"),
        )),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn export_audit_log(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::AuditRead>,
    ValidQuery(query): ValidQuery<AuditQuery>,
    ValidQuery(export): ValidQuery<ExportQuery>,
) -> Result<Response, ApiError> {
    let mut filter = query.filter()?;
    let now = _state.app.ambient.now();
    // The export ends at the moment it was asked for, so that it comes to an end.
    filter.to = Some(filter.to.map_or(now, |to| to.min(now)));
    let detail = serde_json::json!({ "format": export.format, "filter": query });
    app::audit_log::note_export(&_state.app, &tenant.actor(), detail).await?;

    let source =
        Source { app: Arc::clone(&_state.app), org_id: tenant.org_id(), filter, format: export.format };
    let head = match export.format {
        ExportFormat::Csv => Some(Bytes::from(spreadsheet::lines([titles()]).map_err(defect)?)),
        ExportFormat::Jsonl => None,
    };
    let rest = stream::try_unfold(Some((source, None)), async |state| {
        let Some((source, behind)) = state else { return Ok(None) };
        let (bytes, next) = source.read(behind).await?;
        Ok::<_, ApiError>(Some((bytes, next.map(|cursor| (source, Some(cursor))))))
    });
    let parts = futures_util::StreamExt::chain(stream::iter(head.map(Ok)), rest);
    let (media_type, name) = match export.format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit-log.csv"),
        ExportFormat::Jsonl => ("application/x-ndjson", "audit-log.jsonl"),
    };
    let mut response = Body::from_stream(parts).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).map_err(defect)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

fn defect(error: impl std::fmt::Display) -> ApiError {
    ApiError::Internal(format!("an export could not be written: {error}"))
}

/// Where the pages of an export come from: one short transaction each, however long the log is.
struct Source {
    app: Arc<App>,
    org_id: OrgId,
    filter: Filter,
    format: ExportFormat,
}

impl Source {
    async fn read(&self, behind: Option<Cursor>) -> Result<(Bytes, Option<Cursor>), ApiError> {
        let mut tx = OrgTx::begin(&self.app.db, self.org_id).await?;
        let page = store::audit::list(&mut tx, &self.filter, behind, MAX_PAGE).await?;
        let next = page.items.last().filter(|_| page.has_more).map(place);
        let entries = page.items.into_iter().map(|one| AuditEntry::of(one, self.org_id));
        let bytes = match self.format {
            ExportFormat::Csv => spreadsheet::lines(entries.map(cells)).map_err(defect)?,
            ExportFormat::Jsonl => {
                let mut lines = Vec::new();
                for entry in entries {
                    serde_json::to_writer(&mut lines, &entry).map_err(defect)?;
                    lines.push(b'\n');
                }
                lines
            }
        };
        Ok((bytes.into(), next))
    }
}

fn titles() -> Vec<Cow<'static, str>> {
    [
        "id",
        "at",
        "actor_kind",
        "actor_id",
        "actor_name",
        "home_organization_id",
        "from_above",
        "action",
        "object",
        "ip",
        "detail",
    ]
    .map(Cow::from)
    .to_vec()
}

fn cells(entry: AuditEntry) -> Vec<Cow<'static, str>> {
    let kind = match entry.actor.kind {
        ActorKind::Person => "person",
        ActorKind::ApiKey => "api_key",
        ActorKind::System => "system",
    };
    let detail = if entry.detail.is_null() { String::new() } else { entry.detail.to_string() };
    vec![
        entry.id.to_string().into(),
        entry.at.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        kind.into(),
        entry.actor.id.unwrap_or_default().into(),
        entry.actor.name.unwrap_or_default().into(),
        entry.home_organization_id.to_string().into(),
        if entry.from_above { "yes" } else { "no" }.into(),
        entry.action.into(),
        entry.object.into(),
        entry.ip.unwrap_or_default().into(),
        detail.into(),
    ]
}
