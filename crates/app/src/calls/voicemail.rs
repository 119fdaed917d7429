//! Messages that the carrier recorded when we could not talk. While the database is away they wait on disk: their caller
//! has spoken and is gone, and nobody will send them again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{CallId, MessageId, OrgId};
use domain::leads::Priority;
use domain::phone::PhoneNumber;
use domain::webhooks::EventType;
use serde::{Deserialize, Serialize};
use store::messages::{Message, recorded};
use store::tx::{OrgTx, SystemTx};

use crate::after_calls::waiting::{self, WORDS_WITHIN};
use crate::calls::transcribing;
use crate::deadlines;
use crate::error::AppError;
use crate::runtime::App;
use crate::webhooks;

/// The folder of the spool in which messages wait.
const FOLDER: &str = "messages";
/// A message nobody could be found for is thrown away after this time.
const KEEP: chrono::TimeDelta = chrono::TimeDelta::days(7);
/// Messages that wait at most; beyond it they are refused as before.
const MOST_WAITING: usize = 10_000;
/// The carrier waits for its answer, and the caller for a word of thanks.
const WITHIN: Duration = Duration::from_millis(1_500);

/// A message as the carrier announces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedMessage {
    /// The carrier's id of the call.
    pub call_sid: String,
    /// The carrier's id of the recording: letters, digits, `-` and `_`.
    pub recording_sid: String,
    /// Where the audio is.
    pub url: String,
    /// Its length in seconds.
    pub duration_s: u32,
    /// The number called, as the carrier writes it.
    pub to: Option<String>,
    /// The caller's number, unless withheld.
    pub from: Option<String>,
}

/// A message that waits.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    /// Drawn once: a message whose storing was given up too early is not stored twice.
    id: MessageId,
    message: RecordedMessage,
    at: DateTime<Utc>,
}

impl App {
    /// Takes note of a message that the carrier recorded; when the database is away, later.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when neither call nor number is known; [`AppError::Spool`] when it could be kept nowhere.
    pub async fn message_recorded(&self, message: RecordedMessage) -> Result<(), AppError> {
        let waiting = Waiting { id: MessageId(self.ambient.new_id()), message, at: self.ambient.now() };
        match deadlines::within(WITHIN, self.store_message(&waiting)).await {
            Err(AppError::Store(error)) => {
                tracing::warn!(call.sid = %waiting.message.call_sid, %error, "a recorded message waits for the database");
                self.keep_message(waiting).await
            }
            done => done,
        }
    }

    async fn keep_message(&self, waiting: Waiting) -> Result<(), AppError> {
        let folder = self.messages_folder();
        let failed = |error: &std::io::Error| AppError::spool("keep a message", &folder, error);
        tokio::fs::create_dir_all(&folder).await.map_err(|error| failed(&error))?;
        if files(&folder).len() >= MOST_WAITING {
            return Err(failed(&std::io::Error::other("too many messages wait")));
        }
        let text = serde_json::to_vec(&waiting).map_err(|error| AppError::Bug(error.to_string()))?;
        // The same recording announced twice is one message.
        let file = folder.join(format!("{}.json", waiting.message.recording_sid));
        let unfinished = file.with_extension("new");
        tokio::fs::write(&unfinished, text).await.map_err(|error| failed(&error))?;
        tokio::fs::rename(&unfinished, &file).await.map_err(|error| failed(&error))
    }

    /// Stores the messages that wait. Returns how many were.
    ///
    /// # Errors
    /// When the database is still away.
    pub(super) async fn store_waiting_messages(&self) -> Result<usize, AppError> {
        let mut stored = 0;
        for file in files(&self.messages_folder()) {
            let Some(waiting) = read(&file).await else {
                tracing::error!(file = %file.display(), "a message that waited can't be read");
                // Kept for whoever looks for it, and not looked at again.
                let _moved = tokio::fs::rename(&file, file.with_extension("unreadable")).await;
                continue;
            };
            match deadlines::database(self.store_message(&waiting)).await {
                Ok(()) => stored += 1,
                Err(AppError::NotFound { .. }) if self.ambient.now() - waiting.at < KEEP => continue,
                Err(AppError::NotFound { .. }) => {
                    let call_sid = &waiting.message.call_sid;
                    tracing::error!(call.sid = %call_sid, "a message is thrown away: its number belongs to nobody");
                }
                Err(error) => return Err(error),
            }
            tokio::fs::remove_file(&file)
                .await
                .map_err(|error| AppError::spool("forget a stored message", &file, &error))?;
        }
        Ok(stored)
    }

    fn messages_folder(&self) -> PathBuf {
        self.settings.spool_dir.join(FOLDER)
    }

    /// Stores a message for the business whose number was called. Of a call that came in while the database was away there
    /// is no record, but its message is kept.
    async fn store_message(&self, waiting: &Waiting) -> Result<(), AppError> {
        let Waiting { id, message, at } = waiting;
        let (org_id, call_id) = self.business_of(message).await?;
        let mut tx = OrgTx::begin(&self.db, org_id).await?;
        let (from_name, reply_to) = match call_id {
            Some(call_id) => {
                let call = store::calls::get(&mut tx, call_id).await?;
                (call.client_name, call.from_number)
            }
            None => {
                let from = message.from.as_deref().and_then(|from| PhoneNumber::parse(from, None).ok());
                (None, from.map(String::from))
            }
        };
        let recording_sid = message.recording_sid.clone();
        let text = transcribing::untranscribed(message);
        let message = Message {
            id: *id,
            call_id,
            from_name,
            reply_to,
            text,
            priority: Priority::Normal,
            created_at: *at,
        };
        let words_until = self.ambient.now() + WORDS_WITHIN;
        if let Some(call_id) = call_id {
            // The call before the message, as everywhere.
            store::after_calls::message_came(&mut tx, call_id).await?;
        }
        match recorded::insert(&mut tx, &message, &recording_sid, words_until).await {
            Err(error) if error.is_conflict_with("messages_pkey") => return Ok(()),
            inserted => inserted?,
        }
        if let Some(call_id) = call_id {
            waiting::message_changed(&mut tx, call_id, Some(words_until)).await?;
        }
        let (key, data) = (message.id.to_string(), webhooks::message(&message));
        webhooks::publish(&mut tx, self, EventType::MessageTaken, &key, data).await?;
        transcribing::promise(&mut tx, &message, recording_sid).await?;
        Ok(tx.commit().await?)
    }

    async fn business_of(&self, message: &RecordedMessage) -> Result<(OrgId, Option<CallId>), AppError> {
        let mut tx =
            SystemTx::begin(&self.db, "the carrier's call id or the called number tells the business")
                .await?;
        if let Some((org_id, call_id)) = store::calls::life::find_by_sid(&mut tx, &message.call_sid).await? {
            return Ok((org_id, Some(call_id)));
        }
        let called = message.to.as_deref().and_then(|to| PhoneNumber::parse(to, None).ok());
        let Some(called) = called else { return Err(AppError::NotFound { noun: "call" }) };
        let route = store::numbers::resolve(&mut tx, &called).await?;
        Ok((route.ok_or(AppError::NotFound { noun: "call" })?.org_id, None))
    }
}

/// The messages that wait, oldest name first; none when there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

async fn read(file: &Path) -> Option<Waiting> {
    serde_json::from_slice(&tokio::fs::read(file).await.ok()?).ok()
}
