//! What a call cost: what its log metered, at the prices of the day on which its record is closed.

use domain::call_log::{CallEvent, ModelTokens};
use domain::metering::{self, Metered};
use domain::prices::{Prices, Quantity};
use provider_traits::llm::LlmUsage;
use store::calls::usage::Rated;

/// Everything that was metered, each with what it cost; without a price that is not known.
pub(crate) fn rate(events: &[CallEvent], prices: &Prices) -> Vec<Rated> {
    metering::metered(events).into_iter().map(|metered| priced(metered, prices)).collect()
}

/// What a language model was asked after the call, for the call as a whole.
pub(crate) fn rate_answer(usage: LlmUsage, prices: &Prices) -> Rated {
    let tokens = ModelTokens {
        input_text: usage.input_tokens,
        cached_text: usage.cached_tokens,
        output_text: usage.output_tokens,
        ..ModelTokens::default()
    };
    let quantity = Quantity { tokens, ..Quantity::default() };
    let metered = Metered { turn: None, provider: usage.provider.to_owned(), model: usage.model, quantity };
    priced(metered, prices)
}

fn priced(metered: Metered, prices: &Prices) -> Rated {
    let cost = prices.cost(&metered.provider, &metered.model, &metered.quantity);
    Rated { metered, cost }
}
