//! Entering and changing clients.

use domain::ids::ClientId;
use domain::phone::PhoneNumber;
use store::clients::{self, Client, Contact, ContactKind};
use store::{OrgTx, StoreError, organizations};

use crate::audit::Actor;
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;

/// What to change of a client; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct ClientChange {
    /// The company's name.
    pub name: Option<String>,
    /// The business's notes.
    pub notes: Option<String>,
    /// All numbers and addresses, replacing those there were.
    pub contacts: Option<Vec<Contact>>,
}

/// Enters a client. Numbers are normalised to E.164, addresses to lower case.
///
/// # Errors
/// [`AppError::Invalid`] for a contact that is no number or address; [`AppError::Conflict`] when it is another
/// client's; storage errors.
pub async fn create(
    app: &App,
    actor: &Actor,
    name: &str,
    notes: &str,
    contacts: Vec<Contact>,
) -> Result<Client, AppError> {
    let id = ClientId(app.ambient.new_id());
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let contacts = normal(&mut tx, contacts).await?;
    let written = clients::insert(&mut tx, id, name, notes, &contacts, app.ambient.now()).await;
    written.map_err(explain)?;
    let client = clients::get(&mut tx, id).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(client)
}

/// Changes a client.
///
/// # Errors
/// As [`create`]; not found.
pub async fn change(
    app: &App,
    actor: &Actor,
    id: ClientId,
    change: ClientChange,
) -> Result<Client, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    let before = clients::get(&mut tx, id).await?;
    let contacts = match change.contacts {
        Some(contacts) => normal(&mut tx, contacts).await?,
        None => before.contacts,
    };
    let name = change.name.unwrap_or(before.name);
    let notes = change.notes.unwrap_or(before.notes);
    let written = clients::update(&mut tx, id, &name, &notes, &contacts, app.ambient.now()).await;
    written.map_err(explain)?;
    let client = clients::get(&mut tx, id).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(client)
}

async fn normal(tx: &mut OrgTx, contacts: Vec<Contact>) -> Result<Vec<Contact>, AppError> {
    let country = organizations::get(tx).await?.profile.default_country;
    let mut known: Vec<Contact> = Vec::with_capacity(contacts.len());
    for contact in contacts {
        let contact = normal_contact(contact, &country)?;
        if !known.iter().any(|other| other.kind == contact.kind && other.value == contact.value) {
            known.push(contact);
        }
    }
    Ok(known)
}

fn normal_contact(contact: Contact, country: &str) -> Result<Contact, AppError> {
    let invalid = |message: String| AppError::Invalid { field: "contacts", message };
    let value = match contact.kind {
        ContactKind::Phone => PhoneNumber::parse(&contact.value, Some(country))
            .map_err(|error| invalid(format!("{:?} is {error}", contact.value)))?
            .to_string(),
        ContactKind::Email => {
            let value = contact.value.trim().to_lowercase();
            let parts = value.split_once('@').filter(|(name, host)| {
                !name.is_empty()
                    && host.contains('.')
                    && !host.contains('@')
                    && !value.contains(char::is_whitespace)
            });
            if parts.is_none() {
                return Err(invalid(format!("{:?} is not an e-mail address", contact.value)));
            }
            value
        }
    };
    let person = contact.person.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    Ok(Contact { kind: contact.kind, value, person })
}

fn explain(error: StoreError) -> AppError {
    if error.is_conflict_with("client_contacts_pkey") {
        return AppError::Conflict {
            reason: "another client is already known by one of these numbers or addresses".to_owned(),
        };
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ContactKind, value: &str, expect: Option<&str>) {
        let contact = Contact { kind, value: value.to_owned(), person: Some("  ".to_owned()) };
        let normal = normal_contact(contact, "US").ok();
        assert_eq!(normal.as_ref().map(|c| c.value.as_str()), expect, "{value}");
        assert!(normal.is_none_or(|c| c.person.is_none()));
    }

    #[test]
    fn contacts_are_kept_in_the_form_in_which_callers_are_looked_up() {
        check(ContactKind::Phone, "(513) 555-0142", Some("+15135550142"));
        check(ContactKind::Phone, "maria@x.com", None);
        check(ContactKind::Email, " Maria@X.com ", Some("maria@x.com"));
        check(ContactKind::Email, "maria at x.com", None);
        check(ContactKind::Email, "maria@x", None);
        check(ContactKind::Email, "a@b@x.com", None);
    }
}
