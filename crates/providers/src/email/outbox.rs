//! E-mail into a folder: each message is a file that any mail program opens. What an installation without a mail
//! server has, and what the demonstration shows.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use provider_traits::descriptor::{Descriptor, Locality};
use provider_traits::email::{Email, EmailMessage};
use provider_traits::error::ProviderError;

use super::composing::compose;

const ID: &str = "outbox";
const DESCRIPTOR: Descriptor = Descriptor { id: ID, name: "Outbox folder", locality: Locality::Local };

/// A folder of `.eml` files.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
    sender: String,
}

impl Outbox {
    /// Opens the folder, making it when it is not there. `sender` is who messages are from that don't say.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(folder: &Path, sender: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), sender: sender.to_owned() })
    }
}

#[async_trait]
impl Email for Outbox {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    async fn send(&self, message: &EmailMessage) -> Result<String, ProviderError> {
        let body = compose(ID, message, &self.sender)?.formatted();
        let name = file_name(&message.key);
        let (folder, file) = (self.folder.clone(), name.clone());
        let written = tokio::task::spawn_blocking(move || write(&folder, &file, &body)).await;
        match written {
            Ok(Ok(())) => Ok(name),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }
}

/// The key as a file's name, so that the same message is the same file.
fn file_name(key: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = key.chars().map(safe).take(120).collect();
    format!("{name}.eml")
}

/// Whole or not at all, readable by the owner alone: a message may hold a link that signs in.
fn write(folder: &Path, name: &str, body: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let unfinished = folder.join(format!(".{name}"));
    let mut file =
        std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    file.write_all(body)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, folder.join(name))
}

fn unavailable(reason: String) -> ProviderError {
    ProviderError::Unavailable { provider: ID, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str) -> EmailMessage {
        EmailMessage {
            from: None,
            sender_name: None,
            to: to.to_owned(),
            reply_to: None,
            subject: "An invitation".to_owned(),
            text: "Come in.".to_owned(),
            html: Some("<p>Come in.</p>".to_owned()),
            key: "invitation/inv_1".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_message_sent_twice_is_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let outbox = Outbox::open(folder.path(), "studio@here.example").expect("opened");
        for _ in 0..2 {
            let name = outbox.send(&message("dana@agency.example")).await.expect("sent");
            assert_eq!(name, "invitation-inv_1.eml");
        }
        let files: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(folder.path().join("invitation-inv_1.eml")).expect("a file");
        assert!(text.contains("Subject: An invitation") && text.contains("<p>Come in.</p>"), "{text}");
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let outbox = Outbox::open(folder.path(), "studio@here.example").expect("opened");
        for to in ["", "dana", "dana@agency.example\r\nBcc: x@y.example"] {
            let sent = outbox.send(&message(to)).await;
            assert!(matches!(sent, Err(ProviderError::Invalid { .. })), "{to}: {sent:?}");
        }
    }
}
