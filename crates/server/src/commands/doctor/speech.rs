//! Speech on this machine: which of the configured transcribers and voices can work.

use ::speech::espeak::Espeak;
use ::speech::flite::Flite;
use ::speech::pocketsphinx::{PocketSphinx, PocketSphinxSettings};
use provider_traits::descriptor::Readiness;
use provider_traits::stt::SpeechToText as _;
use provider_traits::tts::TextToSpeech as _;

use super::Finding;
use crate::config::settings::Speech;

/// One finding for hearing, one for speaking.
pub(super) fn findings(settings: &Speech) -> Vec<Finding> {
    let hears = settings.stt.ids().iter().map(|id| (*id, transcriber(id))).collect();
    let speaks = settings.tts.ids().iter().map(|id| (*id, voice(id))).collect();
    vec![
        chain("hearing", hears, "callers are not understood; the carrier's voice takes a message"),
        chain("speaking", speaks, "the agent has no voice; callers hear the carrier's own"),
    ]
}

fn transcriber(id: &str) -> Readiness {
    match id {
        "pocketsphinx" => PocketSphinx::new(PocketSphinxSettings::default()).readiness(),
        other => unknown(other),
    }
}

fn voice(id: &str) -> Readiness {
    match id {
        "flite" => Flite::default().readiness(),
        "espeak-ng" => Espeak::default().readiness(),
        other => unknown(other),
    }
}

fn unknown(id: &str) -> Readiness {
    Readiness::Missing {
        what: format!("{id}: no such provider"),
        remedy: "remove it from the chain".to_owned(),
    }
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
        use crate::config::types::{SttOrder, TtsOrder};
        for id in SttOrder::KNOWN {
            assert!(!matches!(transcriber(id), Readiness::Missing { what, .. } if what.contains("no such")));
        }
        for id in TtsOrder::KNOWN {
            assert!(!matches!(voice(id), Readiness::Missing { what, .. } if what.contains("no such")));
        }
    }
}
