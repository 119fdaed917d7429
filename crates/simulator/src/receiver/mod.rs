//! A receiver of webhooks that behaves as told: well, slowly, or like one that is dying. It speaks HTTP/1.1 by
//! itself, because what it must do wrong no server library does.

mod connection;
mod request;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use request::{Received, Unverified};

/// What the receiver does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers.
    Answer {
        /// With this status.
        status: u16,
        /// These headers.
        headers: Vec<(String, String)>,
        /// And this body.
        body: String,
    },
    /// Takes the request and never answers.
    Silence,
    /// Says 200, begins a body, and resets the connection in the middle of it.
    ResetInAnswer,
    /// Takes the connection and never reads from it.
    HalfOpen,
    /// Closes the connection without a word.
    Close,
    /// Says 200 and sends a body that doesn't end.
    Endless,
    /// Answers something that is not HTTP.
    Nonsense,
}

impl Behaviour {
    /// Answers with a status and no body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    /// Answers with a status and a header.
    #[must_use]
    pub fn with_header(status: u16, name: &str, value: &str) -> Self {
        let headers = vec![(name.to_owned(), value.to_owned())];
        Self::Answer { status, headers, body: String::new() }
    }
}

/// A receiver on this machine. It stops when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    desk: Arc<Desk>,
    stop: CancellationToken,
}

/// What the connections share.
#[derive(Debug)]
struct Desk {
    /// What the next requests meet; then it is the last for ever.
    script: Mutex<VecDeque<Behaviour>>,
    received: watch::Sender<Vec<Received>>,
}

impl Desk {
    fn next(&self) -> Behaviour {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        if script.len() > 1 {
            return script.pop_front().unwrap_or(Behaviour::Close);
        }
        script.front().cloned().unwrap_or_else(|| Behaviour::status(204))
    }
}

impl Receiver {
    /// Listens, and behaves one request after the other as the script says; the last behaviour stays. Without a
    /// script it takes everything.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(script: impl IntoIterator<Item = Behaviour>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk {
            script: Mutex::new(script.into_iter().collect()),
            received: watch::Sender::new(Vec::new()),
        });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (taking, stopped) = (Arc::clone(&desk), stop.clone());
        tasks.clone().spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (desk, stopped) = (Arc::clone(&taking), stopped.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = stopped.cancelled() => {}
                        // A broken connection is what some of them are for.
                        _broken = connection::serve(stream, &desk) => {}
                    }
                });
            }
        });
        Ok(Self { address, desk, stop })
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Behaves otherwise from now on.
    pub fn behave(&self, script: impl IntoIterator<Item = Behaviour>) {
        *self.desk.script.lock().unwrap_or_else(PoisonError::into_inner) = script.into_iter().collect();
    }

    /// All requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.desk.received.borrow().clone()
    }

    /// Waits until so many requests were read.
    pub async fn arrived(&self, count: usize) {
        let mut received = self.desk.received.subscribe();
        // The sender lives in `self`.
        let _alive = received.wait_for(|received| received.len() >= count).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
