//! Knowledge entries: questions the business answers, in its own words.

use app::knowledge::EntryChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::KnowledgeId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::knowledge::{Entry, EntryContent, Visibility};
use utoipa::ToSchema;

use super::page::{Page, PageQuery, SearchQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_knowledge_entries, create_knowledge_entry)).routes(routes!(
        get_knowledge_entry,
        update_knowledge_entry,
        delete_knowledge_entry
    ))
}

/// A knowledge entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnowledgeEntry)]
pub struct EntryView {
    /// The entry's id.
    #[schema(value_type = String, example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: KnowledgeId,
    /// The heading it stands under.
    category: String,
    /// The question.
    #[schema(example = "What are your opening hours?")]
    question: String,
    /// Other ways to ask it.
    variants: Vec<String>,
    /// The answer, quoted word by word.
    #[schema(example = "We are open Monday to Friday, nine to six.")]
    answer: String,
    /// Who may hear it: `public` (anybody), `clients` (recognised ones) or `internal` (nobody on the phone).
    #[schema(value_type = String, example = "public")]
    visibility: Visibility,
    /// When it was entered.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let content = entry.content;
        Self {
            id: entry.id,
            category: content.category,
            question: content.question,
            variants: content.variants,
            answer: content.answer,
            visibility: content.visibility,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

/// A knowledge entry to be entered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKnowledgeEntry {
    /// The heading it stands under.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    category: String,
    /// The question.
    #[garde(length(chars, min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    question: String,
    /// Other ways to ask it.
    #[serde(default)]
    #[garde(length(max = 50), inner(length(chars, min = 1, max = 1_000)))]
    #[schema(max_items = 50)]
    variants: Vec<String>,
    /// The answer, quoted word by word.
    #[garde(length(chars, min = 1, max = 10_000))]
    #[schema(min_length = 1, max_length = 10_000)]
    answer: String,
    /// Who may hear it; `public` when left out.
    #[serde(default = "public")]
    #[garde(skip)]
    #[schema(value_type = String, default = "public", example = "public")]
    visibility: Visibility,
}

fn public() -> Visibility {
    Visibility::Public
}

/// What to change of an entry. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeEntryPatch {
    /// The heading it stands under.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 200))]
    #[schema(nullable = false, max_length = 200)]
    category: Option<String>,
    /// The question.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 1_000))]
    #[schema(nullable = false, min_length = 1, max_length = 1_000)]
    question: Option<String>,
    /// Other ways to ask it, replacing those there are.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 50), inner(inner(length(chars, min = 1, max = 1_000))))]
    #[schema(nullable = false, max_items = 50)]
    variants: Option<Vec<String>>,
    /// The answer.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 10_000))]
    #[schema(nullable = false, min_length = 1, max_length = 10_000)]
    answer: Option<String>,
    /// Who may hear it.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false)]
    visibility: Option<Visibility>,
}

/// List knowledge entries, newest first.
#[utoipa::path(
    get, path = "/api/v1/knowledge-entries", operation_id = "list_knowledge_entries", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:read"))),
    params(SearchQuery, PageQuery),
    responses(
        (status = 200, description = "A page of entries", body = Page<EntryView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_knowledge_entries(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
    ValidQuery(search): ValidQuery<SearchQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<EntryView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let entries = store::knowledge::list(&mut tx, search.q(), page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(entries, |entry| entry.id.to_string(), EntryView::from)))
}

/// Get a knowledge entry.
#[utoipa::path(
    get, path = "/api/v1/knowledge-entries/{id}", operation_id = "get_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:read"))),
    params(("id" = String, Path, description = "The entry", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The entry", body = EntryView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such entry", body = Problem),
    ),
)]
pub(crate) async fn get_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
    Id(id): Id<KnowledgeId>,
) -> Result<Json<EntryView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::knowledge::get(&mut tx, id).await?.into()))
}

/// Enter a knowledge entry. The next call knows it.
#[utoipa::path(
    post, path = "/api/v1/knowledge-entries", operation_id = "create_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:write"))),
    request_body(content = NewKnowledgeEntry, example = json!({"question": "What are your opening hours?",
        "variants": ["When are you open?"], "answer": "We are open Monday to Friday, nine to six."})),
    responses(
        (status = 201, description = "The entry", body = EntryView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    ValidJson(new): ValidJson<NewKnowledgeEntry>,
) -> Result<(StatusCode, Json<EntryView>), ApiError> {
    let content = EntryContent {
        category: new.category,
        question: new.question,
        variants: new.variants,
        answer: new.answer,
        visibility: new.visibility,
    };
    let created = app::knowledge::create(&_state.app, &tenant.actor(), &content).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Change a knowledge entry.
#[utoipa::path(
    patch, path = "/api/v1/knowledge-entries/{id}", operation_id = "update_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:write"))),
    params(("id" = String, Path, description = "The entry", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = KnowledgeEntryPatch, example = json!({"answer": "We are open every day."})),
    responses(
        (status = 200, description = "The entry as it is now", body = EntryView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such entry", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn update_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    Id(id): Id<KnowledgeId>,
    ValidJson(patch): ValidJson<KnowledgeEntryPatch>,
) -> Result<Json<EntryView>, ApiError> {
    let change = EntryChange {
        category: patch.category,
        question: patch.question,
        variants: patch.variants,
        answer: patch.answer,
        visibility: patch.visibility,
    };
    Ok(Json(app::knowledge::change(&_state.app, &tenant.actor(), id, change).await?.into()))
}

/// Delete a knowledge entry.
#[utoipa::path(
    delete, path = "/api/v1/knowledge-entries/{id}", operation_id = "delete_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:delete"))),
    params(("id" = String, Path, description = "The entry", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such entry", body = Problem),
    ),
)]
pub(crate) async fn delete_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeDelete>,
    Id(id): Id<KnowledgeId>,
) -> Result<StatusCode, ApiError> {
    app::knowledge::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
