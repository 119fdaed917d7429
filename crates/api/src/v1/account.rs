//! A person's own account: name, address, password, second factor.

use app::auth::account::{Account, AccountChange};
use app::auth::{Code, account, second_factor};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::ids::UserId;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{maybe_readable, maybe_typed_code, readable, typed_code};
use crate::auth::credentials::Address;
use crate::auth::tenant::SignedIn;
use crate::etag::{IfMatch, tagged};
use crate::extract::{ValidJson, required};
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// The operations.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_account, update_account))
        .routes(routes!(change_password))
        .routes(routes!(begin_second_factor, remove_second_factor))
        .routes(routes!(confirm_second_factor))
        .routes(routes!(renew_recovery_codes))
}

/// A person's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// The person's id.
    #[schema(value_type = String, example = "user_01jd5z6q2mf3vr4c9s8e7t6k5h")]
    id: UserId,
    /// The name.
    #[schema(example = "Dana Lindqvist")]
    name: String,
    /// The address they sign in with.
    #[schema(example = "dana@aurora.example")]
    email: String,
    /// The address they asked to sign in with, until the link sent there is opened.
    #[schema(required, example = json!(null))]
    pending_email: Option<String>,
    /// Whether they can sign in by password.
    has_password: bool,
    /// Whether signing in asks for a code of an authenticator app.
    second_factor: bool,
    /// Recovery codes that were not used.
    recovery_codes_left: u32,
    /// When the account was last changed.
    updated_at: DateTime<Utc>,
}

fn view(account: Account) -> Response {
    let updated_at = account.updated_at;
    tagged(
        updated_at,
        Json(AccountView {
            id: account.user.id,
            name: account.user.name,
            email: account.user.email,
            pending_email: account.pending_email,
            has_password: account.user.password_hash.is_some(),
            second_factor: account.second_factor.is_on,
            recovery_codes_left: account.second_factor.recovery_codes_left,
            updated_at,
        }),
    )
}

/// What is to be changed of an account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountPatch {
    /// Another name.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Dana Lindqvist")]
    name: Option<String>,
    /// Another address to sign in with. It counts once the link that is sent there was opened.
    #[serde(default, deserialize_with = "required")]
    #[garde(length(chars, min = 3, max = 320))]
    #[schema(min_length = 3, max_length = 320)]
    email: Option<String>,
    /// The present password; needed for another address.
    #[serde(default)]
    #[garde(custom(maybe_readable))]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    password: Option<SecretString>,
}

/// Another password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, max_length = 1024)]
    current_password: SecretString,
    /// The new one: at least 10 characters, not a common one, not made of name or address.
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024, example = "teal kettle over the fjord")]
    new_password: SecretString,
}

/// The present password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordProof {
    /// The present password.
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, max_length = 1024)]
    password: SecretString,
}

/// What an authenticator app needs. Shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactorEnrolment {
    /// The secret, to be typed into the app.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// The same as an address, to be shown as a QR code.
    otpauth_url: String,
}

/// A code of the app.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorCode {
    /// Six digits.
    #[garde(custom(typed_code))]
    #[schema(value_type = String, max_length = 64, example = "287082")]
    totp_code: SecretString,
}

/// The present password and a code.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorProof {
    /// The present password.
    #[garde(custom(readable))]
    #[schema(value_type = String, format = Password, max_length = 1024)]
    password: SecretString,
    /// Six digits of the app.
    #[serde(default)]
    #[garde(custom(maybe_typed_code))]
    #[schema(value_type = Option<String>, max_length = 64, example = "287082")]
    totp_code: Option<SecretString>,
    /// A recovery code in its place, where the phone is lost.
    #[serde(default)]
    #[garde(custom(maybe_typed_code))]
    #[schema(value_type = Option<String>, max_length = 64)]
    recovery_code: Option<SecretString>,
}

/// Recovery codes, shown this once. Each works once in place of a code of the app.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    #[schema(example = json!(["0f3k-9x2m-7tqa-c8wd"]))]
    recovery_codes: Vec<String>,
}

fn shown(codes: &[SecretString]) -> Json<RecoveryCodes> {
    Json(RecoveryCodes { recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect() })
}

/// Get your own account.
#[utoipa::path(
    get, path = "/api/v1/account", operation_id = "get_account", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    responses(
        (status = 200, description = "The account, with its version as `ETag`", body = AccountView),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account", body = Problem),
    ),
)]
pub(crate) async fn get_account(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
) -> Result<Response, ApiError> {
    Ok(view(account::show(&_state.app, &identity).await?))
}

/// Change your own name or e-mail address.
#[utoipa::path(
    patch, path = "/api/v1/account", operation_id = "update_account", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    params(("If-Match" = String, Header, description = "The `ETag` of the version that the change is based on, or `*`")),
    request_body = AccountPatch,
    responses(
        (status = 200, description = "The changed account", body = AccountView),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 412, description = "It was changed in the meantime", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "Fields are wrong", body = Problem),
        (status = 428, description = "`If-Match` is missing", body = Problem),
        (status = 429, description = "Too many wrong passwords; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn update_account(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    IfMatch(seen): IfMatch,
    ValidJson(patch): ValidJson<AccountPatch>,
) -> Result<Response, ApiError> {
    let change = AccountChange { name: patch.name, email: patch.email, password: patch.password };
    Ok(view(account::change(&_state.app, &identity, seen, change, address).await?))
}

/// Change your password. Your other sessions end.
#[utoipa::path(
    post, path = "/api/v1/account/password", operation_id = "change_password", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    request_body = PasswordChange,
    responses(
        (status = 204, description = "The new password counts"),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The present password is wrong, or the new one unfit", body = Problem),
        (status = 429, description = "Too many wrong passwords; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn change_password(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    ValidJson(body): ValidJson<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    account::change_password(&_state.app, &identity, body.current_password, body.new_password, address)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin to set up a second factor.
///
/// It counts once a code of the app was confirmed.
#[utoipa::path(
    post, path = "/api/v1/account/second-factor", operation_id = "begin_second_factor", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    request_body = PasswordProof,
    responses(
        (status = 200, description = "What the app needs", body = SecondFactorEnrolment),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 409, description = "A second factor is on", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The password is wrong", body = Problem),
        (status = 429, description = "Too many wrong passwords; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn begin_second_factor(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    ValidJson(body): ValidJson<PasswordProof>,
) -> Result<Response, ApiError> {
    let enrolment = second_factor::begin(&_state.app, &identity, body.password, address).await?;
    Ok(Json(SecondFactorEnrolment {
        secret: enrolment.secret.expose_secret().to_owned(),
        otpauth_url: enrolment.url.expose_secret().to_owned(),
    })
    .into_response())
}

/// Turn the second factor on with a first code; get recovery codes.
#[utoipa::path(
    post, path = "/api/v1/account/second-factor/confirm", operation_id = "confirm_second_factor", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    request_body = SecondFactorCode,
    responses(
        (status = 200, description = "It is on. The recovery codes are shown this once", body = RecoveryCodes),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 409, description = "There is none to be confirmed", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The code is wrong", body = Problem),
        (status = 429, description = "Too many wrong codes; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn confirm_second_factor(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    ValidJson(body): ValidJson<SecondFactorCode>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let codes = second_factor::confirm(&_state.app, &identity, body.totp_code, address).await?;
    Ok(shown(&codes))
}

/// Remove the second factor.
#[utoipa::path(
    delete, path = "/api/v1/account/second-factor", operation_id = "remove_second_factor", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    request_body = SecondFactorProof,
    responses(
        (status = 204, description = "Signing in asks for the password only"),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 409, description = "There is none", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The password or the code is wrong", body = Problem),
        (status = 429, description = "Too many wrong passwords or codes; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn remove_second_factor(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    ValidJson(body): ValidJson<SecondFactorProof>,
) -> Result<StatusCode, ApiError> {
    let code = match (body.totp_code, body.recovery_code) {
        (Some(code), _) => Code::App(code),
        (None, Some(code)) => Code::Recovery(code),
        (None, None) => {
            return Err(ApiError::field("totp_code", "is missing; a `recovery_code` does as well"));
        }
    };
    second_factor::remove(&_state.app, &identity, body.password, &code, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get new recovery codes in place of the old ones.
#[utoipa::path(
    post, path = "/api/v1/account/second-factor/recovery-codes", operation_id = "renew_recovery_codes", tag = "account",
    extensions(("x-permission" = json!("signed_in"))),
    request_body = SecondFactorProof,
    responses(
        (status = 200, description = "The new codes, shown this once", body = RecoveryCodes),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "A program has no account, or `X-CSRF-Token` is missing (`csrf`)", body = Problem),
        (status = 409, description = "There is no second factor", body = Problem),
        (status = 415, description = "The body is not JSON", body = Problem),
        (status = 422, description = "The password or the code is wrong", body = Problem),
        (status = 429, description = "Too many wrong passwords or codes; wait as `Retry-After` says", body = Problem),
    ),
)]
pub(crate) async fn renew_recovery_codes(
    State(_state): State<ApiState>,
    SignedIn(identity): SignedIn,
    Address(address): Address,
    ValidJson(body): ValidJson<SecondFactorProof>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let code = body.totp_code.ok_or_else(|| ApiError::field("totp_code", "is missing"))?;
    let codes =
        second_factor::renew_recovery_codes(&_state.app, &identity, body.password, code, address).await?;
    Ok(shown(&codes))
}
