//! The settings of e-mail: which way it goes, and each way's account.

use std::path::PathBuf;

use providers::email::smtp::{SmtpSecurity, is_this_machine};
use secrecy::{ExposeSecret as _, SecretString};

use super::error::Problem;
use super::setting::{Section, Setting, Values, settings};
use super::types::{EmailTransport, SiteUrl};
use super::value::{SettingValue, Shape};

settings! {
    /// E-mail: what people of a business are told, invitations, links for a new password.
    Email in "email", prefix "email." {
        /// Which way it goes: `outbox` writes it into a folder, for trying out; `smtp` and `sendgrid` send it.
        transport: EmailTransport = "outbox", env "EMAIL_TRANSPORT";
        /// Who letters are from when the business's branding says no sender: an address, or a name and an address,
        /// such as `Aurora <studio@aurora.example>`. Mail servers refuse senders that they don't serve.
        from: String = "StudioConnect <studioconnect@localhost>", env "FROM_EMAIL";
        /// The folder of the transport `outbox`. Not set means `outbox` in the data folder.
        folder: Option<PathBuf> = "";
    }

    /// A mail server.
    Smtp in "smtp", prefix "smtp." {
        /// Where it is and who signs in: `smtp://user:password@host:587` goes on encrypted (`STARTTLS`) or not at all,
        /// `smtps://user:password@host:465` is encrypted from the beginning, `smtp+plain://localhost:25` is not, and
        /// only possible on this machine. Characters such as `@` in a password are written as `%40`.
        url: Option<SmtpUrl> = "", env "SMTP_URL";
        /// A file (PEM) with a certificate authority to trust beside those of the machine.
        ca_file: Option<PathBuf> = "", env "SMTP_CA_FILE";
    }

    /// Twilio SendGrid.
    SendGrid in "sendgrid", prefix "sendgrid." {
        /// The key, with the right to send mail.
        api_key: Option<SecretString> = "", env "SENDGRID_API_KEY";
        /// Where it is; `https://api.eu.sendgrid.com` for accounts in the EU.
        base_url: SiteUrl = "https://api.sendgrid.com", env "SENDGRID_BASE_URL";
    }
}

/// Where a mail server is and who signs in.
#[derive(Debug, Clone)]
pub struct SmtpUrl(SecretString);

/// The parts of such an address.
#[derive(Debug, Clone)]
pub struct SmtpPlace {
    /// Its name.
    pub host: String,
    /// Its port, when said.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// Who signs in, and with what.
    pub account: Option<(String, SecretString)>,
}

impl SmtpUrl {
    /// The parts.
    ///
    /// # Panics
    /// Never: it was parsed when the setting was read.
    #[must_use]
    pub fn place(&self) -> SmtpPlace {
        place(self.0.expose_secret()).expect("a setting's address was parsed when it was read")
    }
}

impl SettingValue for SmtpUrl {
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;

    fn allowed() -> String {
        "smtp://user:password@host:port, smtps://… (encrypted from the beginning) or smtp+plain://localhost:port"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        place(text).map(|_| Self(SecretString::from(text)))
    }
}

fn place(text: &str) -> Option<SmtpPlace> {
    let (scheme, rest) = text.split_once("://")?;
    let security = match scheme {
        "smtp" => SmtpSecurity::StartTls,
        "smtps" => SmtpSecurity::Tls,
        "smtp+plain" => SmtpSecurity::None,
        _ => return None,
    };
    // Read as an address of the web, whose rules for accounts and escapes are the same.
    let url = reqwest::Url::parse(&format!("ftp://{rest}")).ok()?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return None;
    }
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    if security == SmtpSecurity::None && !is_this_machine(&host) {
        return None;
    }
    let account = match (url.username(), url.password()) {
        ("", None) => None,
        (user, Some(password)) if !user.is_empty() => {
            Some((decoded(user)?, SecretString::from(decoded(password)?)))
        }
        _ => return None,
    };
    Some(SmtpPlace { host, port: url.port(), security, account })
}

/// Without `%40` and the like.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Everything about e-mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Which way.
    pub email: Email,
    /// A mail server.
    pub smtp: Smtp,
    /// SendGrid.
    pub sendgrid: SendGrid,
}

impl Mail {
    pub(super) const SECTIONS: [Section; 3] = [Email::SECTION, Smtp::SECTION, SendGrid::SECTION];

    pub(super) fn read(values: &Values, problems: &mut Vec<Problem>) -> Option<Self> {
        let email = Email::read(values, problems);
        let smtp = Smtp::read(values, problems);
        let sendgrid = SendGrid::read(values, problems);
        Some(Self { email: email?, smtp: smtp?, sendgrid: sendgrid? })
    }

    /// What contradicts itself.
    pub(super) fn contradictions(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut refuse = |wrong: bool, said: &str| {
            if wrong {
                found.push(Problem(said.to_owned()));
            }
        };
        let transport = self.email.transport;
        refuse(
            transport == EmailTransport::Smtp && self.smtp.url.is_none(),
            "email.transport is smtp but smtp.url is not set",
        );
        refuse(
            transport == EmailTransport::SendGrid && self.sendgrid.api_key.is_none(),
            "email.transport is sendgrid but sendgrid.api_key is not set",
        );
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_mail_server_says_how_it_is_reached() {
        for (text, host, port, security, user) in [
            ("smtp://mail.example", "mail.example", None, SmtpSecurity::StartTls, None),
            (
                "smtp://a%40b:p%3Aw@mail.example:2525",
                "mail.example",
                Some(2525),
                SmtpSecurity::StartTls,
                Some("a@b"),
            ),
            ("smtps://me:x@mail.example", "mail.example", None, SmtpSecurity::Tls, Some("me")),
            ("smtp+plain://localhost:25", "localhost", Some(25), SmtpSecurity::None, None),
            ("smtp+plain://127.0.0.1", "127.0.0.1", None, SmtpSecurity::None, None),
            ("smtp+plain://[::1]:25", "::1", Some(25), SmtpSecurity::None, None),
        ] {
            let place = place(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((place.host.as_str(), place.port, place.security), (host, port, security), "{text}");
            assert_eq!(place.account.as_ref().map(|(user, _)| user.as_str()), user, "{text}");
        }
        let account = place("smtp://a%40b:p%3Aw@mail.example").and_then(|place| place.account);
        assert_eq!(account.unwrap().1.expose_secret(), "p:w");
        for wrong in [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://user@mail.example",
            "smtp://:x@mail.example",
            "smtp://mail.example/path",
            "smtp+plain://mail.example",
            "smtp+plain://10.0.0.1",
            "smtp://a%4:x@mail.example",
        ] {
            assert!(SmtpUrl::parse(wrong).is_none(), "{wrong}");
        }
    }
}
