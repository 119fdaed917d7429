//! Every vendor, one file each: stateless, and without any knowledge of the database or a tenant.

pub mod dns;
pub mod email;
pub mod objects;
#[cfg(feature = "oidc")]
pub mod oidc;
pub mod openai;
pub mod safe_http;
pub mod twilio;
