//! Members: the people of an organization.

use app::audit::Actor;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::UserId;
use domain::roles::RoleRef;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::access::HeldRole;
use store::members::Member;
use store::page::Cursor;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Page, PageQuery, SearchQuery};
use crate::auth::credentials;
use crate::auth::tenant::{SignedIn, Tenant, needs};
use crate::etag::{IfMatch, tagged};
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_members))
        .routes(routes!(get_member, update_member, remove_member))
        .routes(routes!(leave_organization))
}

/// A role that somebody has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldRole)]
pub struct HeldRoleView {
    /// The role's id; a built-in one's is its name.
    #[schema(example = "manager")]
    id: String,
    /// Its name.
    #[schema(example = "manager")]
    name: String,
}

impl From<HeldRole> for HeldRoleView {
    fn from(held: HeldRole) -> Self {
        Self { id: held.role.map_or_else(|| held.name.clone(), |role| role.to_string()), name: held.name }
    }
}

/// A person of the organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView {
    /// The person's id.
    #[schema(value_type = String, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: UserId,
    /// The address they sign in with.
    #[schema(example = "dana@aurora.example")]
    email: String,
    /// Their name.
    #[schema(example = "Dana Whitfield")]
    name: String,
    /// What they are here.
    role: HeldRoleView,
    /// When they joined.
    created_at: DateTime<Utc>,
    /// When their role was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            id: member.user_id,
            email: member.email,
            name: member.name,
            role: member.role.into(),
            created_at: member.created_at,
            updated_at: member.updated_at,
        }
    }
}

/// What to change of a member.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPatch {
    /// The role: its id, or a built-in one's name.
    #[garde(skip)]
    #[schema(value_type = String, pattern = "^([a-z_]+|role_[0-9a-z]{26})$", example = "manager")]
    role: RoleRef,
}

/// List members, those who joined last first.
#[utoipa::path(
    get, path = "/api/v1/members", operation_id = "list_members", tag = "members",
    extensions(("x-permission" = json!("members:read"))),
    params(SearchQuery, PageQuery),
    responses(
        (status = 200, description = "A page of members", body = Page<MemberView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_members(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRead>,
    ValidQuery(search): ValidQuery<SearchQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<MemberView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let members = store::members::list(&mut tx, search.q(), page.behind()?, page.limit()).await?;
    let place = |member: &Member| Cursor { at: member.created_at, id: member.user_id.0 }.to_string();
    Ok(Json(Page::of(members, place, MemberView::from)))
}

/// Get a member.
#[utoipa::path(
    get, path = "/api/v1/members/{id}", operation_id = "get_member", tag = "members",
    extensions(("x-permission" = json!("members:read"))),
    params(("id" = String, Path, description = "The person", example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The member, with an `ETag`", body = MemberView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such member", body = Problem),
    ),
)]
pub(crate) async fn get_member(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRead>,
    Id(id): Id<UserId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let member = store::members::get(&mut tx, id).await?;
    Ok(tagged(member.updated_at, Json(MemberView::from(member))))
}

/// Give a member another role.
///
/// Nobody gives or takes away what they may not do themselves; there is always somebody with the strongest role.
#[utoipa::path(
    patch, path = "/api/v1/members/{id}", operation_id = "update_member", tag = "members",
    extensions(("x-permission" = json!("roles:manage"))),
    params(
        ("id" = String, Path, description = "The person", example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = MemberPatch, example = json!({"role": "manager"})),
    responses(
        (status = 200, description = "The member as they are now", body = MemberView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that either role grants", body = Problem),
        (status = 404, description = "There is no such member", body = Problem),
        (status = 409, description = "The last one with the strongest role", body = Problem),
        (status = 412, description = "Changed by someone else in the meantime", body = Problem),
        (status = 422, description = "There is no such role here", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_member(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::RolesManage>,
    Id(id): Id<UserId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<MemberPatch>,
) -> Result<Response, ApiError> {
    let (identity, actor) = (&tenant.identity, tenant.actor());
    let member = app::members::change_role(&_state.app, identity, &actor, id, based_on, patch.role).await?;
    Ok(tagged(member.updated_at, Json(MemberView::from(member))))
}

/// Take a member out of the organization.
///
/// Their sessions here end at once, and what they invited others with is void.
#[utoipa::path(
    delete, path = "/api/v1/members/{id}", operation_id = "remove_member", tag = "members",
    extensions(("x-permission" = json!("members:remove"))),
    params(("id" = String, Path, description = "The person", example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "They belong to the organization no longer"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that their role grants", body = Problem),
        (status = 404, description = "There is no such member", body = Problem),
        (status = 409, description = "The last one with the strongest role", body = Problem),
    ),
)]
pub(crate) async fn remove_member(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRemove>,
    Id(id): Id<UserId>,
) -> Result<StatusCode, ApiError> {
    app::members::remove(&_state.app, &tenant.identity, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leave the organization.
#[utoipa::path(
    post, path = "/api/v1/organization/leave", operation_id = "leave_organization", tag = "members",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 204, description = "You belong to the organization no longer"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 404, description = "You are not one of its members: a program, or acting from above", body = Problem),
        (status = 409, description = "The last one with the strongest role", body = Problem),
    ),
)]
pub(crate) async fn leave_organization(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    parts: Parts,
) -> Result<StatusCode, ApiError> {
    let actor = Actor::of(&identity, credentials::address(&parts, &_state.settings));
    app::members::leave(&_state.app, &identity, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
