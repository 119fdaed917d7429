//! What a call cost: what its log metered, at the prices of the day on which its record is closed.

use domain::call_log::CallEvent;
use domain::metering;
use domain::prices::Prices;
use store::calls::usage::Rated;

/// Everything that was metered, each with what it cost; without a price that is not known.
pub(crate) fn rate(events: &[CallEvent], prices: &Prices) -> Vec<Rated> {
    let rate = |metered: metering::Metered| {
        let cost = prices.cost(&metered.provider, &metered.model, &metered.quantity);
        Rated { metered, cost }
    };
    metering::metered(events).into_iter().map(rate).collect()
}
