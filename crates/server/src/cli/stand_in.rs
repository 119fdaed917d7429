//! `studioconnect stand-in`: vendors that are played.

use std::str::FromStr as _;

use clap::{Args, Subcommand, ValueEnum};
use simulator::llm::Protocol;
use simulator::openai::fault::Fault;
use simulator::vendor::fault::Fault as RequestFault;

/// `studioconnect stand-in …`
#[derive(Debug, Clone, Subcommand)]
pub enum StandInCommand {
    /// OpenAI's Realtime endpoint: `--set openai.realtime_url=ws://127.0.0.1:PORT/v1/realtime` points a server to it.
    Openai(StandInOpenai),
    /// A vendor's language model: `--set mistral.base_url=http://127.0.0.1:PORT/v1` points a server to one. It
    /// obeys orders in what is said to it, such as `SAY hello` or `CALL end_call {}`.
    Llm(StandInLlm),
    /// A vendor's voices and transcribers. It hums instead of speaking, and understands one of four sentences by how
    /// loud a caller is. It says itself how a server is pointed to it.
    Speech(StandInSpeech),
}

/// Which vendor of speech is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SpeechVendor {
    /// ElevenLabs: voices, Scribe, the lists of voices and models.
    Elevenlabs,
    /// OpenAI: voices, transcribers, embeddings, the list of models.
    Openai,
    /// Deepgram: transcribers, the list of models.
    Deepgram,
    /// Amazon Polly: voices and their list, with checked signatures.
    Polly,
}

impl std::fmt::Display for SpeechVendor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Elevenlabs => "elevenlabs",
            Self::Openai => "openai",
            Self::Deepgram => "deepgram",
            Self::Polly => "polly",
        })
    }
}

/// Options of `stand-in speech`.
#[derive(Debug, Clone, Args)]
pub struct StandInSpeech {
    /// Who is played.
    pub vendor: SpeechVendor,
    /// Where, how quick, and what goes wrong.
    #[command(flatten)]
    pub orders: Orders,
    /// The key that is asked for; without it anybody is served. For polly the secret of the access key, which is always
    /// asked for.
    #[arg(long)]
    pub key: Option<String>,
    /// The models that there are, instead of those of today; can be repeated. Polly has none.
    #[arg(long = "model")]
    pub models: Vec<String>,
    /// Polly's region.
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
}

/// Where a stand-in listens, how quick it is, and what goes wrong.
#[derive(Debug, Clone, Args)]
pub struct Orders {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8791)]
    pub port: u16,
    /// Milliseconds from a request to its answer.
    #[arg(long, default_value_t = 150)]
    pub thinking_ms: u64,
    /// What goes wrong with each request: refuse, 401, 429, 429=SECONDS, no-credit, 500 to 599, slow=MS,
    /// slow-piece=MS, stall=PIECES, garbage, cut=PIECES or end-early=PIECES.
    #[arg(long, value_parser = RequestFault::from_str)]
    pub fault: Option<RequestFault>,
    /// Only with the next so many requests.
    #[arg(long, value_name = "REQUESTS", requires = "fault")]
    pub times: Option<usize>,
}

/// Options of `stand-in llm`.
#[derive(Debug, Clone, Args)]
pub struct StandInLlm {
    /// openai-responses, openai-chat, compatible, anthropic, gemini or mistral.
    #[arg(value_parser = Protocol::from_str)]
    pub protocol: Protocol,
    /// Where, how quick, and what goes wrong.
    #[command(flatten)]
    pub orders: Orders,
    /// The key that is asked for; without it anybody is served.
    #[arg(long)]
    pub key: Option<String>,
    /// The models that there are; can be repeated.
    #[arg(long = "model", default_value = "a-model")]
    pub models: Vec<String>,
}

/// Options of `stand-in openai`.
#[derive(Debug, Clone, Args)]
pub struct StandInOpenai {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8790)]
    pub port: u16,
    /// What goes wrong in each session: PHASE:KIND or PHASE:KIND=VALUE, `@N` behind it waits for the Nth answer.
    /// Phases: connect, before-created, before-updated, listening, caller-speaking, reply-owed, speaking,
    /// function-output. Kinds: refuse=STATUS, close=CODE, reset, silent, slow=MS, garbage, half-frame, flood,
    /// error=CODE.
    #[arg(long, value_parser = Fault::parse)]
    pub fault: Option<Fault>,
    /// Only in the next so many sessions.
    #[arg(long, value_name = "SESSIONS", requires = "fault")]
    pub times: Option<usize>,
    /// How much faster than real time audio is made.
    #[arg(long, default_value_t = 8.0)]
    pub speed: f64,
}
