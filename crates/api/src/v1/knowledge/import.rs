//! Bringing knowledge in bulk: JSON or a table, all entries or none, and every fault told by its row.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use domain::plans::Feature;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::knowledge::{EntryContent, Visibility};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NewKnowledgeEntry;
use crate::auth::tenant::{Tenant, needs};
use crate::extract::ValidJson;
use crate::problem::{ApiError, Problem};
use crate::state::ApiState;

/// Most entries of one import.
const MAX_ENTRIES: usize = 1_000;
/// Largest body: a thousand entries of some length.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Faults told at once; a file with more is the wrong file.
const MAX_FAULTS: usize = 100;

/// The operation.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(import_knowledge_entries)).layer(DefaultBodyLimit::max(MAX_BYTES))
}

/// Many entries.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnowledgeImport {
    /// The entries.
    #[garde(length(min = 1, max = MAX_ENTRIES), dive)]
    #[schema(min_items = 1, max_items = 1_000)]
    entries: Vec<NewKnowledgeEntry>,
}

/// What was imported.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KnowledgeImported {
    /// How many entries were entered.
    #[schema(example = 120)]
    imported: usize,
}

/// A row of a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    category: String,
    question: String,
    #[serde(default)]
    variants: String,
    answer: String,
    #[serde(default)]
    visibility: String,
}

/// A body that is JSON or a table.
#[derive(Debug)]
pub(crate) struct Import(Vec<NewKnowledgeEntry>);

impl<S: Send + Sync> FromRequest<S> for Import {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_table = content_type
            .and_then(|value| value.split(';').next())
            .is_some_and(|mime| mime.trim().eq_ignore_ascii_case("text/csv"));
        if !is_table {
            let ValidJson(import) = ValidJson::<KnowledgeImport>::from_request(request, state).await?;
            return Ok(Self(import.entries));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::TooLarge
            } else {
                ApiError::Malformed("the body could not be read to its end".to_owned())
            }
        })?;
        read_table(&body).map(Self)
    }
}

fn read_table(body: &[u8]) -> Result<Vec<NewKnowledgeEntry>, ApiError> {
    // Spreadsheets begin their files with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut entries = Vec::new();
    let mut faults = BTreeMap::new();
    for (place, row) in csv::Reader::from_reader(body).into_deserialize::<Row>().enumerate() {
        if place == MAX_ENTRIES {
            return Err(ApiError::field("entries", format!("must be at most {MAX_ENTRIES} rows")));
        }
        let entry =
            row.map_err(|error| BTreeMap::from([(String::new(), row_fault(&error))])).and_then(entry_of);
        match entry {
            Ok(entry) => entries.push(entry),
            Err(found) => {
                for (field, message) in found {
                    let dot = if field.is_empty() { "" } else { "." };
                    faults.insert(format!("entries[{place}]{dot}{field}"), message);
                }
            }
        }
        if faults.len() >= MAX_FAULTS {
            break;
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    if entries.is_empty() {
        let message =
            "must have a row of headings (question, answer; category, variants, visibility) and rows below";
        return Err(ApiError::field("entries", message));
    }
    Ok(entries)
}

fn row_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} cells where the headings are {expected_len}")
        }
        _ => "can't be read".to_owned(),
    }
}

fn entry_of(row: Row) -> Result<NewKnowledgeEntry, BTreeMap<String, String>> {
    let visibility = match row.visibility.trim() {
        "" | "public" => Visibility::Public,
        "clients" => Visibility::Clients,
        "internal" => Visibility::Internal,
        _ => {
            let message = "must be public, clients or internal".to_owned();
            return Err(BTreeMap::from([("visibility".to_owned(), message)]));
        }
    };
    let variants = row.variants.split('|').map(str::trim).filter(|variant| !variant.is_empty());
    let entry = NewKnowledgeEntry {
        category: row.category,
        question: row.question,
        variants: variants.map(str::to_owned).collect(),
        answer: row.answer,
        visibility,
    };
    if [&entry.category, &entry.question, &entry.answer].iter().any(|text| text.contains('\0')) {
        let message = "must not hold the character U+0000".to_owned();
        return Err(BTreeMap::from([("question".to_owned(), message)]));
    }
    match entry.validate() {
        Ok(()) => Ok(entry),
        Err(report) => {
            Err(report.iter().map(|(path, error)| (path.to_string(), error.message().to_owned())).collect())
        }
    }
}

/// Enter many knowledge entries at once, up to 1,000: all, or none when one is wrong.
///
/// As JSON, or as a table (`text/csv`) with the headings `question` and `answer` and, if wanted, `category`,
/// `variants` (separated by `|`) and `visibility`. Faults are told by row: `entries[3].answer` is the answer of the
/// fourth.
#[utoipa::path(
    post, path = "/api/v1/knowledge-entries/import", operation_id = "import_knowledge_entries", tag = "knowledge",
    extensions(("x-permission" = json!("knowledge:write"))),
    request_body(content(
        (KnowledgeImport = "application/json", example = json!({"entries": [
            {"question": "What are your opening hours?", "answer": "We are open Monday to Friday, nine to six."}]})),
        (String = "text/csv"),
    )),
    responses(
        (status = 200, description = "All were entered", body = KnowledgeImported),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The permission is missing, or the plan has no knowledge management",
            body = Problem),
        (status = 422, description = "Rows are wrong; nothing was entered", body = Problem),
    ),
)]
pub(crate) async fn import_knowledge_entries(
    State(_state): State<ApiState>,
    tenant: Tenant<needs::KnowledgeWrite>,
    Import(entries): Import,
) -> Result<Json<KnowledgeImported>, ApiError> {
    tenant.require(Feature::KnowledgeManagement)?;
    let entries: Vec<EntryContent> = entries.into_iter().map(EntryContent::from).collect();
    app::knowledge::import(&_state.app, &tenant.actor(), &entries).await?;
    Ok(Json(KnowledgeImported { imported: entries.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(table: &str) -> Vec<String> {
        match read_table(table.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(ApiError::Invalid(errors)) => errors.into_keys().collect(),
            Err(other) => vec![other.to_string()],
        }
    }

    #[test]
    fn a_table_is_read_by_its_headings() {
        let table =
            "\u{feff}answer,question,variants,visibility\n\"Yes, gladly.\",Logos?,Do you?|Can you?,clients\n";
        let entries = read_table(table.as_bytes()).expect("a table");
        assert_eq!(entries[0].answer, "Yes, gladly.");
        assert_eq!(entries[0].variants, ["Do you?", "Can you?"]);
        assert_eq!(entries[0].visibility, Visibility::Clients);
    }

    #[test]
    fn every_fault_is_told_by_its_row() {
        let table = "question,answer,visibility\nA?,Yes,\n,No,\nB?,,secret\nC?,Yes\n";
        assert_eq!(faults(table), ["entries[1].question", "entries[2].visibility", "entries[3]"]);
        assert_eq!(faults("question\nA?\n"), ["entries[0]"]);
        assert_eq!(faults(""), ["entries"]);
        assert_eq!(faults("colour,question,answer\nred,A?,Yes\n"), ["entries[0]"]);
        let many = format!("question,answer\n{}", "A?,Yes\n".repeat(MAX_ENTRIES + 1));
        assert_eq!(faults(&many), ["entries"]);
    }
}
