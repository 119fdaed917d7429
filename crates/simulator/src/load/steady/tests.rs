//! The generator, the peer and the relay together, over real sockets on this machine.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::*;
use crate::load::peer::Manner;
use crate::load::relay;

fn plan(calls: u32, door: Door) -> Plan {
    Plan {
        calls,
        ramp: 1_000.0,
        warm_up: Duration::from_millis(200),
        measured: Duration::from_millis(2_500),
        cool_down: Duration::ZERO,
        talk: Talk { ms: 300, interrupts_after_ms: None },
        door,
        pid: None,
    }
}

#[tokio::test]
async fn a_relay_forwards_every_frame_of_every_call() {
    let board = Arc::new(Board::new(4));
    let manner = Manner { answer_ms: 300, delta_ms: 100, speed: 4 };
    let peer = Peer::start(0, Arc::clone(&board), manner).await.expect("a free port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = format!("ws://{}/", listener.local_addr().expect("it listens"));
    let stop = CancellationToken::new();
    let relaying = TaskTracker::new();
    relaying.spawn(relay::serve(listener, peer.url().parse().expect("an address"), stop.clone()));

    let door = Door::Socket(address.parse().expect("an address"));
    let report = run(&plan(4, door), &board, Some(&peer)).await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!((report.up, report.reached_peer), (4, 4));
    assert!(report.latency_up.count > 0 && report.latency_down.count > 0, "{}", report.table());
    assert!(report.answered.count > 0, "{}", report.table());
    assert_eq!((report.strange_up, report.strange_down, report.losses.out_of_order), (0, 0, 0));

    stop.cancel();
    relaying.close();
    relaying.wait().await;
    assert_eq!(peer.open(), 0);
    peer.stop().await;
}

#[tokio::test]
async fn calls_that_nobody_takes_are_counted_as_failed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let nobody = listener.local_addr().expect("it listens");
    drop(listener);
    let board = Arc::new(Board::new(3));
    let door = Door::Socket(format!("ws://{nobody}/").parse().expect("an address"));
    let plan = Plan { measured: Duration::ZERO, ..plan(3, door) };
    let report = run(&plan, &board, None).await;
    assert_eq!((report.tally.failed, report.up), (3, 0));
    assert!(!report.is_clean());
}
