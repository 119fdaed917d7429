//! Faults, carried out.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::fault::FaultKind;

/// What a flood comes to.
const FLOOD_BYTES: usize = 64 * 1024 * 1024;
/// Frames that are no events.
const GARBAGE_FRAMES: usize = 60;
/// How long the other side of a closing handshake is waited for.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// What a fault in the handshake leaves to do.
pub(super) enum AtTheDoor {
    /// Nothing: it is over.
    Over,
    /// The handshake goes on, refused with this status when there is one.
    Handshake(TcpStream, Option<u16>),
}

/// A fault before the handshake is answered.
pub(super) async fn at_the_door(mut stream: TcpStream, kind: &FaultKind) -> AtTheDoor {
    let raw = match kind {
        FaultKind::Refuse(status) => return AtTheDoor::Handshake(stream, Some(*status)),
        FaultKind::Error(_) => return AtTheDoor::Handshake(stream, Some(500)),
        FaultKind::Slow(delay) => {
            tokio::time::sleep(*delay).await;
            return AtTheDoor::Handshake(stream, None);
        }
        FaultKind::Reset => {
            reset(&stream);
            return AtTheDoor::Over;
        }
        FaultKind::Close(_) => return AtTheDoor::Over,
        FaultKind::Silent => String::new(),
        FaultKind::Garbage => "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(),
        FaultKind::HalfFrame => "HTTP/1.1 101 Switching Pro".to_owned(),
        FaultKind::Flood => format!("HTTP/1.1 101 Switching Protocols\r\nx: {}", "x".repeat(1_000_000)),
    };
    // Whether it takes what it is sent is the client's affair.
    let _taken = stream.write_all(raw.as_bytes()).await;
    swallow(&mut stream).await;
    AtTheDoor::Over
}

/// A fault on an open socket that ends the session. `Slow` and `Error` are the session's own affair.
pub(super) async fn on_the_line(socket: &mut WebSocketStream<TcpStream>, kind: &FaultKind) {
    match kind {
        FaultKind::Refuse(_) => close(socket, 1011, "").await,
        FaultKind::Close(code) => close(socket, *code, "").await,
        FaultKind::Reset => reset(socket.get_ref()),
        FaultKind::Silent | FaultKind::Slow(_) | FaultKind::Error(_) => ignore(socket).await,
        FaultKind::Garbage => {
            for number in 0..GARBAGE_FRAMES {
                let frame = match number % 4 {
                    0 => Message::text("{\"type\":\"response.output_audio.delta\",\"delta\":\"%%%\"}"),
                    1 => Message::text("<html><body>502 Bad Gateway</body></html>"),
                    2 => Message::text("{\"type\":"),
                    _ => Message::binary(vec![0xFF; 64]),
                };
                if socket.send(frame).await.is_err() {
                    return;
                }
            }
            ignore(socket).await;
        }
        FaultKind::HalfFrame => {
            // A text frame of 500 bytes, of which 20 come.
            let mut frame = vec![0x81, 126, 0x01, 0xF4];
            frame.extend_from_slice(b"{\"type\":\"response.out");
            if socket.get_mut().write_all(&frame).await.is_ok() {
                swallow(socket.get_mut()).await;
            }
        }
        FaultKind::Flood => {
            let padding = "x".repeat(16 * 1024);
            let frame =
                json!({ "type": "conversation.item.input_audio_transcription.segment", "text": padding });
            let frame = frame.to_string();
            for _ in 0..FLOOD_BYTES / frame.len() {
                if socket.send(Message::text(frame.clone())).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            ignore(socket).await;
        }
    }
}

/// Closes with a code, and waits for the other side's word.
pub(super) async fn close(socket: &mut WebSocketStream<TcpStream>, code: u16, reason: &str) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
    let farewell = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // Whether it answers or not, the session is over.
    let _late = tokio::time::timeout(CLOSE_PATIENCE, farewell).await;
}

fn reset(stream: &TcpStream) {
    // Where it can't be set the connection ends with a FIN, which is nearly as rude.
    let _unsupported = stream.set_zero_linger();
}

/// Takes everything and says nothing, but answers pings.
async fn ignore(socket: &mut WebSocketStream<TcpStream>) {
    while let Some(Ok(_)) = socket.next().await {}
}

async fn swallow(stream: &mut TcpStream) {
    let mut buffer = [0; 4_096];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}
