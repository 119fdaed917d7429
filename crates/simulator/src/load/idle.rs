//! Idle sockets: media sockets that are open and say nothing.
//!
//! They have sent `connected` and not yet `start`, and answer pings: all that an open socket costs, without a call
//! on it. What a call costs beside its socket is what [`super::steady`] measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::process::Sample;
use super::socket::config;
use crate::line::messages;
use crate::line::socket::connect_with;

/// Handshakes that are under way at once.
const AT_ONCE: usize = 64;

/// What idle sockets took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Idle {
    /// Sockets asked for.
    pub sockets: usize,
    /// Sockets open at the end.
    pub open: usize,
    /// Handshakes that failed.
    pub failed: usize,
    /// The process before.
    pub before: Option<Sample>,
    /// The process while all are open.
    pub full: Option<Sample>,
    /// Memory of a socket in KiB.
    pub kib_per_socket: Option<f64>,
}

/// Opens the sockets, holds them for `hold`, looks at the process.
pub async fn run(
    url: &Url,
    signature: Option<&str>,
    sockets: usize,
    hold: Duration,
    pid: Option<u32>,
) -> Idle {
    let before = pid.and_then(Sample::of);
    let (open, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    for number in 0..sockets {
        while number.saturating_sub(open.load(Ordering::Relaxed) + failed.load(Ordering::Relaxed)) >= AT_ONCE
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (url, signature) = (url.clone(), signature.map(str::to_owned));
        let (open, failed, stop) = (Arc::clone(&open), Arc::clone(&failed), stop.clone());
        tasks.spawn(async move {
            let opened = async {
                let mut socket = connect_with(&url, signature.as_deref(), config()).await.ok()?;
                socket.send(Message::text(messages::connected())).await.ok()?;
                Some(socket)
            };
            let Some(mut socket) = opened.await else {
                failed.fetch_add(1, Ordering::Relaxed);
                return;
            };
            open.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                // Reading answers pings; the end is the server's.
                () = async { while let Some(Ok(_)) = socket.next().await {} } => {
                    open.fetch_sub(1, Ordering::Relaxed);
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                () = stop.cancelled() => {}
            }
        });
    }
    tokio::time::sleep(hold).await;
    let full = pid.and_then(Sample::of);
    let open = open.load(Ordering::Relaxed);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let kib_per_socket = before
        .zip(full)
        .map(|(before, full)| (full.rss_kib as f64 - before.rss_kib as f64) / open.max(1) as f64);
    Idle { sockets, open, failed: failed.load(Ordering::Relaxed), before, full, kib_per_socket }
}
