//! A mail server that nobody of ours wrote receives what we send: Python's aiosmtpd (`scripts/setup.sh` installs it), over
//! TLS by `STARTTLS`, after signing in.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use provider_traits::email::Email as _;
use provider_traits::error::ProviderError;
use providers::email::smtp::{Smtp, SmtpSecurity, SmtpSettings};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::message;

/// The system's own Python: that is where the package is.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/email/mail_server.py");

struct RealServer {
    folder: tempfile::TempDir,
    port: u16,
    _child: Child,
}

async fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .await
        .expect("openssl runs: scripts/setup.sh installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

async fn real_server() -> RealServer {
    let folder = tempfile::tempdir().expect("a folder");
    make_certificate(folder.path()).await;
    let mut child = Command::new(PYTHON)
        .arg(SCRIPT)
        .args([".", "certificate.pem", "key.pem"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let said =
        tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.expect("it starts in time");
    let said = said.expect("a line").unwrap_or_else(|| {
        panic!("the mail server did not start: install python3-aiosmtpd (scripts/setup.sh does)")
    });
    RealServer { folder, port: said.trim().parse().expect("a port"), _child: child }
}

impl RealServer {
    fn client(&self, password: &str, trusted: bool) -> Smtp {
        let certificate = std::fs::read(self.folder.path().join("certificate.pem")).expect("a certificate");
        let settings = SmtpSettings {
            host: "localhost".to_owned(),
            port: Some(self.port),
            security: SmtpSecurity::StartTls,
            user: Some("studio".to_owned()),
            password: Some(password.to_owned().into()),
            authority: trusted.then_some(certificate),
            sender: "Studio <studio@here.example>".to_owned(),
        };
        Smtp::new(&settings).expect("a client")
    }

    fn received(&self, number: usize) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(format!("{number}.eml"))).ok()
    }
}

#[tokio::test]
async fn a_real_mail_server_takes_our_letters_over_tls() {
    let server = real_server().await;
    let client = server.client("correct horse", true);
    for number in 1..=2 {
        client.send(&message(&format!("ntf_{number}"))).await.expect("sent");
    }
    let text = server.received(2).expect("the second message");
    for expect in [
        "X-Mail-From: hello@aurora.example\r\n",
        "X-Rcpt-To: dana@agency.example\r\n",
        "X-Tls: True\r\n",
        "Message-ID: <ntf_2@aurora.example>\r\n",
        "Content-Type: multipart/alternative;",
        "\r\n.a line that begins with a dot\r\n..two\r\n.\r\n",
    ] {
        assert!(text.contains(expect), "{expect:?} is not in {text}");
    }
    // The standard library of another language reads it as it was meant.
    let read = Command::new(PYTHON)
        .args(["-c", "import sys,email,email.policy as p\nm=email.message_from_binary_file(open(sys.argv[1],'rb'),policy=p.default)\nprint(m['subject']);print(m['from']);print([x.get_content_type() for x in m.iter_parts()]);print(m.get_body(('html',)).get_content())"])
        .arg(server.folder.path().join("2.eml"))
        .output()
        .await
        .expect("Python runs");
    let said = String::from_utf8_lossy(&read.stdout);
    for expect in [
        "Anruf von Jürgen: „Website“ 🚀",
        "\"Aurora, Branding\" <hello@aurora.example>",
        "['text/plain', 'text/html']",
        "<p>Grüße &amp; Küsse</p>",
    ] {
        assert!(said.contains(expect), "{expect} is not in {said}{}", String::from_utf8_lossy(&read.stderr));
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_and_a_wrong_password_get_no_letter() {
    let server = real_server().await;
    let untrusted = server.client("correct horse", false).send(&message("ntf_1")).await;
    assert!(matches!(untrusted, Err(ProviderError::Unavailable { .. })), "{untrusted:?}");
    let wrong = server.client("guess", true).send(&message("ntf_1")).await;
    assert!(matches!(wrong, Err(ProviderError::Refused { .. })), "{wrong:?}");
    assert_eq!(server.received(1), None);
}
