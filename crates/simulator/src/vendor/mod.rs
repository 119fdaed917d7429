//! What the stand-ins for vendors with an HTTP API share: the server, the faults, the keys, and the record of what
//! was asked.
//!
//! A vendor is a [`Vendor`]: it judges a request, as strictly as the real one, and answers. [`stand_in::StandIn`]
//! serves it on 127.0.0.1. It speaks HTTP/1.1 by itself, because what it must do wrong no server library does. A
//! WebSocket is an answer like any other ([`answer::Reply::Socket`]).

pub mod answer;
pub mod auth;
mod connection;
pub mod fault;
pub mod request;
pub mod seen;
pub mod stand_in;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

use answer::Reply;
use fault::{Failure, Fault};
use request::Request;

/// A vendor, played.
#[async_trait]
pub trait Vendor: Send + Sync + 'static {
    /// Judges a request and answers it.
    fn answer(&self, request: &Request) -> Reply;

    /// A failure that was ordered, in the vendor's own words.
    fn failure(&self, failure: Failure) -> Reply;

    /// A socket that [`Vendor::answer`] let in by [`Reply::Socket`]. `fault` is what is to go wrong in it; failures
    /// of the handshake have happened already. Ends when the stand-in ends.
    async fn socket(&self, request: Request, socket: WebSocketStream<TcpStream>, fault: Option<Fault>) {
        drop((request, socket, fault));
    }
}
