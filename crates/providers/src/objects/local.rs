//! Objects as files in a folder of this machine.

use std::ops::Range;
use std::path::Path as FilePath;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use provider_traits::error::ProviderError;
use provider_traits::objects::Objects;
use tokio::io::AsyncReadExt;

const PROVIDER: &str = "local_objects";

/// How much of a file is in memory while it is stored.
const PART_BYTES: usize = 1024 * 1024;

/// Longest key, in bytes; file systems end at 4096 with the folder.
const MAX_KEY_BYTES: usize = 512;

/// A folder of objects. A key is the file's path below it; an object is either there whole or not at all,
/// and stays when the machine loses power.
#[derive(Debug)]
pub struct LocalFolder {
    store: LocalFileSystem,
}

impl LocalFolder {
    /// Opens a folder, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder can't be made or entered.
    pub fn open(folder: &FilePath) -> Result<Self, ProviderError> {
        std::fs::create_dir_all(folder).map_err(|error| unavailable(&error))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unavailable(&error))?;
        Ok(Self { store: store.with_fsync(true) })
    }

    async fn copy_in(&self, upload: &mut dyn MultipartUpload, path: &FilePath) -> Result<(), ProviderError> {
        let mut file = tokio::fs::File::open(path).await.map_err(|error| unavailable(&error))?;
        loop {
            let mut part = BytesMut::with_capacity(PART_BYTES);
            while part.len() < PART_BYTES {
                if file.read_buf(&mut part).await.map_err(|error| unavailable(&error))? == 0 {
                    break;
                }
            }
            if part.is_empty() {
                break;
            }
            upload.put_part(PutPayload::from(part.freeze())).await.map_err(|error| failed(&error))?;
        }
        upload.complete().await.map(drop).map_err(|error| failed(&error))
    }
}

#[async_trait]
impl Objects for LocalFolder {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), ProviderError> {
        self.store.put(&parse(key)?, body.into()).await.map(drop).map_err(|error| failed(&error))
    }

    async fn put_file(&self, key: &str, path: &FilePath) -> Result<(), ProviderError> {
        let mut upload = self.store.put_multipart(&parse(key)?).await.map_err(|error| failed(&error))?;
        let copied = self.copy_in(&mut *upload, path).await;
        if copied.is_err() {
            // Best effort: the half-written file has another name than the object, so nobody reads it.
            let _ = upload.abort().await;
        }
        copied
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, ProviderError> {
        match self.store.head(&parse(key)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn read(&self, key: &str, range: Range<u64>) -> Result<Bytes, ProviderError> {
        let path = parse(key)?;
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.store.get_range(&path, range).await.map_err(|error| failed(&error))
    }

    async fn delete(&self, key: &str) -> Result<(), ProviderError> {
        match self.store.delete(&parse(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Holds keys to what is safe as a path everywhere: letters, digits, `-`, `_`, `.` and `/`, no hidden and no
/// parent folders.
fn parse(key: &str) -> Result<Path, ProviderError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let usable = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed);
    if key.len() > MAX_KEY_BYTES || !key.split('/').all(usable) {
        return Err(invalid("the key is not a plain relative path".to_owned()));
    }
    Path::parse(key).map_err(|error| invalid(error.to_string()))
}

fn failed(error: &object_store::Error) -> ProviderError {
    match error {
        object_store::Error::NotFound { .. } => invalid("there is no such object".to_owned()),
        // What the file system store says of a range that lies outside of the object.
        object_store::Error::Generic { source, .. } if source.to_string().contains("range") => {
            invalid("the range is outside of the object".to_owned())
        }
        other => unavailable(other),
    }
}

fn unavailable(error: &dyn std::error::Error) -> ProviderError {
    ProviderError::Unavailable { provider: PROVIDER, reason: error.to_string() }
}

fn invalid(reason: String) -> ProviderError {
    ProviderError::Invalid { provider: PROVIDER, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "recordings/org_1/call_1.wav";

    fn folder() -> (tempfile::TempDir, LocalFolder) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = LocalFolder::open(&dir.path().join("objects")).expect("a folder");
        (dir, store)
    }

    /// Names of all files below a folder.
    fn files(folder: &FilePath) -> Vec<String> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            match entry.path().is_dir() {
                true => names.extend(files(&entry.path())),
                false => names.push(entry.file_name().to_string_lossy().into_owned()),
            }
        }
        names
    }

    #[tokio::test]
    async fn object_is_stored_measured_read_replaced_and_deleted() {
        let (_dir, store) = folder();
        store.put(KEY, Bytes::from_static(b"0123456789")).await.expect("stored");
        assert_eq!(store.size(KEY).await, Ok(Some(10)));
        assert_eq!(store.read(KEY, 2..5).await, Ok(Bytes::from_static(b"234")));
        assert_eq!(store.read(KEY, 0..10).await, Ok(Bytes::from_static(b"0123456789")));
        assert_eq!(store.read(KEY, 4..4).await, Ok(Bytes::new()));
        store.put(KEY, Bytes::from_static(b"new")).await.expect("replaced");
        assert_eq!(store.size(KEY).await, Ok(Some(3)));
        store.delete(KEY).await.expect("deleted");
        assert_eq!(store.size(KEY).await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_not_there_has_no_size_cannot_be_read_and_is_deleted_already() {
        let (_dir, store) = folder();
        assert_eq!(store.size(KEY).await, Ok(None));
        assert!(matches!(store.read(KEY, 0..1).await, Err(ProviderError::Invalid { .. })));
        assert_eq!(store.delete(KEY).await, Ok(()));
    }

    #[tokio::test]
    async fn range_beyond_the_object_is_refused() {
        let (_dir, store) = folder();
        store.put(KEY, Bytes::from_static(b"0123456789")).await.expect("stored");
        assert!(matches!(store.read(KEY, 10..12).await, Err(ProviderError::Invalid { .. })));
    }

    #[tokio::test]
    async fn file_of_several_parts_is_stored_whole() {
        let (dir, store) = folder();
        let body: Vec<u8> = (0..PART_BYTES * 2 + 7).map(|index| (index % 251) as u8).collect();
        let source = dir.path().join("source.wav");
        std::fs::write(&source, &body).expect("a file");
        store.put_file(KEY, &source).await.expect("stored");
        assert_eq!(store.size(KEY).await, Ok(Some(body.len() as u64)));
        assert_eq!(store.read(KEY, 0..body.len() as u64).await, Ok(Bytes::from(body)));
        assert_eq!(files(&dir.path().join("objects")), ["call_1.wav"]);
    }

    #[tokio::test]
    async fn file_that_is_missing_leaves_the_old_object_and_no_trace() {
        let (dir, store) = folder();
        store.put(KEY, Bytes::from_static(b"old")).await.expect("stored");
        let stored = store.put_file(KEY, &dir.path().join("nothing.wav")).await;
        assert!(matches!(stored, Err(ProviderError::Unavailable { .. })));
        assert_eq!(store.read(KEY, 0..3).await, Ok(Bytes::from_static(b"old")));
        assert_eq!(files(&dir.path().join("objects")), ["call_1.wav"]);
    }

    #[tokio::test]
    async fn empty_file_is_an_empty_object() {
        let (dir, store) = folder();
        let source = dir.path().join("empty.wav");
        std::fs::write(&source, b"").expect("a file");
        store.put_file(KEY, &source).await.expect("stored");
        assert_eq!(store.size(KEY).await, Ok(Some(0)));
    }

    #[tokio::test]
    async fn keys_that_leave_the_folder_are_refused() {
        let (dir, store) = folder();
        let long = "a/".repeat(300) + "a";
        for key in [
            "",
            "/",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/",
            "./a",
            ".hidden",
            "a\\..\\b",
            "a\0b",
            "ä",
            "a#1",
            &long,
        ] {
            let put = store.put(key, Bytes::from_static(b"x")).await;
            assert!(matches!(put, Err(ProviderError::Invalid { .. })), "{key:?}");
            assert!(matches!(store.size(key).await, Err(ProviderError::Invalid { .. })), "{key:?}");
        }
        assert_eq!(files(dir.path()), Vec::<String>::new());
    }
}
