//! The HTTP API against a real database: a world of two agencies, asked through the router as a browser or an
//! integrator would ask.

mod acting;
mod agents;
mod answering;
mod api_keys;
mod audit_log;
mod branding;
mod account;
mod call_events;
mod calls;
mod configuration;
mod edge;
mod fake_dns;
mod idempotency;
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
mod roles;
mod secrets;
mod records;
mod sessions;
mod tree;
mod single_sign_on;
mod webhooks;
mod world;
