//! E-mail by Twilio SendGrid's HTTP API (v3, as published in January 2026).

use async_trait::async_trait;
use lettre::message::Mailbox;
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::email::{Email, EmailMessage};
use provider_traits::error::ProviderError;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::composing::{mailbox, message_id, sender};
use crate::set_up::{SetUpError, secret_header};
use crate::vendor_http::Vendor;

const ID: &str = "sendgrid";
const DESCRIPTOR: Descriptor = Descriptor { id: ID, name: "SendGrid", locality: Locality::Cloud };
const VENDOR: Vendor = Vendor { id: ID, model_setting: "sendgrid.base_url" };

/// The account.
#[derive(Debug, Clone)]
pub struct SendGridSettings {
    /// `https://api.sendgrid.com`, or `https://api.eu.sendgrid.com` for accounts in the EU.
    pub base_url: String,
    /// `SG.…`
    pub api_key: Option<SecretString>,
    /// Who letters are from when they don't say: an address that the account has verified.
    pub sender: String,
}

/// SendGrid.
#[derive(Debug, Clone)]
pub struct SendGrid {
    http: reqwest::Client,
    url: String,
    key: Option<HeaderValue>,
    sender: String,
}

impl SendGrid {
    /// Prepares requests.
    ///
    /// # Errors
    /// [`SetUpError::Key`] for a key that no header can carry.
    pub fn new(settings: &SendGridSettings, http: reqwest::Client) -> Result<Self, SetUpError> {
        Ok(Self {
            http,
            url: format!("{}/v3/mail/send", settings.base_url),
            key: settings.api_key.as_ref().map(|key| secret_header("Bearer ", key)).transpose()?,
            sender: settings.sender.clone(),
        })
    }

    /// The request's document.
    fn document(&self, message: &EmailMessage) -> Result<Value, ProviderError> {
        let from = sender(ID, message, &self.sender)?;
        let to = mailbox(ID, "receiver's", &message.to)?;
        let id = message_id(&message.key, from.email.domain());
        let mut content = vec![json!({ "type": "text/plain", "value": message.text })];
        content.extend(message.html.iter().map(|html| json!({ "type": "text/html", "value": html })));
        let mut document = json!({
            "personalizations": [{ "to": [address(&to)] }],
            "from": address(&from),
            "subject": message.subject,
            "content": content,
            "headers": { "Message-ID": id, "Auto-Submitted": "auto-generated" },
            // Links stay as they are: they may sign somebody in. Nobody is watched reading.
            "tracking_settings": {
                "click_tracking": { "enable": false, "enable_text": false },
                "open_tracking": { "enable": false },
            },
        });
        if let Some(reply_to) = &message.reply_to {
            document["reply_to"] = address(&mailbox(ID, "reply", reply_to)?);
        }
        Ok(document)
    }
}

fn address(mailbox: &Mailbox) -> Value {
    match &mailbox.name {
        Some(name) => json!({ "email": mailbox.email.as_ref() as &str, "name": name }),
        None => json!({ "email": mailbox.email.as_ref() as &str }),
    }
}

#[async_trait]
impl Email for SendGrid {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        match self.key {
            Some(_) => Readiness::Ready,
            None => Readiness::Missing {
                what: "SendGrid has no key".to_owned(),
                remedy: "set sendgrid.api_key (SENDGRID_API_KEY)".to_owned(),
            },
        }
    }

    async fn send(&self, message: &EmailMessage) -> Result<String, ProviderError> {
        let key = self.key.clone().ok_or_else(|| VENDOR.refused("there is no key: set sendgrid.api_key"))?;
        let request = self.http.post(&self.url).header(AUTHORIZATION, key).json(&self.document(message)?);
        let answer = VENDOR.ask(request).await?;
        // The vendor always sends it; a message that was taken is not sent again for want of its id.
        let id = answer.headers().get("x-message-id").and_then(|id| id.to_str().ok());
        Ok(id.unwrap_or_default().to_owned())
    }
}
