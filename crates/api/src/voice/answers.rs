//! The TwiML that calls are answered with.

use app::calls::inbound::Answer;
use app::calls::status::AfterStream;
use providers::twilio::twiml::{self, TwimlError, Verb};

use super::edge::VoiceSettings;
use super::transfers;

/// Path of the media socket.
pub const MEDIA_PATH: &str = "/api/voice/media";
/// Path of the webhook that is asked when a stream is over.
pub const AFTER_STREAM_PATH: &str = "/api/voice/after-stream";
/// Path of the webhook that is asked when a person was rung.
pub const AFTER_DIAL_PATH: &str = "/api/voice/after-dial";
/// Path of the webhook that is told when somebody answers who was rung.
pub const TRANSFER_PATH: &str = "/api/voice/transfer-answered";
/// Path of the webhook that is asked when a message was recorded.
pub const MESSAGE_PATH: &str = "/api/voice/message";

/// Longest message, in seconds.
const MESSAGE_SECONDS: u32 = 120;
/// How long a person's telephone rings, in seconds: about five rings, before most mailboxes answer.
const RING_SECONDS: u32 = 20;

/// Said when something of ours failed, or when the media stream could not be set up.
pub const TROUBLE: &str = "We are sorry, there is a technical problem on our side. Please leave a message after \
                           the tone, and we will call you back.";
/// Said when a person did not answer.
pub(super) const NOBODY_ANSWERED: &str = "I am sorry, nobody can take your call right now. Please leave a message after \
                               the tone, and we will call you back.";
/// Said when a message was recorded.
const THANKS: &str = "Thank you. Your message was recorded. Goodbye.";

/// What is said even when nothing else can be made.
const LAST_RESORT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>We are sorry, there is a technical \
                           problem on our side. Please call again later.</Say><Hangup/></Response>";

/// The answer to a call that comes in.
///
/// # Errors
/// When the carrier would not take it.
pub fn inbound(settings: &VoiceSettings, answer: Answer) -> Result<String, TwimlError> {
    match answer {
        Answer::Connect { ticket, .. } => twiml::render(&connected(settings, ticket)),
        Answer::Speak { text, record_message } => twiml::render(&spoken(settings, text, record_message)),
        Answer::Forward { to, caller_id } => twiml::render(&dialled(settings, to, Some(caller_id))),
    }
}

/// What follows when a call's stream is over.
///
/// # Errors
/// When the carrier would not take it.
pub fn after_stream(settings: &VoiceSettings, next: AfterStream) -> Result<String, TwimlError> {
    match next {
        AfterStream::HangUp => twiml::render(&[Verb::Hangup]),
        AfterStream::Connect { ticket } => twiml::render(&connected(settings, ticket)),
        AfterStream::Wait { transfer } => twiml::render(&transfers::waiting(settings, transfer)),
        AfterStream::Dial { to, caller_id } => twiml::render(&dialled(settings, to, caller_id)),
        AfterStream::Speak { text, record_message } => twiml::render(&spoken(settings, text, record_message)),
    }
}

/// What follows when a person was rung.
///
/// # Errors
/// When the carrier would not take it.
pub fn after_dial(settings: &VoiceSettings, was_answered: bool) -> Result<String, TwimlError> {
    match was_answered {
        true => twiml::render(&[Verb::Hangup]),
        false => twiml::render(&spoken(settings, NOBODY_ANSWERED.to_owned(), true)),
    }
}

/// What follows when a message was recorded.
///
/// # Errors
/// When the carrier would not take it.
pub fn message_taken() -> Result<String, TwimlError> {
    twiml::render(&[Verb::Say { text: THANKS.to_owned() }, Verb::Hangup])
}

/// What is answered when there was trouble: speaks and takes a message.
#[must_use]
pub fn trouble(settings: &VoiceSettings) -> String {
    twiml::render(&spoken(settings, TROUBLE.to_owned(), true)).unwrap_or_else(|_| LAST_RESORT.to_owned())
}

/// Connects a media stream; what follows is carried out when the stream fails and the action can't be asked either.
pub(super) fn connected(settings: &VoiceSettings, ticket: String) -> Vec<Verb> {
    let mut verbs = vec![Verb::ConnectStream {
        action: settings.webhook_url(AFTER_STREAM_PATH),
        url: settings.socket_url(MEDIA_PATH),
        parameters: vec![("token".to_owned(), ticket)],
    }];
    verbs.extend(spoken(settings, TROUBLE.to_owned(), true));
    verbs
}

/// Rings a person; what follows is carried out when the action can't be asked.
fn dialled(settings: &VoiceSettings, to: String, caller_id: Option<String>) -> Vec<Verb> {
    let action = settings.webhook_url(AFTER_DIAL_PATH);
    let answered = Some(settings.webhook_url(TRANSFER_PATH));
    let mut verbs = vec![Verb::Dial { to, caller_id, timeout_s: RING_SECONDS, action, answered }];
    verbs.extend(spoken(settings, NOBODY_ANSWERED.to_owned(), true));
    verbs
}

pub(super) fn spoken(settings: &VoiceSettings, text: String, record_message: bool) -> Vec<Verb> {
    let mut verbs = vec![Verb::Say { text }];
    if record_message {
        let action = settings.webhook_url(MESSAGE_PATH);
        verbs.push(Verb::Record { action, max_length_s: MESSAGE_SECONDS });
    }
    verbs.push(Verb::Hangup);
    verbs
}
