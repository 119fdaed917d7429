//! Taking leads out of the house: all that meet the filters, as a table or as JSON, page after page while they are
//! read.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use domain::ids::OrgId;
use futures_util::{Stream, stream};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::OrgTx;
use store::leads::{Lead, LeadFilter, LeadSort};
use store::page::{MAX_PAGE, Wanted};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{LeadView, LeadsQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::spreadsheet;
use crate::state::ApiState;
use crate::v1::page::{Listing as _, Order as _, WithFilter};

/// The operation.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(export_leads))
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportFormat {
    /// A table (RFC 4180) whose cells no spreadsheet takes for formulas.
    #[default]
    Csv,
    /// A JSON list of leads.
    Json,
}

/// How leads are exported.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// The form; `csv` when left out.
    #[garde(skip)]
    #[param(inline)]
    format: Option<ExportFormat>,
}

impl crate::v1::page::Beside for ExportParams {
    const NAMES: &'static [&'static str] = &["format"];
}

const HEADINGS: [&str; 17] = [
    "id",
    "status",
    "complete",
    "priority",
    "source",
    "call_id",
    "name",
    "email",
    "phone",
    "company",
    "budget",
    "timeline",
    "service",
    "notes",
    "assignee_id",
    "created_at",
    "updated_at",
];

/// Export leads, all that meet the filters. The export is noted in the audit log.
#[utoipa::path(
    get, path = "/api/v1/leads/export", operation_id = "export_leads", tag = "leads",
    extensions(("x-permission" = json!("leads:export"))),
    params(LeadsQuery, ExportParams),
    responses(
        (status = 200, description = "The leads", content(
            (String = "text/csv"),
            (Vec<LeadView> = "application/json"),
        )),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn export_leads(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::LeadsExport>,
    WithFilter { filter: query, beside }: WithFilter<LeadsQuery, ExportParams>,
) -> Result<Response, ApiError> {
    let state = _state;
    let format = beside.format.unwrap_or_default();
    let (name, media_type, head, tail) = match format {
        ExportFormat::Csv => ("csv", "text/csv; charset=utf-8", line(&HEADINGS.map(Cow::from))?, Vec::new()),
        ExportFormat::Json => ("json", "application/json", b"[".to_vec(), b"]".to_vec()),
    };
    let noted = serde_json::to_value(&query)
        .map_err(|error| ApiError::Internal(format!("a filter can't be written: {error}")))?;
    app::leads::note_export(&state.app, &tenant.actor(), name, noted).await?;
    let (sort, descending) = query.order().unwrap_or_default().sort();
    let wanted = Wanted { sort, descending, behind: None, limit: MAX_PAGE, count: false };
    let pages = Pages { state, org_id: tenant.org_id(), filter: (&query).into(), wanted, format, head, tail };
    let mut response = Body::from_stream(pages.stream()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"leads.{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

struct Pages {
    state: ApiState,
    org_id: OrgId,
    filter: LeadFilter,
    wanted: Wanted<LeadSort>,
    format: ExportFormat,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Pages {
    /// One page of the database becomes one piece of the body; the next is read when the reader has taken it.
    fn stream(self) -> impl Stream<Item = Result<Bytes, ApiError>> {
        stream::try_unfold(Some((self, true)), async |state| {
            let Some((mut pages, first)) = state else { return Ok(None) };
            let mut tx = OrgTx::begin(&pages.state.app.db, pages.org_id).await?;
            let listed = store::leads::list(&mut tx, &pages.filter, &pages.wanted).await?;
            drop(tx);
            let mut body = std::mem::take(&mut pages.head);
            for (place, lead) in listed.items.into_iter().enumerate() {
                match pages.format {
                    ExportFormat::Csv => body.extend(table_row(&lead)?),
                    ExportFormat::Json => {
                        if !(first && place == 0) {
                            body.push(b',');
                        }
                        let json = serde_json::to_vec(&LeadView::from(lead));
                        body.extend(json.map_err(|error| ApiError::Internal(error.to_string()))?);
                    }
                }
            }
            pages.wanted.behind = listed.next;
            let next = if pages.wanted.behind.is_some() {
                Some((pages, false))
            } else {
                body.append(&mut pages.tail);
                None
            };
            Ok(Some((Bytes::from(body), next)))
        })
    }
}

fn line(cells: &[Cow<'_, str>; 17]) -> Result<Vec<u8>, ApiError> {
    spreadsheet::lines([cells.to_vec()]).map_err(|error| ApiError::Internal(format!("a table: {error}")))
}

fn table_row(lead: &Lead) -> Result<Vec<u8>, ApiError> {
    let view = serde_json::json!({
        "status": lead.status, "priority": lead.priority, "call_id": lead.call_id, "assignee_id": lead.assignee_id,
    });
    let word = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let cells = [
        lead.id.to_string(),
        word("status"),
        lead.complete.to_string(),
        word("priority"),
        lead.source.clone(),
        word("call_id"),
        text(&lead.name),
        text(&lead.email),
        text(&lead.phone),
        text(&lead.company),
        text(&lead.budget),
        text(&lead.timeline),
        text(&lead.service),
        text(&lead.notes),
        word("assignee_id"),
        lead.created_at.to_rfc3339(),
        lead.updated_at.to_rfc3339(),
    ];
    line(&cells.map(Cow::from))
}
