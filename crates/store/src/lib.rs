//! PostgreSQL: the only crate that knows SQL. And Redis, for the sessions that nodes share.
//!
//! Every statement runs inside an [`tx::OrgTx`], which sees one organization, or a [`tx::SystemTx`], which says
//! why it must see more. Three belts hold tenants apart: these types, the `org_id` in every statement, and
//! row-level security under roles that can't bypass it. One module per noun; no use case, no HTTP status.

pub mod access;
pub mod account_links;
pub mod after_calls;
pub mod agent_versions;
pub mod agents;
pub mod api_keys;
pub mod audit;
pub mod branding;
pub mod bulk;
pub mod call_sessions;
pub mod callbacks;
pub mod calls;
pub mod change_requests;
pub mod client_verifications;
pub mod clients;
pub mod database;
pub mod domains;
pub mod embedded;
pub mod error;
pub mod escalation_settings;
pub mod guarded_tries;
pub mod idempotency;
pub mod impersonation;
pub mod incidents;
pub mod invitations;
pub mod jobs;
pub mod knowledge;
pub mod lead_questions;
pub mod leads;
pub mod members;
pub mod messages;
pub mod migrate;
pub mod model_checks;
pub mod nodes;
pub mod notification_settings;
pub mod notifications;
pub mod numbers;
pub mod onboarding;
pub mod organizations;
pub mod overview;
pub mod page;
pub mod plans;
pub mod projects;
pub mod rate_limits;
pub mod refresh;
pub mod roles;
pub mod satisfaction;
pub mod sealed;
pub mod second_factor;
pub mod sessions;
pub mod single_sign_on;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
pub mod timeline;
pub mod transfer_settings;
pub mod transfers;
pub mod tx;
pub mod usage;
pub mod users;
pub mod webhook_receipts;
pub mod webhooks;
pub mod widget_configs;

pub use database::Database;
pub use error::StoreError;
pub use tx::{OrgTx, SystemTx};
