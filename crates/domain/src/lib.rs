//! The business: types and pure rules.
//!
//! Nothing here does I/O, is async, reads a clock, draws a random number or looks at the environment;
//! whatever a rule needs to know is an argument.

pub mod acts;
pub mod agent_phrases;
pub mod agent_versions;
pub mod branding;
pub mod call_log;
pub mod call_plan;
pub mod claims;
pub mod domain_names;
pub mod email;
pub mod end_of_turn;
pub mod expected_answer;
pub mod greeting;
pub mod history;
pub mod hours;
pub mod ids;
pub mod intents;
pub mod knowledge;
mod language;
pub mod lead_flow;
pub mod leads;
pub mod notification_settings;
pub mod organizations;
pub mod passwords;
mod patterns;
pub mod permissions;
pub mod phantom_speech;
pub mod phone;
pub mod plans;
pub mod projects;
pub mod provider_order;
pub mod qualification;
pub mod regions;
pub mod roles;
pub mod routing;
pub mod satisfaction;
pub mod scope;
pub mod spoken_forms;
pub mod tries;
pub mod turn_taking;
pub mod turns;
pub mod urgency;
pub mod vocabulary;
pub mod webhooks;
pub mod words;
