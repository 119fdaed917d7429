//! Clients: the customers of the business, and what they are recognised by.

use app::clients::ClientChange;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ids::ClientId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::clients::{Client, ClientFacts, ClientFilter, ClientSort, ClientVisibility, Contact, ContactKind};
use store::page::Span;
use utoipa::{IntoParams, ToSchema};

use super::page::{Ids, List, ListParams, Listing, Page, moment, orders};
use crate::auth::tenant::{Tenant, needs};
use crate::etag::{IfMatch, created_at, tagged};
use crate::extract::{Id, ValidJson, clearable, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_clients, create_client)).routes(routes!(
        get_client,
        update_client,
        delete_client
    ))
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
    /// Words to find it by.
    tags: Vec<String>,
    /// `recognised` (greeted by name when they call) or `internal` (in the book, but a stranger on the phone).
    #[schema(value_type = String, example = "recognised")]
    visibility: ClientVisibility,
    /// The client number: digits that name it on the phone; a code sent to an address on file proves it then.
    #[schema(example = "20417")]
    code: Option<String>,
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
            name: client.facts.name,
            notes: client.facts.notes,
            contacts: client.facts.contacts.into_iter().map(ContactView::from).collect(),
            tags: client.facts.tags,
            visibility: client.facts.visibility,
            code: client.facts.code,
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
    /// Words to find it by; kept in lower case, each once.
    #[serde(default)]
    #[garde(length(max = 30), inner(length(chars, min = 1, max = 50)))]
    #[schema(max_items = 30)]
    tags: Vec<String>,
    /// Whether it is known on the phone: `recognised` or `internal`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = String, default = "recognised", pattern = "^(recognised|internal)$")]
    visibility: ClientVisibility,
    /// The client number: four to twelve digits, each client its own.
    #[serde(default)]
    #[garde(inner(custom(client_code)))]
    #[schema(pattern = "^[0-9]{4,12}$", example = "20417")]
    code: Option<String>,
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
    /// All tags, replacing those there are.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(max = 30), inner(inner(length(chars, min = 1, max = 50))))]
    #[schema(nullable = false, max_items = 30)]
    tags: Option<Vec<String>>,
    /// Whether it is known on the phone: `recognised` or `internal`.
    #[serde(default, deserialize_with = "required")]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, pattern = "^(recognised|internal)$")]
    visibility: Option<ClientVisibility>,
    /// The client number: four to twelve digits, each client its own; `null` for none.
    #[serde(default, deserialize_with = "clearable")]
    #[garde(inner(inner(custom(client_code))))]
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4,12}$")]
    code: Option<Option<String>>,
}

/// Digits that can be said and dialled.
fn client_code(code: &str, (): &()) -> garde::Result {
    if (4..=12).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(garde::Error::new("must be four to twelve digits"))
    }
}

orders! {
    /// How clients are ordered.
    pub enum ClientOrder of ClientSort:
    CreatedAt "created_at", CreatedAtDown "-created_at" => ClientSort::CreatedAt;
    UpdatedAt "updated_at", UpdatedAtDown "-updated_at" => ClientSort::UpdatedAt;
    Name "name", NameDown "-name" => ClientSort::Name;
}

/// Which clients are wanted.
#[derive(Debug, Serialize, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClientsQuery {
    /// The order; `-created_at` when left out.
    #[garde(skip)]
    #[param(inline)]
    sort: Option<ClientOrder>,
    /// Only these, separated by commas; at most 100.
    #[garde(skip)]
    #[param(value_type = Option<String>, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    ids: Option<Ids<ClientId>>,
    /// Only clients whose name contains this, in whatever case.
    #[garde(length(chars, max = 200))]
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only clients with this tag.
    #[garde(length(chars, max = 50))]
    #[param(max_length = 50)]
    tag: Option<String>,
    /// Only clients that are `recognised` on the phone, or only `internal` ones.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^(recognised|internal)$")]
    visibility: Option<ClientVisibility>,
    /// Only the client known by this number (E.164) or e-mail address.
    #[garde(length(chars, max = 320))]
    #[param(max_length = 320, example = "+15135550142")]
    contact: Option<String>,
    /// Only clients entered at this moment or later.
    #[garde(custom(moment))]
    created_after: Option<DateTime<Utc>>,
    /// Only clients entered before this moment.
    #[garde(custom(moment))]
    created_before: Option<DateTime<Utc>>,
}

impl Listing for ClientsQuery {
    const NOUN: &'static str = "clients";
    type Order = ClientOrder;

    fn order(&self) -> Option<ClientOrder> {
        self.sort
    }
}

impl From<&ClientsQuery> for ClientFilter {
    fn from(query: &ClientsQuery) -> Self {
        Self {
            ids: query.ids.as_ref().map(|ids| ids.0.clone()),
            name_contains: query.q.clone(),
            tag: query.tag.as_ref().map(|tag| tag.to_lowercase()),
            visibility: query.visibility,
            contact: query.contact.clone(),
            created: Span { from: query.created_after, until: query.created_before },
        }
    }
}

/// List clients.
#[utoipa::path(
    get, path = "/api/v1/clients", operation_id = "list_clients", tag = "clients",
    extensions(("x-permission" = json!("clients:read"))),
    params(ClientsQuery, ListParams),
    responses(
        (status = 200, description = "A page of clients", body = Page<ClientView>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn list_clients(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsRead>,
    list: List<ClientsQuery>,
) -> Result<Json<Page<ClientView>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let clients = store::clients::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(clients, ClientView::from)))
}

/// Get a client. The `ETag` names this version of it.
#[utoipa::path(
    get, path = "/api/v1/clients/{id}", operation_id = "get_client", tag = "clients",
    extensions(("x-permission" = json!("clients:read"))),
    params(("id" = String, Path, description = "The client", example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 200, description = "The client", body = ClientView,
            headers(("ETag" = String, description = "This version, for `If-Match`"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such client", body = Problem),
    ),
)]
pub(crate) async fn get_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsRead>,
    Id(id): Id<ClientId>,
) -> Result<Response, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    Ok(shown(store::clients::get(&mut tx, id).await?))
}

/// Enter a client.
#[utoipa::path(
    post, path = "/api/v1/clients", operation_id = "create_client", tag = "clients",
    extensions(("x-permission" = json!("clients:write"))),
    request_body(content = NewClient, example = json!({"name": "Northwind Coffee Roasters", "tags": ["retail"],
        "contacts": [{"kind": "phone", "value": "+15135550142", "person": "Maria Lopez"}]})),
    responses(
        (status = 201, description = "The client", body = ClientView,
            headers(
            ("ETag" = String, description = "This version, for `If-Match`"),
            ("Location" = String, description = "Where it is found"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "A number or address is another client's", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn create_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    ValidJson(new): ValidJson<NewClient>,
) -> Result<Response, ApiError> {
    let facts = ClientFacts {
        name: new.name.trim().to_owned(),
        notes: new.notes,
        contacts: new.contacts.into_iter().map(Contact::from).collect(),
        tags: new.tags,
        visibility: new.visibility,
        code: new.code,
    };
    let created = app::clients::create(&_state.app, &tenant.actor(), facts).await?;
    let path = format!("/api/v1/clients/{}", created.id);
    Ok(created_at(&path, shown(created)))
}

/// Change a client.
#[utoipa::path(
    patch, path = "/api/v1/clients/{id}", operation_id = "update_client", tag = "clients",
    extensions(("x-permission" = json!("clients:write"))),
    params(
        ("id" = String, Path, description = "The client", example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h"),
        ("If-Match" = String, Header, description = "The `ETag` of the version the change is based on, or `*`"),
    ),
    request_body(content = ClientPatch, example = json!({"notes": "Prefers e-mail."})),
    responses(
        (status = 200, description = "The client as it is now", body = ClientView,
            headers(("ETag" = String, description = "The new version"))),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such client", body = Problem),
        (status = 409, description = "A number or address is another client's", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
    ),
)]
pub(crate) async fn update_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    Id(id): Id<ClientId>,
    IfMatch(based_on): IfMatch,
    ValidJson(patch): ValidJson<ClientPatch>,
) -> Result<Response, ApiError> {
    let change = ClientChange {
        name: patch.name.map(|name| name.trim().to_owned()),
        notes: patch.notes,
        contacts: patch.contacts.map(|contacts| contacts.into_iter().map(Contact::from).collect()),
        tags: patch.tags,
        visibility: patch.visibility,
        code: patch.code,
    };
    Ok(shown(app::clients::change(&_state.app, &tenant.actor(), id, based_on, change).await?))
}

/// Delete a client. One that has projects is kept; its calls and verdicts stay, without it.
#[utoipa::path(
    delete, path = "/api/v1/clients/{id}", operation_id = "delete_client", tag = "clients",
    extensions(("x-permission" = json!("clients:delete"))),
    params(("id" = String, Path, description = "The client", example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 404, description = "There is no such client", body = Problem),
        (status = 409, description = "It has projects: delete them first", body = Problem),
    ),
)]
pub(crate) async fn delete_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsDelete>,
    Id(id): Id<ClientId>,
) -> Result<StatusCode, ApiError> {
    app::clients::delete(&_state.app, &tenant.actor(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(client: Client) -> Response {
    tagged(client.updated_at, Json(ClientView::from(client)))
}
