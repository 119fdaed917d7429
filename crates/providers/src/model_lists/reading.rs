//! The lists of models as each vendor writes them.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use provider_traits::model_list::ListedModel;
use serde_json::Value;

use super::Dialect;

/// The models of a page; `None` when it is none.
pub(super) fn page(dialect: Dialect, page: &Value) -> Option<Vec<ListedModel>> {
    let models = match dialect {
        Dialect::OpenAi | Dialect::Mistral | Dialect::Anthropic => page.get("data")?,
        Dialect::Gemini => page.get("models")?,
        Dialect::ElevenLabs => page,
        Dialect::Deepgram => page.get("stt")?,
    };
    models.as_array()?.iter().map(|one| model(dialect, one)).collect()
}

/// The parameter that asks for what follows.
pub(super) fn next_page(dialect: Dialect, page: &Value) -> Option<(&'static str, String)> {
    let text = |name: &str| page.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    match dialect {
        Dialect::Anthropic if page.get("has_more") == Some(&Value::Bool(true)) => {
            Some(("after_id", text("last_id")?))
        }
        Dialect::Gemini => Some(("pageToken", text("nextPageToken")?)),
        _ => None,
    }
}

/// One model; `None` when it has no id.
pub(super) fn model(dialect: Dialect, one: &Value) -> Option<ListedModel> {
    let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
    let date = |name: &str| one.get(name).and_then(Value::as_str).and_then(moment);
    let model = match dialect {
        Dialect::OpenAi => {
            ListedModel { id: text("id")?, ends: date("shutdown_date"), ..ListedModel::default() }
        }
        Dialect::Anthropic => ListedModel {
            id: text("id")?,
            is_retired: one.get("lifecycle").and_then(Value::as_str) == Some("retired"),
            ends: date("retires_at"),
            ..ListedModel::default()
        },
        Dialect::Mistral => ListedModel {
            id: text("id")?,
            aliases: texts(one.get("aliases")),
            is_retired: one.get("archived") == Some(&Value::Bool(true)),
            ends: date("deprecation"),
            replacement: text("deprecation_replacement_model"),
        },
        Dialect::Gemini => {
            let id = text("name")?;
            let id = id.strip_prefix("models/").unwrap_or(&id).to_owned();
            ListedModel { id, ..ListedModel::default() }
        }
        Dialect::ElevenLabs => ListedModel { id: text("model_id")?, ..ListedModel::default() },
        // `nova-3` is a whole family, of which `nova-3-general` is meant.
        Dialect::Deepgram => {
            let aliases = ["name", "architecture"].into_iter().filter_map(text).collect();
            ListedModel { id: text("canonical_name")?, aliases, ..ListedModel::default() }
        }
    };
    Some(model)
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let all = list.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A moment, or the beginning of a day.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let exact = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc());
    exact.or_else(|| {
        let day: NaiveDate = text.get(..10).unwrap_or(text).parse().ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn day(text: &str) -> Option<DateTime<Utc>> {
        moment(&format!("{text}T00:00:00Z"))
    }

    #[test]
    fn a_model_is_read_as_its_vendor_writes_it() {
        let plain = |id: &str| ListedModel { id: id.to_owned(), ..ListedModel::default() };
        for (dialect, one, expect) in [
            (Dialect::OpenAi, json!({"id": "a", "object": "model", "shutdown_date": null}), plain("a")),
            (
                Dialect::OpenAi,
                json!({"id": "a", "shutdown_date": "2027-01-06"}),
                ListedModel { ends: day("2027-01-06"), ..plain("a") },
            ),
            (
                Dialect::Anthropic,
                json!({"id": "a", "lifecycle": "retired", "retires_at": "2026-11-01T00:00:00Z"}),
                ListedModel { is_retired: true, ends: day("2026-11-01"), ..plain("a") },
            ),
            (
                Dialect::Mistral,
                json!({"id": "a-2512", "aliases": ["a-latest"], "archived": false,
                       "deprecation": "2027-02-01T00:00:00Z", "deprecation_replacement_model": "b"}),
                ListedModel {
                    aliases: vec!["a-latest".to_owned()],
                    ends: day("2027-02-01"),
                    replacement: Some("b".to_owned()),
                    ..plain("a-2512")
                },
            ),
            (Dialect::Gemini, json!({"name": "models/a"}), plain("a")),
            (Dialect::ElevenLabs, json!({"model_id": "a", "name": "A"}), plain("a")),
            (
                Dialect::Deepgram,
                json!({"name": "general", "canonical_name": "nova-3-general", "architecture": "nova-3"}),
                ListedModel {
                    aliases: vec!["general".to_owned(), "nova-3".to_owned()],
                    ..plain("nova-3-general")
                },
            ),
        ] {
            assert_eq!(model(dialect, &one), Some(expect), "{one}");
        }
        assert_eq!(page(Dialect::OpenAi, &json!({"data": [{"object": "model"}]})), None);
        assert_eq!(page(Dialect::OpenAi, &json!({"error": {}})), None);
        assert_eq!(page(Dialect::ElevenLabs, &json!([{"model_id": "a"}])).map(|all| all.len()), Some(1));
    }

    #[test]
    fn what_follows_is_asked_for_as_the_vendor_wants_it() {
        let next = |dialect, page| next_page(dialect, &page).map(|(name, value)| format!("{name}={value}"));
        let anthropic = |more: bool| next(Dialect::Anthropic, json!({"has_more": more, "last_id": "x"}));
        assert_eq!(anthropic(true).as_deref(), Some("after_id=x"));
        assert_eq!(anthropic(false), None);
        assert_eq!(next(Dialect::Gemini, json!({"nextPageToken": "t"})).as_deref(), Some("pageToken=t"));
        assert_eq!(next(Dialect::Gemini, json!({"nextPageToken": ""})), None);
        assert_eq!(next(Dialect::OpenAi, json!({"has_more": true, "last_id": "x"})), None);
    }
}
