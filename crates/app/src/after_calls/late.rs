//! Recorded messages that came, or got their words, after their call's chain: the summary is written again with them,
//! and who is to be told of a message is told. Nobody is told of the same fact twice: a notification has its fact's name.

use domain::ids::{CallId, MessageId, OrgId};
use domain::notices::Notice;
use domain::notification_settings::{Channel, Event};
use domain::plans::Feature;
use serde_json::json;
use store::messages::recorded::{self, Recording};
use store::{OrgTx, StoreError};

use super::steps::{self, Step};
use super::summary;
use crate::error::AppError;
use crate::notifications::{self, Facts};
use crate::runtime::App;

/// As the records have it that a summary knows of a message as it is now.
pub(super) fn known_as(recording: &Recording) -> String {
    let how = if recording.words.is_some() { "heard" } else { "left" };
    format!("message_{how}:{}", recording.message_id)
}

/// Adds what the chain could not know.
pub(super) async fn add(app: &App, org_id: OrgId, call_id: CallId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let done = store::after_calls::done(&mut tx, call_id).await?;
    let recordings = recorded::of_call(&mut tx, call_id).await?;
    drop(tx);
    let is_new = |one: &Recording| !done.iter().any(|done| done.step == known_as(one));
    if !recordings.iter().any(is_new) {
        return Ok(());
    }
    let prepared = match summary::compose(app, org_id, call_id).await {
        Ok(prepared) => prepared,
        // The call was deleted meanwhile.
        Err(AppError::Store(StoreError::NotFound { noun: "call" })) => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let mut fresh: Option<String> = None;
    for name in &prepared.messages {
        if store::after_calls::take(&mut tx, call_id, name, now).await? {
            store::after_calls::keep(&mut tx, call_id, name, &json!({ "late": true })).await?;
            fresh.get_or_insert_with(|| name.clone());
        }
    }
    // Somebody else was faster.
    let Some(fresh) = fresh else { return Ok(tx.commit().await?) };
    steps::summarize_again(&mut tx, app, call_id, prepared, &fresh).await?;
    // The letter about the call went out without them.
    let was_told = done.iter().any(|one| {
        one.step == Step::Notifications.name()
            && one.result["notifications"].as_u64().is_some_and(|told| told > 0)
    });
    let was_known =
        |one: &Recording| done.iter().any(|done| done.step.ends_with(&one.message_id.to_string()));
    for recording in recordings.iter().filter(|one| was_told && !was_known(one)) {
        tell_of(&mut tx, app, recording.message_id).await?;
    }
    tx.commit().await?;
    tracing::info!(org.id = %org_id, call.id = %call_id, "a recorded message was added to what followed its call");
    Ok(())
}

/// Tells of a message that no letter about a call tells of: also the business's own address, which hears of others by
/// those letters. Nobody is told twice.
pub(crate) async fn tell_of(tx: &mut OrgTx, app: &App, message_id: MessageId) -> Result<(), AppError> {
    let (key, facts) = (message_id.to_string(), Facts::Message { message_id });
    notifications::notify(tx, app, Event::MessageTaken, &key, &facts).await?;
    let business = store::organizations::get(tx).await?;
    let may = store::plans::entitlements(tx).await?.allows(Feature::EmailNotifications);
    let Some(address) = business.profile.notification_email.filter(|_| may) else { return Ok(()) };
    let own = Notice { name: business.name, channel: Channel::Email, address, not_before: None };
    notifications::notify_these(tx, app, Event::MessageTaken, &key, &facts, &[own]).await?;
    Ok(())
}
