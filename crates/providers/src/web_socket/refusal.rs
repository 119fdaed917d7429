//! The answer to a handshake, whole. The WebSocket library looks at a refusal as soon as its head is there and forgets
//! what comes later; but the body says whether the account is empty or only the hour is busy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is waited for, and that the library takes at once: a refusal is some hundred bytes.
const MOST: usize = 4_096;

/// A byte stream that passes its first answer on in one piece when that is a refusal.
pub(crate) struct Whole<S> {
    inner: S,
    /// What was read and not passed on; `None` when everything is passed through.
    held: Option<Vec<u8>>,
}

impl<S> Whole<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, held: Some(Vec::new()) }
    }
}

/// Whether there is nothing to wait for.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return answer.len() >= MOST;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let body = &answer[end + 4..];
    let header = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name)).map(str::trim);
    if head.split(' ').nth(1) == Some("101") || answer.len() >= MOST {
        return true;
    }
    match header("content-length:").map(str::parse::<usize>) {
        Some(Ok(length)) => body.len() >= length,
        _ if header("transfer-encoding:").is_some() => body.ends_with(b"0\r\n\r\n"),
        _ => true,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Whole<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(held) = &mut this.held else {
            return Pin::new(&mut this.inner).poll_read(context, into);
        };
        while !is_whole(held) {
            let mut space = [0_u8; 1_024];
            let mut piece = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.inner).poll_read(context, &mut piece)) {
                // What is there is passed on; an error comes again.
                Err(error) if held.is_empty() => return Poll::Ready(Err(error)),
                Err(_) => break,
                Ok(()) if piece.filled().is_empty() => break,
                Ok(()) => held.extend_from_slice(piece.filled()),
            }
        }
        let taken = held.len().min(into.remaining());
        into.put_slice(&held[..taken]);
        held.drain(..taken);
        if held.is_empty() {
            this.held = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Whole<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_waited_for_and_nothing_else() {
        for (answer, whole) in [
            ("HTTP/1.1 429 No\r\ncontent-le", false),
            ("HTTP/1.1 429 No\r\nContent-Length: 4\r\n\r\n", false),
            ("HTTP/1.1 429 No\r\nContent-Length: 4\r\n\r\n{}  ", true),
            ("HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", false),
            ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", true),
            ("HTTP/1.1 403 No\r\n\r\n", true),
            ("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n", true),
            ("nonsense\r\n\r\n", true),
        ] {
            assert_eq!(is_whole(answer.as_bytes()), whole, "{answer}");
        }
    }
}
