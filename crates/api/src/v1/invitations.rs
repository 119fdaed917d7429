//! Invitations to join an organization.

use app::invitations::Invited;
use app::invitations::accept::{Accepted, Acceptor};
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::ids::{InvitationId, UserId};
use domain::roles::RoleRef;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::invitations::{Invitation, Shown};
use store::page::Cursor;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::members::HeldRoleView;
use super::page::{Page, PageQuery};
use super::roles::not_blank;
use crate::auth::credentials;
use crate::auth::tenant::{SignedIn, Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, create_invitation))
        .routes(routes!(get_invitation, revoke_invitation))
        .routes(routes!(resend_invitation))
        .routes(routes!(preview_invitation))
        .routes(routes!(accept_invitation))
}

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationStatus {
    /// It can be accepted.
    Open,
    /// Its seven days are over; sending it again opens it again.
    Lapsed,
    /// It was accepted.
    Accepted,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// The invitation's id.
    #[schema(value_type = String, example = "inv_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: InvitationId,
    /// Who is invited.
    #[schema(example = "lee@aurora.example")]
    email: String,
    /// As what.
    role: HeldRoleView,
    /// Where it stands.
    status: InvitationStatus,
    /// Who invited; `null` for a program.
    #[schema(value_type = Option<String>)]
    invited_by: Option<UserId>,
    /// When.
    created_at: DateTime<Utc>,
    /// When its e-mail was last sent.
    sent_at: DateTime<Utc>,
    /// Until when it holds.
    expires_at: DateTime<Utc>,
    /// When it was accepted.
    accepted_at: Option<DateTime<Utc>>,
    /// Where it is accepted. Only in the answer to whoever made it or sent it again: an installation may have no mail
    /// server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://studio.example/invitations/sci_…")]
    link: Option<String>,
}

impl InvitationView {
    fn of(invitation: Invitation, now: DateTime<Utc>) -> Self {
        let status = match invitation.accepted_at {
            Some(_) => InvitationStatus::Accepted,
            None if invitation.expires_at <= now => InvitationStatus::Lapsed,
            None => InvitationStatus::Open,
        };
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role.into(),
            status,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            sent_at: invitation.sent_at,
            expires_at: invitation.expires_at,
            accepted_at: invitation.accepted_at,
            link: None,
        }
    }

    fn with_link(invited: Invited, now: DateTime<Utc>) -> Self {
        let link = Some(invited.link.expose_secret().to_owned());
        Self { link, ..Self::of(invited.invitation, now) }
    }
}

/// Whom to invite.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Their address.
    #[garde(length(chars, min = 3, max = 320))]
    #[schema(min_length = 3, max_length = 320, format = Email, example = "lee@aurora.example")]
    email: String,
    /// The role they will have: its id, or a built-in one's name.
    #[garde(skip)]
    #[schema(value_type = String, pattern = "^([a-z_]+|role_[0-9a-z]{26})$", example = "member")]
    role: RoleRef,
}

/// An invitation as whoever has its link sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationPreview {
    /// What the organization is called.
    #[schema(example = "Aurora Branding")]
    organization: String,
    /// Who is invited.
    #[schema(example = "lee@aurora.example")]
    email: String,
    /// Who invited.
    invited_by: Option<String>,
    /// The name of the role.
    #[schema(example = "member")]
    role: String,
    /// Until when it holds.
    expires_at: DateTime<Utc>,
    /// Whether somebody with this address has an account: they sign in, then accept. Others choose name and password.
    account_exists: bool,
}

impl From<Shown> for InvitationPreview {
    fn from(shown: Shown) -> Self {
        Self {
            organization: shown.org_name,
            email: shown.email,
            invited_by: shown.invited_by,
            role: shown.role.name,
            expires_at: shown.expires_at,
            account_exists: shown.account_exists,
        }
    }
}

/// Who accepts: nothing for somebody who is signed in; name and password for somebody new.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The name of the new account.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200), custom(not_blank)))]
    #[schema(min_length = 1, max_length = 200, pattern = r"\S", example = "Lee Park")]
    name: Option<String>,
    /// The password of the new account.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    password: Option<SecretString>,
}

/// What an acceptance came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedInvitation {
    /// The organization's id.
    #[schema(example = "org_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    organization_id: String,
    /// What it is called.
    #[schema(example = "Aurora Branding")]
    organization: String,
    /// The name of the role.
    #[schema(example = "member")]
    role: String,
    /// The address to sign in with.
    #[schema(example = "lee@aurora.example")]
    email: String,
}

impl From<Accepted> for AcceptedInvitation {
    fn from(accepted: Accepted) -> Self {
        Self {
            organization_id: accepted.org_id.to_string(),
            organization: accepted.org_name,
            role: accepted.role,
            email: accepted.email,
        }
    }
}

/// List invitations, newest first: open, lapsed and accepted ones.
#[utoipa::path(
    get, path = "/api/v1/invitations", operation_id = "list_invitations", tag = "members",
    extensions(("x-permission" = json!("members:read"))),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of invitations", body = Page<InvitationView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_invitations(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRead>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<InvitationView>>, ApiError> {
    let now = _state.app.ambient.now();
    let mut tx = tenant.begin(&_state).await?;
    let invitations = store::invitations::list(&mut tx, page.behind()?, page.limit()).await?;
    let place = |one: &Invitation| Cursor { at: one.created_at, id: one.id.0 }.to_string();
    Ok(Json(Page::of(invitations, place, |one| InvitationView::of(one, now))))
}

/// Get an invitation.
#[utoipa::path(
    get, path = "/api/v1/invitations/{id}", operation_id = "get_invitation", tag = "members",
    extensions(("x-permission" = json!("members:read"))),
    params(("id" = String, Path, description = "The invitation", example = "inv_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The invitation", body = InvitationView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such invitation", body = Problem),
    ),
)]
pub(crate) async fn get_invitation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersRead>,
    Id(id): Id<InvitationId>,
) -> Result<Json<InvitationView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let invitation = store::invitations::get(&mut tx, id).await?;
    Ok(Json(InvitationView::of(invitation, _state.app.ambient.now())))
}

/// Invite somebody.
///
/// They get an e-mail with a link that works once within seven days. The link is in this answer, too. Nobody promises a
/// role that grants more than they have.
#[utoipa::path(
    post, path = "/api/v1/invitations", operation_id = "create_invitation", tag = "members",
    extensions(("x-permission" = json!("members:invite"))),
    request_body(content = NewInvitation, example = json!({"email": "lee@aurora.example", "role": "member"})),
    responses(
        (status = 201, description = "The invitation, with its link", body = InvitationView,
            headers(("Location" = String, description = "Where the invitation is"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the role grants", body = Problem),
        (status = 409, description = "A member already, or invited already", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_invitation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersInvite>,
    ValidJson(new): ValidJson<NewInvitation>,
) -> Result<Response, ApiError> {
    let (identity, actor) = (&tenant.identity, tenant.actor());
    let invited = app::invitations::invite(&_state.app, identity, &actor, &new.email, new.role).await?;
    let location = [(header::LOCATION, format!("/api/v1/invitations/{}", invited.invitation.id))];
    let body = Json(InvitationView::with_link(invited, _state.app.ambient.now()));
    Ok((StatusCode::CREATED, location, body).into_response())
}

/// Send an invitation again, with a new link and seven more days.
///
/// The former link is worth nothing from now on.
#[utoipa::path(
    post, path = "/api/v1/invitations/{id}/resend", operation_id = "resend_invitation", tag = "members",
    extensions(("x-permission" = json!("members:invite"))),
    params(("id" = String, Path, description = "The invitation", example = "inv_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The invitation, with its new link", body = InvitationView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or one of those that the role grants", body = Problem),
        (status = 404, description = "There is no such invitation", body = Problem),
        (status = 409, description = "It was accepted", body = Problem),
        (status = 429, description = "Sent less than a minute ago; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn resend_invitation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersInvite>,
    Id(id): Id<InvitationId>,
) -> Result<Json<InvitationView>, ApiError> {
    let invited = app::invitations::resend(&_state.app, &tenant.identity, &tenant.actor(), id).await?;
    Ok(Json(InvitationView::with_link(invited, _state.app.ambient.now())))
}

/// Take an invitation back.
#[utoipa::path(
    delete, path = "/api/v1/invitations/{id}", operation_id = "revoke_invitation", tag = "members",
    extensions(("x-permission" = json!("members:invite"))),
    params(("id" = String, Path, description = "The invitation", example = "inv_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "Its link is worth nothing any more"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such invitation", body = Problem),
        (status = 409, description = "It was accepted", body = Problem),
    ),
)]
pub(crate) async fn revoke_invitation(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::MembersInvite>,
    Id(id): Id<InvitationId>,
) -> Result<StatusCode, ApiError> {
    app::invitations::revoke(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show an invitation to whoever has its link.
#[utoipa::path(
    get, path = "/api/v1/auth/invitations/{token}", operation_id = "preview_invitation", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    params(("token" = String, Path, description = "The last part of the link")),
    responses(
        (status = 200, description = "What it invites to", body = InvitationPreview),
        (status = 404, description = "It was accepted, taken back, has lapsed or never was", body = Problem),
    ),
)]
pub(crate) async fn preview_invitation(
    State(_state): State<ApiState>,
    Path(token): Path<String>,
) -> Result<Json<InvitationPreview>, ApiError> {
    Ok(Json(app::invitations::accept::preview(&_state.app, &token).await?.into()))
}

/// Accept an invitation.
///
/// Somebody new sends name and password and signs in with them afterwards. Somebody who has an account is signed in with
/// the address that was invited, and sends an empty object.
#[utoipa::path(
    post, path = "/api/v1/auth/invitations/{token}/accept", operation_id = "accept_invitation", tag = "auth",
    extensions(("x-permission" = json!("public"))),
    params(("token" = String, Path, description = "The last part of the link")),
    request_body(content = Acceptance, example = json!({"name": "Lee Park", "password": "correct horse battery staple"})),
    responses(
        (status = 200, description = "Whose member you are now", body = AcceptedInvitation),
        (status = 401, description = "Neither signed in nor name and password", body = Problem),
        (status = 403, description = "Sent by another site's page", body = Problem),
        (status = 404, description = "It was accepted, taken back, has lapsed or never was", body = Problem),
        (status = 409, description = "There is an account with the address: sign in with that one first", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn accept_invitation(
    State(_state): State<ApiState>,
    Path(token): Path<String>,
    mut parts: Parts,
    ValidJson(acceptance): ValidJson<Acceptance>,
) -> Result<Json<AcceptedInvitation>, ApiError> {
    let address = credentials::address(&parts, &_state.settings);
    let signed_in;
    let acceptor = match (&acceptance.name, acceptance.password) {
        (Some(name), Some(password)) => Acceptor::New { name: name.trim(), password },
        (None, None) => {
            signed_in = SignedIn::from_request_parts(&mut parts, &_state).await?;
            Acceptor::Known(&signed_in.0)
        }
        (Some(_), None) => return Err(ApiError::field("password", "is needed for a new account")),
        (None, Some(_)) => return Err(ApiError::field("name", "is needed for a new account")),
    };
    Ok(Json(app::invitations::accept::accept(&_state.app, &token, acceptor, address).await?.into()))
}
