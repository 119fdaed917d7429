//! Opening a session with the model: it is ready when its configuration is in force.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use provider_traits::realtime::{ErrorClass, RealtimeConfig, RealtimeLink, RealtimeOutput, RealtimeProvider};

/// Why no session could be had.
pub(super) struct NoSession {
    pub(super) reason: String,
    pub(super) refused: bool,
}

/// A session on its way.
pub(super) type Opening = BoxFuture<'static, Result<(RealtimeLink, Option<Duration>), NoSession>>;

/// A session that is ready: the configuration is in force.
async fn open(
    provider: Arc<dyn RealtimeProvider>,
    config: Arc<RealtimeConfig>,
    warm: Option<RealtimeLink>,
) -> Result<(RealtimeLink, Option<Duration>), NoSession> {
    let mut link = match warm {
        Some(link) => link,
        None => provider.open(&config).await.map_err(|error| NoSession {
            refused: matches!(error, provider_traits::error::ProviderError::Refused { .. }),
            reason: error.to_string(),
        })?,
    };
    loop {
        match link.output.recv().await {
            Some(RealtimeOutput::Ready { expires_in }) => return Ok((link, expires_in)),
            Some(RealtimeOutput::Error(error)) if error.class != ErrorClass::Benign => {
                let refused = error.class == ErrorClass::Refused;
                return Err(NoSession { reason: format!("{}: {}", error.code, error.message), refused });
            }
            Some(_) => {}
            None => {
                let reason = "the connection was closed before the session was ready".to_owned();
                return Err(NoSession { reason, refused: false });
            }
        }
    }
}

/// The same, whatever a provider's defect does.
pub(super) fn opening(
    provider: &Arc<dyn RealtimeProvider>,
    config: &Arc<RealtimeConfig>,
    warm: Option<RealtimeLink>,
) -> Opening {
    let work = AssertUnwindSafe(open(Arc::clone(provider), Arc::clone(config), warm)).catch_unwind();
    async move {
        work.await.unwrap_or_else(|_panic| {
            Err(NoSession { reason: "it died of a defect".to_owned(), refused: false })
        })
    }
    .boxed()
}
