//! The signs of life of calls in the database: who counts lines in use, and who looks for calls whose process died, go
//! by them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::CallId;
use store::StoreError;
use store::tx::SystemTx;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::calls::finish::HEARTBEAT_EVERY;
use crate::calls::together::{Joint, Together, Weight};
use crate::deadlines;
use crate::runtime::App;

/// How long a sign of life waits for those of other calls. Small beside the silence after which a call counts as lost.
const GATHER: Duration = Duration::from_secs(1);
/// Calls told of in one statement.
const MOST_TOGETHER: usize = 2_000;

/// The signs of life that are written together; what comes of each is whether the call is still this node's.
pub(crate) type Beats = Together<(), Beat, bool>;

/// A call that is alive until `stop`.
pub(crate) struct Beat {
    call_id: CallId,
    stop: CancellationToken,
}

impl Weight for Beat {
    fn weight(&self) -> usize {
        1
    }
}

/// Where the signs of life of a process's calls meet.
pub(crate) fn beats() -> Beats {
    Together::new(GATHER, MOST_TOGETHER)
}

/// Says that a call is alive, until `stop`; gives it up when another node has gone on with it. The first sign of life is
/// the call's taking itself.
pub(crate) async fn beat(
    app: Arc<App>,
    call_id: CallId,
    stop: CancellationToken,
    give_up: CancellationToken,
) {
    let mut every = tokio::time::interval_at(Instant::now() + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        // Boxed: what a transaction needs takes no memory between two signs of life.
        let beaten = match Box::pin(tell(&app, call_id, &stop)).await {
            Joint::Done(ours) => Ok(ours),
            Joint::Away { reason } => Err(StoreError::Unavailable { reason }),
            Joint::Alone if stop.is_cancelled() => return,
            Joint::Alone => Box::pin(write(&app, &[call_id])).await.map(|ours| ours.contains(&call_id)),
        };
        match beaten {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(call.id = %call_id, "a call of this node is another one's, or closed, by now");
                give_up.cancel();
            }
            Err(error) => {
                tracing::warn!(call.id = %call_id, %error, "the heartbeat of a call could not be written");
            }
        }
    }
}

async fn tell(app: &Arc<App>, call_id: CallId, stop: &CancellationToken) -> Joint<bool> {
    let work = |beats: Vec<Beat>| {
        let app = Arc::clone(app);
        async move { write_together(&app, &beats).await }
    };
    app.beats.join((), Beat { call_id, stop: stop.clone() }, work).await
}

/// A call that has ended meanwhile gives no more signs: what was written at its end stands.
async fn write_together(app: &App, beats: &[Beat]) -> Result<Vec<Option<bool>>, StoreError> {
    let alive = |beat: &&Beat| !beat.stop.is_cancelled();
    let calls: Vec<CallId> = beats.iter().filter(alive).map(|beat| beat.call_id).collect();
    let ours = write(app, &calls).await?;
    Ok(beats.iter().map(|beat| alive(&beat).then(|| ours.contains(&beat.call_id))).collect())
}

async fn write(app: &App, calls: &[CallId]) -> Result<HashSet<CallId>, StoreError> {
    deadlines::database(async {
        let mut tx = SystemTx::begin(&app.db, "heartbeats are of a process, not of a tenant").await?;
        let ours =
            store::calls::lost::heartbeat(&mut tx, &app.settings.node, calls, app.ambient.now()).await?;
        tx.commit().await?;
        Ok(ours)
    })
    .await
}
