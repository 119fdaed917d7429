//! The turns of a call, folded from its event log: at hang-up, or after the process died.

use serde::{Deserialize, Serialize};

use crate::call_log::{CallEvent, EndReason, EventKind, LatencyParts};
use crate::ids::{LeadId, ToolCallId, TurnId};

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The caller.
    Caller,
    /// The agent.
    Agent,
}

/// One utterance as the records keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The turn.
    pub id: TurnId,
    /// Who spoke.
    pub speaker: Speaker,
    /// First speech or audio, media time.
    pub started_ms: u64,
    /// Last speech or audio, media time.
    pub ended_ms: u64,
    /// The caller's words, or what the agent's brain produced.
    pub text: String,
    /// The agent's words whose audio was sent; the caller's words otherwise.
    pub sent: String,
    /// The agent's words that can have been heard; the caller's words otherwise.
    pub heard: String,
    /// The agent's turn was cut short.
    pub interrupted: bool,
    /// The transcriber's confidence.
    pub confidence: Option<f32>,
    /// Layer and reason, when it was not taken as a turn.
    pub rejected: Option<(String, String)>,
    /// What the caller's turn was about.
    pub intents: Vec<String>,
    /// How long the answer took, on the agent's turn.
    pub latency: Option<LatencyParts>,
}

/// A tool call as the records keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolUse {
    /// The tool call.
    pub id: ToolCallId,
    /// Media time.
    pub at_ms: u64,
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: serde_json::Value,
    /// Its result or the error's sentence.
    pub result: serde_json::Value,
    /// Whether it worked.
    pub ok: bool,
    /// Milliseconds.
    pub duration_ms: u32,
}

/// What a log says of its call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// All turns, rejected ones too, in the order they began.
    pub turns: Vec<Turn>,
    /// All tool calls.
    pub tools: Vec<ToolUse>,
    /// The lead, if one was saved.
    pub lead: Option<LeadId>,
    /// Intents of the conversation, in the order they came up, each once.
    pub intents: Vec<String>,
    /// Why the call ended; `None` while it goes on or when the process died.
    pub ended: Option<EndReason>,
    /// Media time of the last event.
    pub last_ms: u64,
}

/// Folds events, in the order of their `seq`. An agent's turn without an end counts as interrupted at the
/// last event, with what it had begun to say.
#[must_use]
pub fn project(events: &[CallEvent]) -> Conversation {
    let mut call = Conversation::default();
    // Words said to be coming, for turns whose end was never written.
    let mut partial: Option<(TurnId, u64, String)> = None;
    for event in events {
        call.last_ms = call.last_ms.max(event.at_ms);
        take(&mut call, event, &mut partial);
    }
    if let Some((id, at_ms, text)) = partial
        && !call.turns.iter().any(|t| t.id == id)
    {
        // The caller was cut off in mid-sentence: the words so far are all there is.
        call.turns.push(caller_turn(id, at_ms, call.last_ms, &text, None));
    }
    let last_ms = call.last_ms;
    for turn in call.turns.iter_mut().filter(|t| t.speaker == Speaker::Agent && t.ended_ms == OPEN) {
        turn.ended_ms = last_ms.max(turn.started_ms);
        turn.interrupted = true;
    }
    call.turns.sort_by_key(|t| t.started_ms);
    call
}

/// Marks an agent's turn whose end has not come.
const OPEN: u64 = u64::MAX;

fn caller_turn(id: TurnId, started_ms: u64, ended_ms: u64, text: &str, confidence: Option<f32>) -> Turn {
    Turn {
        id,
        speaker: Speaker::Caller,
        started_ms,
        ended_ms,
        text: text.to_owned(),
        sent: text.to_owned(),
        heard: text.to_owned(),
        interrupted: false,
        confidence,
        rejected: None,
        intents: Vec::new(),
        latency: None,
    }
}

fn agent_turn(call: &mut Conversation, id: TurnId, at_ms: u64) -> &mut Turn {
    let at = call.turns.iter().position(|t| t.id == id).unwrap_or_else(|| {
        call.turns.push(Turn { speaker: Speaker::Agent, ..caller_turn(id, at_ms, OPEN, "", None) });
        call.turns.len() - 1
    });
    &mut call.turns[at]
}

fn take(call: &mut Conversation, event: &CallEvent, partial: &mut Option<(TurnId, u64, String)>) {
    match &event.kind {
        EventKind::CallerPartial { turn, text } => {
            let since = partial.as_ref().filter(|(id, ..)| id == turn).map_or(event.at_ms, |(_, at, _)| *at);
            *partial = Some((*turn, since, text.clone()));
        }
        EventKind::CallerTurn { turn, started_ms, ended_ms, text, confidence } => {
            call.turns.push(caller_turn(*turn, *started_ms, *ended_ms, text, *confidence));
            *partial = None;
        }
        EventKind::TurnRejected { turn, started_ms, ended_ms, text, layer, reason } => {
            let rejected = Some((layer.clone(), reason.clone()));
            call.turns.push(Turn { rejected, ..caller_turn(*turn, *started_ms, *ended_ms, text, None) });
            *partial = None;
        }
        EventKind::AgentSaying { turn, text, .. } => {
            let turn = agent_turn(call, *turn, event.at_ms);
            // Superseded by `AgentTurn`; until then a sentence begun may have been heard.
            for words in [&mut turn.text, &mut turn.sent, &mut turn.heard] {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(text);
            }
        }
        EventKind::AgentTurn { turn, started_ms, ended_ms, generated, sent, heard, interrupted } => {
            let turn = agent_turn(call, *turn, *started_ms);
            turn.started_ms = *started_ms;
            turn.ended_ms = *ended_ms;
            turn.text.clone_from(generated);
            turn.sent.clone_from(sent);
            turn.heard.clone_from(heard);
            turn.interrupted = *interrupted;
        }
        EventKind::Latency { turn, parts } => agent_turn(call, *turn, event.at_ms).latency = Some(*parts),
        EventKind::ToolCall { id, name, arguments, result, ok, duration_ms } => call.tools.push(ToolUse {
            id: *id,
            at_ms: event.at_ms,
            name: name.clone(),
            arguments: arguments.clone(),
            result: result.clone(),
            ok: *ok,
            duration_ms: *duration_ms,
        }),
        EventKind::Intent { turn, intent } => {
            if let Some(turn) = call.turns.iter_mut().find(|t| t.id == *turn) {
                turn.intents.push(intent.clone());
            }
            if !call.intents.contains(intent) {
                call.intents.push(intent.clone());
            }
        }
        EventKind::LeadSaved { lead } => call.lead = Some(*lead),
        EventKind::Ended { reason } => call.ended = Some(*reason),
        EventKind::EngineReady { .. }
        | EventKind::SpeechStarted
        | EventKind::SpeechEnded
        | EventKind::Resumed { .. }
        | EventKind::Dtmf { .. }
        | EventKind::Notice { .. }
        | EventKind::EngineChanged { .. }
        | EventKind::Continued { .. }
        | EventKind::ModelUsage { .. }
        | EventKind::MessageBegun { .. }
        | EventKind::Media { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::call_log::Purpose;

    fn turn(n: u128) -> TurnId {
        TurnId(Uuid::from_u128(n))
    }

    fn log(kinds: Vec<(u64, EventKind)>) -> Vec<CallEvent> {
        kinds
            .into_iter()
            .enumerate()
            .map(|(i, (at_ms, kind))| CallEvent { seq: i as u32, at_ms, kind })
            .collect()
    }

    fn saying(n: u128, text: &str) -> EventKind {
        EventKind::AgentSaying { turn: turn(n), text: text.into(), purpose: Purpose::Reply }
    }

    #[test]
    fn a_finished_call_has_its_turns_with_latency_tools_and_intents() {
        let call = project(&log(vec![
            (0, saying(1, "Hello.")),
            (
                900,
                EventKind::AgentTurn {
                    turn: turn(1),
                    started_ms: 0,
                    ended_ms: 900,
                    generated: "Hello.".into(),
                    sent: "Hello.".into(),
                    heard: "Hello.".into(),
                    interrupted: false,
                },
            ),
            (2_000, EventKind::CallerPartial { turn: turn(2), text: "how is".into() }),
            (
                2_500,
                EventKind::CallerTurn {
                    turn: turn(2),
                    started_ms: 1_500,
                    ended_ms: 2_400,
                    text: "how is my website".into(),
                    confidence: Some(0.9),
                },
            ),
            (2_600, EventKind::Intent { turn: turn(2), intent: "status_update".into() }),
            (
                2_650,
                EventKind::ToolCall {
                    id: ToolCallId(Uuid::nil()),
                    name: "list_projects".into(),
                    arguments: serde_json::json!({}),
                    result: serde_json::json!([]),
                    ok: true,
                    duration_ms: 3,
                },
            ),
            (2_700, saying(3, "It is fine.")),
            (2_710, EventKind::Latency { turn: turn(3), parts: LatencyParts::default() }),
            (3_000, EventKind::Ended { reason: EndReason::CallerHungUp }),
        ]));
        let texts: Vec<(&str, bool)> = call.turns.iter().map(|t| (t.text.as_str(), t.interrupted)).collect();
        assert_eq!(texts, [("Hello.", false), ("how is my website", false), ("It is fine.", true)]);
        assert_eq!(call.turns[2].ended_ms, 3_000);
        assert!(call.turns[2].latency.is_some());
        assert_eq!(call.turns[1].intents, ["status_update"]);
        assert_eq!(call.tools.len(), 1);
        assert_eq!(call.ended, Some(EndReason::CallerHungUp));
    }

    #[test]
    fn a_log_without_an_end_keeps_what_was_said_and_heard_so_far() {
        let call = project(&log(vec![
            (100, saying(1, "One.")),
            (900, saying(1, "Two.")),
            (1_500, EventKind::CallerPartial { turn: turn(2), text: "no".into() }),
            (1_900, EventKind::CallerPartial { turn: turn(2), text: "no wait".into() }),
        ]));
        assert_eq!(call.turns.len(), 2);
        assert_eq!((call.turns[0].heard.as_str(), call.turns[0].interrupted), ("One. Two.", true));
        assert_eq!((call.turns[1].text.as_str(), call.turns[1].started_ms), ("no wait", 1_500));
        assert_eq!(call.ended, None);
    }

    #[test]
    fn rejected_turns_stay_with_layer_and_reason() {
        let call = project(&log(vec![(
            500,
            EventKind::TurnRejected {
                turn: turn(1),
                started_ms: 100,
                ended_ms: 200,
                text: "thank you for watching".into(),
                layer: "invention".into(),
                reason: "known".into(),
            },
        )]));
        assert_eq!(call.turns[0].rejected, Some(("invention".into(), "known".into())));
    }

    #[test]
    fn an_empty_log_is_an_empty_conversation() {
        assert_eq!(project(&[]), Conversation::default());
    }
}
