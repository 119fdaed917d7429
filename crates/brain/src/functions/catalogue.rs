//! Every function's name, purpose, JSON Schema, time limit and waiting line.
//!
//! The schemas use only what all vendors accept: `type`, `description`, `properties`, `required`, `enum`, bounds of
//! numbers, `additionalProperties`. Lengths are checked when the arguments come and are not in the schema.

use std::time::Duration;

use domain::agent_phrases::{Phrase, variant};
use domain::call_plan::CallPlan;
use domain::leads::LeadQuestion;
use provider_traits::functions::FunctionSpec;
use provider_traits::realtime::FunctionTool;
use provider_traits::schema::Schema;
use serde_json::{Value, json};

/// Longest wait for a tool; a caller does not wait longer than this in silence and filler.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why a call is ended; true when it was unwanted.
pub(super) const END_REASONS: &[(&str, bool)] =
    &[("caller_said_goodbye", false), ("nothing_more_to_do", false), ("unwanted_call", true)];
/// Why the lead flow is finished; true when all its questions are done.
pub(super) const FINISH_REASONS: &[(&str, bool)] = &[("all_questions_done", true), ("caller_stopped", false)];

/// The functions that this conversation may use.
pub(super) fn specs(plan: &CallPlan) -> Vec<FunctionSpec> {
    let mut specs = Vec::new();
    let may_identify = plan.caller.may_identify && plan.caller.client.is_none();
    if plan.caller.client.is_some() || may_identify {
        specs.push(spec(
            "get_project_status",
            "Tells how one of the caller's projects stands: status, last update, next step and date. Use it for every \
             question about a project's progress. Say what `say` holds, in its sense, and nothing beyond it.",
            Phrase::WaitingToLook,
            &json!({
                "project": text("The project as the caller named it, such as \"the website\". Empty when the caller named none."),
            }),
        ));
        specs.push(spec(
            "list_projects",
            "Lists the caller's projects with their status. Use it when the caller asks which projects there are.",
            Phrase::WaitingToLook,
            &json!({}),
        ));
        specs.push(spec(
            "report_scope_change",
            "Reports that the client asks for more or other than was agreed on a running project, to whoever looks after \
             it. Use it at once, once for each request, and promise nothing: say what `say` holds.",
            Phrase::WaitingToNote,
            &json!({ "quote": text("The client's own words that ask for it.") }),
        ));
    }
    if may_identify {
        specs.push(spec(
            "identify_client",
            "Begins to prove that the caller is a client: a one-time code goes to the e-mail address on file, if there \
             is one. Use it when a caller with an unknown number asks about a project or says that they are a client, \
             once they have told their client number or e-mail address. Nobody learns whether it is on file.",
            Phrase::WaitingToLook,
            &json!({
                "by": one_of("What the caller gave.", &["client_number", "email"]),
                "value": text("The client number or address in the caller's words."),
            }),
        ));
        specs.push(spec(
            "verify_client",
            "Checks the code of six digits that the caller reads from their e-mail. When it is right, the caller's \
             projects may be told.",
            Phrase::WaitingToLook,
            &json!({ "code": text("The code in the caller's words.") }),
        ));
    } else if plan.caller.client.is_none() {
        specs.push(spec(
            "identify_client",
            "Looks whether the caller is a client whose number or e-mail address is on file. Use it when a caller says \
             that they are a client. A number or address that somebody merely tells proves nothing, so the answer is \
             often that the caller is not recognised.",
            Phrase::WaitingToLook,
            &json!({
                "by": one_of("What the caller gave.", &["phone", "email"]),
                "value": text("The number or address in the caller's words."),
            }),
        ));
    }
    specs.push(spec(
        "search_knowledge",
        "Finds the business's own answers about services, prices, hours, terms and the like. Use it for every question \
         about the business before answering, and answer only from what it returns.",
        Phrase::WaitingToLook,
        &json!({ "question": text("The caller's question as a short sentence.") }),
    ));
    if !plan.lead_questions.is_empty() {
        specs.extend(lead(&plan.lead_questions));
    }
    specs.push(spec(
        "flag_urgent",
        "Alerts the business at once. Use it when the caller describes an emergency or is in great haste, before \
         anything else, once for each incident. Not for questions about emergency services, nor when the caller says \
         that it is not urgent.",
        Phrase::WaitingToNote,
        &json!({
            "score": {
                "type": "integer", "minimum": 5, "maximum": 10,
                "description": "5 to 7: in a hurry. 8 to 10: an emergency, damage happens now.",
            },
            "reason": text("The caller's own words for what is wrong."),
        }),
    ));
    specs.push(spec(
        "schedule_callback",
        "Has the caller called back by you at a time of their choice. Use it when they ask to be called again later and \
         you know the number and the time. Not for messages to a person: those are take_message.",
        Phrase::WaitingToNote,
        &json!({
            "when": text("The business's local date and time, like 2026-11-30T14:30. Empty: as soon as possible."),
            "number": text(
                "The number in the caller's words, or calling_number for the number of this call once the caller has \
                 agreed to it."
            ),
            "about": text("In a few words, what the call will be about."),
        }),
    ));
    specs.push(spec(
        "record_satisfaction",
        "Writes down how satisfied the caller is. Use it only when the caller says a number of their own accord or in \
         answer to your question.",
        Phrase::WaitingToNote,
        &json!({
            "score": {
                "type": "integer", "minimum": 1, "maximum": 5,
                "description": "1: not at all. 5: very satisfied.",
            },
            "comment": text("The caller's own words about it. Empty when there were none."),
        }),
    ));
    specs.push(spec(
        "take_message",
        "Passes a message on to the business. Use it when the caller wants to leave word, or wants something that you \
         can't do. First ask for what is missing: the message itself, the name, and where to answer.",
        Phrase::WaitingToNote,
        &json!({
            "text": text("The message in the caller's words."),
            "from_name": text("Who it is from. Empty when the caller would not say, or is a recognised client."),
            "reply_to": text(
                "Where to answer: a telephone number or e-mail address in the caller's words, calling_number for the \
                 number of this call (in an emergency, for a recognised client, or once the caller has agreed to it), or \
                 none when the caller wants no answer."
            ),
            "priority": one_of("How pressing it is.", &["normal", "high", "urgent"]),
        }),
    ));
    if plan.business.transfer_to.is_some() {
        specs.push(spec(
            "transfer_call",
            "Connects the caller with a person. Use it when the caller asks for a person and has agreed to be \
             connected now. Do not announce it before: the words to say come back in `say`.",
            Phrase::WaitingToConnect,
            &json!({
                "reason": text("In a few words, what the call is about: whoever is called hears it."),
                "whom": text(
                    "The person, role or subject that the caller asked for, in their words. Empty when it may be anybody."
                ),
            }),
        ));
    }
    let reasons: Vec<&str> = END_REASONS.iter().map(|(word, _)| *word).collect();
    specs.push(spec(
        "end_call",
        "Ends the call. Use it when the caller says goodbye or wants nothing more, or for an unwanted sales call. Do \
         not say goodbye before: the last words come back in `say`; say them, and the call ends behind them.",
        Phrase::WaitingToConnect,
        &json!({ "reason": one_of("Why the call ends.", &reasons) }),
    ));
    specs
}

fn lead(questions: &[LeadQuestion]) -> [FunctionSpec; 2] {
    let labels: Vec<String> = (0..questions.len()).map(|at| label(questions, at)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let reasons: Vec<&str> = FINISH_REASONS.iter().map(|(word, _)| *word).collect();
    [
        spec(
            "save_lead_answer",
            "Saves one answer of a caller who wants a new project, and tells the next question. Call it after each \
             answer, and again when the caller corrects one; when one sentence answers several questions, call it once \
             for each. Also when the caller does not want to answer: with their words. First say what `say` holds, then \
             ask `next_question`.",
            Phrase::WaitingToNote,
            &json!({
                "question": one_of("The question's label.", &labels),
                "answer": text("The answer in the caller's own words, such as \"maria at gmail dot com\"."),
            }),
        ),
        spec(
            "finish_lead",
            "Closes the questions about a new project. Call it when `next_question` is null, or when the caller wants \
             no more questions.",
            Phrase::WaitingToNote,
            &json!({ "reason": one_of("Why the questions end.", &reasons) }),
        ),
    ]
}

/// A question's label, made different from those before it.
pub(crate) fn label(questions: &[LeadQuestion], at: usize) -> String {
    let clean = |question: &LeadQuestion| {
        let text = if question.label.trim().is_empty() { &question.text } else { &question.label };
        text.trim().chars().filter(|c| !c.is_control()).take(80).collect::<String>()
    };
    let own = clean(&questions[at]);
    let same =
        questions[..at].iter().filter(|other| clean(other).to_lowercase() == own.to_lowercase()).count();
    if same == 0 { own } else { format!("{own} ({})", same + 1) }
}

fn spec(name: &str, description: &str, waiting: Phrase, properties: &Value) -> FunctionSpec {
    let required: Vec<String> =
        properties.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    FunctionSpec {
        tool: FunctionTool {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: Schema::from(&json!({
                "type": "object",
                "properties": properties,
                // All of them, so that the schemas also pass where a vendor wants them strict.
                "required": required,
                "additionalProperties": false,
            })),
        },
        limit: PATIENCE,
        waiting_line: variant(waiting, 0),
    }
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn one_of(description: &str, values: &[&str]) -> Value {
    json!({ "type": "string", "description": description, "enum": values })
}
