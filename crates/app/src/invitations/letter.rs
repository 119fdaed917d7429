//! The e-mail with an invitation's link.

use chrono::{DateTime, Utc};
use domain::ids::{InvitationId, OrgId};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use letters::kinds::{self, InvitationFacts};
use provider_traits::error::ProviderError;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::jobs::{NewJob, enqueue};
use store::{OrgTx, StoreError, SystemTx, invitations};

use super::link;
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::notifications::house;
use crate::runtime::App;
use crate::tokens;

/// Where a sealed token belongs: the queue's payload, and nowhere else.
const PURPOSE: &str = "jobs.invitation_token";

/// Sends an invitation's e-mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SendInvitation {
    org_id: OrgId,
    invitation_id: InvitationId,
    /// Sealed, as the queue lies in the database, where the token must not be readable.
    token: String,
    sent_at: DateTime<Utc>,
}

impl TaskHandler for SendInvitation {
    const IDENTIFIER: &'static str = "send_invitation";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        send(app, &self).await.map_err(|error| format!("{error:#}"))
    }
}

/// Promises the e-mail. A later one takes the place of an earlier one that has not gone out.
pub(super) async fn post(
    tx: &mut OrgTx,
    app: &App,
    id: InvitationId,
    token: &SecretString,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let sealed = app.secrets.seal(PURPOSE, &id.to_string(), token.expose_secret().as_bytes())?;
    let job =
        SendInvitation { org_id: tx.org_id(), invitation_id: id, token: hex::encode(sealed), sent_at: now };
    let payload = serde_json::to_value(&job)
        .map_err(|error| AppError::Bug(format!("an invitation's job can't be written: {error}")))?;
    let key = format!("send_invitation:{id}");
    let job = NewJob { task: SendInvitation::IDENTIFIER, payload, key: Some(&key), ..NewJob::default() };
    Ok(enqueue(tx, &job).await?)
}

/// Does it, unless the invitation came to an end meanwhile.
pub(crate) async fn send(app: &App, job: &SendInvitation) -> Result<(), AppError> {
    let sealed = hex::decode(&job.token).map_err(|_| AppError::Bug("a job's token is no hex".to_owned()))?;
    let token = app.secrets.open(PURPOSE, &job.invitation_id.to_string(), &sealed)?;
    let token = SecretString::from(
        String::from_utf8(token).map_err(|_| AppError::Bug("a sealed token is no text".to_owned()))?,
    );
    let mut tx = SystemTx::begin(&app.db, "an invitation's token names its organization").await?;
    let found = invitations::find(&mut tx, &tokens::hash(token.expose_secret()), app.ambient.now()).await;
    tx.commit().await?;
    let shown = match found {
        Ok(shown) => shown,
        Err(StoreError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let inviter = shown.invited_by.as_deref().unwrap_or("Somebody");
    let link = link(&house::base(app, job.org_id).await?, &token);
    let look = house::look(app, Some(job.org_id)).await?;
    let draft = kinds::invitation(&InvitationFacts {
        inviter: inviter.to_owned(),
        business: shown.org_name,
        product: look.product().to_owned(),
        role: shown.role.name.replace('_', " "),
        link: link.expose_secret().to_owned(),
        until: shown.expires_at.format("%-d %B %Y, %H:%M UTC").to_string(),
    });
    let key = format!("{}:{}", job.invitation_id, job.sent_at.timestamp_micros());
    let message = house::write_in(app, look, &draft, shown.email, key)?;
    match app.email.send(&message).await {
        Ok(_id) => Ok(()),
        // Trying again would not make the address a better one; the inviter has the link.
        Err(ProviderError::Invalid { reason, .. }) => {
            tracing::warn!(invitation.id = %job.invitation_id, org.id = %job.org_id, reason, "an invitation can't be sent");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
