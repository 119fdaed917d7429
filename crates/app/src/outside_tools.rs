//! The agent's tools for a platform that carries the conversation itself (an ElevenLabs agent): the same registry, bound
//! to one call in progress of the agent whose secret the platform has.
//!
//! The platform keeps no session with us. What was said and saved so far is read from the call's log before each use,
//! and each use is written into it.

use std::sync::Arc;

use domain::call_log::{CallEvent, EventKind};
use domain::call_plan::CallPlan;
use domain::history::History;
use domain::ids::{AgentId, OrgId};
use provider_traits::brain::NextStep;
use provider_traits::functions::{FunctionOutcome, Functions};
use provider_traits::tools::Tools;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use store::calls::events::MAX_EVENTS;
use store::calls::from_outside::{self, ConversationKey};
use store::tx::{OrgTx, SystemTx};

use crate::audit::{self, Actor};
use crate::conversation_tools::CallTools;
use crate::error::AppError;
use crate::live::LiveEvent;
use crate::runtime::App;
use crate::{tokens, transfers};

pub use brain::functions::{Audience, Registered};

/// The engine whose agents use tools from outside.
const ENGINE: &str = "elevenlabs";
/// How a secret begins.
const SECRET_PREFIX: &str = "sc_tools_";
/// Longest id of a call or a conversation.
const MOST_KEY_CHARS: usize = 200;

/// A use of a tool.
#[derive(Debug, Clone)]
pub struct ToolUse {
    /// The tool.
    pub tool: String,
    /// The carrier's id of the call.
    pub call_sid: Option<String>,
    /// The platform's name of the conversation.
    pub conversation_id: Option<String>,
    /// The tool's arguments, an object.
    pub arguments: Value,
}

/// Makes a secret for an agent's tools; a former one works no more. It is shown this once.
///
/// # Errors
/// Not found; storage errors.
pub async fn renew_secret(app: &App, actor: &Actor, id: AgentId) -> Result<SecretString, AppError> {
    let secret = tokens::draw(SECRET_PREFIX)?;
    let hash = tokens::hash(secret.expose_secret());
    set_secret(app, actor, id, Some(&hash)).await?;
    Ok(secret)
}

/// Takes the secret of an agent's tools away.
///
/// # Errors
/// Not found; storage errors.
pub async fn remove_secret(app: &App, actor: &Actor, id: AgentId) -> Result<(), AppError> {
    set_secret(app, actor, id, None).await
}

async fn set_secret(app: &App, actor: &Actor, id: AgentId, hash: Option<&[u8]>) -> Result<(), AppError> {
    let mut tx = OrgTx::begin(&app.db, actor.org_id).await?;
    store::agents::set_tools_secret(&mut tx, id, hash, app.ambient.now()).await?;
    let detail = json!({ "tools_secret": if hash.is_some() { "renewed" } else { "removed" } });
    audit::record(&mut tx, app, actor, "agents:tools_secret", &id, detail).await?;
    Ok(tx.commit().await?)
}

/// Uses a tool for a call in progress; what comes of it, for the platform's model. What goes wrong inside the tool is a
/// sentence in it (`say`), never an error.
///
/// # Errors
/// [`AppError::WrongCredentials`] when the secret is nobody's; not found for an unknown tool; [`AppError::Conflict`] when the
/// agent carries no such call now; [`AppError::Invalid`]; storage errors.
pub async fn use_tool(app: &Arc<App>, secret: &str, wanted: ToolUse) -> Result<Value, AppError> {
    let (org_id, agent_id) = owner(app, secret).await?;
    let (call_sid, conversation) =
        (id("call_sid", &wanted.call_sid)?, id("conversation_id", &wanted.conversation_id)?);
    if call_sid.is_none() && conversation.is_none() {
        let message = "is needed, or conversation_id once both have come together".to_owned();
        return Err(AppError::Invalid { field: "call_sid", message });
    }
    let key = ConversationKey { call_sid, conversation_ref: conversation };
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let found = match from_outside::find(&mut tx, agent_id, ENGINE, key).await {
        // The conversation is bound to another call.
        Err(error) if error.is_conflict_with("calls_conversation_ref_unique") => None,
        found => {
            tx.commit().await?;
            found?
        }
    };
    let Some(call_id) = found else {
        // Which tools there are is no secret to whoever has the agent's.
        demand_known(app, org_id, &wanted.tool).await?;
        let reason = "this agent carries no such call now".to_owned();
        return Err(AppError::Conflict { reason });
    };
    let plan = Arc::new(app.stored_plan(org_id, call_id).await?);
    let functions = of_call(app, &plan).await?;
    if !functions.specs().iter().any(|spec| spec.tool.name == wanted.tool) {
        demand_known(app, org_id, &wanted.tool).await?;
        let outcome = functions.call(&wanted.tool, &wanted.arguments).await;
        note(app, org_id, &plan, outcome.log).await?;
        return Ok(json!({ "say": brain::functions::not_for_this_caller() }));
    }
    let FunctionOutcome { output, log, then } = functions.call(&wanted.tool, &wanted.arguments).await;
    note(app, org_id, &plan, log).await?;
    let mut output: Value = serde_json::from_str(&output).unwrap_or_else(|_text| json!({ "say": output }));
    // What a model is to do about an error; a caller hears that it did not work.
    if let Some(error) = output.as_object_mut().and_then(|fields| fields.remove("error")) {
        output["note"] = error;
        output["say"] = json!(brain::functions::did_not_work());
    }
    match then {
        Some(NextStep::Transfer { to }) => {
            if !transfers::from_outside::fetch(app, org_id, call_id, &to).await? {
                let note = "nobody can be connected: the carrier can't be asked to. Offer to take a message.";
                output =
                    json!({ "transferring": false, "say": brain::functions::did_not_work(), "note": note });
            } else {
                // A platform that hung up now would take the caller with it.
                output["note"] =
                    json!("the caller is taken over within seconds: say so, and do not end the call");
            }
        }
        Some(_) => output["ends_conversation"] = json!(true),
        None => {}
    }
    Ok(output)
}

fn id<'a>(field: &'static str, given: &'a Option<String>) -> Result<Option<&'a str>, AppError> {
    match given.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
        Some(id) if id.chars().count() > MOST_KEY_CHARS => {
            Err(AppError::Invalid { field, message: format!("has at most {MOST_KEY_CHARS} characters") })
        }
        id => Ok(id),
    }
}

/// Whose secret it is. Secrets have 256 bits and are found by their hash, so that no comparison tells by its time how much
/// of one was right.
async fn owner(app: &App, secret: &str) -> Result<(OrgId, AgentId), AppError> {
    if !tokens::is_token(secret, SECRET_PREFIX) {
        return Err(AppError::WrongCredentials);
    }
    let mut tx = SystemTx::begin(&app.db, "an agent's secret tells which business uses its tools").await?;
    let found = store::agents::find_by_tools_secret(&mut tx, &tokens::hash(secret)).await?;
    found.ok_or(AppError::WrongCredentials)
}

async fn demand_known(app: &App, org_id: OrgId, tool: &str) -> Result<(), AppError> {
    let known = list(app, org_id).await?;
    if known.iter().any(|one| one.spec.tool.name == tool) {
        Ok(())
    } else {
        Err(AppError::NotFound { noun: "tool" })
    }
}

/// The functions of a call, as far as its log has come.
async fn of_call(app: &Arc<App>, plan: &Arc<CallPlan>) -> Result<Arc<dyn Functions>, AppError> {
    let mut tx = OrgTx::begin(&app.db, plan.org_id).await?;
    let log = store::calls::events::list(&mut tx, plan.call_id, 0, MAX_EVENTS).await?;
    drop(tx);
    let tools: Arc<dyn Tools> = Arc::new(CallTools::new(Arc::clone(app), Arc::clone(plan)));
    let functions = brain::functions::functions(Arc::clone(plan), tools, app.ambient.clone());
    functions.take_over(&History::of(log.iter().map(|event| &event.kind)));
    Ok(functions)
}

/// Writes what a tool did into the call's log, and shows it to watchers.
async fn note(app: &App, org_id: OrgId, plan: &CallPlan, kinds: Vec<EventKind>) -> Result<(), AppError> {
    let now = app.ambient.now();
    let at_ms = u64::try_from((now - plan.started_at).num_milliseconds()).unwrap_or_default();
    let mut tx = OrgTx::begin(&app.db, org_id).await?;
    let first = from_outside::next_seq(&mut tx, plan.call_id).await?;
    let events: Vec<CallEvent> =
        (first..).zip(kinds).map(|(seq, kind)| CallEvent { seq, at_ms, kind }).collect();
    store::calls::events::append(&mut tx, plan.call_id, &events, now).await?;
    tx.commit().await?;
    for event in events {
        app.live.publish(LiveEvent { org_id, call_id: plan.call_id, event });
    }
    Ok(())
}

/// Every tool that agents of the business have, with who may use it.
///
/// # Errors
/// Storage errors.
pub async fn list(app: &App, org_id: OrgId) -> Result<Vec<Registered>, AppError> {
    let plan = app.plan_of_nobody(org_id).await?;
    Ok(brain::functions::registry(&plan))
}
