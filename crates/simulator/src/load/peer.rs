//! The peer: a lean server that speaks enough of OpenAI's Realtime protocol to stand behind a bridge under load.
//!
//! It does not listen: the caller's frames say by their stamps ([`super::stamp`]) whether somebody speaks in them,
//! and which call they are of. Its answers are stamped frames. For faithfulness there is the strict stand-in of
//! the tests; this one is made to cost as little as possible beside what is measured.

mod events;
mod session;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::Board;
use super::socket::config;

/// How long a client may take for the handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How the peer answers.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Length of an answer in milliseconds of audio.
    pub answer_ms: u64,
    /// Audio in one event, in milliseconds.
    pub delta_ms: u64,
    /// How many times faster than it is played the audio of an answer is sent.
    pub speed: u32,
}

impl Default for Manner {
    fn default() -> Self {
        Self { answer_ms: 3_000, delta_ms: 200, speed: 4 }
    }
}

/// A running peer.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Peer {
    /// Listens on this machine; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16, board: Arc<Board>, manner: Manner) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, tasks, open) = (CancellationToken::new(), TaskTracker::new(), Arc::default());
        tasks.spawn(serve(listener, board, manner, stop.clone(), tasks.clone(), Arc::clone(&open)));
        Ok(Self { address, open, stop, tasks })
    }

    /// The address to give to a bridge.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// Sessions that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Ends every session.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn serve(
    listener: TcpListener,
    board: Arc<Board>,
    manner: Manner,
    stop: CancellationToken,
    tasks: TaskTracker,
    open: Arc<AtomicUsize>,
) {
    loop {
        let tcp = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => tcp,
                Err(error) => {
                    tracing::warn!(%error, "the peer could not take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => return,
        };
        let (board, stop, open) = (Arc::clone(&board), stop.clone(), Arc::clone(&open));
        tasks.spawn(async move {
            // Without it the audio waits for acknowledgements; a failure only makes it slower.
            let _ = tcp.set_nodelay(true);
            let handshake = tokio_tungstenite::accept_async_with_config(tcp, Some(config()));
            let Ok(Ok(socket)) = tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await else { return };
            open.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                ended = session::run(socket, &board, manner) => {
                    if let Err(reason) = ended {
                        tracing::debug!(reason, "a session with the peer broke");
                    }
                }
                () = stop.cancelled() => {}
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
