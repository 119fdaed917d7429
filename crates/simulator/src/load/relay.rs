//! The bare relay: what a bridge is compared with.
//!
//! It takes the same media socket, connects to the same peer, and hands the base64 text of each frame on in both
//! directions without decoding it. Nothing else: no marks, no ticket, no watchdog, no history, no recording, no
//! interruption. The same WebSocket crate and the same buffers as the server.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::socket::config;
use crate::line::socket::connect_with;

/// What tells the peer to answer by itself: nobody here asks it to.
const SESSION_UPDATE: &str = r#"{"type":"session.update","session":{"type":"realtime","output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcmu"},"turn_detection":{"type":"server_vad","create_response":true,"interrupt_response":true}},"output":{"format":{"type":"audio/pcmu"},"voice":"marin"}}}}"#;
const GREET: &str = r#"{"type":"response.create"}"#;
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Serves until `stop`, then drops every stream.
pub async fn serve(listener: TcpListener, peer: Url, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let phone = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((phone, _)) => phone,
                Err(error) => {
                    tracing::warn!(%error, "the relay could not take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let (peer, stop) = (peer.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                ended = forward(phone, &peer) => {
                    if let Err(reason) = ended {
                        tracing::debug!(reason, "a relayed stream broke");
                    }
                }
                () = stop.cancelled() => {}
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

#[derive(Deserialize)]
struct FromPhone<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    media: Option<Media<'a>>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct FromPeer<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<Cow<'a, str>>,
}

async fn forward(phone: TcpStream, peer: &Url) -> Result<(), String> {
    // A failure only makes it slower.
    let _ = phone.set_nodelay(true);
    let handshake = tokio_tungstenite::accept_async_with_config(phone, Some(config()));
    let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, handshake);
    let mut phone = handshake.await.map_err(|_| "no handshake")?.map_err(|error| error.to_string())?;
    let mut peer = connect_with(peer, None, config()).await.map_err(|error| error.to_string())?;
    for text in [SESSION_UPDATE, GREET] {
        peer.send(Message::text(text)).await.map_err(|error| error.to_string())?;
    }
    let mut stream_sid = String::new();
    loop {
        let sent = tokio::select! {
            message = phone.next() => match message {
                Some(Ok(Message::Text(text))) => match up(&text, &mut stream_sid)? {
                    Up::Audio(text) => peer.send(Message::Text(text)).await,
                    Up::Nothing => Ok(()),
                    Up::Stop => {
                        // The phone waits for the end of the stream.
                        return phone.close(None).await.map_err(|error| error.to_string());
                    }
                },
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error),
            },
            message = peer.next() => match message {
                Some(Ok(Message::Text(text))) => match down(&text, &stream_sid)? {
                    Some(text) => phone.send(Message::Text(text)).await,
                    None => Ok(()),
                },
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error),
            },
        };
        sent.map_err(|error| error.to_string())?;
    }
}

enum Up {
    Audio(Utf8Bytes),
    Nothing,
    Stop,
}

fn up(text: &str, stream_sid: &mut String) -> Result<Up, String> {
    let message: FromPhone<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match (message.event.as_ref(), message.media) {
        ("media", Some(media)) => {
            let mut out = String::with_capacity(media.payload.len() + 64);
            out.push_str(r#"{"type":"input_audio_buffer.append","audio":""#);
            out.push_str(&media.payload);
            out.push_str(r#""}"#);
            Ok(Up::Audio(out.into()))
        }
        ("start", _) => {
            if let Some(sid) = message.stream_sid {
                *stream_sid = sid.into_owned();
            }
            Ok(Up::Nothing)
        }
        ("stop", _) => Ok(Up::Stop),
        _ => Ok(Up::Nothing),
    }
}

fn down(text: &str, stream_sid: &str) -> Result<Option<Utf8Bytes>, String> {
    let event: FromPeer<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Some(delta) = event.delta.filter(|_| event.kind == "response.output_audio.delta") else {
        return Ok(None);
    };
    let mut out = String::with_capacity(delta.len() + stream_sid.len() + 64);
    out.push_str(r#"{"event":"media","streamSid":""#);
    out.push_str(stream_sid);
    out.push_str(r#"","media":{"payload":""#);
    out.push_str(&delta);
    out.push_str(r#""}}"#);
    Ok(Some(out.into()))
}
