//! Keeps rendered phrases in a folder, so that a vendor is not asked, and paid, for the same sentences at every start.
//!
//! Only what is rendered in advance is kept here: what every agent says, and names no caller. A file begins with what
//! it is of, so that nothing is ever spoken that was not asked for; one that is old is made anew, for a vendor may have
//! changed the voice.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use provider_traits::tts::TtsRequest;

/// How long a file is good for.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// What the names of files end in.
const SUFFIX: &str = "phrase";

/// A folder of phrases of one voice.
#[derive(Debug, Clone)]
pub struct PhraseShelf {
    folder: PathBuf,
    /// Whose phrases: another model or voice has others.
    of: String,
}

impl PhraseShelf {
    /// The phrases of the voice `of` in a folder, which need not be there yet. Files that are old at `now` are removed,
    /// whoever's they are.
    #[must_use]
    pub fn open(folder: &Path, of: &str, now: SystemTime) -> Self {
        match remove_old(folder, now) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, folder = %folder.display(), "old phrases could not be removed");
            }
            _ => {}
        }
        Self { folder: folder.to_owned(), of: of.to_owned() }
    }

    /// What a file is of. No text has a zero byte that anybody speaks.
    fn head(&self, request: &TtsRequest) -> Vec<u8> {
        let TtsRequest { text, voice, language } = request;
        format!("{}\n{voice}\n{language}\n{text}\0", self.of).into_bytes()
    }

    fn file(&self, head: &[u8]) -> PathBuf {
        // FNV-1a. Two that have the same name take each other's place; the head tells them apart.
        let hash = head.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.folder.join(format!("{hash:016x}.{SUFFIX}"))
    }

    /// The phrase's audio, when it is there.
    pub async fn get(&self, request: &TtsRequest) -> Option<Bytes> {
        let head = self.head(request);
        let file = tokio::fs::read(self.file(&head)).await.ok()?;
        let audio = file.strip_prefix(head.as_slice())?;
        (!audio.is_empty()).then(|| Bytes::copy_from_slice(audio))
    }

    /// Keeps it. A disk that is full is no reason not to speak: it is logged.
    pub async fn put(&self, request: &TtsRequest, audio: &[u8]) {
        let head = self.head(request);
        let file = self.file(&head);
        // Whole or not at all: several nodes may share the folder, and a process may die.
        let new = file.with_extension("new");
        let contents = [head.as_slice(), audio].concat();
        let written = async {
            tokio::fs::create_dir_all(&self.folder).await?;
            tokio::fs::write(&new, contents).await?;
            tokio::fs::rename(&new, &file).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, file = %file.display(), "a phrase could not be kept");
        }
    }
}

fn remove_old(folder: &Path, now: SystemTime) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry.path().extension().is_some_and(|suffix| suffix == SUFFIX);
        let made = entry.metadata()?.modified()?;
        if is_ours && now.duration_since(made).is_ok_and(|age| age > KEPT) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> TtsRequest {
        TtsRequest { text: text.to_owned(), voice: String::new(), language: "en-US".to_owned() }
    }

    #[tokio::test]
    async fn a_phrase_is_there_for_the_voice_it_was_made_with() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("phrases");
        let now = SystemTime::UNIX_EPOCH;
        let shelf = PhraseShelf::open(&place, "vendor/model-1/Ann", now);
        assert_eq!(shelf.get(&request("Hello")).await, None);
        shelf.put(&request("Hello"), &[1, 2, 3]).await;
        let again = PhraseShelf::open(&place, "vendor/model-1/Ann", now);
        assert_eq!(again.get(&request("Hello")).await, Some(Bytes::from_static(&[1, 2, 3])));
        assert_eq!(again.get(&request("Hello!")).await, None);
        assert_eq!(again.get(&TtsRequest { voice: "Bob".to_owned(), ..request("Hello") }).await, None);
        assert_eq!(PhraseShelf::open(&place, "vendor/model-2/Ann", now).get(&request("Hello")).await, None);
    }

    #[tokio::test]
    async fn a_file_of_something_else_is_not_spoken() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = PhraseShelf::open(folder.path(), "v", SystemTime::UNIX_EPOCH);
        for contents in [&b""[..], b"no head", b"v\n\nen-US\nHello\0"] {
            std::fs::write(shelf.file(&shelf.head(&request("Hello"))), contents).unwrap();
            assert_eq!(shelf.get(&request("Hello")).await, None, "{contents:?}");
        }
    }

    #[tokio::test]
    async fn what_is_old_is_made_anew_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = PhraseShelf::open(folder.path(), "v", SystemTime::UNIX_EPOCH);
        shelf.put(&request("Hello"), &[1]).await;
        let other = folder.path().join("notes.txt");
        std::fs::write(&other, "mine").unwrap();
        let made = std::fs::metadata(&other).unwrap().modified().unwrap();
        let day = Duration::from_secs(24 * 3_600);
        let young = PhraseShelf::open(folder.path(), "v", made + 29 * day);
        assert!(young.get(&request("Hello")).await.is_some());
        let old = PhraseShelf::open(folder.path(), "v", made + 31 * day);
        assert!(old.get(&request("Hello")).await.is_none() && other.exists());
    }
}
