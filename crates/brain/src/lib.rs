//! What decides the agent's next words.
//!
//! A brain gets a call's plan and tools and answers prompts with thoughts; it knows no audio, no database and
//! no vendor. [`rules`] is deterministic and needs neither key nor network.

pub mod rules;
