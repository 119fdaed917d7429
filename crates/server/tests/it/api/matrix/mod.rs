//! Every operation of the OpenAPI document × everything that can be wrong about who asks and how. Each answer must
//! be the one that the rule says, be among the operation's documented responses, and fit its documented schema.
//!
//! What an operation needs to be asked is one line in `cases.toml`. A new operation without a line fails here.
//!
//! Another tenant's id answers 404 in a path; in a body 404, 409 or 422 that tells no more than an id that never
//! was; in a query nothing of the other tenant (an empty page) or 404 or 422.

mod bodies;
mod cases;
mod document;
mod requests;
mod side;
mod strangers;

use std::collections::BTreeSet;

use cases::Cases;
use document::{Document, Operation, excerpt};
use side::{Asked, Matrix};

use crate::api::world::Answer;

/// What is wrong, collected over all operations, so that one run tells everything.
#[derive(Default)]
struct Faults(BTreeSet<String>);

impl Faults {
    fn note(&mut self, operation: &Operation, what: impl std::fmt::Display) {
        self.0.insert(format!("{} ({} {}): {what}", operation.id, operation.method, operation.path));
    }

    /// Notes an answer that was not expected, and one that the document does not promise.
    fn judge(
        &mut self,
        matrix: &Matrix,
        operation: &Operation,
        asked: &Asked,
        what: &str,
        answer: &Answer,
        good: bool,
    ) {
        if !good {
            self.note(operation, format!("{what}: {} {} to {}", answer.status, excerpt(answer), asked.uri()));
        } else if let Some(broken) = matrix.document.broken_promise(operation, answer) {
            self.note(operation, format!("{what}: {broken}"));
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        if !self.0.is_empty() && !std::thread::panicking() {
            let list: Vec<&str> = self.0.iter().map(String::as_str).collect();
            panic!("{} faults:\n{}", list.len(), list.join("\n"));
        }
    }
}

#[test]
fn every_operation_has_a_case_and_every_case_an_operation() {
    let (document, cases) = (Document::read(), Cases::read());
    let described: BTreeSet<&str> =
        document.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert!(described.len() > 30, "the operations are not found any more");
    let written: BTreeSet<&str> = cases.operation.keys().map(String::as_str).collect();
    let file = "crates/server/tests/it/api/matrix/cases.toml";
    let missing: Vec<String> = document
        .operations
        .iter()
        .filter(|operation| !written.contains(operation.id.as_str()))
        .map(|operation| {
            let names: Vec<String> =
                document.parameters(operation, "path").into_iter().map(|parameter| parameter.name).collect();
            let line = match names.as_slice() {
                [] => "{}".to_owned(),
                [id] if id == "id" => "{ id = \"thing\" }".to_owned(),
                names => {
                    let pairs: Vec<String> =
                        names.iter().map(|name| format!("{name} = \"$thing\"")).collect();
                    format!("{{ path = {{ {} }} }}", pairs.join(", "))
                }
            };
            format!("{} = {line}", operation.id)
        })
        .collect();
    assert!(missing.is_empty(), "add to {file}:\n{}", missing.join("\n"));
    let gone: Vec<&&str> = written.difference(&described).collect();
    assert!(gone.is_empty(), "{file} has cases of operations that do not exist: {gone:?}");
    for (id, case) in &cases.operation {
        assert!(
            !case.is_an_exception() || case.why.is_some(),
            "{id} in {file}: an exception needs its `why`"
        );
    }
}
