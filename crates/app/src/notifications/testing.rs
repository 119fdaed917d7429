//! A test e-mail, sent while somebody waits, with what the transport said.

use domain::email::EmailAddress;
use letters::kinds;
use provider_traits::error::ProviderError;
use serde_json::json;
use store::OrgTx;

use super::house;
use crate::audit::{self, Actor};
use crate::auth::guard::{self, Guarded};
use crate::error::AppError;
use crate::runtime::App;

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The transport: `outbox`, `smtp`, `sendgrid`.
    pub transport: &'static str,
    /// What the transport calls the message, when it took it.
    pub message_id: Option<String>,
    /// What went wrong, when it did.
    pub error: Option<ProviderError>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Sends a test e-mail by the configured transport.
///
/// # Errors
/// [`AppError::TooMany`] when it is asked for too often; storage errors. That it can't be sent is no error of this: the
/// outcome tells it.
pub async fn send_email(app: &App, actor: &Actor, to: &EmailAddress) -> Result<Outcome, AppError> {
    let now = app.ambient.now();
    let mut tx = store::SystemTx::begin(&app.db, "tries are counted for all nodes").await?;
    guard::begin_try(&mut tx, &[Guarded::TestOf(actor.org_id)], now).await?;
    tx.commit().await?;
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let business = store::organizations::get(&mut tx).await?;
    let transport = app.email.descriptor().id;
    audit::record(&mut tx, app, actor, "notifications:test", &actor.org_id, json!({"transport": transport}))
        .await?;
    tx.commit().await?;
    let at = house::moment(now, house::timezone(&business));
    let base = house::base(app, actor.org_id).await?;
    let draft = kinds::test(&house::house(&base, &business, ""), transport, &at);
    let key = format!("test-{}", app.ambient.new_id().simple());
    let message = house::write(app, actor.org_id, &draft, to.as_str().to_owned(), None, key).await?;
    let began = tokio::time::Instant::now();
    let sent = app.email.send(&message).await;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Err(error) = &sent {
        tracing::warn!(org.id = %actor.org_id, transport, %error, "a test e-mail could not be sent");
    }
    let (message_id, error) = match sent {
        Ok(id) => (Some(id), None),
        Err(error) => (None, Some(error)),
    };
    Ok(Outcome { transport, message_id, error, duration_ms })
}
