//! Names of the older documents whose feature comes with a later version: accepted, told, without effect.

/// A variable that may be set already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Later {
    /// Its name.
    pub(super) env: &'static str,
    /// What it will do.
    pub(super) meaning: &'static str,
}

const fn later(env: &'static str, meaning: &'static str) -> Later {
    Later { env, meaning }
}

/// In the order of the documents.
pub(super) const LATER: &[Later] = &[
    later("SESSION_SECRET", "signs browser sessions; this version's sessions are random and need no secret"),
    later("ELEVENLABS_AGENT_ID", "the ElevenLabs agent of a new installation"),
    later("TWILIO_PHONE_NUMBER", "the number of a new installation"),
    later("ASANA_CLIENT_ID", "Asana, sign-in"),
    later("ASANA_CLIENT_SECRET", "Asana, sign-in"),
    later("JIRA_CLIENT_ID", "Jira, sign-in"),
    later("JIRA_CLIENT_SECRET", "Jira, sign-in"),
    later("MONDAY_CLIENT_ID", "monday.com, sign-in"),
    later("MONDAY_CLIENT_SECRET", "monday.com, sign-in"),
    later("PM_SYNC_INTERVAL", "seconds between synchronisations with project tools"),
    later("STRIPE_SECRET_KEY", "payments through Stripe"),
    later("STRIPE_WEBHOOK_SECRET", "checks Stripe's webhooks"),
    later("PAYPAL_CLIENT_ID", "payments through PayPal"),
    later("PAYPAL_CLIENT_SECRET", "payments through PayPal"),
    later("PAYPAL_WEBHOOK_ID", "checks PayPal's webhooks"),
    later("S3_BUCKET", "recordings in S3"),
    later("MAX_MEMORY_USAGE_MB", "the memory figure above which health is degraded"),
    later("SEED_MOCK_PROJECTS", "sample projects in a new business; today `studioconnect demo` seeds them"),
];

/// Sections whose settings are checked but do nothing yet, with what is missing.
pub(super) const LATER_SECTIONS: &[(&str, &str)] = &[("retention.", "no job removes old records yet")];
