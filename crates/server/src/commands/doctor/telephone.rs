//! The telephone network: Twilio's settings and the address it calls.

use super::Finding;
use crate::config::Config;

/// Whether Twilio could call this server and be believed.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let twilio = &config.twilio;
    match (&twilio.account_sid, &twilio.auth_token) {
        (None, None) => {
            return vec![Finding::less(
                "telephone",
                "no Twilio account: only callers on this machine are served (demo, studioconnect call)",
                "docs/guides/twilio.md, when real calls are to come in",
            )];
        }
        (Some(_), None) => {
            return vec![Finding::broken(
                "telephone",
                "there is an account but no auth token: Twilio's webhooks would be refused",
                "set TWILIO_AUTH_TOKEN to the token shown in Twilio's console",
            )];
        }
        (_, Some(_)) => {}
    }
    let base = config.webhook_base_url(config.server.port);
    let mut found = vec![Finding::well("telephone", "webhooks are believed by their signature")];
    let local = ["localhost", "127.", "[::1]"].iter().any(|name| base.contains(name));
    found.push(if local {
        Finding::broken(
            "address",
            format!("Twilio can't reach {base}"),
            "set PUBLIC_URL (or TWILIO_WEBHOOK_BASE_URL) to the address that the internet knows this server by",
        )
    } else if base.starts_with("https://") {
        Finding::well("address", format!("Twilio calls {base}/api/voice/inbound"))
    } else {
        Finding::broken(
            "address",
            format!("{base} is not encrypted, and Twilio's media streams need wss"),
            "put a TLS proxy in front and set PUBLIC_URL to its https address",
        )
    });
    found
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::config::{Layers, Loaded};

    fn worst(settings: &[(&str, &str)]) -> Verdict {
        let mut flags = vec![("data_dir".to_owned(), "/data".to_owned())];
        flags.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let loaded = Loaded::from_layers(&Layers { flags, ..Layers::default() }).unwrap();
        let verdicts: Vec<Verdict> =
            findings(&loaded.config).into_iter().map(|found| found.verdict).collect();
        let has = |verdict| verdicts.contains(&verdict);
        if has(Verdict::Broken) {
            Verdict::Broken
        } else if has(Verdict::Less) {
            Verdict::Less
        } else {
            Verdict::Well
        }
    }

    #[test]
    fn an_account_needs_a_token_and_a_reachable_address() {
        let sid = ("twilio.account_sid", "AC0123456789abcdef0123456789abcdef");
        let token = ("twilio.auth_token", "t0ken");
        assert_eq!(worst(&[]), Verdict::Less);
        assert_eq!(worst(&[sid]), Verdict::Broken);
        assert_eq!(worst(&[sid, token]), Verdict::Broken, "localhost");
        assert_eq!(worst(&[sid, token, ("server.public_url", "http://phone.example.com")]), Verdict::Broken);
        assert_eq!(worst(&[sid, token, ("server.public_url", "https://phone.example.com")]), Verdict::Well);
        let tunnel = ("twilio.webhook_base_url", "https://tunnel.example.com");
        assert_eq!(worst(&[sid, token, tunnel]), Verdict::Well);
    }
}
