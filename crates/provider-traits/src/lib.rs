//! What an outside service must do for us, and what the live call expects of a brain and its tools.
//!
//! Traits and plain values only: no vendor, no database, no tenant. One module per capability.

pub mod ambient;
pub mod brain;
pub mod descriptor;
pub mod dns;
pub mod email;
pub mod embeddings;
pub mod error;
pub mod functions;
pub mod http_sender;
pub mod identity_provider;
pub mod llm;
pub mod model_list;
pub mod objects;
pub mod realtime;
pub mod schema;
pub mod stt;
pub mod telephony;
pub mod tools;
pub mod tts;
pub mod vad;
