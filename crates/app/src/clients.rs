//! Entering and changing clients.

use chrono::{DateTime, Utc};
use domain::ids::ClientId;
use domain::phone::PhoneNumber;
use serde_json::json;
use store::clients::{self, Client, ClientFacts, ClientVisibility, Contact, ContactKind};
use store::{OrgTx, StoreError, organizations};

use crate::audit::{self, Actor};
use crate::error::AppError;
use crate::knowledge::forget_vocabulary;
use crate::runtime::App;
use crate::version;

/// What to change of a client; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct ClientChange {
    /// The company's name.
    pub name: Option<String>,
    /// The business's notes.
    pub notes: Option<String>,
    /// All numbers and addresses, replacing those there were.
    pub contacts: Option<Vec<Contact>>,
    /// All tags, replacing those there were.
    pub tags: Option<Vec<String>>,
    /// Whether it is known on the phone.
    pub visibility: Option<ClientVisibility>,
    /// The digits that name it on the phone; `Some(None)` takes them away.
    pub code: Option<Option<String>>,
}

/// Enters a client. Numbers are normalised to E.164, addresses and tags to lower case.
///
/// # Errors
/// [`AppError::Invalid`] for a contact that is no number or address; [`AppError::Conflict`] when it is another
/// client's; storage errors.
pub async fn create(app: &App, actor: &Actor, mut facts: ClientFacts) -> Result<Client, AppError> {
    let id = ClientId(app.ambient.new_id());
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    facts.contacts = normal(&mut tx, facts.contacts).await?;
    facts.tags = normal_tags(facts.tags);
    clients::insert(&mut tx, id, &facts, app.ambient.now()).await.map_err(explain)?;
    let client = clients::get(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "clients:create", &id, json!({ "name": facts.name })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(client)
}

/// Changes a client, if it is still as the asker saw it (`based_on` is the `updated_at` of what they saw).
///
/// # Errors
/// As [`create`]; not found; [`AppError::OutOfDate`].
pub async fn change(
    app: &App,
    actor: &Actor,
    id: ClientId,
    based_on: Option<DateTime<Utc>>,
    change: ClientChange,
) -> Result<Client, AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    version::demand(based_on, clients::lock(&mut tx, id).await?)?;
    let before = clients::get(&mut tx, id).await?.facts;
    let contacts = match change.contacts {
        Some(contacts) => normal(&mut tx, contacts).await?,
        None => before.contacts,
    };
    let facts = ClientFacts {
        name: change.name.unwrap_or(before.name),
        notes: change.notes.unwrap_or(before.notes),
        contacts,
        tags: change.tags.map_or(before.tags, normal_tags),
        visibility: change.visibility.unwrap_or(before.visibility),
        code: change.code.unwrap_or(before.code),
    };
    clients::update(&mut tx, id, &facts, app.ambient.now()).await.map_err(explain)?;
    let client = clients::get(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "clients:update", &id, json!({ "name": facts.name })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(client)
}

/// Removes a client. One that has projects is kept: they would go with it. Its calls and verdicts stay, without it.
///
/// # Errors
/// Not found; [`AppError::Conflict`] when it has projects; storage errors.
pub async fn delete(app: &App, actor: &Actor, id: ClientId) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    clients::lock(&mut tx, id).await?;
    let name = clients::get(&mut tx, id).await?.facts.name;
    let projects = clients::count_projects(&mut tx, id).await?;
    if projects > 0 {
        let reason =
            format!("the client has {projects} projects: delete them or move them to another client first");
        return Err(AppError::Conflict { reason });
    }
    clients::delete(&mut tx, id).await?;
    audit::record(&mut tx, app, actor, "clients:delete", &id, json!({ "name": name })).await?;
    tx.commit().await?;
    forget_vocabulary(app, actor.org_id);
    Ok(())
}

/// Tags without case, each once.
fn normal_tags(tags: Vec<String>) -> Vec<String> {
    let mut known: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim().to_lowercase();
        if !tag.is_empty() && !known.contains(&tag) {
            known.push(tag);
        }
    }
    known
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
    if error.is_conflict_with("clients_code_unique") {
        return AppError::Conflict { reason: "another client has this client number".to_owned() };
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_kept_once_and_without_case() {
        let tags = ["VIP ", "retail", "vip", " "].map(str::to_owned).to_vec();
        assert_eq!(normal_tags(tags), ["vip", "retail"]);
    }

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
