//! Use cases and jobs: the only crate that joins store, voice, brain and the provider traits.
//!
//! Whatever changes state goes through here. It knows no HTTP status and no SQL.

pub mod access;
pub mod agent_versions;
pub mod agents;
mod alarms;
pub mod api_keys;
pub mod audit;
pub mod audit_log;
pub mod auth;
pub mod branding;
pub mod callbacks;
pub mod calls;
pub mod change_requests;
pub mod clients;
mod conversation_tools;
mod deadlines;
pub mod demo_seed;
pub mod domains;
pub mod error;
pub mod escalation;
pub mod housekeeping;
pub mod idempotency;
pub mod impersonation;
pub mod incidents;
pub mod invitations;
mod jobs;
pub mod key_rotation;
pub mod knowledge;
pub mod lead_questions;
pub mod leads;
pub mod live;
pub mod members;
pub mod messages;
pub mod models;
mod nodes;
pub mod notification_settings;
pub mod numbers;
pub mod onboarding;
pub mod organizations;
pub mod plans;
pub mod projects;
pub mod rate_limits;
mod response_times;
pub mod roles;
mod runtime;
pub mod satisfaction;
pub mod secrets;
mod ticket;
mod tokens;
mod version;
mod vocabulary;
pub mod voices;
pub mod webhooks;
pub mod widget;

pub use runtime::{App, AppParts, AppSettings};
