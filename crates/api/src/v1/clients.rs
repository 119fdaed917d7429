//! Clients: the customers of the business, and what they are recognised by.

use app::clients::ClientChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::ClientId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::clients::{Client, Contact, ContactKind};
use utoipa::ToSchema;

use super::page::{Page, PageQuery, SearchQuery};
use crate::auth::tenant::{Tenant, needs};
use crate::extract::{Id, ValidJson, ValidQuery, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_clients, create_client))
        .routes(routes!(get_client, update_client))
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub struct ClientView {
    /// The client's id.
    #[schema(value_type = String, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: ClientId,
    /// The company's name.
    #[schema(example = "Northwind Coffee Roasters")]
    name: String,
    /// The business's notes.
    notes: String,
    /// Numbers and addresses they are recognised by.
    contacts: Vec<ContactView>,
    /// When the client was entered.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// A number or address of a client.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Contact)]
pub struct ContactView {
    /// `phone` or `email`.
    #[garde(skip)]
    #[schema(value_type = String, example = "phone")]
    kind: ContactKind,
    /// The number in E.164 (other notations are understood), or the address.
    #[garde(length(chars, min = 1, max = 320))]
    #[schema(min_length = 1, max_length = 320, example = "+15135550142")]
    value: String,
    /// Whose it is, when known.
    #[serde(default)]
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200, example = "Maria Lopez")]
    person: Option<String>,
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        Self { kind: contact.kind, value: contact.value, person: contact.person }
    }
}

impl From<ContactView> for Contact {
    fn from(contact: ContactView) -> Self {
        Self { kind: contact.kind, value: contact.value, person: contact.person }
    }
}

impl From<Client> for ClientView {
    fn from(client: Client) -> Self {
        Self {
            id: client.id,
            name: client.name,
            notes: client.notes,
            contacts: client.contacts.into_iter().map(ContactView::from).collect(),
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// A client to be entered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// The company's name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Northwind Coffee Roasters")]
    name: String,
    /// The business's notes.
    #[serde(default)]
    #[garde(length(chars, max = 10_000))]
    #[schema(max_length = 10_000)]
    notes: String,
    /// Numbers and addresses they are recognised by.
    #[serde(default)]
    #[garde(length(max = 50), dive)]
    #[schema(max_items = 50)]
    contacts: Vec<ContactView>,
}

/// What to change of a client. Fields that are left out stay as they are.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientPatch {
    /// The company's name.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The business's notes.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, max = 10_000))]
    #[schema(nullable = false, max_length = 10_000)]
    notes: Option<String>,
    /// All numbers and addresses, replacing those there are.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 50), dive)]
    #[schema(nullable = false, max_items = 50)]
    contacts: Option<Vec<ContactView>>,
}

/// List clients, newest first.
#[utoipa::path(
    get, path = "/api/v1/clients", operation_id = "list_clients", tag = "clients",
    extensions(("x-permission" = json!("clients:read"))),
    params(SearchQuery, PageQuery),
    responses(
        (status = 200, description = "A page of clients", body = Page<ClientView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_clients(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsRead>,
    ValidQuery(search): ValidQuery<SearchQuery>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Json<Page<ClientView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let clients = store::clients::list(&mut tx, search.q(), page.behind()?, page.limit()).await?;
    Ok(Json(Page::of(clients, |client| client.id.to_string(), ClientView::from)))
}

/// Get a client.
#[utoipa::path(
    get, path = "/api/v1/clients/{id}", operation_id = "get_client", tag = "clients",
    extensions(("x-permission" = json!("clients:read"))),
    params(("id" = String, Path, description = "The client", example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The client", body = ClientView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such client", body = Problem),
    ),
)]
pub(crate) async fn get_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsRead>,
    Id(id): Id<ClientId>,
) -> Result<Json<ClientView>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(Json(store::clients::get(&mut tx, id).await?.into()))
}

/// Enter a client.
#[utoipa::path(
    post, path = "/api/v1/clients", operation_id = "create_client", tag = "clients",
    extensions(("x-permission" = json!("clients:write"))),
    request_body(content = NewClient, example = json!({"name": "Northwind Coffee Roasters",
        "contacts": [{"kind": "phone", "value": "+15135550142", "person": "Maria Lopez"}]})),
    responses(
        (status = 201, description = "The client", body = ClientView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 409, description = "A number or address is another client's", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    ValidJson(new): ValidJson<NewClient>,
) -> Result<(StatusCode, Json<ClientView>), ApiError> {
    let contacts = new.contacts.into_iter().map(Contact::from).collect();
    let created =
        app::clients::create(&_state.app, &tenant.actor(), new.name.trim(), &new.notes, contacts).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Change a client.
#[utoipa::path(
    patch, path = "/api/v1/clients/{id}", operation_id = "update_client", tag = "clients",
    extensions(("x-permission" = json!("clients:write"))),
    params(("id" = String, Path, description = "The client", example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    request_body(content = ClientPatch, example = json!({"notes": "Prefers e-mail."})),
    responses(
        (status = 200, description = "The client as it is now", body = ClientView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 404, description = "There is no such client", body = Problem),
        (status = 409, description = "A number or address is another client's", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn update_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    Id(id): Id<ClientId>,
    ValidJson(patch): ValidJson<ClientPatch>,
) -> Result<Json<ClientView>, ApiError> {
    let change = ClientChange {
        name: patch.name,
        notes: patch.notes,
        contacts: patch.contacts.map(|contacts| contacts.into_iter().map(Contact::from).collect()),
    };
    Ok(Json(app::clients::change(&_state.app, &tenant.actor(), id, change).await?.into()))
}
