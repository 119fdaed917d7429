//! Bodies of the older paths: their faults are named as their fields are, in camelCase.

use axum::extract::{FromRequest, Request};
use garde::Validate;
use serde::de::DeserializeOwned;

use crate::extract::ValidJson;
use crate::problem::ApiError;

/// A JSON body as [`ValidJson`] reads it.
#[derive(Debug)]
pub(crate) struct CamelJson<T>(pub(crate) T);

impl<S, T> FromRequest<S> for CamelJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match ValidJson::from_request(request, state).await {
            Ok(ValidJson(body)) => Ok(Self(body)),
            Err(ApiError::Invalid(errors)) => {
                // A field that there is not is named as it was sent.
                let named = |(field, message): (String, String)| {
                    let field = if message.starts_with("unknown field") { field } else { camel_case(&field) };
                    (field, message)
                };
                Err(ApiError::Invalid(errors.into_iter().map(named).collect()))
            }
            Err(other) => Err(other),
        }
    }
}

/// `persona_prompt` as `personaPrompt`.
fn camel_case(field: &str) -> String {
    let mut parts = field.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut whole, part| {
        let mut letters = part.chars();
        whole.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        whole.push_str(letters.as_str());
        whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_they_were_sent() {
        for (rust, sent) in [
            ("text", "text"),
            ("persona_prompt", "personaPrompt"),
            ("notification_phone_number", "notificationPhoneNumber"),
            ("choices[2].spoken_text", "choices[2].spokenText"),
            ("elevenlabsAgentId", "elevenlabsAgentId"),
        ] {
            assert_eq!(camel_case(rust), sent);
        }
    }
}
