//! E-mail by SMTP: a mail server of one's own, or any vendor's relay.

use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use provider_traits::descriptor::{Descriptor, Locality, Readiness};
use provider_traits::email::{Email, EmailMessage};
use provider_traits::error::ProviderError;
use secrecy::{ExposeSecret as _, SecretString};

use super::composing::compose;

const ID: &str = "smtp";
const DESCRIPTOR: Descriptor = Descriptor { id: ID, name: "SMTP", locality: Locality::Cloud };
/// For each command: connecting, greeting, each answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// For a whole message.
const SENT_WITHIN: Duration = Duration::from_secs(90);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// In the clear at first, then TLS, which must come about (`STARTTLS`); port 587.
    StartTls,
    /// TLS from the first byte; port 465.
    Tls,
    /// In the clear: for a server on this machine only; port 25.
    None,
}

impl SmtpSecurity {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Where the mail server is.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port; the usual one of the protection when not said.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// Who signs in.
    pub user: Option<String>,
    /// With what.
    pub password: Option<SecretString>,
    /// A further certificate authority to trust, as PEM.
    pub authority: Option<Vec<u8>>,
    /// Who letters are from when they don't say.
    pub sender: String,
}

/// Why a mail server can't be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSetUpError {
    /// Certificates.
    #[error("TLS for the mail server can't be set up: {0}")]
    Tls(lettre::transport::smtp::Error),
    /// A password would cross a network for everybody to read.
    #[error("a mail server without TLS must be on this machine")]
    InTheClear,
    /// The sender.
    #[error("the sender is no e-mail address")]
    Sender,
}

/// A mail server. Each message has a connection of its own: one that is kept would be found in the middle of a message
/// by the next one, when the sending of the first was given up there.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: String,
}

// By hand: the transport holds the password.
impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").finish_non_exhaustive()
    }
}

impl Smtp {
    /// Prepares connections; none is made before the first message.
    ///
    /// # Errors
    /// [`SmtpSetUpError`].
    pub fn new(settings: &SmtpSettings) -> Result<Self, SmtpSetUpError> {
        super::composing::mailbox(ID, "sender's", &settings.sender)
            .map_err(|_unshown| SmtpSetUpError::Sender)?;
        let tls = || {
            let mut parameters = TlsParameters::builder(settings.host.clone());
            if let Some(authority) = &settings.authority {
                let certificate = Certificate::from_pem(authority).map_err(SmtpSetUpError::Tls)?;
                parameters = parameters.add_root_certificate(certificate);
            }
            parameters.build_rustls().map_err(SmtpSetUpError::Tls)
        };
        let tls = match settings.security {
            SmtpSecurity::StartTls => Tls::Required(tls()?),
            SmtpSecurity::Tls => Tls::Wrapper(tls()?),
            SmtpSecurity::None if is_this_machine(&settings.host) => Tls::None,
            SmtpSecurity::None => return Err(SmtpSetUpError::InTheClear),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .port(settings.port.unwrap_or(settings.security.port()))
            .tls(tls)
            .timeout(Some(ANSWERS_WITHIN));
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self { transport: builder.build(), sender: settings.sender.clone() })
    }
}

/// Whether a name means this machine, whatever any DNS says.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[async_trait]
impl Email for Smtp {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    async fn send(&self, message: &EmailMessage) -> Result<String, ProviderError> {
        let composed = compose(ID, message, &self.sender)?;
        let id = composed.headers().get_raw("Message-ID").unwrap_or_default().to_owned();
        let waited_ms = u64::try_from(SENT_WITHIN.as_millis()).unwrap_or(u64::MAX);
        tokio::time::timeout(SENT_WITHIN, self.transport.send(composed))
            .await
            .map_err(|_elapsed| ProviderError::Timeout { provider: ID, waited_ms })?
            .map_err(|error| meaning(&error))?;
        Ok(id)
    }
}

/// What a failure means. The server's words are left out: they repeat addresses; its code says enough.
fn meaning(error: &lettre::transport::smtp::Error) -> ProviderError {
    let Some(code) = error.status() else {
        let what = if error.is_timeout() {
            "it did not answer in time"
        } else if error.is_tls() {
            "no TLS came about: its certificate, or that it has none"
        } else if error.is_client() {
            "it does not offer what the settings ask for (TLS, a way to sign in)"
        } else {
            "it can't be reached, or broke off"
        };
        return ProviderError::Unavailable { provider: ID, reason: what.to_owned() };
    };
    let said = format!("SMTP {code}");
    match u16::from(code) {
        // Signing in, or what this account may send.
        530 | 534 | 535 | 538 | 454 | 432 | 500..=504 => {
            ProviderError::Refused { provider: ID, reason: said }
        }
        500..=599 => ProviderError::Invalid { provider: ID, reason: said },
        _ => ProviderError::Unavailable { provider: ID, reason: said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(host: &str, security: SmtpSecurity) -> SmtpSettings {
        SmtpSettings {
            host: host.to_owned(),
            port: None,
            security,
            user: None,
            password: None,
            authority: None,
            sender: "Studio <studio@here.example>".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_password_never_crosses_a_network_in_the_clear() {
        for (host, security, expect) in [
            ("mail.example", SmtpSecurity::None, false),
            ("10.0.0.1", SmtpSecurity::None, false),
            ("localhost", SmtpSecurity::None, true),
            ("127.0.0.1", SmtpSecurity::None, true),
            ("::1", SmtpSecurity::None, true),
            ("mail.example", SmtpSecurity::StartTls, true),
            ("mail.example", SmtpSecurity::Tls, true),
        ] {
            assert_eq!(Smtp::new(&settings(host, security)).is_ok(), expect, "{host} {security:?}");
        }
    }

    #[test]
    fn the_sender_must_be_an_address() {
        let wrong = SmtpSettings { sender: "Studio".to_owned(), ..settings("localhost", SmtpSecurity::None) };
        assert!(matches!(Smtp::new(&wrong), Err(SmtpSetUpError::Sender)));
    }
}
