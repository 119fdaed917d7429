//! `/api/client`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::ids::ClientId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::clients::{Client, ClientFacts, Contact, ContactKind};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::CompatPage;
use super::body::CamelJson;
use crate::auth::tenant::{Tenant, needs};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;
use crate::v1::clients::ClientsQuery;
use crate::v1::page::{List, ListParams};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(compat_list_clients, compat_create_client))
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompatClient {
    /// The client's id.
    #[schema(value_type = String, example = "client_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: ClientId,
    /// The company's name.
    name: String,
    /// The first number it is known by.
    phone: Option<String>,
    /// The first address it is known by.
    email: Option<String>,
    /// The business's notes.
    notes: String,
    /// When it was entered.
    created_at: DateTime<Utc>,
}

impl From<Client> for CompatClient {
    fn from(client: Client) -> Self {
        let first = |kind: ContactKind| {
            client
                .facts
                .contacts
                .iter()
                .find(|contact| contact.kind == kind)
                .map(|contact| contact.value.clone())
        };
        Self {
            id: client.id,
            phone: first(ContactKind::Phone),
            email: first(ContactKind::Email),
            name: client.facts.name,
            notes: client.facts.notes,
            created_at: client.created_at,
        }
    }
}

/// A client to be entered.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewCompatClient {
    /// The company's name.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Its number, in any notation.
    #[serde(default)]
    #[garde(length(chars, max = 40))]
    #[schema(max_length = 40)]
    phone: Option<String>,
    /// Its e-mail address.
    #[serde(default)]
    #[garde(length(chars, max = 320))]
    #[schema(max_length = 320)]
    email: Option<String>,
    /// The business's notes.
    #[serde(default)]
    #[garde(length(chars, max = 10_000))]
    #[schema(max_length = 10_000)]
    notes: String,
}

/// List clients, as the older documents had it: use `GET /api/v1/clients`.
#[utoipa::path(
    get, path = "/api/client", operation_id = "compat_list_clients", tag = "compat",
    extensions(("x-permission" = json!("clients:read"))),
    params(ClientsQuery, ListParams),
    responses(
        (status = 200, description = "A page of clients", body = CompatPage<CompatClient>),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing", body = Problem),
        (status = 422, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_list_clients(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsRead>,
    list: List<ClientsQuery>,
) -> Result<Json<CompatPage<CompatClient>>, ApiError> {
    let mut tx = tenant.begin(&_state).await?;
    let clients = store::clients::list(&mut tx, &(&list.filter).into(), &list.wanted).await?;
    Ok(Json(list.page(clients, CompatClient::from).into()))
}

/// Enter a client, as the older documents had it: use `POST /api/v1/clients`.
#[utoipa::path(
    post, path = "/api/client", operation_id = "compat_create_client", tag = "compat",
    extensions(("x-permission" = json!("clients:write"))),
    request_body(content = NewCompatClient, example = json!({"name": "Northwind Coffee Roasters",
        "phone": "+15135550142"})),
    responses(
        (status = 201, description = "The client", body = CompatClient),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the organization is suspended", body = Problem),
        (status = 409, description = "The number or address is another client's", body = Problem),
        (status = 422, description = "Fields are invalid", body = Problem),
    ),
)]
pub(crate) async fn compat_create_client(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::ClientsWrite>,
    CamelJson(new): CamelJson<NewCompatClient>,
) -> Result<(StatusCode, Json<CompatClient>), ApiError> {
    let contact = |kind, value: Option<String>| {
        let value = value.filter(|value| !value.trim().is_empty())?;
        Some(Contact { kind, value, person: None })
    };
    let contacts = [contact(ContactKind::Phone, new.phone), contact(ContactKind::Email, new.email)];
    let facts = ClientFacts {
        name: new.name.trim().to_owned(),
        notes: new.notes,
        contacts: contacts.into_iter().flatten().collect(),
        ..ClientFacts::default()
    };
    let created = app::clients::create(&_state.app, &tenant.actor(), facts).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}
