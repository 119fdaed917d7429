//! Sending a notification: the job, and what becomes of one that can't be sent.
//!
//! A process that dies between the transport's word and ours leaves open whether something was sent. The telephone network
//! can be asked: what is handed to it is written down before, and whoever comes later looks for exactly that before sending
//! it again. A mail server can't: a letter is sent again under the same `Message-ID`, so that its receiver can tell.

use domain::ids::{NotificationId, OrgId};
use domain::notification_settings::Channel;
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::telephony::{KnownMessage, NewMessage};
use serde::{Deserialize, Serialize};
use store::notifications::texts::{self, HandedOver};
use store::notifications::{self, Notification, NotificationState};
use store::{OrgTx, StoreError};

use super::composing::{self, Composed};
use super::house;
use crate::due::CLOCKS_DIFFER_BY;
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::runtime::App;

/// After so many failed attempts it is given up: with the queue's growing pauses (e^n seconds, at most six hours) that is
/// a day and a half.
const MOST_ATTEMPTS: u32 = 14;

/// Sends a notification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SendNotification {
    pub(crate) org_id: OrgId,
    pub(crate) notification_id: NotificationId,
}

impl SendNotification {
    pub(crate) const TASK: &str = "send_notification";
}

impl TaskHandler for SendNotification {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        app.send_notification(self.org_id, self.notification_id).await.map_err(|error| format!("{error:#}"))
    }
}

impl App {
    /// Sends a notification that waits; does nothing for one that doesn't.
    ///
    /// # Errors
    /// What kept it from being sent, when it is to be tried again.
    pub async fn send_notification(&self, org_id: OrgId, id: NotificationId) -> Result<(), AppError> {
        let base = house::base(self, org_id).await?;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let waiting = match notifications::get(&mut tx, id).await {
            Ok(found) if found.state == NotificationState::Waiting => found,
            Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let composed = composing::compose(&mut tx, &base, &waiting).await?;
        drop(tx);
        let Some(composed) = composed else {
            let gone = "what it told of is gone";
            return self.give_up_notification(org_id, id, NotificationState::Dropped, gone).await;
        };
        match self.hand_over(org_id, &waiting, composed).await {
            Ok(transport_id) => {
                let mut tx = OrgTx::begin(&self.db, org_id).await?;
                notifications::sent(&mut tx, id, &transport_id, self.ambient.now()).await?;
                tx.commit().await?;
                tracing::info!(org.id = %org_id, notification.id = %id, event = ?waiting.event, channel = ?waiting.channel, "somebody was told");
                Ok(())
            }
            // Trying again would not make the address a better one.
            Err(AppError::Provider(ProviderError::Invalid { provider, reason })) => {
                tracing::warn!(org.id = %org_id, notification.id = %id, provider, reason, "a notification can't be sent");
                self.give_up_notification(org_id, id, NotificationState::Failed, &reason).await
            }
            Err(AppError::Provider(error)) => self.try_later(org_id, id, error).await,
            Err(error) => Err(error),
        }
    }

    async fn hand_over(
        &self,
        org_id: OrgId,
        waiting: &Notification,
        composed: Composed,
    ) -> Result<String, AppError> {
        match (waiting.channel, composed.letter, composed.text) {
            (Channel::Email, Some(letter), _) => {
                let to = waiting.address.clone();
                let message =
                    house::write(self, org_id, &letter, to, composed.reply_to, waiting.id.to_string())
                        .await?;
                Ok(self.email.send(&message).await?)
            }
            (Channel::Sms, _, Some(text)) => self.text(org_id, waiting, text).await,
            (channel, ..) => Err(AppError::Provider(ProviderError::Invalid {
                provider: "notifications",
                reason: format!("this is not told by {channel:?}"),
            })),
        }
    }

    /// Sends a text message from a number of the business, unless that was done already by somebody who could not write
    /// it down.
    async fn text(&self, org_id: OrgId, waiting: &Notification, text: String) -> Result<String, AppError> {
        let invalid = |reason: String| AppError::Provider(ProviderError::Invalid { provider: "sms", reason });
        if let Readiness::Missing { remedy, .. } = self.telephony.readiness() {
            return Err(invalid(format!("this installation has no way to send text messages: {remedy}")));
        }
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let earlier = texts::handed_over(&mut tx, waiting.id).await?;
        drop(tx);
        if let Some(earlier) = &earlier
            && let Some(found) = self.find_text(org_id, &waiting.address, earlier).await?
        {
            tracing::info!(org.id = %org_id, notification.id = %waiting.id, "a text message that was sent already was found");
            return Ok(found.id);
        }
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let numbers = store::numbers::list(&mut tx).await?;
        let from = numbers.into_iter().next().map(|stored| stored.number.e164).ok_or_else(|| {
            invalid("the business has no number that a text message could come from".to_owned())
        })?;
        let new = HandedOver { from: from.clone(), text: text.clone(), since: self.ambient.now() };
        texts::hand_over(&mut tx, waiting.id, &new).await?;
        tx.commit().await?;
        let message = NewMessage { to: waiting.address.clone(), from, text };
        Ok(self.telephony.send_message(&message).await?)
    }

    /// The message that was sent for this notification by somebody who could not write it down: the same words between
    /// the same numbers, since then, and none that was sent for another notification.
    async fn find_text(
        &self,
        org_id: OrgId,
        to: &str,
        earlier: &HandedOver,
    ) -> Result<Option<KnownMessage>, AppError> {
        let earliest = earlier.since - CLOCKS_DIFFER_BY;
        for known in self.telephony.messages_to(to, &earlier.from).await? {
            let is_it = known.created_at.is_some_and(|at| at >= earliest)
                && says_the_same(&known.text, &earlier.text);
            if !is_it {
                continue;
            }
            let mut tx = OrgTx::begin(&self.db, org_id).await?;
            if !texts::is_known(&mut tx, &known.id).await? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    async fn try_later(
        &self,
        org_id: OrgId,
        id: NotificationId,
        error: ProviderError,
    ) -> Result<(), AppError> {
        let reason = error.to_string();
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let attempts = match notifications::tried(&mut tx, id, &reason).await {
            Ok(attempts) => attempts,
            // Somebody else finished it meanwhile.
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        tx.commit().await?;
        if attempts < MOST_ATTEMPTS {
            return Err(error.into());
        }
        tracing::error!(org.id = %org_id, notification.id = %id, attempts, reason, "a notification was given up");
        self.give_up_notification(org_id, id, NotificationState::Failed, &reason).await
    }

    async fn give_up_notification(
        &self,
        org_id: OrgId,
        id: NotificationId,
        state: NotificationState,
        reason: &str,
    ) -> Result<(), AppError> {
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        notifications::give_up(&mut tx, id, state, reason, self.ambient.now()).await?;
        Ok(tx.commit().await?)
    }
}

/// Whether the network's text is ours. It may put words of its own before it (those of a trial account), and ends of lines
/// and spaces at the end are nobody's words.
fn says_the_same(theirs: &str, ours: &str) -> bool {
    theirs.replace("\r\n", "\n").trim_end().ends_with(ours.replace("\r\n", "\n").trim_end())
}
