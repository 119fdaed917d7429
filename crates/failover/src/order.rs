//! In which order a chain asks its links.
//!
//! 1. Preference: the business's own list, else the operator's. A business's list is complete: a provider that it does
//!    not name is not asked, whoever it is, because its callers' words would go there. Only links on this machine are
//!    added, at the end: they cost nothing and tell nobody.
//! 2. A link that is not ready (no key, nothing installed) is left out, one that rests comes last.
//! 3. Scores: a link steps back behind the next one when it is clearly worse, that is when
//!    - more than 20 % of its last 20 requests failed (of at least 5) and the next one's did not, or
//!    - its average first result takes over twice the next one's and longer than what counts as good.
//!
//!    After a while one request tries it in its own place; a good result brings it back, another one does not.
//! 4. Links on this machine at the end of the preference stay there: scores never move them ahead of a vendor, only a
//!    vendor's rest does.

use std::collections::VecDeque;

use provider_traits::descriptor::{Descriptor, Readiness};
use tokio::time::Instant;

use crate::link::Link;
use crate::scores::TOO_MANY_FAILURES;
use crate::settings::ChainSettings;

/// The links that a business wants, in its order; all of them, when it has no wishes.
pub(crate) fn preference<P: ?Sized>(links: &[Link<P>], wishes: Option<&[String]>) -> Vec<usize> {
    let Some(wishes) = wishes else {
        return (0..links.len()).collect();
    };
    let named = |wish: &String| links.iter().position(|link| link.descriptor.id == wish);
    let mut order: Vec<usize> = Vec::new();
    let local = (0..links.len()).filter(|&index| links[index].is_local());
    for index in wishes.iter().filter_map(named).chain(local) {
        if !order.contains(&index) {
            order.push(index);
        }
    }
    order
}

/// The links worth asking now, in order.
pub(crate) fn candidates<P: ?Sized>(
    links: &[Link<P>],
    preference: &[usize],
    settings: &ChainSettings,
    readiness: impl Fn(&P) -> Readiness,
) -> VecDeque<usize> {
    let now = Instant::now();
    let is_ready = |&index: &usize| links[index].is_ready(&readiness(&links[index].provider));
    let (well, resting): (Vec<usize>, Vec<usize>) = preference
        .iter()
        .copied()
        .filter(is_ready)
        .partition(|&index| !links[index].state().breaker.is_open(now));
    let from_here = well.iter().rposition(|&index| !links[index].is_local()).map_or(0, |last| last + 1);
    let (vendors, last) = well.split_at(from_here);
    judge(links, vendors, settings, now);
    let is_back = |&index: &usize| links[index].state().scores.why_back(now).is_some();
    let (back, front): (Vec<usize>, Vec<usize>) = vendors.iter().copied().partition(is_back);
    // Whoever rests comes last: better a poor chance than silence.
    front.into_iter().chain(back).chain(last.iter().copied()).chain(resting).collect()
}

/// Lets links that are clearly worse than the next step back.
fn judge<P: ?Sized>(links: &[Link<P>], vendors: &[usize], settings: &ChainSettings, now: Instant) {
    for pair in vendors.windows(2) {
        let (this, next) = (&links[pair[0]], &links[pair[1]]);
        let known = {
            let state = next.state();
            if state.scores.why_back(now).is_some() {
                continue;
            }
            (state.scores.failures_percent(), state.scores.judged_average())
        };
        let mut state = this.state();
        if state.scores.why_back(now).is_some() || state.scores.is_on_trial(now) {
            continue;
        }
        let worse = why_worse(
            (state.scores.failures_percent(), state.scores.judged_average()),
            known,
            settings,
            next.descriptor,
        );
        if let Some(why) = worse {
            tracing::info!(provider = this.descriptor.id, %why, "a provider steps back behind the next");
            state.scores.step_back(why, settings.step_back, now);
        }
    }
}

type Known = (Option<u32>, Option<std::time::Duration>);

fn why_worse(this: Known, next: Known, settings: &ChainSettings, name: &Descriptor) -> Option<String> {
    let (Some(failures), average) = this else {
        return None;
    };
    if failures > TOO_MANY_FAILURES && next.0.is_none_or(|other| other <= TOO_MANY_FAILURES) {
        return Some(format!("{failures} % of its last requests failed; {} stands before it", name.id));
    }
    let (average, other) = (average?, next.1?);
    (average > settings.good_first_result && average > other * 2).then(|| {
        format!(
            "its first results take {} ms, those of {} {} ms; that one stands before it",
            average.as_millis(),
            name.id,
            other.as_millis()
        )
    })
}
