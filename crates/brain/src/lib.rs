//! What decides the agent's next words.
//!
//! A brain gets a call's plan and tools and answers prompts with thoughts; it knows no audio, no database and
//! no vendor. [`rules`] is deterministic and needs neither key nor network; [`llm`] asks a language model and has the
//! rules behind it. A model that speaks for itself is given [`instructions`] and [`functions`] instead.

mod carrying_out;
pub mod functions;
pub mod instructions;
pub mod llm;
mod reply;
pub mod rules;

/// Data of a project tool younger than this is told without its age; project tools are synchronised at least daily.
const SYNC_HOURS: u32 = 24;
