//! Takes connections and speaks HTTP/1.1 on them, with limits that keep slow and hungry senders from harm: so many
//! connections, so much time for a request's headers, so many bytes of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Request line and headers together. A longer one is answered with 431.
const MOST_HEADER_BYTES: usize = 32 * 1024;
/// After an error of the system (no more file handles) the next connection is waited for a moment later.
const BREATHE: Duration = Duration::from_millis(100);

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Most connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// A connection whose headers are not complete by then, or that is idle for so long, is closed.
    pub header_timeout: Duration,
}

/// Serves until told to stop; then lets each connection finish the request it is at. Sockets that were upgraded are
/// nobody's connection any more and end by themselves.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(MOST_HEADER_BYTES);
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (http, router, stop) = (http.clone(), router.clone(), stop.clone());
        tasks.spawn(async move {
            connection(&http, router, stream, peer, &stop).await;
            drop(place);
        });
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Frames of 20 ms must not wait for each other.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(BREATHE).await;
            None
        }
    }
}

async fn connection(
    http: &http1::Builder,
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    stop: &CancellationToken,
) {
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let connection =
        http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // Senders that vanish or stall are everyday.
        tracing::debug!(%error, "a connection ended early");
    }
}
