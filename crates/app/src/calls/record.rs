//! What a call's record says, in the words of the store.

use domain::call_log::{CallEvent, EndReason};
use domain::intents;
use domain::turns::{self, Speaker};
use domain::urgency::{self, Urgency, UrgencyRules};
use store::calls::turns::{ToolCall, Turn, TurnKind};

/// The derived record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallRecord {
    pub(crate) turns: Vec<Turn>,
    pub(crate) tool_calls: Vec<ToolCall>,
    pub(crate) end_reason: EndReason,
    pub(crate) duration_ms: u64,
    /// What the call was about: the first intent that says anything.
    pub(crate) intent: Option<String>,
    /// Everything it was about, in the order it came up.
    pub(crate) intents: Vec<String>,
    /// How urgent its most urgent words were.
    pub(crate) urgency: Urgency,
}

/// Folds a log into the record. Total: a log that stops anywhere has a record.
#[must_use]
pub(crate) fn derive(events: &[CallEvent], rules: &UrgencyRules) -> CallRecord {
    let conversation = turns::project(events);
    let turns: Vec<Turn> = conversation.turns.into_iter().map(|turn| stored_turn(turn, rules)).collect();
    let urgency = turns.iter().map(|turn| &turn.urgency).max_by_key(|urgency| urgency.score);
    let urgency = urgency.cloned().unwrap_or_default();
    let mut intents: Vec<String> = Vec::new();
    for intent in turns.iter().filter_map(|turn| turn.intent.as_ref()) {
        if intent != "other" && !intents.contains(intent) {
            intents.push(intent.clone());
        }
    }
    CallRecord {
        turns,
        tool_calls: conversation
            .tools
            .into_iter()
            .map(|tool| ToolCall {
                id: tool.id,
                at_ms: tool.at_ms,
                name: tool.name,
                arguments: tool.arguments,
                result: tool.result,
                ok: tool.ok,
                duration_ms: tool.duration_ms,
            })
            .collect(),
        end_reason: conversation.ended.unwrap_or(EndReason::ProcessDied),
        duration_ms: conversation.last_ms,
        intent: intents.first().cloned(),
        intents,
        urgency,
    }
}

fn stored_turn(turn: turns::Turn, rules: &UrgencyRules) -> Turn {
    let kind = match (turn.speaker, &turn.rejected) {
        (_, Some(_)) => TurnKind::Rejected,
        (Speaker::Caller, None) => TurnKind::Caller,
        (Speaker::Agent, None) => TurnKind::Agent,
    };
    let (layer, reason) = turn.rejected.unzip();
    let agent = kind == TurnKind::Agent;
    let (intent, urgency) = match kind {
        TurnKind::Caller => {
            let urgency = urgency::assess(&turn.text, rules);
            // Whoever answered said what it was about; an engine that does not is made up for.
            let named = turn.intents.first().cloned();
            let intent =
                named.unwrap_or_else(|| intents::with_urgency(&turn.text, &urgency).name().to_owned());
            (Some(intent), urgency)
        }
        TurnKind::Agent | TurnKind::Rejected => (None, Urgency::default()),
    };
    Turn {
        id: turn.id,
        kind,
        started_ms: turn.started_ms,
        ended_ms: turn.ended_ms,
        text: if agent { turn.heard } else { turn.text.clone() },
        generated: agent.then_some(turn.text),
        sent: agent.then_some(turn.sent),
        interrupted: turn.interrupted,
        confidence: turn.confidence,
        layer,
        reason,
        intent,
        urgency,
        latency: turn.latency,
    }
}
