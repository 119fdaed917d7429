//! Version 1 of the API: one module per noun. Additive changes only.

pub mod agents;
pub mod auth;
pub mod call_events;
pub mod calls;
pub mod clients;
pub mod knowledge;
pub mod lead_questions;
pub mod leads;
pub mod messages;
pub mod page;
pub mod projects;
pub mod recordings;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// All operations below `/api/v1`.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(auth::log_in))
        .routes(routes!(auth::log_out))
        .routes(routes!(auth::get_me))
        .routes(routes!(calls::list_calls))
        .routes(routes!(calls::get_call))
        .routes(routes!(recordings::get_call_recording))
        .routes(routes!(call_events::watch_call))
        .routes(routes!(leads::list_leads))
        .routes(routes!(leads::get_lead, leads::update_lead))
        .routes(routes!(clients::list_clients, clients::create_client))
        .routes(routes!(clients::get_client, clients::update_client))
        .routes(routes!(projects::list_projects, projects::create_project))
        .routes(routes!(projects::get_project, projects::update_project))
        .routes(routes!(agents::list_agents))
        .routes(routes!(agents::get_agent, agents::update_agent))
        .routes(routes!(knowledge::list_knowledge_entries, knowledge::create_knowledge_entry))
        .routes(routes!(
            knowledge::get_knowledge_entry,
            knowledge::update_knowledge_entry,
            knowledge::delete_knowledge_entry
        ))
        .routes(routes!(lead_questions::list_lead_questions))
        .routes(routes!(messages::list_messages))
}
