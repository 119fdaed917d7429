//! JSON Schemas of functions, kept small: as trees of values those of one call take tens of kilobytes, as text a few,
//! and copies of a text are free.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON Schema. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Schema(Arc<str>);

impl Schema {
    /// The schema as JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Value> for Schema {
    fn from(schema: &Value) -> Self {
        Self(schema.to_string().into())
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).expect("it was written from a value");
        raw.serialize(serializer)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_written_as_it_was_given() {
        let value = json!({ "type": "object", "properties": { "a \"b\"": { "enum": ["ä", 1, null] } } });
        let schema = Schema::from(&value);
        assert_eq!(json!({ "parameters": schema }), json!({ "parameters": value }));
        assert_eq!(serde_json::to_string(&schema).expect("JSON"), value.to_string());
        assert_eq!(schema, Schema::from(&value));
    }
}
