//! A request, and how it is read from a connection.

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The largest head.
const MAX_HEAD: usize = 64 * 1024;
/// The largest body: a recording to be written down.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, decoded, in its order.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first parameter of the query of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it asks for a WebSocket.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    /// Whether the connection is to be closed after the answer.
    pub(super) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads the next request. What comes behind it stays in `carry`. `None`: the client left, or speaks no HTTP.
pub(super) async fn read<R: AsyncRead + Unpin>(from: &mut R, carry: &mut BytesMut) -> Option<Request> {
    let end = loop {
        if let Some(end) = find(carry, b"\r\n\r\n") {
            break end;
        }
        more(from, carry, MAX_HEAD).await?;
    };
    let head = carry.split_to(end + 4);
    let mut request = head_of(&String::from_utf8_lossy(&head[..end]))?;
    let chunked =
        request.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    request.body = if chunked {
        read_chunks(from, carry).await?
    } else {
        let length = request.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
        read_exactly(from, carry, length).await?
    };
    Some(request)
}

fn head_of(text: &str) -> Option<Request> {
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let url = reqwest::Url::parse("http://stand-in").ok()?.join(target).ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let query = url.query_pairs().into_owned().collect();
    Some(Request { method, path: url.path().to_owned(), query, headers, body: Bytes::new() })
}

async fn read_exactly<R: AsyncRead + Unpin>(
    from: &mut R,
    carry: &mut BytesMut,
    length: usize,
) -> Option<Bytes> {
    if length > MAX_BODY {
        return None;
    }
    while carry.len() < length {
        more(from, carry, usize::MAX).await?;
    }
    Some(carry.split_to(length).freeze())
}

async fn read_chunks<R: AsyncRead + Unpin>(from: &mut R, carry: &mut BytesMut) -> Option<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let end = loop {
            if let Some(end) = find(carry, b"\r\n") {
                break end;
            }
            more(from, carry, usize::MAX).await?;
        };
        let line = carry.split_to(end + 2);
        let text = String::from_utf8_lossy(&line[..end]);
        let size = usize::from_str_radix(text.split(';').next()?.trim(), 16).ok()?;
        let chunk = read_exactly(from, carry, size.checked_add(2)?).await?;
        if size == 0 {
            return Some(body.freeze());
        }
        if body.len() + size > MAX_BODY {
            return None;
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

async fn more<R: AsyncRead + Unpin>(from: &mut R, carry: &mut BytesMut, most: usize) -> Option<()> {
    if carry.len() > most {
        return None;
    }
    match from.read_buf(carry).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_follow_each_other_on_a_connection_whatever_their_bodies_are_framed_by() {
        let mut bytes: &[u8] = b"POST /v1/a?x=1&y=%20b HTTP/1.1\r\nContent-Length: 2\r\nX-Key: k\r\n\r\n{}\
            POST /v1/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2;x=y\r\n2]\r\n0\r\n\r\n\
            GET /c HTTP/1.1\r\nConnection: close\r\n\r\n";
        let mut carry = BytesMut::new();
        let a = read(&mut bytes, &mut carry).await.unwrap();
        assert_eq!((a.method.as_str(), a.path.as_str(), a.header("x-key")), ("POST", "/v1/a", Some("k")));
        assert_eq!((a.parameter("x"), a.parameter("y"), &a.body[..]), (Some("1"), Some(" b"), &b"{}"[..]));
        assert_eq!(read(&mut bytes, &mut carry).await.unwrap().json(), serde_json::json!([1, 2]));
        assert!(read(&mut bytes, &mut carry).await.unwrap().closes());
        assert_eq!(read(&mut bytes, &mut carry).await, None);
    }
}
