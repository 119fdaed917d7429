//! E-mail: whether somebody would get it.

use provider_traits::descriptor::Readiness;

use super::Finding;
use crate::config::Config;
use crate::config::types::EmailTransport;
use crate::wiring::mail;

const SUBJECT: &str = "e-mail";

/// Whether letters leave the house. None is sent: a test e-mail is asked for on the notifications page.
pub(super) fn finding(config: &Config) -> Finding {
    if config.mail.email.transport == EmailTransport::Outbox {
        return Finding::less(
            SUBJECT,
            "letters are written into a folder and reach nobody",
            "set email.transport to smtp or sendgrid",
        );
    }
    match mail::transport(config) {
        Err(error) => Finding::broken(
            SUBJECT,
            format!("{error:#}"),
            "look at the sections [email], [smtp] and [sendgrid]",
        ),
        Ok(transport) => match transport.readiness() {
            Readiness::Ready => Finding::well(SUBJECT, format!("goes by {}", transport.descriptor().name)),
            Readiness::Missing { what, remedy } => Finding::broken(SUBJECT, what, remedy),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::config::{Layers, Loaded};

    #[test]
    fn whoever_gets_no_letters_is_told() {
        let check = |settings: &[(&str, &str)], verdict: Verdict, said: &str| {
            let mut flags = vec![("data_dir".to_owned(), "/data".to_owned())];
            flags.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
            let loaded = Loaded::from_layers(&Layers { flags, ..Layers::default() }).unwrap();
            let found = finding(&loaded.config);
            assert_eq!(found.verdict, verdict, "{}", found.said);
            assert!(found.said.contains(said) && !found.said.contains("hush"), "{}", found.said);
        };
        let from = ("email.from", "studio@aurora.example");
        check(&[], Verdict::Less, "reach nobody");
        check(
            &[("email.transport", "sendgrid"), ("sendgrid.api_key", "SG.hush"), from],
            Verdict::Well,
            "SendGrid",
        );
        check(
            &[("email.transport", "sendgrid"), ("sendgrid.api_key", "SG.\u{7}hush")],
            Verdict::Broken,
            "key",
        );
    }

    #[tokio::test]
    async fn a_mail_server_needs_a_sender_that_is_an_address() {
        let loaded = |from: &str| {
            let flags = [
                ("data_dir", "/data"),
                ("email.transport", "smtp"),
                ("smtp.url", "smtp://u:hush@mail.example"),
                ("email.from", from),
            ];
            let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
            Loaded::from_layers(&Layers { flags, ..Layers::default() }).unwrap().config
        };
        assert_eq!(finding(&loaded("Aurora <studio@aurora.example>")).verdict, Verdict::Well);
        assert_eq!(finding(&loaded("Aurora")).verdict, Verdict::Broken);
    }
}
