//! What a call cost, as those see it who may see usage.

use std::collections::BTreeMap;

use domain::ids::TurnId;
use domain::prices::MicroUsd;
use serde::Serialize;
use store::calls::usage::Rated;
use utoipa::ToSchema;

/// What the models of a call metered and cost, in millionths of a US dollar, at the prices of the day on which its record
/// was closed. What was asked ahead and thrown away is not in it: vendors meter only answers that were heard to their
/// end.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CallUsage)]
pub(super) struct UsageView {
    /// The sum; `null` when a part of it has no known price.
    #[schema(example = 12_840)]
    cost_micro_usd: Option<MicroUsd>,
    /// By model, in the order of their names.
    models: Vec<ModelUsageView>,
}

/// What one model metered.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ModelUsage)]
pub(super) struct ModelUsageView {
    /// The provider's id.
    #[schema(example = "openai")]
    provider: String,
    /// The model's id.
    #[schema(example = "gpt-realtime-2.1")]
    model: String,
    /// What it cost; `null` when its price is not known.
    #[schema(example = 12_840)]
    cost_micro_usd: Option<MicroUsd>,
    /// Requests that were metered.
    #[schema(example = 9)]
    requests: u64,
    /// Tokens of text read, those from the cache included.
    input_text_tokens: u64,
    /// Tokens of audio heard, those from the cache included.
    input_audio_tokens: u64,
    /// Tokens of text from the cache.
    cached_text_tokens: u64,
    /// Tokens of audio from the cache.
    cached_audio_tokens: u64,
    /// Tokens of text written.
    output_text_tokens: u64,
    /// Tokens of audio spoken.
    output_audio_tokens: u64,
    /// Milliseconds of audio written down.
    transcribed_ms: u64,
    /// Characters spoken.
    characters: u64,
}

/// The sum; what is not known of a part is not known of the whole.
fn sum(rated: &[&Rated]) -> Option<MicroUsd> {
    rated.iter().map(|one| one.cost).try_fold(0, |sum: MicroUsd, cost| Some(sum.saturating_add(cost?)))
}

/// The costs of a call whose record is closed.
pub(super) fn of_call(rated: &[Rated]) -> UsageView {
    let mut by_model: BTreeMap<(&str, &str), Vec<&Rated>> = BTreeMap::new();
    for one in rated {
        by_model.entry((&one.metered.provider, &one.metered.model)).or_default().push(one);
    }
    let models = by_model.into_iter().map(|((provider, model), rated)| of_model(provider, model, &rated));
    UsageView { cost_micro_usd: sum(&rated.iter().collect::<Vec<_>>()), models: models.collect() }
}

fn of_model(provider: &str, model: &str, rated: &[&Rated]) -> ModelUsageView {
    let mut view = ModelUsageView {
        provider: provider.to_owned(),
        model: model.to_owned(),
        cost_micro_usd: sum(rated),
        requests: rated.len() as u64,
        ..ModelUsageView::default()
    };
    for quantity in rated.iter().map(|one| &one.metered.quantity) {
        let tokens = &quantity.tokens;
        for (total, count) in [
            (&mut view.input_text_tokens, tokens.input_text),
            (&mut view.input_audio_tokens, tokens.input_audio),
            (&mut view.cached_text_tokens, tokens.cached_text),
            (&mut view.cached_audio_tokens, tokens.cached_audio),
            (&mut view.output_text_tokens, tokens.output_text),
            (&mut view.output_audio_tokens, tokens.output_audio),
            (&mut view.transcribed_ms, quantity.transcribed_ms),
            (&mut view.characters, quantity.characters),
        ] {
            *total = total.saturating_add(count);
        }
    }
    view
}

/// What a turn cost; `None` when nothing was metered for it, or a part has no known price.
pub(super) fn of_turn(rated: &[Rated], turn: TurnId) -> Option<MicroUsd> {
    let of_it: Vec<&Rated> = rated.iter().filter(|one| one.metered.turn == Some(turn)).collect();
    if of_it.is_empty() { None } else { sum(&of_it) }
}

#[cfg(test)]
mod tests {
    use domain::call_log::ModelTokens;
    use domain::metering::Metered;
    use domain::prices::Quantity;

    use super::*;

    fn rated(turn: Option<u128>, model: &str, output_text: u64, cost: Option<MicroUsd>) -> Rated {
        let tokens = ModelTokens { output_text, ..ModelTokens::default() };
        Rated {
            metered: Metered {
                turn: turn.map(|number| TurnId(uuid::Uuid::from_u128(number))),
                provider: "a".to_owned(),
                model: model.to_owned(),
                quantity: Quantity { tokens, ..Quantity::default() },
            },
            cost,
        }
    }

    #[test]
    fn a_part_without_a_price_leaves_the_whole_without_one_and_the_others_with_theirs() {
        let all = [
            rated(Some(1), "b", 10, Some(5)),
            rated(Some(2), "c", 1, None),
            rated(Some(1), "b", 20, Some(7)),
            rated(None, "b", 4, Some(1)),
        ];
        let view = of_call(&all);
        assert_eq!(view.cost_micro_usd, None);
        let models: Vec<_> = view
            .models
            .iter()
            .map(|one| (one.model.as_str(), one.requests, one.output_text_tokens, one.cost_micro_usd))
            .collect();
        assert_eq!(models, [("b", 3, 34, Some(13)), ("c", 1, 1, None)]);
        let turn = |number| of_turn(&all, TurnId(uuid::Uuid::from_u128(number)));
        assert_eq!((turn(1), turn(2), turn(3)), (Some(12), None, None));
        assert_eq!(of_call(&all[..1]).cost_micro_usd, Some(5));
    }

    #[test]
    fn a_call_of_which_nothing_was_metered_cost_nothing() {
        assert_eq!(of_call(&[]), UsageView { cost_micro_usd: Some(0), models: Vec::new() });
    }
}
