//! What a call's log says was metered, and which of the agent's turns it was metered for.

use crate::call_log::{CallEvent, EventKind};
use crate::ids::TurnId;
use crate::prices::Quantity;

/// What one request to a model metered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    /// The agent's turn that it was for; `None` when no words came of it.
    pub turn: Option<TurnId>,
    /// The provider's id.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// How much.
    pub quantity: Quantity,
}

/// All that was metered, in the order of the log.
///
/// What is metered after a caller's words, or before the first of them, is the agent's next turn's; what comes while or
/// after that turn is spoken is its own, until the caller has said something else. Writing down what the caller says is
/// part of the turn that answers it. An answer that was cut off before its first word leaves its cost to the call alone.
#[must_use]
pub fn metered(events: &[CallEvent]) -> Vec<Metered> {
    let mut all: Vec<Metered> = Vec::new();
    // What waits for the next answer: what was heard, and what was thought and spoken since the caller's words.
    let mut heard: Vec<usize> = Vec::new();
    let mut thought: Vec<usize> = Vec::new();
    let mut turn = None;
    for event in events {
        match &event.kind {
            EventKind::CallerTurn { .. } => {
                turn = None;
                thought.clear();
            }
            EventKind::AgentSaying { turn: said, .. } => {
                if turn.is_none() {
                    for waiting in heard.drain(..).chain(thought.drain(..)) {
                        all[waiting].turn = Some(*said);
                    }
                }
                turn = Some(*said);
            }
            EventKind::ModelUsage { provider, model, tokens, transcribed_ms, characters } => {
                let (tokens, transcribed_ms, characters) = (*tokens, *transcribed_ms, *characters);
                let quantity = Quantity { tokens, transcribed_ms, characters };
                let is_heard = transcribed_ms > 0;
                if is_heard {
                    heard.push(all.len());
                } else if turn.is_none() {
                    thought.push(all.len());
                }
                let turn = turn.filter(|_| !is_heard);
                all.push(Metered { turn, provider: provider.clone(), model: model.clone(), quantity });
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::call_log::{ModelTokens, Purpose};

    fn turn(number: u128) -> TurnId {
        TurnId(Uuid::from_u128(number))
    }

    fn caller(number: u128) -> EventKind {
        EventKind::CallerTurn {
            turn: turn(number),
            started_ms: 0,
            ended_ms: 0,
            text: "hello".to_owned(),
            confidence: None,
        }
    }

    fn agent(number: u128) -> EventKind {
        EventKind::AgentSaying { turn: turn(number), text: "Yes.".to_owned(), purpose: Purpose::Reply }
    }

    fn usage(output_text: u64) -> EventKind {
        EventKind::ModelUsage {
            provider: "a".to_owned(),
            model: "b".to_owned(),
            tokens: ModelTokens { output_text, ..ModelTokens::default() },
            transcribed_ms: 0,
            characters: 0,
        }
    }

    fn turns(kinds: Vec<EventKind>) -> Vec<(u64, Option<TurnId>)> {
        let events: Vec<CallEvent> =
            (0..).zip(kinds).map(|(seq, kind)| CallEvent { seq, at_ms: 0, kind }).collect();
        metered(&events).into_iter().map(|one| (one.quantity.tokens.output_text, one.turn)).collect()
    }

    #[test]
    fn usage_is_the_turns_that_it_was_metered_for() {
        let log = vec![
            agent(1),
            caller(2),
            usage(1),
            usage(2),
            agent(3),
            usage(3),
            agent(3),
            caller(4),
            agent(5),
            usage(4),
        ];
        let expect = [(1, 3), (2, 3), (3, 3), (4, 5)];
        assert_eq!(turns(log), expect.map(|(count, id)| (count, Some(turn(id)))));
    }

    #[test]
    fn an_answer_without_words_leaves_its_cost_to_the_call() {
        let log = vec![caller(1), usage(1), caller(2), usage(2), agent(3), caller(4), usage(3)];
        assert_eq!(turns(log), [(1, None), (2, Some(turn(3))), (3, None)]);
        assert_eq!(turns(vec![usage(1)]), [(1, None)]);
    }

    #[test]
    fn what_is_heard_is_the_next_answers() {
        let listened = || EventKind::ModelUsage {
            provider: "a".to_owned(),
            model: "b".to_owned(),
            tokens: ModelTokens::default(),
            transcribed_ms: 900,
            characters: 0,
        };
        // Before the words are known, for words that were none, and after the last answer.
        let log =
            vec![agent(1), listened(), listened(), caller(2), listened(), usage(1), agent(3), listened()];
        let expect =
            [(0, Some(turn(3))), (0, Some(turn(3))), (0, Some(turn(3))), (1, Some(turn(3))), (0, None)];
        assert_eq!(turns(log), expect);
    }

    #[test]
    fn a_log_that_was_written_before_characters_were_metered_can_be_read() {
        let old = serde_json::json!({
            "seq": 0, "at_ms": 5, "type": "model_usage", "provider": "a", "model": "b", "input_text": 1,
            "input_audio": 0, "cached_text": 0, "cached_audio": 0, "output_text": 7, "output_audio": 0,
            "transcribed_ms": 0,
        });
        let event: CallEvent = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(turns(vec![event.kind.clone()]), [(7, None)]);
        assert_eq!(serde_json::to_value(&event).unwrap(), old, "and looks the same where none were");
    }
}
