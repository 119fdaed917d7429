//! Every setting, declared once.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::error::{ConfigError, Problem};
use super::mail::Mail;
use super::setting::{Section, Setting, Values, settings};
use super::types::{
    BrainChoice, DatabaseSsl, DatabaseUrl, ExtraHeaders, HostName, LogFilter, LogFormat, Networks, RedisUrl,
    SiteUrl, SiteUrls, SocketUrl, StorageProvider, TwilioAccountSid,
};
use super::value::SettingValue;
use super::vendors::Vendors;

settings! {
    /// Settings that belong to everything.
    General in "", prefix "" {
        /// Where everything is kept that must survive a restart: the private database, recordings, language
        /// models. Not set means `/var/lib/studioconnect` for root, else `$XDG_DATA_HOME/studioconnect`
        /// (`~/.local/share/studioconnect`).
        data_dir: PathBuf = "", env "DATA_DIR";
        /// What decides the agent's words in the engine `pipeline`: `auto` is a language model, with the rules behind
        /// it, as soon as one has its key (`llm.order`), else the rules; `rules` stays with the rules.
        brain: BrainChoice = "auto", env "BRAIN";
    }

    /// The HTTP and WebSocket edge.
    Server in "server", prefix "server." {
        /// The address to listen on. The default is reachable from this machine only; `0.0.0.0` from everywhere.
        host: IpAddr = "127.0.0.1", env "HOST";
        /// The port to listen on; 0 takes a free one.
        port: u16 = "3000", env "PORT";
        /// The address under which browsers and vendors reach this installation. Not set means
        /// `http://localhost:PORT`, which is enough for the demo and the call simulator.
        public_url: Option<SiteUrl> = "", env "PUBLIC_URL";
        /// Whether the address that a proxy in front reports (`X-Forwarded-For`) is believed. Only with a proxy
        /// that sets it itself: otherwise anybody can claim to be anybody.
        trust_proxy: bool = "false", env "TRUST_PROXY";
        /// The domain below which organizations may have names of their own, such as `aurora.BASE_DOMAIN`. Its
        /// DNS has a wildcard record that leads here. Not set means there are none to be had.
        base_domain: Option<HostName> = "", env "BASE_DOMAIN";
        /// Whether requests under names that are neither the installation's nor an organization's are refused
        /// (421). Addresses and `localhost` are never refused.
        refuse_unknown_hosts: bool = "false";
        /// Other origins whose pages may call the API from a browser.
        cors_origins: SiteUrls = "";
        /// A server that is told to stop takes no new calls, and lets those in progress go on for so long. Then it
        /// hands them over, when another node is there.
        drain_within: Duration = "20s", within "0s" "2h";
        /// How long calls may go on after that when there is no other node; then the agent says goodbye.
        goodbye_within: Duration = "10s", within "0s" "2h";
        /// How long a server that is told to stop waits for the goodbyes before it cuts the calls off.
        drain_timeout: Duration = "5m", within "0s" "2h";
    }

    /// Redis, in which several nodes share what is needed to go on with each other's calls. Without it they share only
    /// PostgreSQL, which is enough: a call then loses its last quarter of a second.
    Redis in "redis", prefix "redis." {
        /// Where it is. Not set means there is none.
        url: Option<RedisUrl> = "", env "REDIS_URL";
        /// How often it is asked how it is when nobody needs it.
        health_check_interval: Duration = "5s", env "REDIS_HEALTH_CHECK_INTERVAL", within "1s" "10m";
    }

    /// Calls whose stream or node was lost.
    Sessions in "sessions", prefix "sessions." {
        /// How long the caller may take to come back; then the call's record is closed. The carrier asks within a
        /// second or two what follows.
        resume_within: Duration = "15s", within "1s" "10m";
    }

    /// The database.
    Database in "database", prefix "database." {
        /// A PostgreSQL 15 or later with the extension `vector`. Not set means a private PostgreSQL in the
        /// data folder, started and stopped by the program itself.
        url: Option<DatabaseUrl> = "", env "DATABASE_URL";
        /// Encryption of the connection to the database of `database.url`.
        ssl: DatabaseSsl = "from-url", env "DATABASE_SSL";
        /// Most connections that requests and calls use at once.
        max_connections: u32 = "16", within "2" "500";
        /// Most connections that jobs and work across organizations use at once.
        system_connections: u32 = "8", within "2" "100";
        /// The folder of the PostgreSQL that the private database runs on (`bin`, `lib`, `share`). Not set
        /// means the one carried in the executable (`make release`), else the one that
        /// `scripts/fetch-postgres.sh` fetched.
        postgres_dir: Option<PathBuf> = "";
    }

    /// The live audio of calls.
    Media in "media", prefix "media." {
        /// Whether a caller may drive a call faster than real time. For the simulator and tests only: a
        /// production server keeps it off.
        allow_lockstep: bool = "false";
        /// Most media sockets at once; further ones are answered with 503.
        max_connections: usize = "1000", env "MAX_WEBSOCKET_CONNECTIONS", within "1" "100000";
        /// How long the one-time ticket of a media socket is good for.
        ticket_ttl: Duration = "60s", within "5s" "10m";
        /// How long a media socket may stay silent before its `start` message.
        start_timeout: Duration = "10s", within "1s" "1m";
        /// A call is ended politely after this time.
        max_call: Duration = "1h", within "1m" "4h";
        /// How often an open socket is pinged.
        ping_interval: Duration = "30s", env "WEBSOCKET_PING_INTERVAL", within "1s" "10m";
        /// A peer that has been silent for this long after a ping is gone.
        pong_timeout: Duration = "10s", env "WEBSOCKET_PONG_TIMEOUT", within "1s" "5m";
    }

    /// Secrets of the installation itself. What is not set is drawn at the first start and kept in the folder
    /// `keys` of the data folder; several nodes need the same ones.
    Secrets in "secrets", prefix "secrets." {
        /// Encrypts what is secret in the database (vendor credentials, second factors): at least 32 characters.
        /// Without it those values can't be read again.
        encryption_key: Option<SecretString> = "", env "ENCRYPTION_KEY";
        /// Former encryption keys, separated by commas: they still open what they sealed, until
        /// `studioconnect secrets rotate` has sealed it with the current one.
        encryption_keys_old: Option<SecretString> = "", env "ENCRYPTION_KEYS_OLD";
        /// Signs access tokens: at least 32 characters. A new one signs everybody's access token off; sessions
        /// go on with their refresh token.
        jwt_secret: Option<SecretString> = "", env "JWT_SECRET";
    }

    /// Twilio, the telephone network.
    Twilio in "twilio", prefix "twilio." {
        /// The account.
        account_sid: Option<TwilioAccountSid> = "", env "TWILIO_ACCOUNT_SID";
        /// The account's auth token: checks the signature of every webhook and media socket. Without it
        /// signatures can't be checked, and then only callers on this machine (loopback) are served.
        auth_token: Option<SecretString> = "", env "TWILIO_AUTH_TOKEN";
        /// An API key of the account (`SK…`) to place calls and send messages with; the auth token does it otherwise.
        api_key: Option<String> = "", env "TWILIO_API_KEY";
        /// The API key's secret.
        api_secret: Option<SecretString> = "", env "TWILIO_API_SECRET";
        /// Where the account's API is: another address for accounts in a region, or for a stand-in.
        api_url: SiteUrl = "https://api.twilio.com", env "TWILIO_API_URL";
        /// Calls that may be placed in a second; more wait for their turn.
        calls_per_second: u32 = "1", within "1" "100";
        /// A second token that is accepted too, while tokens are being exchanged.
        auth_token_secondary: Option<SecretString> = "", env "TWILIO_AUTH_TOKEN_SECONDARY";
        /// The address that Twilio calls, when it is not `server.public_url` (a tunnel, another name). It is
        /// part of what Twilio signs.
        webhook_base_url: Option<SiteUrl> = "", env "TWILIO_WEBHOOK_BASE_URL";
        /// Refuses unsigned webhooks from this machine too. With a token every webhook must be signed in any
        /// case; there is no way to switch that off.
        require_signature: bool = "false";
    }

    /// Webhooks to the addresses that organizations enter.
    Webhooks in "webhooks", prefix "webhooks." {
        /// Whether `http://` is acceptable, too. For laboratories: whoever is in between reads and changes events.
        allow_insecure: bool = "false";
        /// Own networks that webhooks may reach, at any port, such as `10.20.0.0/16`. Without it only public
        /// addresses are reached: every organization could otherwise have this machine send requests into the
        /// network that it stands in.
        allowed_networks: Networks = "";
    }

    /// Recordings and documents.
    Storage in "storage", prefix "storage." {
        /// Where recordings are kept.
        provider: StorageProvider = "local", env "STORAGE_PROVIDER";
        /// The folder of the provider `local`. Not set means `objects` in the data folder.
        folder: Option<PathBuf> = "";
    }

    /// Speech on this machine.
    Speech in "speech", prefix "speech." {
        /// The voice of agents that have not chosen one. flite has `rms`, `slt`, `awb`, `kal` and `kal16`.
        agent_voice: String = "rms";
        /// Most PocketSphinx decoders: each call that listens has one, of about 45 MB.
        max_decoders: usize = "8", within "1" "256";
        /// Whether greetings and other fixed sentences are synthesised at the start, so that a call begins
        /// without waiting.
        prerender: bool = "true";
    }

    /// OpenAI, and endpoints that speak its protocol: the engine `realtime` of agents, transcribers, voices, language
    /// models and embeddings.
    OpenAi in "openai", prefix "openai." {
        /// The key. With it the vendor is asked wherever an order names it (`stt.order`, `tts.order`, `llm.order`), and
        /// by the engine `realtime`. Without it the vendor is passed over. For the engine alone there is
        /// `openai.realtime_api_key`.
        api_key: Option<SecretString> = "", env "OPENAI_API_KEY";
        /// The key of the engine `realtime`, when it is another one. Set alone it gives agents that engine and leaves
        /// transcribers, voices and language models of the pipeline to others. With neither key the engine is not ready
        /// unless `openai.realtime_url` leads elsewhere.
        realtime_api_key: Option<SecretString> = "", env "OPENAI_REALTIME_API_KEY";
        /// Where sessions are opened; the model is added as a query. `ws://` only on this machine.
        realtime_url: SocketUrl = "wss://api.openai.com/v1/realtime", env "OPENAI_REALTIME_URL";
        /// The model that hears callers and speaks for the agent. Vendors retire models: see the guide.
        realtime_model: String = "gpt-realtime-2.1-mini", env "OPENAI_REALTIME_MODEL";
        /// The voice of agents that have not chosen one of the model's.
        realtime_voice: String = "marin", env "OPENAI_REALTIME_VOICE";
        /// The model that writes down what callers say.
        realtime_transcriber: String = "gpt-realtime-whisper", env "OPENAI_REALTIME_TRANSCRIBER";
        /// Further headers of the handshake, each `Name: value`, such as `OpenAI-Project: proj_1` or `api-key: …`.
        /// A value has no comma. They may hold keys, so they are never shown.
        realtime_headers: ExtraHeaders = "", env "OPENAI_REALTIME_HEADERS";
        /// Where everything but the sockets is, with the version.
        base_url: SiteUrl = "https://api.openai.com/v1", env "OPENAI_BASE_URL";
        /// Where the transcriber `openai` is. `ws://` only on this machine.
        stt_url: SocketUrl = "wss://api.openai.com/v1/realtime", env "OPENAI_STT_URL";
        /// The model of the transcriber `openai`.
        stt_model: String = "gpt-live-transcribe", env "OPENAI_STT_MODEL";
        /// The model of the transcriber `openai-rest`, which hears each utterance at its end.
        stt_rest_model: String = "gpt-transcribe", env "OPENAI_STT_REST_MODEL";
        /// The model of the voice `openai`. The vendor ends these on 2027-01-06; the voice is passed over from then on.
        tts_model: String = "gpt-4o-mini-tts", env "OPENAI_TTS_MODEL";
        /// The voice of agents that have not chosen one of the vendor's.
        tts_voice: String = "marin", env "OPENAI_TTS_VOICE";
        /// The language model of `openai` and `openai-chat`.
        llm_model: String = "gpt-6-luna", env "OPENAI_LLM_MODEL";
        /// How long the language model may think before it answers, in the vendor's own word. Not set means as the
        /// vendor likes.
        llm_effort: Option<String> = "", env "OPENAI_LLM_EFFORT";
    }

    /// How long records of calls are kept. In this version the values are only checked: no job removes what
    /// is older yet, and `studioconnect config check` says so when one is set.
    Retention in "retention", prefix "retention." {
        /// Recordings.
        recordings: Duration = "30d", within "1d" "3650d";
        /// Transcripts.
        transcripts: Duration = "30d", within "1d" "3650d";
        /// The raw event log of calls.
        raw_logs: Duration = "30d", within "1d" "3650d";
    }

    /// How much at once, and how long.
    Limits in "limits", prefix "limits." {
        /// Most calls at once; a further caller hears that all lines are busy.
        calls: usize = "200", within "1" "100000";
        /// A call whose answer is not decided by then hears the fallback. Twilio gives up after 15 s.
        answer_within: Duration = "3s", within "500ms" "12s";
        /// Most event streams of browsers at once; further ones are answered with 503.
        event_streams: usize = "1000", within "1" "100000";
        /// Most connections at once; further ones wait until one is closed.
        connections: usize = "10000", within "10" "1000000";
        /// A connection whose request line and headers are not complete by then is closed. It is also how long an
        /// idle connection is kept.
        header_timeout: Duration = "30s", within "1s" "5m";
        /// Most requests that one address may make in a minute; an office behind one address shares it. The
        /// carrier's webhooks are not counted.
        requests_per_minute: u32 = "1200", within "1" "100000000";
        /// Most requests in a minute that one address may make to change something without being signed in:
        /// signing in, resetting a password, accepting an invitation.
        sign_in_requests_per_minute: u32 = "60", within "1" "100000000";
    }

    /// Log lines, written to standard error.
    Log in "log", prefix "log." {
        /// How lines are written; `auto` means text on a terminal and JSON elsewhere.
        format: LogFormat = "auto", env "LOG_FORMAT";
        /// Which lines are written.
        level: LogFilter = "info", env "LOG_LEVEL";
    }
}

impl OpenAi {
    /// The key of the engine `realtime`.
    #[must_use]
    pub fn realtime_key(&self) -> Option<&SecretString> {
        self.realtime_api_key.as_ref().or(self.api_key.as_ref())
    }
}

/// What the private PostgreSQL takes, less some for its owner and for commands beside the server.
const PRIVATE_CONNECTIONS: u32 = 70;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings that belong to everything.
    pub general: General,
    /// The HTTP and WebSocket edge.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// Redis.
    pub redis: Redis,
    /// Calls whose stream or node was lost.
    pub sessions: Sessions,
    /// The live audio of calls.
    pub media: Media,
    /// Secrets of the installation itself.
    pub secrets: Secrets,
    /// Twilio.
    pub twilio: Twilio,
    /// Webhooks to the addresses that organizations enter.
    pub webhooks: Webhooks,
    /// Recordings and documents.
    pub storage: Storage,
    /// Speech on this machine.
    pub speech: Speech,
    /// OpenAI.
    pub openai: OpenAi,
    /// The other providers.
    pub vendors: Vendors,
    /// E-mail.
    pub mail: Mail,
    /// How long records are kept.
    pub retention: Retention,
    /// How much at once, and how long.
    pub limits: Limits,
    /// Log lines.
    pub log: Log,
}

impl Config {
    /// The sections in the order of the documents.
    #[must_use]
    pub fn sections() -> Vec<Section> {
        let before = [
            General::SECTION,
            Server::SECTION,
            Database::SECTION,
            Redis::SECTION,
            Sessions::SECTION,
            Media::SECTION,
            Secrets::SECTION,
            Twilio::SECTION,
            Webhooks::SECTION,
            Storage::SECTION,
            Speech::SECTION,
            OpenAi::SECTION,
        ];
        let after = [Retention::SECTION, Limits::SECTION, Log::SECTION];
        before.into_iter().chain(Vendors::SECTIONS).chain(Mail::SECTIONS).chain(after).collect()
    }

    /// Every setting.
    #[must_use]
    pub fn settings() -> Vec<Setting> {
        Self::sections().iter().flat_map(|section| section.settings.iter().copied()).collect()
    }

    /// Reads every setting before giving up, so that all problems are told at once, with those found before.
    pub(super) fn read(values: &Values, mut problems: Vec<Problem>) -> Result<Self, ConfigError> {
        match Self::read_sections(values, &mut problems) {
            Some(config) => {
                problems.extend(config.contradictions());
                if problems.is_empty() { Ok(config) } else { Err(ConfigError::Refused(problems)) }
            }
            None => Err(ConfigError::Refused(problems)),
        }
    }

    fn read_sections(values: &Values, problems: &mut Vec<Problem>) -> Option<Self> {
        let general = General::read(values, problems);
        let server = Server::read(values, problems);
        let database = Database::read(values, problems);
        let redis = Redis::read(values, problems);
        let sessions = Sessions::read(values, problems);
        let media = Media::read(values, problems);
        let secrets = Secrets::read(values, problems);
        let twilio = Twilio::read(values, problems);
        let webhooks = Webhooks::read(values, problems);
        let storage = Storage::read(values, problems);
        let speech = Speech::read(values, problems);
        let openai = OpenAi::read(values, problems);
        let vendors = Vendors::read(values, problems);
        let mail = Mail::read(values, problems);
        let retention = Retention::read(values, problems);
        let limits = Limits::read(values, problems);
        let log = Log::read(values, problems);
        Some(Self {
            general: general?,
            server: server?,
            database: database?,
            redis: redis?,
            sessions: sessions?,
            media: media?,
            secrets: secrets?,
            twilio: twilio?,
            webhooks: webhooks?,
            storage: storage?,
            speech: speech?,
            openai: openai?,
            vendors: vendors?,
            mail: mail?,
            retention: retention?,
            limits: limits?,
            log: log?,
        })
    }

    /// Values that are each possible but not together.
    fn contradictions(&self) -> Vec<Problem> {
        let mut found = self.vendors.contradictions();
        found.extend(self.mail.contradictions());
        let mut refuse = |wrong: bool, said: &str| {
            if wrong {
                found.push(Problem(said.to_owned()));
            }
        };
        refuse(
            self.twilio.require_signature && self.twilio.auth_token.is_none(),
            "twilio.require_signature is true but twilio.auth_token is not set: no webhook could be accepted; \
             set the token or leave require_signature false",
        );
        refuse(
            self.twilio.auth_token_secondary.is_some() && self.twilio.auth_token.is_none(),
            "twilio.auth_token_secondary is set but twilio.auth_token is not; with one token, set auth_token",
        );
        refuse(
            self.database.url.is_none()
                && self.database.max_connections + self.database.system_connections > PRIVATE_CONNECTIONS,
            "database.max_connections and database.system_connections are more than the private PostgreSQL takes; \
             allowed is a sum of at most 70, or a database.url",
        );
        found
    }

    /// The address under which this installation is reached, for a server that listens on `port`.
    #[must_use]
    pub fn public_url(&self, port: u16) -> String {
        self.server
            .public_url
            .as_ref()
            .map_or_else(|| format!("http://localhost:{port}"), |url| url.as_str().to_owned())
    }

    /// The address that Twilio signs its requests for.
    #[must_use]
    pub fn webhook_base_url(&self, port: u16) -> String {
        let chosen = self.twilio.webhook_base_url.as_ref();
        chosen.map_or_else(|| self.public_url(port), |url| url.as_str().to_owned())
    }

    /// The folder of recordings when they are kept on this machine.
    #[must_use]
    pub fn objects_dir(&self) -> PathBuf {
        self.storage.folder.clone().unwrap_or_else(|| self.general.data_dir.join("objects"))
    }
}
