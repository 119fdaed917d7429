//! Version 1 of the API: one module per noun. Additive changes only.

pub mod account;
pub mod agent_versions;
pub mod agents;
pub mod api_keys;
pub mod audit_log;
pub mod auth;
pub mod branding;
pub mod call_events;
pub mod callbacks;
pub mod calls;
pub mod change_requests;
pub mod clients;
pub mod domains;
pub mod escalation;
pub mod hours;
pub mod impersonation;
pub mod incidents;
pub mod invitations;
pub mod knowledge;
pub mod lead_preview;
pub mod lead_questions;
pub mod leads;
pub mod members;
pub mod messages;
pub mod notification_settings;
pub mod notifications;
pub mod number_routing;
pub mod numbers;
pub mod onboarding;
pub mod organizations;
pub mod page;
pub mod permissions;
pub mod plans;
pub mod projects;
mod provider_order;
pub mod recordings;
pub mod roles;
pub mod satisfaction;
pub mod sessions;
pub mod sso;
pub mod timeline;
pub mod tools;
pub mod transfer_settings;
pub mod turn_taking;
pub mod voices;
pub mod webhooks;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All operations below `/api/v1`.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(account::router())
        .merge(agent_versions::router())
        .merge(agents::router())
        .merge(api_keys::router())
        .merge(audit_log::router())
        .merge(auth::router())
        .merge(branding::router())
        .merge(call_events::router())
        .merge(callbacks::router())
        .merge(calls::router())
        .merge(change_requests::router())
        .merge(clients::router())
        .merge(domains::router())
        .merge(escalation::router())
        .merge(impersonation::router())
        .merge(incidents::router())
        .merge(invitations::router())
        .merge(knowledge::router())
        .merge(lead_preview::router())
        .merge(lead_questions::router())
        .merge(leads::router())
        .merge(members::router())
        .merge(messages::router())
        .merge(notification_settings::router())
        .merge(notifications::router())
        .merge(number_routing::router())
        .merge(numbers::router())
        .merge(onboarding::router())
        .merge(organizations::router())
        .merge(permissions::router())
        .merge(plans::router())
        .merge(projects::router())
        .merge(recordings::router())
        .merge(satisfaction::router())
        .merge(roles::router())
        .merge(sessions::router())
        .merge(sso::router())
        .merge(tools::router())
        .merge(voices::router())
        .merge(timeline::router())
        .merge(transfer_settings::router())
        .merge(webhooks::router())
}
