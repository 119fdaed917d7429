//! Types of single settings: choices, addresses, sizes, vendor ids.

use domain::domain_names::DomainName;
use domain::prices::Prices;
use domain::provider_order;
use ipnet::IpNet;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::value::{SettingValue, Shape};

/// Declares an enum whose words are the values allowed in the configuration.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $of:literal])+ $variant:ident = $word:literal $(| $alias:literal)*),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $of])+ $variant),+ }

        impl $name {
            /// The word that stands for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl SettingValue for $name {
            const SHAPE: Shape = Shape::Text;

            fn allowed() -> String {
                ["", $($word),+][1..].join(" | ")
            }

            fn parse(text: &str) -> Option<Self> {
                match text.to_ascii_lowercase().as_str() {
                    $($word $(| $alias)* => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

choice! {
    /// How log lines are written.
    LogFormat {
        /// Text on a terminal, JSON elsewhere.
        Auto = "auto",
        /// For people.
        Text = "text",
        /// For machines, one object a line.
        Json = "json",
    }
}

choice! {
    /// How the connection to an outside PostgreSQL is protected.
    DatabaseSsl {
        /// As the URL says (`sslmode=`), else encrypted when the server can.
        FromUrl = "from-url" | "prefer",
        /// Not encrypted.
        Disable = "disable" | "false" | "0" | "off",
        /// Encrypted, whoever the server is.
        Require = "require" | "true" | "1" | "on",
        /// Encrypted, with a certificate of a known authority for this very host.
        VerifyFull = "verify-full",
    }
}

choice! {
    /// Where recordings are kept.
    StorageProvider {
        /// A folder on this machine.
        Local = "local",
    }
}

choice! {
    /// Which way e-mail goes.
    EmailTransport {
        /// Into a folder.
        Outbox = "outbox",
        /// To a mail server.
        Smtp = "smtp",
        /// To SendGrid.
        SendGrid = "sendgrid",
    }
}

choice! {
    /// What decides the agent's words.
    BrainChoice {
        /// A language model as soon as one has its key.
        Auto = "auto",
        /// The rules.
        Rules = "rules",
    }
}

choice! {
    /// Who makes embeddings.
    EmbeddingsProvider {
        /// Nobody: nothing is searched by meaning.
        None = "none",
        /// OpenAI.
        OpenAi = "openai",
        /// A server of one's own that speaks OpenAI's protocol.
        Compatible = "compatible",
        /// A model in a folder of this machine.
        Local = "local",
    }
}

/// The address of a site: `http://` or `https://`, a host, perhaps a port and a path; no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteUrl(String);

impl SiteUrl {
    /// The address as text, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SettingValue for SiteUrl {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "an address such as https://phone.example.com".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let parsed = reqwest::Url::parse(text).ok()?;
        let plain = matches!(parsed.scheme(), "http" | "https")
            && parsed.has_host()
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        plain.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

/// The name of a host, such as `studio.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(pub DomainName);

impl SettingValue for HostName {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "the name of a host such as studio.example.com".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        DomainName::parse(text).ok().map(Self)
    }
}

/// A PostgreSQL connection string. It may hold a password, so all of it is a secret.
#[derive(Debug, Clone)]
pub struct DatabaseUrl(pub SecretString);

impl SettingValue for DatabaseUrl {
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;

    fn allowed() -> String {
        "postgres://user:password@host:port/database".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let known = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let whole = reqwest::Url::parse(text).is_ok_and(|url| url.path().len() > 1);
        (known && whole).then(|| Self(SecretString::from(text)))
    }
}

/// The address of a WebSocket: `wss://`, or `ws://` on this machine, where nobody is in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketUrl(pub reqwest::Url);

impl SettingValue for SocketUrl {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "an address such as wss://api.example.com/v1/realtime, or ws://127.0.0.1:8080 on this machine"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let parsed = reqwest::Url::parse(text).ok()?;
        let host = parsed.host_str()?.trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let safe = match parsed.scheme() {
            "wss" => true,
            "ws" => here,
            _ => false,
        };
        // A password in an address ends up in logs.
        let plain =
            parsed.username().is_empty() && parsed.password().is_none() && parsed.fragment().is_none();
        (safe && plain).then_some(Self(parsed))
    }
}

/// Headers of a handshake, each `Name: value`; may be none. Values may be keys.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraHeaders(pub Vec<(HeaderName, HeaderValue)>);

// By hand: the values may be keys.
impl std::fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl SettingValue for ExtraHeaders {
    const SHAPE: Shape = Shape::List;
    const SECRET: bool = true;
    const OPTIONAL: bool = true;

    fn allowed() -> String {
        "a list of headers such as OpenAI-Project: proj_1 (but not OpenAI-Beta, which ends every session), or nothing"
            .to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let header = |word: &str| {
            let (name, value) = word.split_once(':')?;
            let name: HeaderName = name.trim().parse().ok().filter(|name| name != "openai-beta")?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        words.map(header).collect::<Option<_>>().map(Self)
    }
}

/// A Redis connection string. It may hold a password, so all of it is a secret.
#[derive(Debug, Clone)]
pub struct RedisUrl(pub SecretString);

impl SettingValue for RedisUrl {
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;

    fn allowed() -> String {
        "redis://user:password@host:port/number, rediss://… (encrypted) or redis+unix:///path".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let known = ["redis://", "rediss://", "redis+unix://"].iter().any(|scheme| text.starts_with(scheme));
        (known && reqwest::Url::parse(text).is_ok()).then(|| Self(SecretString::from(text)))
    }
}

/// A list of site addresses; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteUrls(pub Vec<SiteUrl>);

impl SettingValue for SiteUrls {
    const SHAPE: Shape = Shape::List;
    const OPTIONAL: bool = true;

    fn allowed() -> String {
        "a list of addresses such as https://app.example.com, or nothing".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(SiteUrl::parse).collect::<Option<_>>().map(Self)
    }
}

/// A list of networks; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

impl SettingValue for Networks {
    const SHAPE: Shape = Shape::List;
    const OPTIONAL: bool = true;

    fn allowed() -> String {
        "a list of networks such as 10.20.0.0/16 or fd12:3456::/32, or nothing".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| word.parse().ok()).collect::<Option<_>>().map(Self)
    }
}

/// A Twilio account's id: `AC` and 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioAccountSid(pub String);

impl SettingValue for TwilioAccountSid {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "AC followed by 32 hexadecimal digits".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("AC")?;
        let hexadecimal = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        hexadecimal.then(|| Self(text.to_owned()))
    }
}

/// An ordered list of different words out of those that businesses choose from too; the first that works is used.
macro_rules! chain {
    ($(#[doc = $doc:literal])+ $name:ident = $known:path) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Vec<&'static str>);

        impl $name {
            /// Every id that the chain may have.
            pub const KNOWN: &'static [&'static str] = &$known;

            /// The ids, the first choice first.
            #[must_use]
            pub fn ids(&self) -> &[&'static str] {
                &self.0
            }
        }

        impl SettingValue for $name {
            const SHAPE: Shape = Shape::List;

            fn allowed() -> String {
                format!("a list, each at most once, of: {}", Self::KNOWN.join(", "))
            }

            fn parse(text: &str) -> Option<Self> {
                let mut ids: Vec<&'static str> = Vec::new();
                for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                    let id = Self::KNOWN.iter().copied().find(|known| *known == word)?;
                    if ids.contains(&id) {
                        return None;
                    }
                    ids.push(id);
                }
                Some(Self(ids))
            }
        }
    };
}

chain! {
    /// Transcribers in order of preference.
    SttOrder = provider_order::TRANSCRIBERS
}

chain! {
    /// Voices in order of preference.
    TtsOrder = provider_order::VOICES
}

chain! {
    /// Language models in order of preference.
    LlmOrder = provider_order::MODELS
}

/// What models cost: rows as [`Prices::read`] takes them, separated by semicolons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceList(pub Prices);

impl SettingValue for PriceList {
    const SHAPE: Shape = Shape::Text;
    const OPTIONAL: bool = true;

    fn allowed() -> String {
        "rows such as openai/gpt-realtime-2.1 text_in=4 audio_out=64; elevenlabs/* characters=0.05".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Prices::read(text.split(';')).ok().map(Self)
    }
}

/// A filter of log lines: a level, or `level,target=level,…` as `tracing` understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl SettingValue for LogFilter {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        "error | warn | info | debug | trace | off, or a filter such as info,voice=debug".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        let sound = !text.is_empty()
            && text.split(',').all(|part| {
                let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
                levels.contains(&level.trim().to_ascii_lowercase().as_str())
            })
            && tracing_subscriber::EnvFilter::try_new(text).is_ok();
        sound.then(|| Self(text.to_owned()))
    }
}
