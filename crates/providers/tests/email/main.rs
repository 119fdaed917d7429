//! The ways to send e-mail against a mail server and a vendor that are played on this machine, and what we send to the
//! vendor against what it has published.

#[cfg(test)]
mod real;
#[cfg(test)]
mod sendgrid;
#[cfg(test)]
mod smtp;

#[cfg(test)]
use provider_traits::email::EmailMessage;

/// A message with everything in it that is awkward on the way.
#[cfg(test)]
fn message(key: &str) -> EmailMessage {
    EmailMessage {
        from: Some("\"Aurora, Branding\" <hello@aurora.example>".to_owned()),
        sender_name: None,
        to: "Dana Reed <dana@agency.example>".to_owned(),
        reply_to: Some("desk@aurora.example".to_owned()),
        subject: "Anruf von Jürgen: „Website“ 🚀".to_owned(),
        text: format!(".a line that begins with a dot\n..two\n.\n{}\n", "long ".repeat(400)),
        html: Some("<p>Grüße &amp; Küsse</p>\n.\n".to_owned()),
        key: key.to_owned(),
    }
}
