//! Closed sets of names as the text columns hold them: the same words that their JSON uses.

use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use crate::error::StoreError;

/// The column's text of a unit variant.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        _ => Err(StoreError::bug("a value that is not a plain name was written to a text column")),
    }
}

/// The variant of a column's text.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    let source: value::StrDeserializer<'_, value::Error> = text.into_deserializer();
    T::deserialize(source).map_err(|error| StoreError::bug(format!("a stored name is not known: {error}")))
}

/// Reads a JSON column.
pub(crate) fn from_json<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, StoreError> {
    serde_json::from_value(value)
        .map_err(|error| StoreError::bug(format!("a stored document has another shape: {error}")))
}

/// Writes a JSON column.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value)
        .map_err(|error| StoreError::bug(format!("a document can't be written: {error}")))
}
