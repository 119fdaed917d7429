//! The recording of a call while it runs: a stereo WAV file in the spool folder, caller left, agent right.
//!
//! Every block is on disk about a second after it was heard. The header is only made true at the end; when
//! the process dies first, the next start mends it from the file's length, so nothing that was written is lost.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use domain::ids::{CallId, OrgId};
use provider_traits::objects::Objects;
use tokio::fs::OpenOptions;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;
use voice::call::StereoBlock;

use crate::error::AppError;

/// Samples per millisecond and channel.
const SAMPLES_PER_MS: u64 = 8;
/// Bytes per millisecond: two channels of 16 bits.
const BYTES_PER_MS: u64 = SAMPLES_PER_MS * 4;
/// How much of a stored part is read at once.
const JOIN_BYTES: u64 = 1 << 20;
/// Longest silence that is filled in at once; a jump beyond it is a broken clock, not a pause.
const MAX_GAP_MS: u64 = 10 * 60 * 1_000;

/// Where recordings wait until the call is finished.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// A spool in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, AppError> {
        std::fs::create_dir_all(&folder)
            .map_err(|error| AppError::spool("make the recording spool", &folder, &error))?;
        Ok(Self { folder })
    }

    /// The spooled file of a call.
    #[must_use]
    pub(crate) fn path(&self, org_id: OrgId, call_id: CallId) -> PathBuf {
        self.folder.join(format!("{org_id}-{call_id}.wav"))
    }

    /// The calls whose recording is still here, with their business.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(crate) fn leftovers(&self) -> Result<Vec<(OrgId, CallId)>, AppError> {
        let entries = std::fs::read_dir(&self.folder)
            .map_err(|error| AppError::spool("list the recording spool", &self.folder, &error))?;
        Ok(entries
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let (org, call) = name.strip_suffix(".wav")?.split_once('-')?;
                Some((org.parse().ok()?, call.parse().ok()?))
            })
            .collect())
    }

    /// Whether something of a call was recorded here.
    #[must_use]
    pub(crate) fn has(&self, org_id: OrgId, call_id: CallId) -> bool {
        self.path(org_id, call_id).exists()
    }

    /// Fills in from a stored part of the call's recording what is silent in the file. Doing it again changes nothing.
    ///
    /// # Errors
    /// When the disk or the object storage refuses.
    pub(crate) async fn join(
        &self,
        org_id: OrgId,
        call_id: CallId,
        objects: &dyn Objects,
        key: &str,
        bytes: u64,
    ) -> Result<(), AppError> {
        let path = self.path(org_id, call_id);
        let failed = |error: &std::io::Error| AppError::spool("join the recording", &path, error);
        let mut file =
            OpenOptions::new().read(true).write(true).open(&path).await.map_err(|error| failed(&error))?;
        let mut at = audio::wav::HEADER_BYTES as u64;
        while at < bytes {
            let theirs = objects.read(key, at..bytes.min(at + JOIN_BYTES)).await?;
            let mut ours = vec![0; theirs.len()];
            file.seek(SeekFrom::Start(at)).await.map_err(|error| failed(&error))?;
            let mut have = 0;
            while have < ours.len() {
                match file.read(&mut ours[have..]).await.map_err(|error| failed(&error))? {
                    0 => break,
                    more => have += more,
                }
            }
            for (our, their) in ours.chunks_exact_mut(2).zip(theirs.chunks_exact(2)) {
                if our == [0, 0] {
                    our.copy_from_slice(their);
                }
            }
            file.seek(SeekFrom::Start(at)).await.map_err(|error| failed(&error))?;
            file.write_all(&ours).await.map_err(|error| failed(&error))?;
            at += theirs.len().max(1) as u64;
        }
        file.flush().await.map_err(|error| failed(&error))
    }

    /// Writes the blocks of a call until the channel closes, behind what is there already: a call that goes on where it
    /// was before has one file.
    ///
    /// # Errors
    /// When the disk refuses. The call itself must go on without its recording.
    pub(crate) async fn record(
        &self,
        org_id: OrgId,
        call_id: CallId,
        mut blocks: mpsc::Receiver<StereoBlock>,
    ) -> Result<(), AppError> {
        let path = self.path(org_id, call_id);
        let failed = |error: &std::io::Error| AppError::spool("write the recording", &path, error);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .await
            .map_err(|error| failed(&error))?;
        let header = audio::wav::recording::initial_header();
        file.write_all(&header).await.map_err(|error| failed(&error))?;
        let length = file.metadata().await.map_err(|error| failed(&error))?.len();
        let mut written_ms = length.saturating_sub(header.len() as u64) / BYTES_PER_MS;
        // The last block of a process that died may be torn.
        let whole = header.len() as u64 + written_ms * BYTES_PER_MS;
        file.set_len(whole).await.map_err(|error| failed(&error))?;
        file.seek(SeekFrom::Start(whole)).await.map_err(|error| failed(&error))?;
        let mut bytes = Vec::with_capacity(64 * 1024);
        while let Some(block) = blocks.recv().await {
            bytes.clear();
            append_block(&mut bytes, &mut written_ms, &block);
            file.write_all(&bytes).await.map_err(|error| failed(&error))?;
            // A block is a second of a conversation: hand it to the kernel now, so that the death of the
            // process can't take it along.
            file.flush().await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Makes the header of a call's file tell its true length.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when nothing was recorded; a spool error when the disk refuses.
    pub(crate) async fn complete(&self, org_id: OrgId, call_id: CallId) -> Result<PathBuf, AppError> {
        let path = self.path(org_id, call_id);
        complete_file(&path).await?;
        Ok(path)
    }

    /// Removes a call's file once it is stored elsewhere.
    pub(crate) async fn discard(&self, org_id: OrgId, call_id: CallId) {
        let path = self.path(org_id, call_id);
        if let Err(error) = tokio::fs::remove_file(&path).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(call.id = %call_id, %error, "a stored recording could not be removed from the spool");
        }
    }
}

async fn complete_file(path: &Path) -> Result<(), AppError> {
    let failed = |error: &std::io::Error| AppError::spool("complete the recording", path, error);
    let mut file = match OpenOptions::new().read(true).write(true).open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(AppError::NotFound { noun: "recording" });
        }
        Err(error) => return Err(failed(&error)),
    };
    let length = file.metadata().await.map_err(|error| failed(&error))?.len();
    file.rewind().await.map_err(|error| failed(&error))?;
    file.write_all(&audio::wav::recording::repair_header(length)).await.map_err(|error| failed(&error))?;
    file.sync_all().await.map_err(|error| failed(&error))
}

fn append_block(bytes: &mut Vec<u8>, written_ms: &mut u64, block: &StereoBlock) {
    let gap_ms = block.start_ms.saturating_sub(*written_ms).min(MAX_GAP_MS);
    bytes.resize(bytes.len() + (gap_ms * SAMPLES_PER_MS * 4) as usize, 0);
    let samples = block.caller.len().max(block.agent.len());
    audio::wav::recording::append(&block.caller, &block.agent, bytes);
    *written_ms += gap_ms + samples as u64 / SAMPLES_PER_MS;
}
