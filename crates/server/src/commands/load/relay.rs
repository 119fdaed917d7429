//! `studioconnect load relay`: the bare relay, in a process of its own.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use simulator::load::relay;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::serve::told_to_stop;

/// Relays until it is told to stop.
///
/// # Errors
/// When the port is taken or the peer's address is none.
pub(super) async fn run(port: u16, peer: &str) -> anyhow::Result<Exit> {
    let peer = peer.parse().with_context(|| format!("{peer} is not an address"))?;
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("the relay could not listen")?;
    super::say(&format!("relaying at ws://{}/", listener.local_addr()?));
    let stop = CancellationToken::new();
    let stopping = async {
        let told = told_to_stop().await;
        stop.cancel();
        told
    };
    let ((), told) = tokio::join!(relay::serve(listener, peer, stop.clone()), stopping);
    told.map(|()| Exit::Done)
}
