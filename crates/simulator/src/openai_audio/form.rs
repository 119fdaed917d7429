//! Reads `multipart/form-data`.

use crate::vendor::request::Request;

/// A field or a file.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Field {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The fields; `None` when it is no such form, or not a whole one.
pub(super) fn read(request: &Request) -> Option<Vec<Field>> {
    let boundary = request.header("content-type")?.strip_prefix("multipart/form-data; boundary=")?;
    let (boundary, body) = (format!("--{}", boundary.trim_matches('"')), &request.body[..]);
    let (mut fields, mut rest) = (Vec::new(), body.strip_prefix(boundary.as_bytes())?);
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let head_end = find(part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[..head_end]).into_owned();
        let content = &part[head_end + 4..];
        let end = find(content, format!("\r\n{boundary}").as_bytes())?;
        let name = head.split("name=\"").nth(1)?.split('"').next()?.to_owned();
        fields.push(Field { name, bytes: content[..end].to_vec() });
        rest = &content[end + 2 + boundary.len()..];
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
