use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Everything that must not be reached, in every notation that somebody came up with.
const HOSTILE: &[&str] = &[
    // This machine.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.255.255.254/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://0177.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://0x0/",
    "https://00000000/",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",
    "https:127.0.0.1/",
    "https:////127.0.0.1/",
    "https:\\\\127.0.0.1\\",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://foo.localhost/",
    "https://foo.localhost./",
    "https://ⓛocalhost/",
    // Networks behind us.
    "https://10.0.0.1/",
    "https://10.1/",
    "https://167772161/",
    "https://0xa000001/",
    "https://012.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://192.168.257/",
    "https://3232235777/",
    "https://0xc0a80101/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:c0a8:101]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://printer/",
    "https://printer.local/",
    "https://db.internal/",
    "https://metadata.google.internal/",
    "https://router.lan/",
    "https://nas.home.arpa/",
    // The cloud's own.
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[::ffff:169.254.169.254]/",
    "https://168.63.129.16/",
    // Other addresses in disguise.
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::1]/",
    "https://[2001:0:7f00:1::1]/",
    // Nobody's.
    "https://192.0.2.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://198.18.0.1/",
    "https://192.0.0.1/",
    "https://192.88.99.1/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    // Credentials, other schemes, other ports, tricks.
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://:password@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://hooks.example.com#@127.0.0.1/",
    "https://hooks.example.com/#fragment",
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:25/",
    "https://hooks.example.com:80/",
    "https://hooks.example.com:6379/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:65536/",
    "https://",
    "https:///path",
    "//hooks.example.com/",
    "hooks.example.com",
    "",
    " https://hooks.example.com/",
    "https://hooks.example.com/a b",
    "https://hooks.example.com/\r\nHost: 127.0.0.1",
    "ht\ntps://127.0.0.1/",
    "https://hooks\t.example.com/",
    "https://hooks.example.com\0/",
    "https://1.2.3.4.5/",
    "https://256.256.256.256/",
    "https://[::1%25lo]/",
    "https://[127.0.0.1]/",
    "https://-/",
];

fn sender(policy: Policy) -> SafeHttp {
    SafeHttp::new(policy, Patience::default()).expect("trusted certificates")
}

/// Tests reach this machine by exactly this address.
fn laboratory() -> Policy {
    Policy { allow_insecure: true, allowed_networks: vec!["127.0.0.1/32".parse().expect("a network")] }
}

fn post(url: &str) -> OutgoingPost {
    OutgoingPost {
        url: url.to_owned(),
        headers: vec![("webhook-id", "evt_1".to_owned())],
        body: Bytes::from_static(b"{}"),
    }
}

/// Knows what the test says; the next question gets the next answer, the last one stays.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let address = |text: &&str| text.parse::<IpAddr>().expect("an address");
        let answers = names
            .iter()
            .map(|(name, answers)| {
                let answers = answers.iter().map(|answer| answer.iter().map(address).collect()).collect();
                ((*name).to_owned(), answers)
            })
            .collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().expect("no panic before");
        let known = answers.get_mut(name).ok_or_else(|| std::io::Error::other("no such name"))?;
        Ok(if known.len() > 1 { known.remove(0) } else { known[0].clone() })
    }
}

/// Answers every connection with the text; returns the port. Ends with the test's runtime.
async fn answering(text: &'static [u8], tls: Option<tokio_rustls::TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio_util::task::TaskTracker::new().spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            match &tls {
                None => answer(stream, text).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => answer(stream, text).await,
                    Err(_refused) => {}
                },
            }
        }
    });
    port
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &[u8]) {
    let mut request = vec![0; 4096];
    let _read = stream.read(&mut request).await;
    let _written = stream.write_all(text).await;
    let _closed = stream.shutdown().await;
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere";

#[test]
fn no_hostile_address_is_acceptable() {
    assert!(HOSTILE.len() >= 100);
    let sender = sender(Policy::default());
    let accepted: Vec<_> = HOSTILE.iter().filter(|url| sender.check(url).is_ok()).collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn an_address_in_public_is_acceptable_in_its_normal_form() {
    let sender = sender(Policy::default());
    for (url, normal) in [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("HTTPS://Hooks.Example.COM:443/a/../b?c=d", "https://hooks.example.com/b?c=d"),
        ("https://hooks.example.com.:8443/x", "https://hooks.example.com:8443/x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/hook", "https://8.8.8.8/hook"),
        ("https://134744072/hook", "https://8.8.8.8/hook"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
    ] {
        assert_eq!(sender.check(url), Ok(normal.to_owned()), "{url}");
    }
    assert!(sender.check(&format!("https://hooks.example.com/{}", "x".repeat(2_000))).is_err());
}

#[tokio::test]
async fn a_name_that_leads_to_a_place_that_is_not_public_is_refused_before_anything_is_sent() {
    let names: &[(&str, &[&[&str]])] = &[
        ("one.example.com", &[&["127.0.0.1"]]),
        ("two.example.com", &[&["::1"]]),
        ("three.example.com", &[&["8.8.8.8", "10.0.0.1"]]),
        ("four.example.com", &[&["::ffff:169.254.169.254"]]),
        ("five.example.com", &[&["64:ff9b::a00:1"]]),
        ("six.example.com", &[&["fd00::1", "2606:4700::1111"]]),
    ];
    let sender = sender(Policy::default()).with_resolver(Names::of(names));
    for (name, _) in names {
        let sent = sender.post(&post(&format!("https://{name}/"))).await;
        assert!(matches!(sent, Err(SendError::Refused(_))), "{name}: {sent:?}");
    }
    let unknown = sender.post(&post("https://seven.example.com/")).await;
    assert!(matches!(unknown, Err(SendError::Unresolved { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_name_is_resolved_once_and_checked_again_at_every_attempt() {
    let port = answering(OK, None).await;
    // Whoever asks a second time within one attempt would get there.
    let names = Names::of(&[("rebinding.example.com", &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]])]);
    let sender = sender(laboratory()).with_resolver(names.clone());
    let request = post(&format!("http://rebinding.example.com:{port}/"));
    assert_eq!(sender.post(&request).await.map(|answer| answer.status), Ok(200));
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    assert!(matches!(sender.post(&request).await, Err(SendError::Refused(_))));
    assert_eq!(names.asked.load(Ordering::Relaxed), 2);
    assert_eq!(sender.post(&request).await.map(|answer| answer.status), Ok(200));
}

#[tokio::test]
async fn a_public_name_at_an_odd_port_is_refused_even_where_own_networks_are_allowed() {
    let names = Names::of(&[("odd.example.com", &[&["8.8.8.8"]])]);
    let sent = sender(laboratory()).with_resolver(names).post(&post("http://odd.example.com:6379/")).await;
    assert!(matches!(sent, Err(SendError::Refused(_))), "{sent:?}");
}

fn tls() -> (tokio_rustls::TlsAcceptor, rustls::ClientConfig) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = include_bytes!("../../testdata/tls/receiver.der").to_vec().into();
    let key = include_bytes!("../../testdata/tls/receiver.key.der").as_slice();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key).expect("a key");
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate");
    let mut authorities = rustls::RootCertStore::empty();
    authorities.add(include_bytes!("../../testdata/tls/ca.der").to_vec().into()).expect("an authority");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(authorities)
        .with_no_client_auth();
    (tokio_rustls::TlsAcceptor::from(Arc::new(server)), client)
}

#[tokio::test]
async fn the_certificate_must_be_of_the_name_although_the_address_is_pinned() {
    let (acceptor, trusting) = tls();
    let port = answering(OK, Some(acceptor)).await;
    let names = Names::of(&[("receiver.example", &[&["127.0.0.1"]]), ("other.example", &[&["127.0.0.1"]])]);
    let stranger = sender(laboratory()).with_resolver(names);
    let mut known = stranger.clone();
    known.tls = trusting;
    let right = known.post(&post(&format!("https://receiver.example:{port}/"))).await;
    assert_eq!(right.map(|answer| answer.body), Ok(b"there".to_vec()));
    let other = known.post(&post(&format!("https://other.example:{port}/"))).await;
    assert!(
        matches!(&other, Err(SendError::Connect { reason }) if reason.contains("not valid for name")),
        "{other:?}"
    );
    let untrusted = stranger.post(&post(&format!("https://receiver.example:{port}/"))).await;
    assert!(matches!(untrusted, Err(SendError::Connect { .. })), "{untrusted:?}");
}

#[tokio::test]
async fn a_redirect_comes_back_as_it_is() {
    let text = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let port = answering(text, None).await;
    let answer = sender(laboratory()).post(&post(&format!("http://127.0.0.1:{port}/"))).await;
    let expect = ReceiverAnswer { status: 307, retry_after: Some("7".to_owned()), body: Vec::new() };
    assert_eq!(answer, Ok(expect));
}

#[tokio::test]
async fn a_refused_connection_is_told_without_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let sent = sender(laboratory()).post(&post(&format!("http://127.0.0.1:{port}/secret-path"))).await;
    let Err(SendError::Connect { reason }) = sent else { panic!("{sent:?}") };
    assert!(reason.contains("refused") && !reason.contains("secret-path"), "{reason}");
}
