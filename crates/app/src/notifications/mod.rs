//! Telling people what happened.
//!
//! [`notify`] writes down, in the transaction of what happened, one notification for each recipient and way, with the
//! job that sends it: none is lost with the process, none is written twice. Sending is [`sending`]'s: what can't be sent
//! is tried again with growing pauses, and shown as failed in the end.

mod composing;
mod facts;
pub(crate) mod house;
mod people;
pub(crate) mod sending;
pub mod testing;

use domain::ids::NotificationId;
use domain::notices::{self, Notice, OwnAddresses};
use domain::notification_settings::Event;
use store::OrgTx;
use store::jobs::NewJob;
use store::notifications::{self, NewNotification};

pub use facts::{Facts, ScopeNews, UrgentNews};
pub(crate) use people::person;

use crate::error::AppError;
use crate::runtime::App;
use sending::SendNotification;

/// Tells an event to everybody who is to be told of it, by the business's settings and plan. `key` names the fact (1 to
/// 200 characters): told again under the same event and key, nobody hears of it twice. Call it in the transaction of what
/// happened; nothing is told when that is rolled back. Returns how many notifications were written.
///
/// Calls by telephone are not placed here: they belong to the escalation.
///
/// # Errors
/// Storage errors.
pub async fn notify(
    tx: &mut OrgTx,
    app: &App,
    event: Event,
    key: &str,
    facts: &Facts,
) -> Result<usize, AppError> {
    let (settings, _) = store::notification_settings::get(tx).await?;
    let plan = store::plans::entitlements(tx).await?;
    let business = store::organizations::get(tx).await?;
    let tz = house::timezone(&business);
    let own = OwnAddresses {
        name: &business.name,
        email: business.profile.notification_email.as_deref(),
        phone: business.details.notification_phone.as_deref(),
    };
    let notices = notices::audience(event, &settings, own, &plan, tz, app.ambient.now());
    notify_these(tx, app, event, key, facts, &notices).await
}

/// Tells an event to these people, whatever the settings say, such as a project's manager. Otherwise as [`notify`]; with
/// the same event and key nobody is told twice by the same way, whichever of the two told first.
///
/// # Errors
/// Storage errors.
pub async fn notify_these(
    tx: &mut OrgTx,
    app: &App,
    event: Event,
    key: &str,
    facts: &Facts,
    to: &[Notice],
) -> Result<usize, AppError> {
    let now = app.ambient.now();
    let document = serde_json::to_value(facts)
        .map_err(|error| AppError::Bug(format!("what is to be told can't be written: {error}")))?;
    let mut written = 0;
    for notice in to {
        let new = NewNotification {
            id: NotificationId(app.ambient.new_id()),
            event,
            key: key.to_owned(),
            channel: notice.channel,
            address: notice.address.clone(),
            name: notice.name.clone(),
            facts: document.clone(),
            not_before: notice.not_before,
            created_at: now,
        };
        if notifications::insert(tx, &new).await? {
            promise(tx, new.id, new.not_before).await?;
            written += 1;
        }
    }
    Ok(written)
}

/// Promises that a notification is sent.
async fn promise(
    tx: &mut OrgTx,
    id: NotificationId,
    not_before: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<(), AppError> {
    let job = SendNotification { org_id: tx.org_id(), notification_id: id };
    let payload = serde_json::to_value(&job)
        .map_err(|error| AppError::Bug(format!("a notification's job can't be written: {error}")))?;
    let key = format!("{}:{id}", SendNotification::TASK);
    let job = NewJob {
        task: SendNotification::TASK,
        payload,
        key: Some(&key),
        run_at: not_before,
        ..NewJob::default()
    };
    Ok(store::jobs::enqueue(tx, &job).await?)
}

/// Sends a notification that failed once more, from the beginning.
///
/// # Errors
/// [`AppError::Conflict`] for one that did not fail; not found; storage errors.
pub async fn retry(
    app: &App,
    actor: &crate::audit::Actor,
    id: NotificationId,
) -> Result<notifications::Notification, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    notifications::get(&mut tx, id).await?;
    if !notifications::revive(&mut tx, id).await? {
        return Err(AppError::Conflict {
            reason: "only a notification that failed can be sent again".to_owned(),
        });
    }
    promise(&mut tx, id, None).await?;
    crate::audit::record(&mut tx, app, actor, "notifications:retry", &id, serde_json::Value::Null).await?;
    let waiting = notifications::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(waiting)
}
