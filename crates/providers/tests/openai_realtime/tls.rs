//! Sessions over TLS: whom the client believes.
//!
//! The authorities are the machine's, and `SSL_CERT_FILE` names others, which is how an operator makes a proxy's own
//! authority known. A process reads it once, so the client of these tests is a process of its own.
//!
//! `certificates/` has an authority that nobody else trusts, made for these tests, and certificates of one endpoint:
//! signed by it for 127.0.0.1, signed by it for another name, and signed by nobody.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use provider_traits::realtime::{RealtimeOutput, RealtimeProvider as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::TaskTracker;

use crate::endpoint::{AT_MOST, all_over, client, config, next, settings};

/// Says to the process of the client that it is one.
const IS_CLIENT: &str = "STUDIOCONNECT_TEST_TLS_CLIENT";

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openai_realtime/certificates").join(name)
}

/// Takes one session over TLS, when its certificate is believed.
async fn endpoint(tasks: &TaskTracker, name: &str) -> String {
    let chain = vec![CertificateDer::from_pem_file(certificate(name)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate("endpoint.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/v1/realtime", listener.local_addr().unwrap());
    tasks.spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        // A client that does not believe us leaves here.
        let Ok(secured) = TlsAcceptor::from(Arc::new(tls)).accept(tcp).await else { return };
        let mut socket = tokio_tungstenite::accept_async(secured).await.unwrap();
        for kind in ["session.created", "session.updated"] {
            let event = json!({ "type": kind, "event_id": "e", "session": { "type": "realtime" } });
            socket.send(Message::text(event.to_string())).await.unwrap();
        }
        while let Some(Ok(_)) = socket.next().await {}
    });
    url
}

/// What the client says to an endpoint with this certificate.
async fn opened(name: &str) -> Result<Option<RealtimeOutput>, String> {
    let tasks = TaskTracker::new();
    let url = endpoint(&tasks, name).await;
    let client = client(settings(&url), &tasks);
    let link = tokio::time::timeout(AT_MOST, client.open(&config())).await.expect("nothing hangs");
    let said = match link {
        Ok(mut link) => Ok(next(&mut link).await),
        Err(error) => Err(error.to_string()),
    };
    all_over(&tasks).await;
    said
}

/// The process of the client; without its mark it has nothing to do.
#[tokio::test]
async fn client_of_a_machine_that_trusts_the_authority() {
    #[expect(clippy::disallowed_methods, reason = "the test runs itself again in a process of its own")]
    let is_client = std::env::var_os(IS_CLIENT).is_some();
    if !is_client {
        return;
    }
    let ready = opened("trusted.pem").await.expect("a session");
    assert!(matches!(ready, Some(RealtimeOutput::Ready { .. })), "{ready:?}");
    for stranger in ["other_name.pem", "stranger.pem"] {
        let said = opened(stranger).await.expect_err("nobody vouches for it");
        assert!(said.contains("no secure connection"), "{stranger}: {said}");
    }
    println!("all endpoints were tried");
}

fn run_client(authorities: &Path) -> (bool, String) {
    let test = "tls::client_of_a_machine_that_trusts_the_authority";
    let done = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(IS_CLIENT, "1")
        .env("SSL_CERT_FILE", authorities)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.success(), said)
}

#[test]
fn an_endpoint_is_believed_by_the_authorities_that_the_operator_names() {
    let (succeeded, said) = run_client(&certificate("authority.pem"));
    assert!(succeeded && said.contains("all endpoints were tried"), "{said}");
}

#[test]
fn without_its_authority_an_endpoint_is_not_believed() {
    let (succeeded, said) = run_client(&certificate("stranger.pem"));
    assert!(!succeeded && said.contains("no secure connection"), "{said}");
}
