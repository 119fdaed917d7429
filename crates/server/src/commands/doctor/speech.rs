//! Transcribers, voices and language models: which of those in the configured order can work.

use provider_traits::ambient::Ambient;
use provider_traits::descriptor::Readiness;
use tokio_util::task::TaskTracker;

use super::Finding;
use crate::config::Config;
use crate::wiring::providers::{self, Made, Materials};
use crate::wiring::speech::vendor_http;

/// One finding for hearing, one for speaking, one for thinking, and one for embeddings when somebody is to make them.
/// Nobody is asked: that would cost money.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let http = match vendor_http() {
        Ok(http) => http,
        Err(error) => {
            return vec![Finding::broken("providers", format!("{error:#}"), "install ca-certificates")];
        }
    };
    let with = Materials { config, ambient: &Ambient::system(), tasks: &TaskTracker::new(), http };
    let hearing = providers::transcribers(&with);
    let speaking = providers::voices(&with);
    let thinking = providers::models(&with);
    let mut findings = vec![
        chain("hearing", chosen(&hearing), "callers are not understood; the carrier's voice takes a message"),
        chain("speaking", chosen(&speaking), "the agent has no voice; callers hear the carrier's own"),
        match chosen(&thinking) {
            links if links.is_empty() => Finding::well("thinking", "the rules brain, which needs no vendor"),
            links => chain("thinking", links, "the rules brain answers"),
        },
    ];
    let without_key =
        [names_without_key(&hearing), names_without_key(&speaking), names_without_key(&thinking)];
    let without_key: Vec<&str> = without_key.concat();
    if !without_key.is_empty() {
        let said = format!("passed over, for they have no key: {}", deduplicated(without_key).join(", "));
        findings.push(Finding::well("vendors", said));
    }
    if let Some(made) = providers::embeddings(&with) {
        findings.push(chain("embeddings", vec![(made.id, made.readiness)], "nothing is searched by meaning"));
    }
    findings
}

/// Those that the chain has, and those that were meant to be in it but can't be set up.
fn chosen<P: ?Sized>(all: &[Made<P>]) -> Vec<(&'static str, Readiness)> {
    let meant = all.iter().filter(|made| made.is_chosen() || made.provider.is_none());
    meant.map(|made| (made.id, made.readiness.clone())).collect()
}

fn names_without_key<P: ?Sized>(all: &[Made<P>]) -> Vec<&'static str> {
    all.iter().filter(|made| !made.is_chosen() && made.provider.is_some()).map(|made| made.id).collect()
}

fn deduplicated(names: Vec<&str>) -> Vec<&str> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// A chain works when one of its links does; what is missing before that is worth a note.
fn chain(subject: &'static str, links: Vec<(&str, Readiness)>, without: &str) -> Finding {
    let ready: Vec<&str> =
        links.iter().filter(|(_, readiness)| *readiness == Readiness::Ready).map(|(id, _)| *id).collect();
    let missing: Vec<(String, String)> = links
        .into_iter()
        .filter_map(|(_, readiness)| match readiness {
            Readiness::Ready => None,
            Readiness::Missing { what, remedy } => Some((what, remedy)),
        })
        .collect();
    let what = missing.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join("; ");
    let remedy = missing.iter().map(|(_, remedy)| remedy.as_str()).collect::<Vec<_>>().join("; ");
    match (ready.as_slice(), missing.is_empty()) {
        ([], true) => Finding::broken(subject, format!("the chain is empty: {without}"), "name a provider"),
        ([], false) => Finding::broken(subject, format!("missing: {what}; {without}"), remedy),
        (ready, true) => Finding::well(subject, ready.join(", then ")),
        (ready, false) => {
            Finding::less(subject, format!("{}; missing: {what}", ready.join(", then ")), remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn missing(what: &str) -> Readiness {
        Readiness::Missing { what: what.to_owned(), remedy: format!("install {what}") }
    }

    #[test]
    fn a_chain_works_when_one_link_does() {
        let check = |links: Vec<(&str, Readiness)>, verdict: Verdict, said: &str| {
            let found = chain("speaking", links, "no voice");
            assert_eq!(found.verdict, verdict);
            assert!(found.said.contains(said), "{}", found.said);
        };
        check(vec![("a", Readiness::Ready), ("b", Readiness::Ready)], Verdict::Well, "a, then b");
        check(vec![("a", missing("alpha")), ("b", Readiness::Ready)], Verdict::Less, "b; missing: alpha");
        check(vec![("a", missing("alpha"))], Verdict::Broken, "missing: alpha; no voice");
        check(vec![], Verdict::Broken, "empty");
    }

    #[test]
    fn every_name_that_the_configuration_allows_is_a_provider() {
        use crate::config::types::{LlmOrder, SttOrder, TtsOrder};
        use crate::wiring::{models, tables};
        let has = |ids: &[&str], table: Vec<&str>| {
            let absent: Vec<&&str> = ids.iter().filter(|id| !table.contains(id)).collect();
            assert!(absent.is_empty(), "{absent:?} can be configured but not made");
        };
        has(SttOrder::KNOWN, tables::TRANSCRIBERS.iter().map(|line| line.0).collect());
        has(TtsOrder::KNOWN, tables::VOICES.iter().map(|line| line.0).collect());
        has(LlmOrder::KNOWN, models::MODELS.iter().map(|line| line.0).collect());
    }
}
