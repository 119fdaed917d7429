//! `studioconnect user …`: accounts at the machine's own command line.
//!
//! A password comes from standard input, so that it stands in no history and no list of processes; else one is drawn
//! and shown this once.

use std::io::{BufRead as _, IsTerminal as _, Write};

use anyhow::{Context as _, bail};
use app::auth::operator::{self, NewPerson};
use domain::ids::OrgId;
use provider_traits::ambient::Ambient;
use secrecy::SecretString;

use crate::cli::{UserCommand, UserCreate, UserResetPassword};
use crate::config::Config;
use crate::database::{self, OpenDatabase};
use crate::exit::Exit;
use crate::wiring::secrets::password;
use store::Database;

/// Carries out a command about accounts, also beside a running server.
///
/// # Errors
/// When the database can't be reached, or the account can't be made or changed as asked.
pub async fn run(config: &Config, command: UserCommand, out: &mut impl Write) -> anyhow::Result<Exit> {
    let open = OpenDatabase::open_beside(config).await?;
    store::migrate::migrate(&open.target).await.context("could not bring the database up to date")?;
    let db = Database::connect(&open.target, database::pool_sizes(config)).await?;
    let done = match command {
        UserCommand::Create(options) => create(&db, options, out).await,
        UserCommand::ResetPassword(options) => reset_password(&db, options, out).await,
    };
    db.close().await;
    open.close().await?;
    done.map(|()| Exit::Done)
}

async fn create(db: &Database, options: UserCreate, out: &mut impl Write) -> anyhow::Result<()> {
    let organization: Option<OrgId> = options
        .organization
        .map(|text| {
            text.parse().context("--organization must be an id such as org_01jd5z6q2mf3vr4c9s8e7t6k5h")
        })
        .transpose()?;
    let (password, drawn) = chosen(options.password_stdin)?;
    let new = NewPerson {
        email: options.email,
        name: options.name,
        organization,
        role: options.role.or_else(|| options.platform_admin.then(|| "platform_admin".to_owned())),
        password,
    };
    let created = operator::create_person(db, &Ambient::system(), new).await?;
    writeln!(out, "{} ({}) is {} of {}", created.email, created.user_id, created.role, created.organization)?;
    show(drawn, out)
}

async fn reset_password(
    db: &Database,
    options: UserResetPassword,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (password, drawn) = chosen(options.password_stdin)?;
    let ended = operator::reset_password(db, &Ambient::system(), &options.email, &password).await?;
    writeln!(out, "the password was changed; {ended} sessions ended")?;
    show(drawn, out)
}

/// The password to set, and the same again when it was drawn and is to be shown.
fn chosen(from_stdin: bool) -> anyhow::Result<(SecretString, Option<String>)> {
    if !from_stdin {
        let drawn = password();
        return Ok((drawn.clone().into(), Some(drawn)));
    }
    Ok((password_of_stdin()?, None))
}

/// The password that comes through a pipe.
pub(super) fn password_of_stdin() -> anyhow::Result<SecretString> {
    let input = std::io::stdin();
    if input.is_terminal() {
        bail!("--password-stdin reads the password from a pipe: printf '%s' \"$PASSWORD\" | studioconnect …");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).context("could not read the password from standard input")?;
    let line = line.trim_end_matches(['\r', '\n']).to_owned();
    if line.is_empty() {
        bail!("standard input holds no password");
    }
    Ok(line.into())
}

fn show(drawn: Option<String>, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(password) = drawn {
        writeln!(out, "password: {password}\nIt is shown this once; change it after the first sign-in.")?;
    }
    Ok(())
}
