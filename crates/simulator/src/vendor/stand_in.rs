//! The server: takes connections, and ends without leaving anything behind.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fault::{Fault, Plan};
use super::seen::{Book, Seen};
use super::{Vendor, connection};

/// Where it listens, and how quick it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// The port of 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// From a request to the head of its answer. Failures come at once.
    pub thinking: Duration,
}

/// A stand-in for a vendor, on this machine. Dropping it ends it too.
#[derive(Debug)]
pub struct StandIn<V: Vendor> {
    address: SocketAddr,
    shared: Arc<Shared<V>>,
    tasks: TaskTracker,
}

/// What the connections share.
#[derive(Debug)]
pub(super) struct Shared<V> {
    pub(super) vendor: V,
    pub(super) thinking: Duration,
    pub(super) book: Book,
    pub(super) plan: Plan,
    open: AtomicUsize,
    taken: AtomicUsize,
    stop: CancellationToken,
}

impl<V: Vendor> StandIn<V> {
    /// Listens.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(vendor: V, place: Place) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, place.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            vendor,
            thinking: place.thinking,
            book: Book::default(),
            plan: Plan::default(),
            open: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            stop: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(take(listener, Arc::clone(&shared), tasks.clone()));
        Ok(Self { address, shared, tasks })
    }

    /// `http://127.0.0.1:…`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `ws://127.0.0.1:…`, without a slash at its end.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The vendor that is played.
    #[must_use]
    pub fn vendor(&self) -> &V {
        &self.shared.vendor
    }

    /// What goes wrong with requests from now on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.plan.set(fault, None);
    }

    /// What goes wrong with the next requests, so many of them; later ones are sound.
    pub fn set_fault_for(&self, fault: Fault, requests: usize) {
        self.shared.plan.set(Some(fault), Some(requests));
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.book.copy()
    }

    /// Waits until what was seen is so.
    pub async fn until(&self, so: impl FnMut(&Seen) -> bool) {
        let mut book = self.shared.book.watch();
        // The sender lives in `self`.
        let _alive = book.wait_for(so).await;
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Connections that were ever taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.shared.taken.load(Ordering::SeqCst)
    }

    /// Ends every connection and waits for it.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl<V: Vendor> Drop for StandIn<V> {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// Counts a connection as long as it lives.
struct Open<V>(Arc<Shared<V>>);

impl<V> Open<V> {
    fn count(shared: &Arc<Shared<V>>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        shared.taken.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl<V> Drop for Open<V> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn take<V: Vendor>(listener: TcpListener, shared: Arc<Shared<V>>, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // Out of descriptors, say: the next one may work.
        let Ok((stream, _)) = accepted else { continue };
        let open = Open::count(&shared);
        tasks.spawn(async move {
            tokio::select! {
                () = open.0.stop.cancelled() => {}
                // A broken connection is what some of them are for.
                _broken = connection::serve(stream, &open.0) => {}
            }
        });
    }
}
