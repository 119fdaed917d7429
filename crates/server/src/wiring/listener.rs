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

/// Request line and headers together, give or take what is read at once. Longer ones are answered with 431.
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Served {
        address: SocketAddr,
        stop: CancellationToken,
        tasks: TaskTracker,
    }

    async fn served(header_timeout: Duration) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let limits = ConnectionLimits { connections: 10, header_timeout };
        tasks.spawn(serve(listener, router, limits, stop.clone(), tasks.clone()));
        Served { address, stop, tasks }
    }

    /// Sends and reads what comes until the connection is closed.
    async fn exchange(served: &Served, text: &str) -> String {
        let mut stream = TcpStream::connect(served.address).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("it is taken");
        let mut answer = Vec::new();
        // A connection that is reset while we send is closed as well.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn headers_that_do_not_come_to_an_end_are_not_waited_for() {
        let served = served(Duration::from_millis(200)).await;
        let slow = exchange(&served, "GET / HTTP/1.1\r\nHost: studio.example\r\nX-Slow:");
        let quick = exchange(&served, "GET / HTTP/1.1\r\nHost: studio.example\r\nConnection: close\r\n\r\n");
        let (slow, quick) = tokio::join!(slow, quick);
        assert!(!slow.contains("200 OK"), "{slow}");
        assert!(quick.starts_with("HTTP/1.1 200 OK") && quick.contains("127.0.0.1:"), "{quick}");
    }

    #[tokio::test]
    async fn headers_have_a_size() {
        let served = served(Duration::from_secs(30)).await;
        let long =
            format!("GET / HTTP/1.1\r\nHost: studio.example\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000));
        let answer = exchange(&served, &long).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn stopping_waits_for_nobody_who_is_idle() {
        let served = served(Duration::from_secs(30)).await;
        let mut idle = TcpStream::connect(served.address).await.expect("a connection");
        idle.write_all(b"GET / HTTP/1.1\r\nHost: studio.example\r\n\r\n").await.expect("it is taken");
        let mut begin = [0; 12];
        idle.read_exact(&mut begin).await.expect("an answer");
        served.stop.cancel();
        served.tasks.close();
        tokio::time::timeout(Duration::from_secs(10), served.tasks.wait())
            .await
            .expect("all connections end");
    }
}
