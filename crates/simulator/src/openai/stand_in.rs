//! The server: takes connections, and ends without leaving anything behind.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::events::{self, Refusal};
use super::fault::{Fault, FaultKind, Phase, Plan};
use super::handshake;
use super::misbehaving::{self, AtTheDoor};
use super::seen::{Book, FaultSeen, Seen};
use super::session::{Over, Session};
use super::settings::Settings;

/// A stand-in for OpenAI's Realtime endpoint, on this machine. Dropping it ends it too.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

/// What the sessions share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) book: Arc<Book>,
    plan: Plan,
    open: AtomicUsize,
    stop: CancellationToken,
}

impl StandIn {
    /// Listens.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            settings,
            book: Arc::default(),
            plan: Plan::default(),
            open: AtomicUsize::new(0),
            stop: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(take(listener, Arc::clone(&shared), tasks.clone()));
        Ok(Self { address, shared, tasks })
    }

    /// What a client is pointed to, without the model.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// What goes wrong in sessions that begin from now on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.plan.set(fault, None);
    }

    /// What goes wrong in the next sessions, so many of them; later ones are sound.
    pub fn set_fault_for(&self, fault: Fault, sessions: usize) {
        self.shared.plan.set(Some(fault), Some(sessions));
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.book.copy()
    }

    /// Sockets that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Ends every session and waits for it.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// Counts a socket as long as it lives.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn take(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // Out of descriptors, say: the next one may work.
        let Ok((stream, _)) = accepted else { continue };
        let (open, shared) = (Open::count(&shared), Arc::clone(&shared));
        tasks.spawn(async move {
            tokio::select! {
                () = shared.stop.cancelled() => {}
                () = serve(stream, &shared) => {}
            }
            drop(open);
        });
    }
}

async fn serve(stream: TcpStream, shared: &Arc<Shared>) {
    // Deltas are small and each counts.
    let _slower = stream.set_nodelay(true);
    let connection = shared.book.write(|seen| {
        seen.connections += 1;
        seen.connections - 1
    });
    let mut fault = shared.plan.next();
    let (mut stream, mut refuse) = (stream, None);
    if let Some(now) = fault.take_if(|fault| fault.phase == Phase::Connect) {
        shared.noted(connection, &now);
        match misbehaving::at_the_door(stream, &now.kind).await {
            AtTheDoor::Over => return,
            AtTheDoor::Handshake(same, status) => (stream, refuse) = (same, status),
        }
        // A slow endpoint does not become quick by answering the handshake.
        if let FaultKind::Slow(_) = now.kind {
            fault = Some(Fault { phase: Phase::BeforeCreated, ..now });
        }
    }
    let mut admitted = match handshake::admit(stream, &shared.settings, refuse).await {
        Ok(admitted) => admitted,
        Err(status) => {
            shared.book.write(|seen| seen.refused.push(status));
            return;
        }
    };
    if admitted.beta {
        let refusal = Refusal::new(
            "beta_api_shape_disabled",
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        );
        let mut error = events::error(&refusal, None);
        error["event_id"] = Value::from("event_beta");
        let frame = tokio_tungstenite::tungstenite::Message::text(error.to_string());
        if futures_util::SinkExt::send(&mut admitted.socket, frame).await.is_ok() {
            misbehaving::close(&mut admitted.socket, 4_000, "beta_api_shape_disabled").await;
        }
        return;
    }
    let mut session = Session::new(admitted, connection, fault, Arc::clone(shared));
    match session.run().await {
        Over::ClientLeft => {}
        Over::Closed { code, reason } => misbehaving::close(session.socket(), code, &reason).await,
        Over::Fault(kind) => misbehaving::on_the_line(session.socket(), &kind).await,
    }
}

impl Shared {
    pub(super) fn noted(&self, connection: usize, fault: &Fault) {
        self.book.write(|seen| {
            seen.faults.push(FaultSeen { connection, at: Instant::now(), fault: fault.name() });
        });
    }
}
