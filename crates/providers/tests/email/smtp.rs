use provider_traits::email::{Email as _, EmailMessage};
use provider_traits::error::ProviderError;
use providers::email::smtp::{Smtp, SmtpSecurity, SmtpSettings};
use simulator::smtp::{MailServer, SmtpFault};

use super::message;

const ACCOUNT: (&str, &str) = ("studio", "correct horse \u{e9}");

fn client(server: &MailServer, password: Option<&str>) -> Smtp {
    let settings = SmtpSettings {
        host: server.address.ip().to_string(),
        port: Some(server.address.port()),
        security: SmtpSecurity::None,
        user: password.map(|_| ACCOUNT.0.to_owned()),
        password: password.map(|password| password.to_owned().into()),
        authority: None,
        sender: "Studio <studio@here.example>".to_owned(),
    };
    Smtp::new(&settings).expect("a client")
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let server = MailServer::start(Some(ACCOUNT)).await.expect("a server");
    let id = client(&server, Some(ACCOUNT.1)).send(&message("ntf_1")).await.expect("sent");
    assert_eq!(id, "<ntf_1@aurora.example>");
    let received = server.received();
    let [mail] = received.as_slice() else { panic!("{received:?}") };
    assert!(mail.signed_in);
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("hello@aurora.example", &["dana@agency.example".to_owned()][..])
    );
    assert_eq!(mail.header("Message-ID"), id);
    // The name has a comma, which would part two addresses: it is encoded (RFC 2047). "Aurora, Branding".
    assert_eq!(mail.header("From"), "=?utf-8?b?QXVyb3JhLCBCcmFuZGluZw==?= <hello@aurora.example>");
    assert_eq!(mail.header("Reply-To"), "desk@aurora.example");
    // Lines that begin with a dot survive the way.
    assert!(
        mail.words().contains("\r\n.a line that begins with a dot\r\n..two\r\n.\r\n"),
        "{}",
        mail.message
    );
    assert!(mail.message.lines().all(|line| line.len() <= 998));
}

#[tokio::test]
async fn one_connection_serves_several_messages() {
    let server = MailServer::start(None).await.expect("a server");
    let client = client(&server, None);
    for number in 0..5 {
        client.send(&message(&format!("ntf_{number}"))).await.expect("sent");
    }
    let ids: Vec<String> = server.received().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(ids[4], "<ntf_4@aurora.example>");
}

#[tokio::test]
async fn a_failure_tells_whether_trying_again_can_help() {
    let server = MailServer::start(Some(ACCOUNT)).await.expect("a server");
    for (fault, expect) in [
        (SmtpFault::Refuse, "unavailable"),
        (SmtpFault::Unavailable, "unavailable"),
        (SmtpFault::WrongPassword, "refused"),
        (SmtpFault::TryLater, "unavailable"),
        (SmtpFault::UnknownReceiver, "invalid"),
        (SmtpFault::CloseInData, "unavailable"),
    ] {
        server.fail([fault]);
        // A new client: the pool would go on with a sound connection.
        let sent = client(&server, Some(ACCOUNT.1)).send(&message("ntf_1")).await;
        let kind = match &sent {
            Err(ProviderError::Unavailable { .. }) => "unavailable",
            Err(ProviderError::Refused { .. }) => "refused",
            Err(ProviderError::Invalid { .. }) => "invalid",
            other => panic!("{fault:?}: {other:?}"),
        };
        assert_eq!(kind, expect, "{fault:?}: {sent:?}");
        let said = format!("{sent:?}");
        assert!(!said.contains("dana@") && !said.contains("horse"), "{said}");
    }
    assert_eq!(server.received().len(), 0);
    let wrong = client(&server, Some("guess")).send(&message("ntf_1")).await;
    assert!(matches!(wrong, Err(ProviderError::Refused { .. })), "{wrong:?}");
}

#[tokio::test]
async fn a_message_that_was_taken_without_an_answer_comes_again_under_the_same_id() {
    let server = MailServer::start(None).await.expect("a server");
    server.fail([SmtpFault::CloseAfterData]);
    let first = client(&server, None).send(&message("ntf_1")).await;
    assert!(matches!(first, Err(ProviderError::Unavailable { .. })), "{first:?}");
    client(&server, None).send(&message("ntf_1")).await.expect("sent");
    let ids: Vec<String> = server.received().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids, ["<ntf_1@aurora.example>"; 2]);
}

#[tokio::test]
async fn nobody_smuggles_a_second_message_or_receiver() {
    let server = MailServer::start(None).await.expect("a server");
    let client = client(&server, None);
    let evil = "x\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<victim@there.example>\r\nDATA\r\nhi\r\n.\r\n";
    let body = EmailMessage { text: evil.to_owned(), html: Some(evil.to_owned()), ..message("ntf_1") };
    client.send(&body).await.expect("sent");
    let subject = EmailMessage { subject: format!("a{evil}"), ..message("ntf_2") };
    client.send(&subject).await.expect("sent");
    let receiver = EmailMessage { to: format!("dana@agency.example>{evil}"), ..message("ntf_3") };
    assert!(matches!(client.send(&receiver).await, Err(ProviderError::Invalid { .. })));
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|mail| mail.to == ["dana@agency.example"]), "{received:?}");
}
