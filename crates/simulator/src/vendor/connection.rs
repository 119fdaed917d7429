//! One connection: its requests one after the other, each with the fault that is its turn.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Vendor;
use super::answer::{Answer, Reply};
use super::fault::Fault;
use super::request::{self, Request};
use super::seen::{End, Entry};
use super::stand_in::Shared;

/// What comes instead of an answer.
const GARBAGE: &[u8] = b"\x1f\x8b\x00\xff<html>\r\n\r\ndata: {\"half\": [\n\nnot of this protocol\n\n";
/// More than this is never pipelined by an honest client.
const MOST_PIPELINED: usize = 1 << 20;

pub(super) async fn serve<V: Vendor>(mut stream: TcpStream, shared: &Shared<V>) -> io::Result<()> {
    // Pieces are small and each counts.
    let _slower = stream.set_nodelay(true);
    let mut carry = BytesMut::new();
    while let Some(request) = request::read(&mut stream, &mut carry).await {
        let fault = shared.plan.next();
        let entry = shared.book.open(request.clone(), fault.as_ref().map(Fault::name));
        if fault == Some(Fault::Refuse) {
            entry.write(|seen| seen.end = Some(End::Fault));
            // Reset, not closed: nothing of the answer is on its way.
            return stream.set_zero_linger();
        }
        if fault == Some(Fault::Lose) {
            leaves(&mut stream.split().0, &mut carry).await;
            entry.write(|seen| seen.end = Some(End::ClientLeft));
            return Ok(());
        }
        let reply = match fault {
            Some(Fault::Fail(failure)) => shared.vendor.failure(failure),
            _ => shared.vendor.answer(&request),
        };
        let mut wait = Duration::ZERO;
        if let Some(Fault::SlowFirstByte(delay)) = fault {
            wait = delay;
        } else if !matches!(&reply, Reply::Http(answer) if answer.status >= 400) {
            wait = shared.thinking;
        }
        let answer = match reply {
            Reply::Http(answer) => answer,
            Reply::Socket(headers) => {
                tokio::time::sleep(wait).await;
                entry.write(|seen| seen.status = 101);
                stream.write_all(&handshake(&request, &headers)).await?;
                let socket =
                    WebSocketStream::from_partially_read(stream, carry.to_vec(), Role::Server, None).await;
                shared.vendor.socket(request, socket, fault).await;
                entry.write(|seen| seen.end = Some(End::Whole));
                return Ok(());
            }
        };
        let (mut read, mut write) = stream.split();
        let end = tokio::select! {
            biased;
            written = respond(&mut write, &answer, wait, fault, &entry) => written.unwrap_or(End::ClientLeft),
            () = leaves(&mut read, &mut carry) => End::ClientLeft,
        };
        entry.write(|seen| seen.end = Some(end));
        if end != End::Whole || request.closes() {
            break;
        }
    }
    Ok(())
}

fn handshake(request: &Request, headers: &[(String, String)]) -> Vec<u8> {
    let key = derive_accept_key(request.header("sec-websocket-key").unwrap_or_default().as_bytes());
    let further: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n{further}\r\n"
    )
    .into_bytes()
}

/// Sends an answer, as the fault would have it.
async fn respond(
    to: &mut WriteHalf<'_>,
    answer: &Answer,
    wait: Duration,
    fault: Option<Fault>,
    entry: &Entry<'_>,
) -> io::Result<End> {
    tokio::time::sleep(wait).await;
    let length: usize = answer.pieces.iter().map(|piece| piece.bytes.len()).sum();
    let framing = if answer.length_told && fault != Some(Fault::Garbage) {
        format!("content-length: {length}")
    } else {
        "transfer-encoding: chunked".to_owned()
    };
    let further: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (status, kind) = (answer.status, &answer.content_type);
    let head = format!("HTTP/1.1 {status} As told\r\ncontent-type: {kind}\r\n{framing}\r\n{further}\r\n");
    entry.write(|seen| seen.status = status);
    to.write_all(head.as_bytes()).await?;
    if fault == Some(Fault::Garbage) {
        send(to, &Bytes::from_static(GARBAGE), true).await?;
        finish(to, true).await?;
        return Ok(End::Fault);
    }
    let chunked = !answer.length_told;
    if let Some(Fault::SlowFirstPiece(delay)) = fault {
        to.flush().await?;
        tokio::time::sleep(delay).await;
    }
    let only = answer.pieces.len() == 1;
    for (number, piece) in answer.pieces.iter().enumerate() {
        tokio::time::sleep(piece.after).await;
        match fault {
            Some(Fault::Stall(pieces)) if pieces == number => {
                to.flush().await?;
                return std::future::pending().await;
            }
            Some(Fault::Cut(pieces)) if pieces == number || only => {
                send(to, &piece.bytes.slice(..piece.bytes.len() / 2), chunked).await?;
                to.shutdown().await?;
                return Ok(End::Fault);
            }
            Some(Fault::EndEarly(pieces)) if pieces == number => {
                finish(to, chunked).await?;
                return Ok(End::Fault);
            }
            _ => send(to, &piece.bytes, chunked).await?,
        }
    }
    finish(to, chunked).await?;
    Ok(End::Whole)
}

async fn send(to: &mut WriteHalf<'_>, bytes: &Bytes, chunked: bool) -> io::Result<()> {
    if !chunked {
        return to.write_all(bytes).await;
    }
    if bytes.is_empty() {
        return Ok(());
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    to.write_all(&chunk).await
}

async fn finish(to: &mut WriteHalf<'_>, chunked: bool) -> io::Result<()> {
    if chunked {
        to.write_all(b"0\r\n\r\n").await?;
    }
    to.flush().await
}

/// Waits until the client closes the connection. What it sends meanwhile is its next request.
async fn leaves(from: &mut ReadHalf<'_>, carry: &mut BytesMut) {
    while carry.len() < MOST_PIPELINED {
        if let Ok(0) | Err(_) = from.read_buf(carry).await {
            return;
        }
    }
}
