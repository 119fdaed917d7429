//! A letter whose node dies while the mail server thinks about it: another node sends it, under the same id.

use domain::notification_settings::{Channel, Event};
use server::config::types::EmailTransport;
use server::config::{Layers, Loaded};
use simulator::smtp::{MailServer, SmtpFault};
use store::OrgTx;
use tokio::time::timeout;

use super::rig::{Node, PATIENCE, Rig, config};
use app::notifications::{Facts, notify_these};
use domain::notices::Notice;

#[tokio::test]
async fn a_letter_of_a_node_that_died_is_sent_by_another() {
    let rig = Rig::new(None).await;
    let mail = MailServer::start(None).await.unwrap();
    let node = async |name: &str| {
        let mut config = config(rig.folder.path(), name, None);
        let url = ("smtp.url".to_owned(), format!("smtp+plain://{}", mail.address));
        let data_dir = ("data_dir".to_owned(), "/data".to_owned());
        let layers = Layers { flags: vec![url, data_dir], ..Layers::default() };
        config.mail = Loaded::from_layers(&layers).unwrap().config.mail;
        config.mail.email.transport = EmailTransport::Smtp;
        config.mail.email.from = "studio@here.example".to_owned();
        Node::start(config, rig.target.clone()).await
    };
    mail.fail([SmtpFault::SilentAfterData]);
    let first = node("first").await;
    let org_id = first.seed().await;
    let facts = Facts::Plain { subject: "Hello".to_owned(), text: "Can you hear me?".to_owned() };
    let to = Notice {
        name: "Dana".to_owned(),
        channel: Channel::Email,
        address: "dana@aurora.example".to_owned(),
        not_before: None,
    };
    let mut tx = OrgTx::begin(&rig.db, org_id).await.unwrap();
    notify_these(&mut tx, &first.server().app, Event::LeadUrgent, "a fact", &facts, &[to]).await.unwrap();
    tx.commit().await.unwrap();
    timeout(PATIENCE, mail.arrived(1)).await.expect("the mail server has it, and says nothing");
    first.kill();
    let _second = node("second").await;
    timeout(PATIENCE, mail.arrived(2)).await.expect("another node sends it");
    let ids: Vec<String> = mail.received().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids[0], ids[1]);
}
