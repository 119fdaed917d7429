//! Every vendor, one file each: stateless, and without any knowledge of the database or a tenant.

pub mod dns;
pub mod email;
pub mod embeddings;
pub mod llm;
pub mod model_lists;
pub mod objects;
#[cfg(feature = "oidc")]
pub mod oidc;
pub mod openai;
pub mod safe_http;
pub mod set_up;
pub mod sigv4;
pub mod stt;
pub mod tts;
pub mod twilio;
mod vendor_http;
mod web_socket;
