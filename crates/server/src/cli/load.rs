//! `studioconnect load`: calls by the hundred, and nodes that die under them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Options of `load`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Load {
    /// Something else than a load.
    #[command(subcommand)]
    pub other: Option<LoadCommand>,
    /// Calls at once.
    #[arg(long, default_value_t = 20)]
    pub calls: u32,
    /// A running server. Without it one is started, with data of its own in `load` of the data folder.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The address that the server believes to have, which is what gets signed [default: --url].
    #[arg(long, value_name = "URL", requires = "url")]
    pub public_url: Option<String>,
    /// The number called [default: the one of the server that is started].
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<String>,
    /// What is started and measured, when there is no --url.
    #[arg(long, value_enum, default_value_t = LoadSubject::Bridge, conflicts_with = "url")]
    pub subject: LoadSubject,
    /// The port on which the peer, which plays the model, listens; the server's `openai.realtime_url` must lead
    /// there (`ws://127.0.0.1:PORT/v1/realtime`). Without it a server at --url has no peer, and neither latency nor
    /// lost frames are known.
    #[arg(long, value_name = "PORT")]
    pub engine_port: Option<u16>,
    /// The server's process, for its CPU and memory [default: the one that is started].
    #[arg(long)]
    pub pid: Option<u32>,
    /// How long all calls are up and measured.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// New calls in a second.
    #[arg(long, default_value_t = 50.0)]
    pub ramp: f64,
    /// How long the caller speaks in a turn, and the agent in an answer, in milliseconds.
    #[arg(long, default_value_t = 3_000)]
    pub talk_ms: u64,
    /// Callers interrupt each answer after so many milliseconds: how soon is the phone told to be silent?
    #[arg(long, value_name = "MS")]
    pub interrupt_after_ms: Option<u64>,
    /// Audio in one event of the peer, in milliseconds.
    #[arg(long, default_value_t = 200)]
    pub delta_ms: u64,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Opens that many media sockets that say nothing, holds them for --seconds, and looks at the memory.
    #[arg(long, value_name = "N", conflicts_with_all = ["churn", "calls"])]
    pub idle: Option<usize>,
    /// Short calls without end for --seconds, a quarter of which end badly; looks every --every seconds whether
    /// anything is left behind.
    #[arg(long)]
    pub churn: bool,
    /// How long a call of the churn lasts on average, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, requires = "churn")]
    pub call_seconds: f64,
    /// How often the churn looks, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "churn")]
    pub every: u64,
}

/// What a load starts and measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoadSubject {
    /// The server with an agent that a speech-to-speech model carries: the peer.
    Bridge,
    /// The server with an agent of the pipeline; there is no peer behind it.
    Pipeline,
    /// The bare relay.
    Relay,
}

/// `studioconnect load …`
#[derive(Debug, Clone, Subcommand)]
pub enum LoadCommand {
    /// Runs the bare relay: takes media streams and forwards their audio to a peer, and back, and nothing else.
    Relay {
        /// The port to listen on; 0 takes a free one.
        #[arg(long)]
        port: u16,
        /// The peer, such as `ws://127.0.0.1:9000/v1/realtime`.
        #[arg(long, value_name = "URL")]
        peer: String,
    },
    /// Starts several nodes on one database, has calls on them, and kills one, restarts all, or freezes the database: does
    /// every call go on?
    Nodes(LoadNodes),
}

/// Options of `load nodes`. `--set redis.url=…` has the nodes share a Redis.
#[derive(Debug, Clone, Args)]
pub struct LoadNodes {
    /// What happens to the nodes.
    #[arg(value_enum)]
    pub fault: NodesFault,
    /// Calls at once, over all nodes.
    #[arg(long, default_value_t = 100)]
    pub calls: u32,
    /// Nodes.
    #[arg(long, default_value_t = 2)]
    pub nodes: usize,
    /// Answers that every caller has given before it happens, of seven.
    #[arg(long, default_value_t = 3)]
    pub answers: usize,
    /// Seconds within which callers must hear the agent again; in a restart and a freeze the longest silence.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub within: f64,
    /// How long the database does not answer, with `freeze`.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Further processes that `freeze` stops, such as Redis.
    #[arg(long, value_name = "PID")]
    pub also: Vec<i32>,
    /// The program that the nodes run [default: this one].
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What happens to the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodesFault {
    /// The first is killed (`kill -9`) and does not come back.
    Kill,
    /// Each in turn is told to stop (SIGTERM) and started again.
    Restart,
    /// The private PostgreSQL stops answering for a while (SIGSTOP), then goes on.
    Freeze,
}
