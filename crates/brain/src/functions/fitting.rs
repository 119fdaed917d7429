//! What a model is given back is short: it is paid by the word and read while the caller waits.

use serde_json::{Value, json};

/// Most bytes of an output.
pub(super) const MOST_BYTES: usize = 4 * 1024;
/// Most characters of one text in it, when the whole is too long.
const TEXT_CHARS: usize = 600;

/// The value as JSON text of at most [`MOST_BYTES`]: long texts are cut first, then lists lose their ends.
pub(super) fn fit(mut value: Value) -> String {
    let mut text = value.to_string();
    if text.len() <= MOST_BYTES {
        return text;
    }
    shorten(&mut value);
    loop {
        text = value.to_string();
        if text.len() <= MOST_BYTES {
            return text;
        }
        if !drop_last(&mut value) {
            return json!({ "error": "the answer is too long: ask for less" }).to_string();
        }
        if let Value::Object(fields) = &mut value {
            fields.insert("more".to_owned(), Value::Bool(true));
        }
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes the last entry of the longest list; false when there is none.
fn drop_last(value: &mut Value) -> bool {
    let Value::Object(fields) = value else { return false };
    let longest = fields.values_mut().filter_map(Value::as_array_mut).max_by_key(|list| list.len());
    longest.is_some_and(|list| list.pop().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        let value = json!({ "say": "hello", "projects": [1, 2] });
        assert_eq!(fit(value.clone()), value.to_string());
    }

    #[test]
    fn what_is_too_long_loses_the_ends_of_its_texts_and_lists() {
        let list: Vec<Value> =
            (0..100).map(|i| json!({ "name": format!("{i} {}", "é".repeat(2_000)) })).collect();
        let text = fit(json!({ "projects": list }));
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
        let kept: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(kept["more"], true);
        assert!(kept["projects"][0]["name"].as_str().unwrap().starts_with("0 é"));
    }

    #[test]
    fn what_can_not_be_cut_says_so() {
        let fields: serde_json::Map<String, Value> =
            (0..100).map(|i| (format!("field {i}"), json!("x".repeat(500)))).collect();
        assert!(fit(Value::Object(fields)).contains("too long"));
    }
}
