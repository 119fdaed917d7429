//! A form with a file, as `multipart/form-data` (RFC 7578).

/// Never in audio by chance: 2^-300.
const BOUNDARY: &str = "----studioconnect-7MA4YWxkTrZu0gW8sJ2pQe5vNf1cHd9b";

/// A form being written.
pub(super) struct Form {
    body: Vec<u8>,
}

impl Form {
    pub(super) fn new() -> Self {
        Self { body: Vec::new() }
    }

    /// A field. Names are ours; values may be anything, for only the boundary ends them.
    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(value.as_bytes());
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// A file.
    pub(super) fn file(mut self, name: &str, file_name: &str, kind: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The content type and the body.
    pub(super) fn done(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_the_standard_says() {
        let (kind, body) = Form::new().text("model", "m").file("file", "u.wav", "audio/wav", b"RIFF").done();
        assert_eq!(kind, format!("multipart/form-data; boundary={BOUNDARY}"));
        let expect = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"u.wav\"\r\n\
             Content-Type: audio/wav\r\n\r\nRIFF\r\n--{BOUNDARY}--\r\n"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expect);
    }
}
