//! The HTTP and WebSocket edge: one JSON API for pages and integrators, the carrier's webhooks and sockets, the
//! event streams, the page at `/`. The only crate that knows HTTP statuses; it decides nothing about the business.

pub mod auth;
mod byte_range;
pub mod compat;
mod contract;
mod docs_page;
mod edge;
mod etag;
mod extract;
pub mod health;
mod hosts;
mod idempotency;
mod openapi;
mod pages;
pub mod problem;
mod rate_limit;
mod router;
mod spreadsheet;
pub mod state;
pub mod v1;
pub mod voice;

pub use openapi::Document;
pub use router::{document, router};
pub use state::{ApiSettings, ApiState, RequestLimits};
