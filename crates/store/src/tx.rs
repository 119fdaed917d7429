//! Transactions, the only way to the data: one tenant's, or the system's with a reason.

mod beginning;

use domain::ids::OrgId;
use sqlx::{PgConnection, Postgres, Transaction};

use self::beginning::begin;
use crate::database::Database;
use crate::error::StoreError;

/// A transaction that sees and writes one organization. Rolled back unless committed.
///
/// Make it only from an authenticated context: the signed-in session's organization, or the one that a
/// verified webhook's number belongs to.
#[derive(Debug)]
pub struct OrgTx {
    tx: Transaction<'static, Postgres>,
    org_id: OrgId,
}

impl OrgTx {
    /// Begins, in one round trip. The database shows this transaction nothing of other organizations, whatever
    /// the statement says.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no connection in time.
    pub async fn begin(db: &Database, org_id: OrgId) -> Result<Self, StoreError> {
        // A uuid's text holds digits and dashes only, so it can't end the literal.
        let statement = format!("BEGIN; SELECT set_config('app.org_id', '{}', true)", org_id.0);
        Ok(Self { tx: begin(db, &db.app, statement).await?, org_id })
    }

    /// The organization.
    #[must_use]
    pub fn org_id(&self) -> OrgId {
        self.org_id
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] by a constraint that is checked at the end; [`StoreError::Unavailable`].
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    pub(crate) fn parts(&mut self) -> (&mut PgConnection, uuid::Uuid) {
        (&mut self.tx, self.org_id.0)
    }
}

/// A transaction across organizations, under the role `studioconnect_system`. Rolled back unless committed.
#[derive(Debug)]
pub struct SystemTx {
    tx: Transaction<'static, Postgres>,
}

impl SystemTx {
    /// Begins. `why` says what can't be done inside one organization; searching for `SystemTx::begin` lists all
    /// the places that may cross tenants.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no connection in time.
    pub async fn begin(db: &Database, why: &'static str) -> Result<Self, StoreError> {
        tracing::trace!(why, "system transaction");
        Ok(Self { tx: begin(db, &db.system, "BEGIN".to_owned()).await? })
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] by a constraint that is checked at the end; [`StoreError::Unavailable`].
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    pub(crate) fn into_org(self, org_id: OrgId) -> OrgTx {
        OrgTx { tx: self.tx, org_id }
    }
}

/// Either kind of transaction, for what both may do.
pub trait InTransaction: sealed::Sealed {}
impl InTransaction for OrgTx {}
impl InTransaction for SystemTx {}

pub(crate) mod sealed {
    use sqlx::PgConnection;

    /// Keeps the connection out of other crates' hands.
    pub trait Sealed: Send {
        fn connection(&mut self) -> &mut PgConnection;
    }

    impl Sealed for super::OrgTx {
        fn connection(&mut self) -> &mut PgConnection {
            &mut self.tx
        }
    }

    impl Sealed for super::SystemTx {
        fn connection(&mut self) -> &mut PgConnection {
            &mut self.tx
        }
    }
}
