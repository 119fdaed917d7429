//! Every vendor, one file each: stateless, and without any knowledge of the database or a tenant.

pub mod dns;
pub mod email;
pub mod objects;
pub mod safe_http;
pub mod twilio;
