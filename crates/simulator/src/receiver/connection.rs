//! One connection to the receiver: one request, and what the script has for it.

use std::io;

use reqwest::header::CONTENT_LENGTH;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::request::{Received, head};
use super::{Behaviour, Desk};

/// More than any webhook has.
const MAX_REQUEST: usize = 1 << 20;

pub(super) async fn serve(mut stream: TcpStream, desk: &Desk) -> io::Result<()> {
    let behaviour = desk.next();
    if behaviour == Behaviour::HalfOpen {
        return std::future::pending().await;
    }
    let received = read(&mut stream).await?;
    desk.received.send_modify(|all| all.push(received));
    match behaviour {
        Behaviour::Answer { status, headers, body } => {
            let mut text = format!("HTTP/1.1 {status} As told\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str("\r\n");
            text.push_str(&body);
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Behaviour::Silence | Behaviour::HalfOpen => std::future::pending().await,
        Behaviour::ResetInAnswer => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of").await?;
            stream.flush().await?;
            stream.set_zero_linger()
        }
        Behaviour::Close => Ok(()),
        Behaviour::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await?;
            let block = [b'x'; 64 * 1024];
            loop {
                stream.write_all(&block).await?;
            }
        }
        Behaviour::Nonsense => {
            stream.write_all(b"220 mail.example ESMTP\r\n").await?;
            stream.shutdown().await
        }
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Received> {
    let mut bytes = Vec::new();
    loop {
        if let Some((path, headers, begin)) = head(&bytes) {
            let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            let end = begin + length.unwrap_or(0usize);
            if bytes.len() >= end {
                return Ok(Received { path, headers, body: bytes[begin..end].to_vec() });
            }
        }
        if bytes.len() > MAX_REQUEST || stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
