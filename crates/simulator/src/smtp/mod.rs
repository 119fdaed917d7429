//! A mail server that receives (RFC 5321): strict about what it is told, keeps what it gets, and fails as ordered.
//!
//! It speaks in the clear on 127.0.0.1. TLS is tried on a real mail server.

mod session;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What goes wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpFault {
    /// The connection is closed before a word is said.
    Refuse,
    /// The greeting says that the service is not available.
    Unavailable,
    /// Signing in is refused.
    WrongPassword,
    /// The receiver is refused for now.
    TryLater,
    /// The receiver is refused for good.
    UnknownReceiver,
    /// The connection is closed in the middle of the message.
    CloseInData,
    /// The message is taken, and the connection closed before that is said.
    CloseAfterData,
    /// Nothing is answered to the message for ever.
    SilentAfterData,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// Who sends it (`MAIL FROM`).
    pub from: String,
    /// To whom (`RCPT TO`).
    pub to: Vec<String>,
    /// The message, without the dots that were added for the way.
    pub message: String,
    /// Whether the sender had signed in.
    pub signed_in: bool,
}

impl ReceivedMail {
    /// The first header of a name, unfolded; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let head = self.message.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let wanted = format!("{}:", name.to_ascii_lowercase());
        unfolded
            .split("\r\n")
            .find(|line| line.to_ascii_lowercase().starts_with(&wanted))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    }

    /// The message with quoted-printable lines joined, for looking for words.
    #[must_use]
    pub fn words(&self) -> String {
        self.message.replace("=\r\n", "").replace("=3D", "=").replace("=E2=80=A6", "…")
    }
}

/// A mail server on this machine. It stops when it is dropped.
#[derive(Debug)]
pub struct MailServer {
    /// Where it listens.
    pub address: SocketAddr,
    desk: Arc<Desk>,
    stop: CancellationToken,
}

/// What the connections share.
#[derive(Debug)]
pub(super) struct Desk {
    /// User and password; without them everybody is served.
    account: Option<(String, String)>,
    /// What the next connections meet; `None` is well.
    script: Mutex<VecDeque<Option<SmtpFault>>>,
    received: watch::Sender<Vec<ReceivedMail>>,
}

impl Desk {
    fn next(&self) -> Option<SmtpFault> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten()
    }
}

impl MailServer {
    /// Listens; with an account only those are served who sign in.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(account: Option<(&str, &str)>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk {
            account: account.map(|(user, password)| (user.to_owned(), password.to_owned())),
            script: Mutex::default(),
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
                        _broken = session::serve(stream, &desk) => {}
                    }
                });
            }
        });
        Ok(Self { address, desk, stop })
    }

    /// What goes wrong with the next connections, one after the other; later ones are well.
    pub fn fail(&self, faults: impl IntoIterator<Item = SmtpFault>) {
        let mut script = self.desk.script.lock().unwrap_or_else(PoisonError::into_inner);
        *script = faults.into_iter().map(Some).collect();
    }

    /// All messages so far.
    #[must_use]
    pub fn received(&self) -> Vec<ReceivedMail> {
        self.desk.received.borrow().clone()
    }

    /// Waits until so many messages came.
    pub async fn arrived(&self, count: usize) {
        let mut received = self.desk.received.subscribe();
        // The sender lives in `self`.
        let _alive = received.wait_for(|received| received.len() >= count).await;
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
