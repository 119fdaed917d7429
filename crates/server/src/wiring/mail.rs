//! The way that e-mail goes.

use std::sync::Arc;

use anyhow::Context as _;
use provider_traits::email::Email;
use providers::email::outbox::Outbox;
use providers::email::sendgrid::{SendGrid, SendGridSettings};
use providers::email::smtp::{Smtp, SmtpSettings};

use super::speech::vendor_http;
use crate::config::Config;
use crate::config::types::EmailTransport;

/// The transport of the configuration.
///
/// # Errors
/// When it can't work as it is set: a folder, a certificate, a sender that is no address.
pub fn transport(config: &Config) -> anyhow::Result<Arc<dyn Email>> {
    let mail = &config.mail;
    let sender = mail.email.from.clone();
    Ok(match mail.email.transport {
        EmailTransport::Outbox => {
            let folder = mail.email.folder.clone().unwrap_or_else(|| config.general.data_dir.join("outbox"));
            Arc::new(Outbox::open(&folder, &sender).context("could not open the outbox for e-mail")?)
        }
        EmailTransport::Smtp => {
            let url = mail.smtp.url.as_ref().context("smtp.url is not set")?;
            let place = url.place();
            let authority = match &mail.smtp.ca_file {
                Some(file) => {
                    Some(std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?)
                }
                None => None,
            };
            let (user, password) = place.account.unzip();
            let settings = SmtpSettings {
                host: place.host,
                port: place.port,
                security: place.security,
                user,
                password,
                authority,
                sender,
            };
            Arc::new(Smtp::new(&settings).context("the mail server of smtp.url can't be used")?)
        }
        EmailTransport::SendGrid => {
            let settings = SendGridSettings {
                base_url: mail.sendgrid.base_url.as_str().to_owned(),
                api_key: mail.sendgrid.api_key.clone(),
                sender,
            };
            Arc::new(SendGrid::new(&settings, vendor_http()?).context("SendGrid can't be used")?)
        }
    })
}
