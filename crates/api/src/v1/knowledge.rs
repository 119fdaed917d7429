//! Knowledge entries: questions the business answers, in its own words.

use app::knowledge::EntryChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::KnowledgeId;
use domain::plans::Feature;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::knowledge::{Category, Entry, EntryContent, EntryFilter, EntrySort, Visibility};
use store::page::Span;
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created_at, tagged};
use crate::extract::{Id, ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod import;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_knowledge_entries, create_knowledge_entry))
        .routes(routes!(get_knowledge_entry, update_knowledge_entry, delete_knowledge_entry))
        .routes(routes!(list_knowledge_categories))
        .merge(import::router())
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

impl From<NewKnowledgeEntry> for EntryContent {
    fn from(new: NewKnowledgeEntry) -> Self {
        Self {
            category: new.category.trim().to_owned(),
            question: new.question,
            variants: new.variants,
            answer: new.answer,
            visibility: new.visibility,
        }
    }
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

orders! {
    /// How entries are ordered.
    pub enum EntryOrder of EntrySort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => EntrySort::CreatedAt;
    UpdatedAt "updated_at", UpdatedAtDown "-updated_at" => EntrySort::UpdatedAt;
    Question "question", QuestionDown "-question" => EntrySort::Question;
}

/// Which entries are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<EntryOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<KnowledgeId>>,
    /// Only entries whose question or answer contains this, in whatever case.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only entries under this heading.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    category: Option<String>,
    /// Only `public` entries, those for `clients`, or `internal` ones.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(public|clients|internal)$")]
    visibility: Option<Visibility>,
    /// Only entries entered at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only entries entered before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for EntriesQuery {
    const NOUN: &'static str = "knowledge-entries";
    type Order = EntryOrder;

    fn order(&self) -> Option<EntryOrder> {
        self.sort
    }
}

impl From<&EntriesQuery> for EntryFilter {
    fn from(query: &EntriesQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            contains: query.q.clone(),
            category: query.category.clone(),
            visibility: query.visibility,
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// A heading of the knowledge base.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnowledgeCategory)]
pub struct CategoryView {
    /// The heading; empty for entries without one.
    #[schema(example = "Opening hours")]
    name: String,
    /// How many entries stand under it.
    entries: u64,
}

impl From<Category> for CategoryView {
    fn from(category: Category) -> Self {
        Self { name: category.name, entries: category.entries }
    }
}

/// List the headings in use, in alphabetical order; at most 200.
#[utoipa::path(
    get, path = "/api/v1/knowledge-categories", operation_id = "list_knowledge_categories", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:read"))),
    responses(
        (status = 200, description = "The headings", body = Page<CategoryView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management", body = Problem),
    ),
)]
pub(crate) async fn list_knowledge_categories(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
) -> Result<Json<Page<CategoryView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let categories = store::knowledge::categories(&mut tx).await?;
    Ok(Json(Page::whole(categories.into_iter().map(CategoryView::from).collect())))
}

/// List knowledge entries.
#[utoipa::path(
    get, path = "/api/v1/knowledge-entries", operation_id = "list_knowledge_entries", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:read"))),
    params(EntriesQuery, ListParams),
    responses(
        (status = 200, description = "A page of entries", body = Page<EntryView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_knowledge_entries(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
    list: List<EntriesQuery>,
) -> Result<Json<Page<EntryView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let entries = store::knowledge::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(entries, EntryView::from)))
}

/// Get a knowledge entry. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/knowledge-entries/{id}", operation_id = "get_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:read"))),
    params(("id" = String, Path, description = "The entry", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The entry", body = EntryView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management", body = Problem),
        (status = 404, description = "There is no such entry", body = Problem),
    ),
)]
pub(crate) async fn get_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeRead>,
    Id(id): Id<KnowledgeId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::knowledge::get(&mut tx, id).await?))
}

/// Enter a knowledge entry. The next call knows it.
#[utoipa::path(
    post, path = "/api/v1/knowledge-entries", operation_id = "create_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:write"))),
    request_body(content = NewKnowledgeEntry, example = json!({"question": "What are your opening hours?",
        "variants": ["When are you open?"], "answer": "We are open Monday to Friday, nine to six."})),
    responses(
        (status = 201, description = "The entry", body = EntryView,
            headers(
            ("ETag" = String, description = "This version, for `If-Match`"),
            ("Location" = String, description = "Where it is found"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    ValidJson(new): ValidJson<NewKnowledgeEntry>,
) -> Result<Response, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    let created = app::knowledge::create(&_state.app, &tenant.actor(), &new.into()).await?;
    let path = format!("/api/v1/knowledge-entries/{}", created.id);
    Ok(created_at(&path, shown(created)))
}

/// Change a knowledge entry.
#[utoipa::path(
    patch, path = "/api/v1/knowledge-entries/{id}", operation_id = "update_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:write"))),
    params(
        ("id" = String, Path, description = "The entry", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = KnowledgeEntryPatch, example = json!({"answer": "We are open every day."})),
    responses(
        (status = 200, description = "The entry as it is now", body = EntryView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management", body = Problem),
        (status = 404, description = "There is no such entry", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    Id(id): Id<KnowledgeId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<KnowledgeEntryPatch>,
) -> Result<Response, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    let change = EntryChange {
        category: patch.category,
        question: patch.question,
        variants: patch.variants,
        answer: patch.answer,
        visibility: patch.visibility,
    };
    Ok(shown(app::knowledge::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Delete a knowledge entry.
#[utoipa::path(
    delete, path = "/api/v1/knowledge-entries/{id}", operation_id = "delete_knowledge_entry", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:delete"))),
    params(("id" = String, Path, description = "The entry", example = "know_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management", body = Problem),
        (status = 404, description = "There is no such entry", body = Problem),
    ),
)]
pub(crate) async fn delete_knowledge_entry(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeDelete>,
    Id(id): Id<KnowledgeId>,
) -> Result<StatusCode, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    app::knowledge::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(entry: Entry) -> Response {
    tagged(entry.updated_at, Json(EntryView::from(entry)))
}
