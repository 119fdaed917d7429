//! The tenant scope of a request. A handler reaches data only through [`Tenant`], and there is no `Tenant`
//! without a signed-in person and a named permission.

use std::marker::PhantomData;
use std::net::IpAddr;

use app::audit::Actor;
use app::auth::Identity;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::ids::OrgId;
use domain::permissions::Permission;
use store::OrgTx;

use super::credentials;
use crate::problem::ApiError;
use crate::state::ApiState;

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
    AgentsRead AgentsWrite
    CallsListen CallsLive CallsRead
    ClientsRead ClientsWrite
    KnowledgeDelete KnowledgeRead KnowledgeWrite
    LeadsRead LeadsWrite
    MessagesRead
    ProjectsRead ProjectsWrite
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

    /// Who acts, for the use cases and the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { org_id: self.org_id(), user_id: self.identity.user.id, address: self.address }
    }
}

impl<N: Needs> FromRequestParts<ApiState> for Tenant<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let SignedIn(identity) = SignedIn::from_request_parts(parts, state).await?;
        if !identity.permissions.has(N::PERMISSION) {
            return Err(ApiError::Forbidden(N::PERMISSION));
        }
        let address = credentials::address(parts, &state.settings);
        Ok(Self { identity, address, needs: PhantomData })
    }
}

/// A signed-in person, whatever their rights.
#[derive(Debug)]
pub struct SignedIn(pub Identity);

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let token = match credentials::bearer(&parts.headers) {
            Some(token) => token.to_owned(),
            None => credentials::cookie(&parts.headers).ok_or(ApiError::Unauthenticated)?,
        };
        let identity = app::auth::identify(&state.app, &token).await?;
        identity.map(Self).ok_or(ApiError::Unauthenticated)
    }
}
