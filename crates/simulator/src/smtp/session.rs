//! One connection to the mail server: commands in their order, or a refusal.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Desk, ReceivedMail, SmtpFault};

/// RFC 5321, section 4.5.3.1: a command has at most 512 octets, a line of text 1,000.
const MAX_COMMAND: usize = 512;
const MAX_TEXT_LINE: usize = 1_000;
/// The largest message, as the answer to `EHLO` says.
const MAX_MESSAGE: usize = 10 * 1024 * 1024;

type Stream = BufReader<TcpStream>;

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

pub(super) async fn serve(stream: TcpStream, desk: &Desk) -> io::Result<()> {
    let fault = desk.next();
    let mut stream = BufReader::new(stream);
    match fault {
        Some(SmtpFault::Refuse) => return Ok(()),
        Some(SmtpFault::Unavailable) => return say(&mut stream, "421 not now").await,
        _ => say(&mut stream, "220 mail.example ESMTP").await?,
    }
    let (mut greeted, mut signed_in) = (false, false);
    let mut envelope = Envelope::default();
    loop {
        let Some(line) = read_line(&mut stream, MAX_COMMAND).await? else { return Ok(()) };
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let rest = line[verb.len()..].trim().to_owned();
        let closed_door = desk.account.is_some() && !signed_in;
        match verb.as_str() {
            "EHLO" if !rest.is_empty() => {
                greeted = true;
                envelope = Envelope::default();
                let auth = if desk.account.is_some() { "250-AUTH PLAIN LOGIN\r\n" } else { "" };
                say(
                    &mut stream,
                    &format!("250-mail.example\r\n250-8BITMIME\r\n{auth}250 SIZE {MAX_MESSAGE}"),
                )
                .await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            "NOOP" => say(&mut stream, "250 ok").await?,
            "RSET" => {
                envelope = Envelope::default();
                say(&mut stream, "250 ok").await?;
            }
            "AUTH" if greeted && !signed_in && desk.account.is_some() => {
                signed_in =
                    fault != Some(SmtpFault::WrongPassword) && sign_in(&mut stream, desk, &rest).await?;
                say(&mut stream, if signed_in { "235 welcome" } else { "535 wrong" }).await?;
            }
            "MAIL" | "RCPT" | "DATA" if !greeted => say(&mut stream, "503 say EHLO first").await?,
            "MAIL" | "RCPT" | "DATA" if closed_door => say(&mut stream, "530 sign in first").await?,
            "MAIL" if envelope.from.is_none() => match path(&rest, "FROM:") {
                Some(from) => {
                    envelope.from = Some(from);
                    say(&mut stream, "250 ok").await?;
                }
                None => say(&mut stream, "501 no path").await?,
            },
            "RCPT" if envelope.from.is_some() => match (fault, path(&rest, "TO:")) {
                (Some(SmtpFault::TryLater), _) => say(&mut stream, "451 later").await?,
                (Some(SmtpFault::UnknownReceiver), _) => say(&mut stream, "550 nobody here").await?,
                (_, Some(to)) if !to.is_empty() => {
                    envelope.to.push(to);
                    say(&mut stream, "250 ok").await?;
                }
                _ => say(&mut stream, "501 no path").await?,
            },
            "DATA" if !envelope.to.is_empty() => {
                say(&mut stream, "354 go on").await?;
                if fault == Some(SmtpFault::CloseInData) {
                    read_line(&mut stream, MAX_TEXT_LINE).await?;
                    return Ok(());
                }
                let Some(message) = read_message(&mut stream).await? else {
                    return say(&mut stream, "554 the message is malformed").await;
                };
                let Envelope { from, to } = std::mem::take(&mut envelope);
                let mail = ReceivedMail { from: from.unwrap_or_default(), to, message, signed_in };
                desk.received.send_modify(|all| all.push(mail));
                match fault {
                    Some(SmtpFault::CloseAfterData) => return Ok(()),
                    Some(SmtpFault::SilentAfterData) => std::future::pending().await,
                    _ => say(&mut stream, "250 taken").await?,
                }
            }
            "MAIL" | "RCPT" | "DATA" | "AUTH" => say(&mut stream, "503 not now").await?,
            _ => say(&mut stream, "500 unknown").await?,
        }
    }
}

async fn say(stream: &mut Stream, line: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await
}

/// A line without its end; `None` when the other side is gone. Lines end in CR LF and nothing else.
async fn read_line(stream: &mut Stream, most: usize) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    (&mut *stream).take(limit).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    let malformed =
        || io::Error::new(io::ErrorKind::InvalidData, "a line that is too long or ends without CR LF");
    let line = line.strip_suffix(b"\r\n").ok_or_else(malformed)?;
    Ok(Some(String::from_utf8_lossy(line).into_owned()))
}

/// The message up to the line with a single dot; `None` for one that breaks the rules: a bare line feed, a line that is
/// too long, no head.
async fn read_message(stream: &mut Stream) -> io::Result<Option<String>> {
    let mut message = String::new();
    loop {
        let Some(line) = read_line(stream, MAX_TEXT_LINE).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if line == "." {
            break;
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
        message.push_str("\r\n");
        if message.len() > MAX_MESSAGE {
            return Ok(None);
        }
    }
    let head = message.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    let has = |name: &str| head.lines().filter(|line| line.starts_with(name)).count() == 1;
    let sound = ["from:", "date:", "message-id:", "subject:", "to:"].into_iter().all(has);
    Ok((sound && message.contains("\r\n\r\n")).then_some(message))
}

/// `FROM:<a@b>` with parameters behind it perhaps.
fn path(rest: &str, keyword: &str) -> Option<String> {
    let begins = rest.get(..keyword.len())?.eq_ignore_ascii_case(keyword);
    let path = begins.then(|| &rest[keyword.len()..])?;
    let (address, _parameters) = path.strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

async fn sign_in(stream: &mut Stream, desk: &Desk, rest: &str) -> io::Result<bool> {
    let mut words = rest.split(' ');
    let (mechanism, first) = (words.next().unwrap_or_default().to_ascii_uppercase(), words.next());
    let given = match mechanism.as_str() {
        "PLAIN" => {
            let answer = match first {
                Some(first) => first.to_owned(),
                None => ask(stream, "").await?,
            };
            let plain = decoded(&answer);
            let mut parts = plain.split('\0').skip(1).map(str::to_owned);
            parts.next().zip(parts.next())
        }
        "LOGIN" => {
            let user = ask(stream, "VXNlcm5hbWU6").await?;
            let password = ask(stream, "UGFzc3dvcmQ6").await?;
            Some((decoded(&user), decoded(&password)))
        }
        _ => None,
    };
    Ok(given.is_some() && given == desk.account)
}

async fn ask(stream: &mut Stream, what: &str) -> io::Result<String> {
    say(stream, &format!("334 {what}")).await?;
    Ok(read_line(stream, MAX_COMMAND).await?.unwrap_or_default())
}

fn decoded(text: &str) -> String {
    let bytes = base64_simd::STANDARD.decode_to_vec(text.as_bytes()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
