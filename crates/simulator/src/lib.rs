//! A stand-in for the telephone world around the product: Twilio's caller side, and a person who calls.
//!
//! A scenario says what the person does and expects; running it gives a report. The crate shares no protocol
//! code with the server, so that each checks the other. It knows nothing of databases and reaches the server
//! only over HTTP and WebSocket.

pub mod caller;
pub mod deepgram;
pub mod elevenlabs;
pub mod failover;
pub mod front;
pub mod identity_provider;
pub mod line;
pub mod llm;
pub mod load;
pub mod openai;
pub mod openai_audio;
pub mod openai_platform;
pub mod polly;
pub mod receiver;
pub mod scenario;
pub mod sendgrid;
pub mod smtp;
pub mod sounds;
pub mod twilio;
pub mod vendor;
pub mod wer;
pub mod words;
