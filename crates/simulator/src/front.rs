//! A load balancer before the nodes of an installation, as small as one can be: each connection goes to the node that is
//! well and has the fewest, and is then nobody's business but the two ends'.
//!
//! It does what the guide for several nodes asks of a balancer, and no more: it asks `/health/ready` every second, tries
//! the next node when one refuses the connection, and keeps no session with a node.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// How often each node is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A node that has not answered by then is not ready.
const ANSWERS_WITHIN: Duration = Duration::from_millis(900);
/// A node that does not take a connection within this time does not get it.
const CONNECTS_WITHIN: Duration = Duration::from_secs(1);

/// Bytes of a request that are kept until its node has answered: the carrier's are a few kilobytes.
const MOST_OF_A_REQUEST: usize = 64 * 1024;

/// A load balancer on this machine; gone when dropped.
#[derive(Debug)]
pub struct Front {
    port: u16,
    nodes: Arc<[Node]>,
    tasks: TaskTracker,
    _gone: DropGuard,
}

#[derive(Debug)]
struct Node {
    address: SocketAddr,
    is_well: AtomicBool,
    carried: AtomicUsize,
}

impl Front {
    /// Listens on a free port and passes connections on to the nodes, none of which has to be there yet.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(nodes: &[SocketAddr]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let nodes: Arc<[Node]> = nodes
            .iter()
            .map(|&address| Node { address, is_well: AtomicBool::new(false), carried: AtomicUsize::new(0) })
            .collect();
        let (tasks, gone) = (TaskTracker::new(), CancellationToken::new());
        for at in 0..nodes.len() {
            let (nodes, gone) = (Arc::clone(&nodes), gone.clone());
            tasks.spawn(async move { gone.run_until_cancelled(watch(&nodes[at])).await });
        }
        let taking = take(listener, Arc::clone(&nodes), tasks.clone(), gone.clone());
        let until = gone.clone();
        tasks.spawn(async move { until.run_until_cancelled(taking).await });
        Ok(Self { port, nodes, tasks, _gone: gone.drop_guard() })
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a node was ready when it was last asked.
    #[must_use]
    pub fn is_well(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.is_well.load(Ordering::Relaxed))
    }

    /// Connections that a node has now.
    #[must_use]
    pub fn carried(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.carried.load(Ordering::Relaxed))
    }

    /// Its tasks: one for itself, one for each node and each connection.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }
}

async fn watch(node: &Node) {
    let mut every = tokio::time::interval(ASK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let ready = tokio::time::timeout(ANSWERS_WITHIN, is_ready(node.address)).await;
        node.is_well.store(matches!(ready, Ok(Ok(true))), Ordering::Relaxed);
    }
}

/// Whether `/health/ready` is answered with a status of success.
async fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut node = TcpStream::connect(address).await?;
    node.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    // `HTTP/1.1 204`
    let mut status = [0; 12];
    node.read_exact(&mut status).await?;
    Ok(status.starts_with(b"HTTP/1.1 2"))
}

async fn take(listener: TcpListener, nodes: Arc<[Node]>, tasks: TaskTracker, gone: CancellationToken) {
    let mut turn: usize = 0;
    loop {
        // Out of descriptors, say: the next one may work.
        let Ok((near, _)) = listener.accept().await else { continue };
        turn = turn.wrapping_add(1);
        let (nodes, gone) = (Arc::clone(&nodes), gone.clone());
        tasks.spawn(async move { gone.run_until_cancelled(carry(near, &nodes, turn)).await });
    }
}

/// Hands a connection to the first node that takes it, those that are well first. One that is gone before it said
/// anything did not take it: what was sent to it is sent to the next, as balancers of HTTP do.
async fn carry(mut near: TcpStream, nodes: &[Node], turn: usize) {
    let mut in_turn: Vec<&Node> = (0..nodes.len()).map(|step| &nodes[(turn + step) % nodes.len()]).collect();
    // Sorting keeps the turn among equals.
    in_turn.sort_by_key(|node| (!node.is_well.load(Ordering::Relaxed), node.carried.load(Ordering::Relaxed)));
    let mut request = Vec::new();
    for node in in_turn {
        let connected = tokio::time::timeout(CONNECTS_WITHIN, TcpStream::connect(node.address)).await;
        let Ok(Ok(mut far)) = connected else {
            node.is_well.store(false, Ordering::Relaxed);
            continue;
        };
        // An error only makes it slower.
        let _slower = (near.set_nodelay(true), far.set_nodelay(true));
        node.carried.fetch_add(1, Ordering::Relaxed);
        let begun = begin(&mut near, &mut far, &mut request).await;
        if begun == Begun::Answered {
            // Whichever end is gone, the other is told by the end of its connection.
            let _gone = copy_bidirectional(&mut near, &mut far).await;
        }
        node.carried.fetch_sub(1, Ordering::Relaxed);
        if begun != Begun::NodeGone {
            return;
        }
        node.is_well.store(false, Ordering::Relaxed);
    }
}

/// What came of handing a connection to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// The node has answered something.
    Answered,
    /// It was gone before.
    NodeGone,
    /// Whoever asked was gone before, or asked too much to be repeated.
    Over,
}

/// Passes a request on, and the first bytes of its answer back. `request` is what was sent so far, for the next node.
async fn begin(near: &mut TcpStream, far: &mut TcpStream, request: &mut Vec<u8>) -> Begun {
    if far.write_all(request).await.is_err() {
        return Begun::NodeGone;
    }
    let (mut asked, mut answered) = (vec![0; 8 * 1024], vec![0; 8 * 1024]);
    loop {
        tokio::select! {
            read = near.read(&mut asked) => match read {
                Ok(count @ 1..) if request.len() + count <= MOST_OF_A_REQUEST => {
                    request.extend_from_slice(&asked[..count]);
                    if far.write_all(&asked[..count]).await.is_err() {
                        return Begun::NodeGone;
                    }
                }
                _ => return Begun::Over,
            },
            read = far.read(&mut answered) => match read {
                Ok(count @ 1..) => {
                    let passed = near.write_all(&answered[..count]).await;
                    return if passed.is_ok() { Begun::Answered } else { Begun::Over };
                }
                _ => return Begun::NodeGone,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that says its name; `ready` is what it answers to the question whether it is.
    async fn node(name: &'static str, ready: bool) -> (SocketAddr, TaskTracker, DropGuard) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tasks, gone) = (TaskTracker::new(), CancellationToken::new());
        let until = gone.clone();
        tasks.spawn(async move {
            let serving = async {
                while let Ok((mut socket, _)) = listener.accept().await {
                    let mut asked = [0; 3];
                    if socket.read_exact(&mut asked).await.is_err() {
                        continue;
                    }
                    let answer = match (&asked, ready) {
                        (b"GET", true) => "HTTP/1.1 204 No Content\r\n\r\n",
                        (b"GET", false) => "HTTP/1.1 503 Service Unavailable\r\n\r\n",
                        _ => name,
                    };
                    let _told = socket.write_all(answer.as_bytes()).await;
                }
            };
            until.run_until_cancelled(serving).await;
        });
        (address, tasks, gone.drop_guard())
    }

    async fn ask(front: &Front) -> String {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, front.port())).await.unwrap();
        socket.write_all(b"who").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn until(what: impl Fn() -> bool) {
        let waiting = async {
            while !what() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it comes about");
    }

    #[tokio::test]
    async fn connections_go_to_the_nodes_in_turn() {
        let (one, two) = (node("one", true).await, node("two", true).await);
        let front = Front::start(&[one.0, two.0]).await.unwrap();
        until(|| front.is_well(0) && front.is_well(1)).await;
        let mut answers = [ask(&front).await, ask(&front).await];
        answers.sort();
        assert_eq!(answers, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_node_that_is_not_ready_or_not_there_gets_no_connection() {
        let (stops, dead, well) =
            (node("stops", false).await, node("dead", true).await, node("well", true).await);
        let front = Front::start(&[stops.0, dead.0, well.0]).await.unwrap();
        until(|| front.is_well(1) && front.is_well(2)).await;
        drop(dead.2);
        dead.1.close();
        dead.1.wait().await;
        for _ in 0..6 {
            assert_eq!(ask(&front).await, "well");
        }
    }

    #[tokio::test]
    async fn what_a_dying_node_took_and_never_answered_goes_to_the_next() {
        // A process that is killed loses its connections before the address on which it listens.
        let dying = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let well = node("well", true).await;
        let front = Front::start(&[dying.local_addr().unwrap(), well.0]).await.unwrap();
        until(|| front.is_well(1)).await;
        let tasks = TaskTracker::new();
        tasks.spawn(async move {
            while let Ok((taken, _)) = dying.accept().await {
                drop(taken);
            }
        });
        for _ in 0..4 {
            assert_eq!(ask(&front).await, "well");
        }
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_connection_that_is_over() {
        let one = node("one", true).await;
        let front = Front::start(&[one.0]).await.unwrap();
        let idle = front.tasks();
        assert_eq!(ask(&front).await, "one");
        until(|| front.carried(0) == 0 && front.tasks() == idle).await;
    }
}
