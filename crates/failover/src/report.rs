//! What operators are told of a chain.

use std::time::Duration;

use provider_traits::descriptor::{Locality, Readiness};
use tokio::time::Instant;

pub use crate::breaker::Circuit;
pub use crate::link::Counts;
use crate::link::Link;

/// One link as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkReport {
    /// The provider's id.
    pub id: &'static str,
    /// Its name on screens.
    pub name: &'static str,
    /// Where it runs.
    pub locality: Locality,
    /// Whether it can work here.
    pub readiness: Readiness,
    /// Its circuit.
    pub circuit: Circuit,
    /// The average of its latest first results, weighted towards the last.
    pub first_result: Option<Duration>,
    /// Failures in percent of its last 20 requests; `None` before there are five.
    pub failures_percent: Option<u32>,
    /// What happened since the start.
    pub counts: Counts,
    /// Its place among those that are asked now, from 0; `None`: it is not asked.
    pub place: Option<usize>,
    /// Why it stands where it does, in plain words.
    pub why: String,
}

/// A chain as it is now, in the operator's order of preference.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainReport {
    /// `stt`, `tts`, `llm` or `embeddings`.
    pub capability: &'static str,
    /// Its links.
    pub links: Vec<LinkReport>,
}

/// Something that can be asked how its providers are.
pub trait Reporting: Send + Sync {
    /// How they are now.
    fn report(&self) -> ChainReport;
}

pub(crate) fn report<P: ?Sized>(
    capability: &'static str,
    links: &[Link<P>],
    asked: &std::collections::VecDeque<usize>,
    readiness: impl Fn(&P) -> Readiness,
) -> ChainReport {
    let now = Instant::now();
    let links = links.iter().enumerate().map(|(index, link)| {
        let readiness = readiness(&link.provider);
        let state = link.state();
        let circuit = state.breaker.circuit(now);
        let place = asked.iter().position(|&one| one == index);
        let why = why(&readiness, &circuit, state.scores.why_back(now), place, index);
        LinkReport {
            id: link.descriptor.id,
            name: link.descriptor.name,
            locality: link.descriptor.locality,
            readiness,
            circuit,
            first_result: state.scores.average(),
            failures_percent: state.scores.failures_percent(),
            counts: state.counts,
            place,
            why,
        }
    });
    ChainReport { capability, links: links.collect() }
}

fn why(
    readiness: &Readiness,
    circuit: &Circuit,
    why_back: Option<&str>,
    place: Option<usize>,
    preferred: usize,
) -> String {
    match (readiness, circuit) {
        (Readiness::Missing { what, remedy }, _) => {
            format!("not asked: {what} is missing; mend it with: {remedy}")
        }
        (_, Circuit::Open { for_another, cause, is_refused }) => {
            let what = if *is_refused { "it refuses us, look at its key" } else { "it rests" };
            format!("{what}; tried again in {} s: {cause}", for_another.as_secs() + 1)
        }
        (_, Circuit::Probing | Circuit::Closed) if let Some(why) = why_back => why.to_owned(),
        (_, Circuit::Probing) => "one request tries it after its rest".to_owned(),
        (_, Circuit::Closed) => match place {
            Some(place) if place < preferred => "those before it rest or step back".to_owned(),
            Some(_) => "in its place".to_owned(),
            None => "not asked".to_owned(),
        },
    }
}
