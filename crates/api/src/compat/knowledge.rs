//! `/api/kb` and `/api/admin/knowledge`.

use app::knowledge::SavedEntry;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::KnowledgeId;
use domain::plans::Feature;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::knowledge::{Entry, EntryContent, Visibility};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::CompatPage;
use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::Id;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::knowledge::EntriesQuery;
use crate::v1::page::{List, ListParams};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(compat_list_knowledge, compat_create_knowledge))
        .routes(routes!(compat_delete_knowledge))
        .routes(routes!(compat_get_admin_knowledge, compat_put_admin_knowledge))
}

/// What `/api/v1` has no form of yet.
pub(super) fn sync_router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_sync_drive))
}

/// An item of the knowledge base.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatKnowledge {
    /// The item's id.
    #[schema(value_type = String, example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: KnowledgeId,
    /// The heading it stands under.
    category: String,
    /// The question.
    question: String,
    /// The answer.
    answer: String,
    /// When it was entered.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Entry> for CompatKnowledge {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            category: entry.content.category,
            question: entry.content.question,
            answer: entry.content.answer,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

/// An item to be entered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewCompatKnowledge {
    /// The heading it stands under.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    category: String,
    /// The question.
    #[garde(length(chars, min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    question: String,
    /// The answer.
    #[garde(length(chars, min = 1, max = 10_000))]
    #[schema(min_length = 1, max_length = 10_000)]
    answer: String,
}

/// An entry to be saved.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompatEntry {
    /// The heading it stands under.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    category: String,
    /// The question. An entry of the same question is changed, any other is entered anew.
    #[garde(length(chars, min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    question: String,
    /// The answer.
    #[garde(length(chars, min = 1, max = 10_000))]
    #[schema(min_length = 1, max_length = 10_000)]
    answer: String,
}

/// Entries to be saved.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CompatEntries {
    /// The entries.
    #[garde(length(min = 1, max = 200), dive)]
    #[schema(min_items = 1, max_items = 200)]
    entries: Vec<CompatEntry>,
}

/// What was saved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatSaved {
    /// How many entries.
    saved: usize,
}

/// List knowledge items, as the older documents had it: use `GET /api/v1/knowledge-entries`.
#[utoipa::path(
    get, path = "/api/kb", operation_id = "compat_list_knowledge", tag = "compat",
    extensions(("x-permission" = json!("knowledge:read"))),
    params(EntriesQuery, ListParams),
    responses(
        (status = 200, description = "A page of items", body = CompatPage<CompatKnowledge>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_list_knowledge(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
    list: List<EntriesQuery>,
) -> Result<Json<CompatPage<CompatKnowledge>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let entries = store::knowledge::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(entries, CompatKnowledge::from).into()))
}

/// Enter a knowledge item, as the older documents had it: use `POST /api/v1/knowledge-entries`.
#[utoipa::path(
    post, path = "/api/kb", operation_id = "compat_create_knowledge", tag = "compat",
    extensions(("x-permission" = json!("knowledge:write"))),
    request_body(content = NewCompatKnowledge, example = json!({"category": "Hours",
        "question": "When are you open?", "answer": "Nine to six."})),
    responses(
        (status = 201, description = "The item", body = CompatKnowledge),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_create_knowledge(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    CamelJson(new): CamelJson<NewCompatKnowledge>,
) -> Result<(StatusCode, Json<CompatKnowledge>), ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    let content = EntryContent {
        category: new.category,
        question: new.question,
        variants: Vec::new(),
        answer: new.answer,
        visibility: Visibility::Public,
    };
    let entry = app::knowledge::create(&_state.app, &tenant.actor(), &content).await?;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

/// Delete a knowledge item, as the older documents had it: use `DELETE /api/v1/knowledge-entries/{id}`.
#[utoipa::path(
    delete, path = "/api/kb/{id}", operation_id = "compat_delete_knowledge", tag = "compat",
    extensions(("x-permission" = json!("knowledge:delete"))),
    params(("id" = String, Path, description = "The item", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such item", body = Problem),
    ),
)]
pub(crate) async fn compat_delete_knowledge(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeDelete>,
    Id(id): Id<KnowledgeId>,
) -> Result<StatusCode, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    app::knowledge::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetch knowledge from the connected Google Drive folder now. None can be connected yet: the answer says so.
#[utoipa::path(
    post, path = "/api/kb/sync-gdrive", operation_id = "compat_sync_drive", tag = "compat",
    extensions(("x-permission" = json!("knowledge:write"))),
    responses(
        (status = 204, description = "Fetching has begun"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "No Google Drive folder is connected", body = Problem),
    ),
)]
pub(crate) async fn compat_sync_drive(tenant: Tenant<needs::KnowledgeWrite>) -> Result<StatusCode, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    app::knowledge::sync_drive()?;
    Ok(StatusCode::NO_CONTENT)
}

/// List knowledge entries, as the older documents had it: use `GET /api/v1/knowledge-entries`.
#[utoipa::path(
    get, path = "/api/admin/knowledge", operation_id = "compat_get_admin_knowledge", tag = "compat",
    extensions(("x-permission" = json!("knowledge:read"))),
    params(EntriesQuery, ListParams),
    responses(
        (status = 200, description = "A page of entries", body = CompatPage<CompatKnowledge>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_get_admin_knowledge(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
    list: List<EntriesQuery>,
) -> Result<Json<CompatPage<CompatKnowledge>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let entries = store::knowledge::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(entries, CompatKnowledge::from).into()))
}

/// Save knowledge entries by their questions. Entries that are not named stay: delete them by `DELETE /api/kb/{id}`.
#[utoipa::path(
    put, path = "/api/admin/knowledge", operation_id = "compat_put_admin_knowledge", tag = "compat",
    extensions(("x-permission" = json!("knowledge:write"))),
    request_body(content = CompatEntries, example = json!({"entries": [
        {"category": "Hours", "question": "When are you open?", "answer": "Nine to six."}]})),
    responses(
        (status = 200, description = "They are saved", body = CompatSaved),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_put_admin_knowledge(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    CamelJson(body): CamelJson<CompatEntries>,
) -> Result<Json<CompatSaved>, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    let entries = body.entries.into_iter().map(|entry| SavedEntry {
        category: entry.category,
        question: entry.question,
        answer: entry.answer,
    });
    let entries: Vec<SavedEntry> = entries.collect();
    app::knowledge::save(&_state.app, &tenant.actor(), &entries).await?;
    Ok(Json(CompatSaved { saved: entries.len() }))
}
