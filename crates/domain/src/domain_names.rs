//! Names of hosts that organizations are reached under: their form, which are reserved, what proves that one is theirs.

use std::fmt;

/// A host name in lower case ASCII (punycode), with at least two labels and without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

/// Why a text is not such a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a host, such as phone.aurora.example: no address, no path, no port")]
pub struct InvalidDomain;

/// Why a name under the installation's own domain can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubdomain {
    /// It has not the form of one label.
    #[error("must be 3 to 40 letters, digits and dashes, such as aurora")]
    Form,
    /// It is kept for the installation.
    #[error("is reserved")]
    Reserved,
}

/// Longest name, by the rules of the DNS.
const NAME_BYTES: usize = 253;
/// Longest label.
const LABEL_BYTES: usize = 63;
/// Lengths of the label of a subdomain.
const SUBDOMAIN_BYTES: std::ops::RangeInclusive<usize> = 3..=40;

/// The label below which the proof of ownership stands.
const PROOF_LABEL: &str = "_studioconnect";

/// Labels that nobody may have below the installation's own domain: people believe what they say.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "billing",
    "blog",
    "cdn",
    "chat",
    "console",
    "customer",
    "dashboard",
    "demo",
    "dev",
    "dns",
    "docs",
    "ftp",
    "git",
    "help",
    "helpdesk",
    "host",
    "hostmaster",
    "imap",
    "info",
    "internal",
    "invoice",
    "invoices",
    "localhost",
    "login",
    "mail",
    "media",
    "metrics",
    "mobile",
    "mta-sts",
    "mx",
    "news",
    "noc",
    "ns",
    "ns1",
    "ns2",
    "oauth",
    "office",
    "partner",
    "partners",
    "pay",
    "payment",
    "payments",
    "phone",
    "platform",
    "pop",
    "pop3",
    "portal",
    "postmaster",
    "prod",
    "production",
    "root",
    "sales",
    "secure",
    "security",
    "server",
    "sip",
    "smtp",
    "sso",
    "staging",
    "static",
    "stats",
    "status",
    "studio",
    "studioconnect",
    "sup",
    "support",
    "system",
    "test",
    "testing",
    "voice",
    "webhook",
    "webhooks",
    "webmail",
    "webmaster",
    "widget",
    "wpad",
    "www",
];

impl DomainName {
    /// Parses a name as people write it, with letters of any script.
    ///
    /// # Errors
    /// When it is none: addresses, paths, ports, single labels and the names that are kept for special use.
    pub fn parse(text: &str) -> Result<Self, InvalidDomain> {
        let text = text.trim();
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > 4 * NAME_BYTES || text.contains(['/', ':', '@', '*', '_', '%', ' ']) {
            return Err(InvalidDomain);
        }
        let ascii = idna::domain_to_ascii_strict(text).map_err(|_| InvalidDomain)?;
        let labels: Vec<&str> = ascii.split('.').collect();
        let label_ok = |label: &&str| {
            (1..=LABEL_BYTES).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let top = labels.last().copied().unwrap_or_default();
        let special = ["localhost", "local", "internal", "arpa", "onion", "invalid"].contains(&top);
        // A numeric top label is an address, in whatever notation.
        let usable = labels.len() >= 2
            && ascii.len() <= NAME_BYTES
            && labels.iter().all(label_ok)
            && !top.bytes().all(|b| b.is_ascii_digit())
            && !special;
        if usable { Ok(Self(ascii)) } else { Err(InvalidDomain) }
    }

    /// The name of a subdomain of `base`.
    ///
    /// # Errors
    /// When the label has another form, or is reserved.
    pub fn subdomain(label: &str, base: &Self) -> Result<Self, InvalidSubdomain> {
        let label = label.trim().to_ascii_lowercase();
        let form = SUBDOMAIN_BYTES.contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            // Punycode would let somebody look like somebody else.
            && !label.starts_with("xn--")
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !form {
            return Err(InvalidSubdomain::Form);
        }
        if RESERVED.contains(&label.as_str()) {
            return Err(InvalidSubdomain::Reserved);
        }
        Ok(Self(format!("{label}.{}", base.0)))
    }

    /// Whether it is the other name or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self == other || self.0.strip_suffix(&other.0).is_some_and(|rest| rest.ends_with('.'))
    }

    /// Where the text that proves ownership is looked for.
    #[must_use]
    pub fn proof_name(&self) -> String {
        format!("{PROOF_LABEL}.{}", self.0)
    }

    /// The ASCII text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with its own letters, for screens.
    #[must_use]
    pub fn shown(&self) -> String {
        let (shown, known) = idna::domain_to_unicode(&self.0);
        if known.is_ok() { shown } else { self.0.clone() }
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host of a request's `Host` header or of an address, in lower case and without its port.
#[must_use]
pub fn host_without_port(host: &str) -> String {
    let host = host.trim();
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    bare.trim_end_matches('.').to_ascii_lowercase()
}

/// The text whose presence proves ownership.
#[must_use]
pub fn proof(token: &str) -> String {
    format!("studioconnect-verification={token}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).expect("a name")
    }

    #[test]
    fn names_are_written_in_one_way() {
        for (text, expect) in [
            ("Phone.Aurora.Example", "phone.aurora.example"),
            (" aurora.example. ", "aurora.example"),
            ("büro.example", "xn--bro-hoa.example"),
            ("XN--BRO-HOA.example", "xn--bro-hoa.example"),
            ("例え.jp", "xn--r8jz45g.jp"),
        ] {
            assert_eq!(DomainName::parse(text).map(|n| n.0).as_deref(), Ok(expect), "{text}");
        }
        assert_eq!(name("büro.example").shown(), "büro.example");
    }

    #[test]
    fn what_is_no_host_on_the_internet_is_refused() {
        for text in [
            "",
            ".",
            "localhost",
            "aurora",
            "https://a.example",
            "a.example/x",
            "a.example:80",
            "10.0.0.1",
            "0x7f.1",
            "[::1]",
            "a..example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "*.example.com",
            "printer.local",
            "x.internal",
            "a b.example",
            "me@a.example",
            "1.2.3.4.in-addr.arpa",
        ] {
            assert_eq!(DomainName::parse(text), Err(InvalidDomain), "{text}");
        }
        assert!(DomainName::parse(&format!("{}.example", "a".repeat(64))).is_err());
        assert!(DomainName::parse(&["a"; 130].join(".")).is_err());
    }

    #[test]
    fn a_subdomain_is_one_label_that_nobody_could_misread() {
        let base = name("studio.example");
        assert_eq!(
            DomainName::subdomain("Aurora", &base).map(|n| n.0).as_deref(),
            Ok("aurora.studio.example")
        );
        for label in ["", "ab", "a.b", "-abc", "abc-", "xn--abc", "a_b", "büro", &"a".repeat(41)] {
            assert_eq!(DomainName::subdomain(label, &base), Err(InvalidSubdomain::Form), "{label}");
        }
        for label in ["www", "ADMIN", "login", "support"] {
            assert_eq!(DomainName::subdomain(label, &base), Err(InvalidSubdomain::Reserved), "{label}");
        }
    }

    #[test]
    fn a_name_lies_within_itself_and_those_above() {
        let base = name("studio.example");
        assert!(name("a.studio.example").is_within(&base) && base.is_within(&base));
        assert!(!name("mystudio.example").is_within(&base) && !base.is_within(&name("a.studio.example")));
    }

    #[test]
    fn a_host_header_is_read_without_its_port() {
        for (host, expect) in [
            ("Aurora.Example:3000", "aurora.example"),
            ("aurora.example.", "aurora.example"),
            ("[::1]:3000", "::1"),
            ("", ""),
        ] {
            assert_eq!(host_without_port(host), expect, "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_a_name_stays_itself(text in ".{0,80}") {
            if let Ok(name) = DomainName::parse(&text) {
                prop_assert_eq!(DomainName::parse(name.as_str()), Ok(name));
            }
        }
    }
}
