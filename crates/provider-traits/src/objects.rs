//! Object storage: recordings and documents.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::ProviderError;

/// A bucket of named objects. Keys are relative paths such as `recordings/org_…/call_….wav`.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Stores an object whole, replacing an older one.
    async fn put(&self, key: &str, body: Bytes) -> Result<(), ProviderError>;

    /// Stores a local file as an object, without holding it in memory.
    async fn put_file(&self, key: &str, path: &std::path::Path) -> Result<(), ProviderError>;

    /// The size in bytes, or `None` when there is no such object.
    async fn size(&self, key: &str) -> Result<Option<u64>, ProviderError>;

    /// Reads a byte range (`start` inclusive, `end` exclusive).
    async fn read(&self, key: &str, range: std::ops::Range<u64>) -> Result<Bytes, ProviderError>;

    /// Deletes an object; one that is not there is deleted already.
    async fn delete(&self, key: &str) -> Result<(), ProviderError>;
}
