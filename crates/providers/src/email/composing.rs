//! A message as mail servers want it (RFC 5322).

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use provider_traits::email::EmailMessage;
use provider_traits::error::ProviderError;

/// Composes; `sender` is who it is from when the message doesn't say. What is no address, or would break out of its
/// header, is refused.
pub(super) fn compose(
    provider: &'static str,
    message: &EmailMessage,
    sender: &str,
) -> Result<Message, ProviderError> {
    let invalid = |reason: String| ProviderError::Invalid { provider, reason };
    let from = self::sender(provider, message, sender)?;
    let domain = from.email.domain().to_owned();
    let mut builder = Message::builder()
        .message_id(Some(message_id(&message.key, &domain)))
        .from(from)
        .to(mailbox(provider, "receiver's", &message.to)?)
        .subject(message.subject.clone());
    if let Some(reply_to) = &message.reply_to {
        builder = builder.reply_to(mailbox(provider, "reply", reply_to)?);
    }
    let built = match &message.html {
        Some(html) => {
            builder.multipart(MultiPart::alternative_plain_html(message.text.clone(), html.clone()))
        }
        None => builder.body(message.text.clone()),
    };
    let mut built = built.map_err(|error| invalid(error.to_string()))?;
    // Asks for no out-of-office answers (RFC 3834).
    built.headers_mut().insert_raw(HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    ));
    Ok(built)
}

/// Who a message is from; `own` is the transport's sender.
pub(super) fn sender(
    provider: &'static str,
    message: &EmailMessage,
    own: &str,
) -> Result<Mailbox, ProviderError> {
    let mut from = mailbox(provider, "sender's", message.from.as_deref().unwrap_or(own))?;
    if let (None, Some(name)) = (&message.from, &message.sender_name) {
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        from.name = Some(name).filter(|name| !name.trim().is_empty()).or(from.name);
    }
    Ok(from)
}

/// An address, with a name perhaps.
pub(super) fn mailbox(provider: &'static str, whose: &str, text: &str) -> Result<Mailbox, ProviderError> {
    // The address itself is left out: it must not get into logs.
    let reason = || format!("the {whose} address is no e-mail address");
    text.parse().map_err(|_unshown| ProviderError::Invalid { provider, reason: reason() })
}

/// The same key is the same id: receivers and people can tell a repetition.
pub(super) fn message_id(key: &str, domain: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let key: String = key.chars().map(safe).take(120).collect();
    format!("<{}@{domain}>", key.trim_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> EmailMessage {
        EmailMessage {
            from: Some("\"Aurora, Inc.\" <hello@aurora.example>".to_owned()),
            sender_name: None,
            to: "dana@agency.example".to_owned(),
            reply_to: None,
            subject: "Künftige Anrufe".to_owned(),
            text: "Come in.".to_owned(),
            html: Some("<p>Come in.</p>".to_owned()),
            key: "ntf_1/2".to_owned(),
        }
    }

    #[test]
    fn the_same_key_is_the_same_message_id() {
        let text = |message: &EmailMessage| {
            let composed = compose("test", message, "us@here.example").expect("a message");
            String::from_utf8(composed.formatted()).expect("text")
        };
        for _ in 0..2 {
            let text = text(&message());
            assert!(text.contains("Message-ID: <ntf_1-2@aurora.example>\r\n"), "{text}");
            assert!(text.contains("Auto-Submitted: auto-generated\r\n"), "{text}");
        }
        let ours = text(&EmailMessage { from: None, ..message() });
        for (name, expect) in [
            ("North Studio", "North Studio"),
            ("North\r\nBcc: x@y.example", "NorthBcc: x@y.example"),
            ("\r\n", ""),
        ] {
            let named = EmailMessage { from: None, sender_name: Some(name.to_owned()), ..message() };
            let from = sender("test", &named, "us@here.example").expect("an address");
            assert_eq!(
                (from.name.unwrap_or_default().as_str(), from.email.to_string().as_str()),
                (expect, "us@here.example")
            );
            let head = text(&named).split("\r\n\r\n").next().unwrap_or_default().to_owned();
            assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
        }
        assert!(ours.contains("From: us@here.example") && ours.contains("<ntf_1-2@here.example>"), "{ours}");
    }

    #[test]
    fn nothing_breaks_out_of_a_header() {
        let composed = |message: EmailMessage| compose("test", &message, "us@here.example");
        let evil = "x\r\nBcc: victim@there.example\r\n\r\nbody";
        for wrong in [
            EmailMessage { to: format!("a@b.example{evil}"), ..message() },
            EmailMessage { from: Some(format!("A <a@b.example>{evil}")), ..message() },
            EmailMessage { reply_to: Some(format!("a@b.example{evil}")), ..message() },
        ] {
            assert!(matches!(composed(wrong), Err(ProviderError::Invalid { .. })));
        }
        for odd in [
            EmailMessage { subject: evil.to_owned(), ..message() },
            EmailMessage { key: evil.to_owned(), ..message() },
        ] {
            let text = String::from_utf8(composed(odd).expect("a message").formatted()).expect("text");
            let (headers, _) = text.split_once("\r\n\r\n").expect("a head");
            assert!(!headers.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{headers}");
        }
    }
}
