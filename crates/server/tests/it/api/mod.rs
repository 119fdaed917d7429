//! The HTTP API against a real database: a world of two agencies, asked through the router as a browser or an
//! integrator would ask.

mod account;
mod acting;
mod agents;
mod answering;
mod api_keys;
mod audit_log;
mod branding;
mod call_events;
mod callbacks;
mod calls;
mod configuration;
mod edge;
mod fake_dns;
mod idempotency;
mod incidents;
mod invitations;
mod lead_questions;
mod leads;
mod matrix;
mod members;
mod notification_settings;
mod numbers;
mod organizations;
mod rate_limits;
mod receipts;
mod recordings;
mod records;
mod roles;
mod secrets;
mod sessions;
mod single_sign_on;
mod tree;
mod voices;
mod webhooks;
pub(crate) mod world;
