//! What a call's record says, in the words of the store.

use domain::call_log::{CallEvent, EndReason};
use domain::turns::{self, Speaker};
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
}

/// Folds a log into the record. Total: a log that stops anywhere has a record.
#[must_use]
pub(crate) fn derive(events: &[CallEvent]) -> CallRecord {
    let conversation = turns::project(events);
    CallRecord {
        turns: conversation.turns.into_iter().map(stored_turn).collect(),
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
        intent: conversation.intents.into_iter().find(|intent| intent != "other"),
    }
}

fn stored_turn(turn: turns::Turn) -> Turn {
    let kind = match (turn.speaker, &turn.rejected) {
        (_, Some(_)) => TurnKind::Rejected,
        (Speaker::Caller, None) => TurnKind::Caller,
        (Speaker::Agent, None) => TurnKind::Agent,
    };
    let (layer, reason) = turn.rejected.unzip();
    let agent = kind == TurnKind::Agent;
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
        intent: turn.intents.into_iter().next(),
        latency: turn.latency,
    }
}
