//! Documents with nothing in them but what the vendor knows.

use serde_json::Value;

/// A field that the vendor does not know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extra(pub(super) String);

/// Whether an object has only these fields. What is no object has none.
pub(super) fn only(value: &Value, place: &str, allowed: &[&str]) -> Result<(), Extra> {
    let extra =
        value.as_object().and_then(|object| object.keys().find(|key| !allowed.contains(&key.as_str())));
    extra.map_or(Ok(()), |key| {
        Err(Extra(if place.is_empty() { key.clone() } else { format!("{place}.{key}") }))
    })
}

/// The text of a field; an error names it.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("Missing required parameter: '{name}'."))
}

/// The list of a field; an error names it.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], String> {
    let list = value[name].as_array().filter(|list| !list.is_empty());
    list.map(Vec::as_slice).ok_or_else(|| format!("'{name}' must be a list that is not empty."))
}

/// A function's name as every vendor takes it.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
