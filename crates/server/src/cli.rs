//! The command line. Only its shape: what a command does is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Chosen;

mod load;
mod stand_in;

pub use self::load::{Load, LoadCommand, LoadNodes, LoadSubject, NodesFault};
pub use self::stand_in::{Orders, SpeechVendor, StandInCommand, StandInLlm, StandInOpenai, StandInSpeech};

const EXIT_STATUSES: &str = "\
Exit status: 0 done; 1 failed, standard error says why; 2 wrong command line; 3 configuration refused;
4 it ran, and found what was not expected (a call missed its expectations, doctor has something to mend).";

/// Answers the phone of creative agencies.
#[derive(Debug, Parser)]
#[command(name = "studioconnect", version, after_help = EXIT_STATUSES, propagate_version = true)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command understands.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file [default: ./studioconnect.toml, /etc/studioconnect/studioconnect.toml].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where everything is kept that must survive a restart.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// Sets any setting, such as `media.max_connections=50`; repeatable, the last one wins.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the server until it is told to stop.
    Serve(Serve),
    /// Brings the database to this version's schema.
    Migrate,
    /// Seeds the agency "Aurora Branding", starts a server and places a spoken call.
    Demo(Demo),
    /// Places a simulated phone call to a running server.
    Call(Box<Call>),
    /// Runs scenarios against the demo agency many times: word error rate, share passed, latency by part.
    Figures(Figures),
    /// Puts many calls at once on a server, and says what was lost, how long audio took, what it cost.
    Load(Box<Load>),
    /// Checks this machine and the settings, and says how to mend what is wrong.
    Doctor,
    /// The configuration: check it, show it, document it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The secrets in the database: seal them anew under a new key, or check that all can be opened.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// What nodes keep to go on with each other's calls: list it, remove what nobody needs.
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Fills an empty database with calls, for measurements, and checks how statements do on it.
    Seed(Seed),
    /// Accounts: make one, give one another password.
    #[command(subcommand)]
    User(UserCommand),
    /// Plays the part of a vendor on this machine, to try an installation with, faults included.
    #[command(subcommand)]
    StandIn(StandInCommand),
    /// The media sockets of a running server.
    #[command(subcommand)]
    Ws(WsCommand),
    /// Prints the OpenAPI document of the HTTP API.
    Openapi,
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `studioconnect config …`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Reads every layer and says what is wrong, or that nothing is.
    Check,
    /// Prints every value with its origin; secrets are not shown.
    Show,
    /// Prints a document that is made from the settings: the reference, the default file, an example `.env`.
    Docs(ConfigDocs),
}

/// `studioconnect secrets …`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum SecretsCommand {
    /// Seals everything anew that is under a former key (`secrets.encryption_keys_old`). Can be repeated.
    Rotate,
    /// Counts what is under which key, and what none opens. Changes nothing.
    Check,
}

/// `studioconnect ws …`
#[derive(Debug, Clone, Subcommand)]
pub enum WsCommand {
    /// Prints how many sockets are open, what they received, and each of them.
    Stats(WsStats),
}

/// Options of `ws stats`.
#[derive(Debug, Clone, Args)]
pub struct WsStats {
    /// The server [default: the one on this machine, at `server.port`].
    #[arg(long)]
    pub url: Option<String>,
    /// Signs in as somebody who may operate the platform. Not needed on the server's own machine while its public
    /// address is plain http.
    #[arg(long, requires = "password_stdin")]
    pub email: Option<String>,
    /// Reads the password of `--email` from standard input.
    #[arg(long, requires = "email")]
    pub password_stdin: bool,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// `studioconnect sessions …`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum SessionsCommand {
    /// Lists the sessions of calls that are in Redis.
    List,
    /// Removes sessions of calls that are over or lost, and has lost calls completed. Running servers do the same.
    Cleanup {
        /// Only tells what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Options of `seed`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Seed {
    /// How many calls the database is to have.
    #[arg(long, default_value_t = 1_000_000)]
    pub calls: u64,
    /// How many turns those calls are to have together.
    #[arg(long, default_value_t = 10_000_000)]
    pub turns: u64,
    /// Businesses that the calls are spread over; the first has most of them.
    #[arg(long, default_value_t = 50)]
    pub organizations: u32,
    /// Makes nothing: runs the statements of the hot paths on a database that was seeded, and shows which index
    /// each used and how long it took. Status 4 when one reads a whole table or takes longer than --most-ms.
    #[arg(long)]
    pub check_plans: bool,
    /// The longest that a statement of the hot paths may take, in milliseconds.
    #[arg(long, default_value_t = 10.0)]
    pub most_ms: f64,
}

/// `studioconnect user …`
#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// Makes an account. Without an organization it is the operator's own, made when there is none.
    Create(UserCreate),
    /// Gives an account another password and ends its sessions.
    ResetPassword(UserResetPassword),
}

/// Options of `user create`.
#[derive(Debug, Clone, Args)]
pub struct UserCreate {
    /// The address to sign in with.
    #[arg(long)]
    pub email: String,
    /// The person's name [default: what stands before the at sign].
    #[arg(long)]
    pub name: Option<String>,
    /// The organization's id [default: the operator's own organization].
    #[arg(long, value_name = "ID", conflicts_with = "platform_admin")]
    pub organization: Option<String>,
    /// The role there [default: platform_admin, partner_admin or owner, by the kind of organization].
    #[arg(long, conflicts_with = "platform_admin")]
    pub role: Option<String>,
    /// An administrator of the whole installation.
    #[arg(long)]
    pub platform_admin: bool,
    /// Reads the password from standard input; else one is drawn and shown once.
    #[arg(long)]
    pub password_stdin: bool,
}

/// Options of `user reset-password`.
#[derive(Debug, Clone, Args)]
pub struct UserResetPassword {
    /// The address of the account.
    #[arg(long)]
    pub email: String,
    /// Reads the password from standard input; else one is drawn and shown once.
    #[arg(long)]
    pub password_stdin: bool,
}

/// Options of `config docs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct ConfigDocs {
    /// Which document to print.
    #[arg(long, value_enum, default_value_t = DocumentKind::Reference)]
    pub format: DocumentKind,
}

/// The documents that are made from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DocumentKind {
    /// docs/reference/configuration.md
    Reference,
    /// studioconnect.default.toml
    Toml,
    /// .env.example
    Env,
}

/// Options of `serve`.
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// The address to listen on.
    #[arg(long)]
    pub host: Option<String>,
    /// The port to listen on; 0 takes a free one.
    #[arg(long)]
    pub port: Option<String>,
    /// The address under which browsers and vendors reach this server.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// Options of `demo`.
#[derive(Debug, Default, Clone, Args)]
pub struct Demo {
    /// Ends after the call, with its verdict as exit status, instead of staying up.
    #[arg(long)]
    pub once: bool,
    /// The port to listen on; 0 takes a free one [default: server.port].
    #[arg(long)]
    pub port: Option<String>,
    /// The scenario of the call [default: the one carried in the program].
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// How fast the call runs.
    #[arg(long, value_enum, default_value_t = PaceChoice::Real)]
    pub pace: PaceChoice,
}

/// How fast a simulated call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PaceChoice {
    /// As a phone does: 20 ms frames every 20 ms.
    #[default]
    Real,
    /// As fast as both sides can work, with the same outcome; the server must have `media.allow_lockstep`.
    Lockstep,
}

/// How a call's report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Options of `call`.
#[derive(Debug, Clone, Args)]
pub struct Call {
    /// The number that is called, as `+15550100001`.
    #[arg(long)]
    pub to: Option<String>,
    /// The number that calls.
    #[arg(long)]
    pub from: Option<String>,
    /// A scenario file (TOML) with what the caller says and does and what is expected.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "wav"])]
    pub script: Option<PathBuf>,
    /// A sentence the caller says; repeatable, one turn each.
    #[arg(long)]
    pub text: Vec<String>,
    /// A WAV file the caller plays instead of speaking; repeatable, one turn each.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub wav: Vec<PathBuf>,
    /// The caller's voice: flite `slt`, `awb`, `kal16`, or `espeak-ng`.
    #[arg(long)]
    pub voice: Option<String>,
    /// How fast the call runs.
    #[arg(long, value_enum, default_value_t = PaceChoice::Real)]
    pub pace: PaceChoice,
    /// The server [default: the configuration's public address].
    #[arg(long)]
    pub url: Option<String>,
    /// The address that the server believes to have, when it is reached at another; it is part of what is signed.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Signs in to the server's API, so that expectations on its records can be checked.
    #[arg(long, requires = "password")]
    pub email: Option<String>,
    /// The password of `--email`.
    #[arg(long, env = "STUDIOCONNECT_CALL_PASSWORD", hide_env_values = true, requires = "email")]
    pub password: Option<String>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub report: ReportFormat,
    /// Writes the call as a stereo WAV file, caller left, agent right.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Decides what is random (gaps, jitter, noise), so that a call can be repeated.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Gives up after this many seconds of the call.
    #[arg(long, value_name = "SECONDS")]
    pub timeout_s: Option<u32>,
}

/// Options of `figures`.
#[derive(Debug, Clone, Args)]
pub struct Figures {
    /// The folder of the scenarios.
    #[arg(long, value_name = "FOLDER", default_value = "scenarios")]
    pub scenarios: PathBuf,
    /// The callers' voices, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "slt,awb")]
    pub voices: Vec<String>,
    /// How often each scenario is run with each voice.
    #[arg(long, default_value_t = 5)]
    pub runs: u32,
    /// How fast the calls run. Latency is only meaningful at real pace.
    #[arg(long, value_enum, default_value_t = PaceChoice::Lockstep)]
    pub pace: PaceChoice,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub report: ReportFormat,
}

impl Cli {
    /// What the command line says about the configuration.
    #[must_use]
    pub fn chosen(&self) -> Chosen {
        let mut flags = self.common.set.clone();
        let mut flag = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                flags.push((key.to_owned(), value.clone()));
            }
        };
        flag("data_dir", &self.common.data_dir);
        match &self.command {
            Command::Serve(serve) => {
                flag("server.host", &serve.host);
                flag("server.port", &serve.port);
                flag("server.public_url", &serve.public_url);
            }
            Command::Demo(demo) => flag("server.port", &demo.port),
            _ => {}
        }
        Chosen { file: self.common.config.clone(), flags }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE, such as server.port=4000")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_settings_and_override_set() {
        let line = ["studioconnect", "--set", "server.port=1", "serve", "--port", "4000", "--data-dir", "/d"];
        let chosen = Cli::try_parse_from(line).unwrap().chosen();
        let flags: Vec<(&str, &str)> = chosen.flags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(flags, [("server.port", "1"), ("data_dir", "/d"), ("server.port", "4000")]);
    }

    #[test]
    fn signing_in_takes_both_halves() {
        let parses =
            |line: &[&str]| Cli::try_parse_from([&["studioconnect", "ws", "stats"], line].concat()).is_ok();
        assert!(parses(&["--json"]));
        assert!(parses(&["--url", "http://a", "--email", "a@b.c", "--password-stdin"]));
        assert!(!parses(&["--email", "a@b.c"]));
        assert!(!parses(&["--password-stdin"]));
    }

    #[test]
    fn set_needs_a_key_and_a_value() {
        assert!(Cli::try_parse_from(["studioconnect", "--set", "server.port", "serve"]).is_err());
    }

    #[test]
    fn a_call_is_made_of_text_or_sound_or_a_script() {
        let parses = |line: &[&str]| Cli::try_parse_from([&["studioconnect", "call"], line].concat()).is_ok();
        assert!(parses(&["--text", "hello", "--text", "goodbye"]));
        assert!(parses(&["--wav", "a.wav"]));
        assert!(parses(&["--script", "a.toml", "--report", "json", "--pace", "lockstep"]));
        assert!(!parses(&["--script", "a.toml", "--text", "hello"]));
        assert!(!parses(&["--wav", "a.wav", "--text", "hello"]));
    }
}
