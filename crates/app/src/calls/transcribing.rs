//! What recorded messages say: copied from the carrier once they are there ([`tapes`]), and transcribed by the same chain
//! that hears callers, with whatever transcriber is local at its end. A message whose words can't be had stays as it is,
//! with its recording.

use std::time::Duration;

use audio::resample::ToTelephone;
use audio::wav;
use domain::call_log::{CallEvent, EventKind};
use domain::ids::{CallId, MessageId, OrgId};
use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use provider_traits::descriptor::Readiness;
use provider_traits::error::ProviderError;
use provider_traits::stt::{SttConfig, SttInput, SttOutput};
use serde::{Deserialize, Serialize};
use store::OrgTx;
use store::jobs::NewJob;
use store::messages::{Message, recorded};

use crate::after_calls::late;
use crate::after_calls::waiting::{self, WORDS_WITHIN};
use crate::calls::finish::AFTERWARDS;
use crate::calls::tapes;
use crate::calls::voicemail::RecordedMessage;
use crate::error::AppError;
use crate::jobs::UseCases;
use crate::live::LiveEvent;
use crate::runtime::App;

/// Samples of a second.
const RATE: usize = 8_000;
/// Longest piece that is transcribed at once, in samples: what transcribers take for one utterance.
const PIECE: usize = 15 * RATE;
/// A cut is made where it is quietest in so much of a piece's end.
const CUT_WITHIN: usize = 4 * RATE;
/// 20 ms.
const FRAME: usize = RATE / 50;
/// How long a piece may take.
const PIECE_WITHIN: Duration = Duration::from_secs(60);
/// It is tried for about two hours, with ever longer pauses.
const TRIES: u16 = 9;

/// The text of a recorded message before anybody listened to it: where to hear it.
pub(super) fn untranscribed(message: &RecordedMessage) -> String {
    format!("Recorded message, {} seconds: {}", message.duration_s, message.url)
}

/// The text once we have the recording ourselves: it is played from the message, not from the carrier.
pub(super) fn copied(before: &str) -> String {
    let head = before.split_once(": ").map_or(before, |(head, _url)| head);
    format!("{}.", head.trim_end_matches('.'))
}

/// The text with the words.
fn transcribed(before: &str, words: &str) -> String {
    let copied = copied(before);
    let head = copied.trim_end_matches('.');
    match words.trim() {
        "" => format!("{head}; no words were understood."),
        words => format!("{head}: \u{201c}{words}\u{201d}"),
    }
}

/// Promises that a message is transcribed.
pub(super) async fn promise(
    tx: &mut OrgTx,
    message: &Message,
    recording_sid: String,
) -> Result<(), AppError> {
    let key = format!("transcribe:{}", message.id);
    let job = TranscribeMessage {
        org_id: tx.org_id(),
        message_id: message.id,
        call_id: message.call_id,
        recording_sid,
    };
    let payload = serde_json::to_value(job).map_err(|error| AppError::Bug(error.to_string()))?;
    let job = NewJob {
        task: TranscribeMessage::TASK,
        payload,
        key: Some(&key),
        max_attempts: Some(TRIES),
        ..NewJob::default()
    };
    Ok(store::jobs::enqueue(tx, &job).await?)
}

/// Transcribes a recorded message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TranscribeMessage {
    org_id: OrgId,
    message_id: MessageId,
    call_id: Option<CallId>,
    recording_sid: String,
}

impl TranscribeMessage {
    pub(crate) const TASK: &str = "transcribe_message";
}

impl TaskHandler for TranscribeMessage {
    const IDENTIFIER: &'static str = Self::TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(UseCases(app)) = context.get_ext::<UseCases>() else {
            return Err("the job runner has no use cases".to_owned());
        };
        match transcribe(app, &self).await {
            // A message that was deleted meanwhile needs no words.
            Ok(()) | Err(AppError::NotFound { .. } | AppError::Store(store::StoreError::NotFound { .. })) => {
                Ok(())
            }
            Err(error) => {
                tell_anyway(app, &self).await;
                Err(format!("{error:#}"))
            }
        }
    }
}

async fn transcribe(app: &App, order: &TranscribeMessage) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, order.org_id).await?;
    // Deleted meanwhile, alone or with its call.
    let Some(recording) = recorded::get(&mut tx, order.message_id).await? else { return Ok(()) };
    let language = match order.call_id {
        Some(call_id) => {
            let agent_id = store::calls::get(&mut tx, call_id).await?.agent_id;
            store::agents::published(&mut tx, agent_id).await?.language
        }
        None => domain::agent_versions::AgentSettings::default().language,
    };
    drop(tx);
    let tape = match &recording.key {
        Some(key) => tapes::read(app, key).await?,
        None if matches!(app.telephony.readiness(), Readiness::Missing { .. }) => {
            // Without an account there is nobody to fetch it from, and never will be: the message says where it is.
            tracing::info!(message.id = %order.message_id, "a recorded message is not transcribed: there is no carrier account");
            return settle(app, order, None).await;
        }
        // First it is ours; what becomes of its words is another matter.
        None => {
            let tape = app.telephony.recording(&order.recording_sid).await?;
            tapes::keep(app, order.org_id, order.message_id, &order.recording_sid, &tape).await?;
            tape
        }
    };
    let words = listen(app, order.org_id, language, &samples(&tape)?).await?;
    settle(app, order, Some(&words)).await?;
    tracing::info!(message.id = %order.message_id, words = words.split_whitespace().count(), "a recorded message was transcribed");
    Ok(())
}

/// Writes down what is said in a message, or that nobody will know, and has everybody told who waits for that.
async fn settle(app: &App, order: &TranscribeMessage, words: Option<&str>) -> Result<(), AppError> {
    let now = app.ambient.now();
    let mut tx = OrgTx::begin(&app.db, order.org_id).await?;
    if let Some(call_id) = order.call_id {
        // The call before the message, as everywhere.
        store::after_calls::standing(&mut tx, call_id).await?;
    }
    recorded::heard(&mut tx, order.message_id, words).await?;
    let mut event = None;
    if let Some(words) = words {
        let before = store::messages::get(&mut tx, order.message_id).await?.message.text;
        let text = transcribed(&before, words);
        store::messages::replace_text(&mut tx, order.message_id, &before, &text, now).await?;
        if let Some(call_id) = order.call_id {
            event = note(&mut tx, call_id, &text, now).await?.map(|event| (call_id, event));
        }
    }
    match order.call_id {
        Some(call_id) => waiting::message_changed(&mut tx, call_id, None).await?,
        // No call is on record of it: nothing else tells of it.
        None => late::tell_of(&mut tx, app, order.message_id).await?,
    }
    tx.commit().await?;
    if let Some((call_id, event)) = event {
        app.live.publish(LiveEvent { org_id: order.org_id, call_id, event });
    }
    Ok(())
}

/// Whoever is to be told of a message that no call is on record of does not wait for its words for ever. Nobody is told twice.
async fn tell_anyway(app: &App, order: &TranscribeMessage) {
    if order.call_id.is_some() {
        return;
    }
    let told = async {
        let mut tx = OrgTx::begin(&app.db, order.org_id).await?;
        let taken_at = store::messages::get(&mut tx, order.message_id).await?.message.created_at;
        if app.ambient.now() >= taken_at + WORDS_WITHIN {
            late::tell_of(&mut tx, app, order.message_id).await?;
        }
        Ok::<_, AppError>(tx.commit().await?)
    };
    if let Err(error) = told.await {
        tracing::warn!(message.id = %order.message_id, %error, "a message without a call could not be told of");
    }
}

/// Writes the words on the call's timeline, unless they are there.
async fn note(
    tx: &mut OrgTx,
    call_id: CallId,
    text: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Option<CallEvent>, AppError> {
    let tail = store::calls::events::tail(tx, call_id, AFTERWARDS).await?;
    let (seq, at_ms) = tail.map_or((0, 0), |(seq, at_ms, _)| (seq + 1, at_ms));
    let kind =
        EventKind::Notice { code: "message_transcribed".to_owned(), text: text.to_owned(), fault: None };
    let event = CallEvent { seq, at_ms, kind };
    store::calls::events::append(tx, call_id, std::slice::from_ref(&event), now).await?;
    Ok(Some(event))
}

/// A recording as the transcribers take it.
fn samples(recorded: &[u8]) -> Result<Vec<i16>, AppError> {
    let failed =
        |why: String| AppError::Provider(ProviderError::Unavailable { provider: "twilio", reason: why });
    let wav = wav::parse(recorded).map_err(|error| failed(error.to_string()))?;
    let mono = wav.mono();
    if wav.sample_rate_hz as usize == RATE {
        return Ok(mono);
    }
    let mut resampler = ToTelephone::new(wav.sample_rate_hz).map_err(|error| failed(error.to_string()))?;
    let mut samples = Vec::new();
    resampler.process(&mono, &mut samples);
    resampler.finish(&mut samples);
    Ok(samples)
}

/// Cuts a recording into pieces that end where it is quiet.
fn pieces(samples: &[i16]) -> Vec<&[i16]> {
    let mut pieces = Vec::new();
    let mut rest = samples;
    while rest.len() > PIECE {
        let loudness =
            |frame: &[i16]| frame.iter().map(|sample| u64::from(sample.unsigned_abs())).sum::<u64>();
        let from = PIECE - CUT_WITHIN;
        let frames = rest[from..PIECE].chunks_exact(FRAME).enumerate();
        let quietest = frames.min_by_key(|(_, frame)| loudness(frame)).map_or(0, |(nth, _)| nth);
        let (piece, behind) = rest.split_at(from + quietest * FRAME + FRAME / 2);
        pieces.push(piece);
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

async fn listen(app: &App, org_id: OrgId, language: String, samples: &[i16]) -> Result<String, AppError> {
    let vocabulary = app.vocabulary(org_id).await?;
    let config = SttConfig { language, vocabulary };
    app.stt.prepare(&config).await?;
    let provider = app.stt.descriptor().id;
    let broken =
        |reason: &str| AppError::Provider(ProviderError::Unavailable { provider, reason: reason.to_owned() });
    let mut stream = app.stt.open(&config).await?;
    let mut said: Vec<String> = Vec::new();
    for (utterance, piece) in (0..).zip(pieces(samples)) {
        let mut inputs = vec![SttInput::Start { utterance }];
        inputs.extend(piece.chunks(FRAME).map(|frame| SttInput::Audio(frame.to_vec())));
        inputs.push(SttInput::End);
        let input = stream.input.clone();
        let feeding = async move {
            for one in inputs {
                if input.send(one).await.is_err() {
                    return;
                }
            }
        };
        let output = &mut stream.output;
        let hearing = async move {
            while let Some(heard) = output.recv().await {
                match heard {
                    SttOutput::Final { utterance: of, text, .. } if of == utterance => return Ok(text),
                    SttOutput::Failed(error) => return Err(AppError::Provider(error)),
                    _ => {}
                }
            }
            Err(broken("it hung up"))
        };
        let both = async { tokio::join!(feeding, hearing).1 };
        let text =
            tokio::time::timeout(PIECE_WITHIN, both).await.map_err(|_late| broken("it takes too long"))??;
        if !text.trim().is_empty() {
            said.push(text.trim().to_owned());
        }
    }
    Ok(said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_recording_is_cut_where_it_is_quiet_and_nothing_is_lost() {
        let mut samples = vec![1_000_i16; 40 * RATE];
        for quiet in [12 * RATE, 25 * RATE] {
            samples[quiet..quiet + 2 * FRAME].fill(0);
        }
        let cut = pieces(&samples);
        assert!(cut.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(cut.iter().map(|piece| piece.len()).sum::<usize>(), samples.len());
        assert!((12 * RATE..12 * RATE + 2 * FRAME).contains(&cut[0].len()), "{}", cut[0].len());
        let second = cut[0].len() + cut[1].len();
        assert!((25 * RATE..25 * RATE + 2 * FRAME).contains(&second), "{second}");
        assert!(pieces(&[]).is_empty());
        assert_eq!(pieces(&samples[..PIECE]).len(), 1);
    }

    #[test]
    fn a_message_has_its_words_and_an_address_only_while_the_recording_is_elsewhere() {
        let before = "Recorded message, 3 seconds: https://api.example/RE1";
        let ours = copied(before);
        assert_eq!(ours, "Recorded message, 3 seconds.");
        assert_eq!(copied(&ours), ours);
        assert_eq!(
            transcribed(&ours, " please call me back "),
            "Recorded message, 3 seconds: \u{201c}please call me back\u{201d}"
        );
        assert_eq!(transcribed(&ours, ""), "Recorded message, 3 seconds; no words were understood.");
    }
}
