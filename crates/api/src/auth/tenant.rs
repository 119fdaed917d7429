//! The tenant scope of a request. A handler reaches data only through [`Tenant`], and there is no `Tenant`
//! without a signed-in person and a named permission.

use std::marker::PhantomData;
use std::net::IpAddr;

use app::audit::Actor;
use app::auth::{Identity, Principal};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use domain::ids::OrgId;
use domain::permissions::Permission;
use domain::plans::Feature;
use store::OrgTx;
use store::organizations::OrgStatus;

use super::credentials;
use crate::problem::ApiError;
use crate::state::ApiState;

/// Names the organization to act for: one's own, or one below it.
pub const ACTING_FOR: HeaderName = HeaderName::from_static("x-organization-id");

/// A permission as a type, so that a handler's signature says what it needs.
pub trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident)*) => {
        /// One type for each permission that an operation needs.
        pub mod needs {
            $(
                /// Needs the permission of the same name.
                #[derive(Debug)]
                pub struct $name;
                impl super::Needs for $name {
                    const PERMISSION: domain::permissions::Permission = domain::permissions::Permission::$name;
                }
            )*
        }
    };
}

needs! {
    OrganizationRead OrganizationManage
    BusinessesRead BusinessesCreate BusinessesSuspend
    MembersRead MembersInvite MembersRemove
    RolesManage
    AgentsRead AgentsWrite AgentsDelete AgentsTest
    NumbersRead NumbersManage
    CallsRead CallsListen CallsLive CallsControl CallsDelete
    ChatsRead ChatsReply
    LeadsRead LeadsWrite LeadsExport LeadsDelete
    LeadFlowWrite
    MessagesRead MessagesWrite
    ClientsRead ClientsWrite ClientsDelete
    ProjectsRead ProjectsWrite ProjectsSync
    IntegrationsRead IntegrationsManage
    KnowledgeRead KnowledgeWrite KnowledgeDelete
    NotificationsRead NotificationsWrite
    AnalyticsRead
    ReportsExport ReportsSchedule
    SatisfactionRead
    BillingRead BillingManage
    UsageRead
    BudgetsManage
    ApiKeysManage
    WebhooksManage
    BrandingManage
    DomainsManage
    AuditRead
    PrivacyExport PrivacyErase
    PlatformOperate
}

/// A signed-in person acting for an organization, with the permission `N`.
#[derive(Debug)]
pub struct Tenant<N> {
    /// Who, for whom, with what rights.
    pub identity: Identity,
    address: Option<IpAddr>,
    needs: PhantomData<N>,
}

impl<N: Needs> Tenant<N> {
    /// The organization acted for.
    #[must_use]
    pub fn org_id(&self) -> OrgId {
        self.identity.org.id
    }

    /// A transaction that sees this organization's data and nothing else.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self, state: &ApiState) -> Result<OrgTx, ApiError> {
        Ok(OrgTx::begin(&state.app.db, self.org_id()).await?)
    }

    /// Demands a feature of the organization's plan.
    ///
    /// # Errors
    /// `403 plan-required`.
    pub fn require(&self, feature: Feature) -> Result<(), ApiError> {
        Ok(self.identity.demand_feature(feature)?)
    }

    /// Who acts, for the use cases and the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::of(&self.identity, self.address)
    }
}

impl<N: Needs> FromRequestParts<ApiState> for Tenant<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let SignedIn(identity) = SignedIn::from_request_parts(parts, state).await?;
        if !identity.permissions.has(N::PERMISSION) {
            return Err(ApiError::Forbidden(N::PERMISSION));
        }
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        // Nothing is deleted and everything can be read; those above may set it right.
        let stands_still = matches!(identity.org.status, OrgStatus::Suspended | OrgStatus::Closed);
        if stands_still && !reads && !identity.acts_from_above() {
            return Err(ApiError::Suspended);
        }
        let address = credentials::address(parts, &state.settings);
        Ok(Self { identity, address, needs: PhantomData })
    }
}

/// Who asks, when the edge has found out already. Put among a request's extensions, so that it is looked up once.
#[derive(Debug, Clone)]
pub(crate) struct Known(pub(crate) Identity);

/// The organization that a request names to be acted for. A text that is no id names none that there is.
fn acting_for(headers: &HeaderMap) -> Result<Option<OrgId>, ApiError> {
    let Some(value) = headers.get(ACTING_FOR) else { return Ok(None) };
    let org_id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    org_id.map(Some).ok_or(ApiError::NotFound("organization"))
}

/// A signed-in person, whatever their rights.
#[derive(Debug)]
pub struct SignedIn(pub Identity);

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        if let Some(Known(identity)) = parts.extensions.get() {
            return Ok(Self(identity.clone()));
        }
        let address = credentials::address(parts, &state.settings);
        let bearer = credentials::bearer(&parts.headers);
        let (token, by_cookie) = match bearer {
            Some(token) => (token.to_owned(), false),
            None => {
                let cookie = credentials::cookie(&parts.headers, &state.settings);
                (cookie.ok_or(ApiError::Unauthenticated)?, true)
            }
        };
        let identity = app::auth::identify(&state.app, &token, acting_for(&parts.headers)?, address).await?;
        let identity = identity.ok_or(ApiError::Unauthenticated)?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        // A browser sends its cookie whoever made it ask; only a page of ours knows what belongs to it.
        if by_cookie
            && !reads
            && let Principal::Person { session_id, .. } = &identity.principal
            && !app::auth::csrf_matches(&state.app, *session_id, credentials::csrf(&parts.headers))
        {
            return Err(ApiError::CsrfMissing);
        }
        Ok(Self(identity))
    }
}
