//! The speech-to-speech model: whether agents of the engine `realtime` could be carried by it.

use provider_traits::ambient::Ambient;
use provider_traits::descriptor::Readiness;
use tokio_util::task::TaskTracker;

use super::Finding;
use crate::config::settings::OpenAi;
use crate::wiring::realtime;

const SUBJECT: &str = "realtime";

/// Whether it could be asked for a session. No session is opened: that would cost money.
pub(super) fn finding(settings: &OpenAi) -> Finding {
    let provider = match realtime::provider(settings, &Ambient::system(), &TaskTracker::new()) {
        Ok(provider) => provider,
        Err(error) => return Finding::broken(SUBJECT, format!("{error:#}"), "look at the section [openai]"),
    };
    match provider.readiness() {
        Readiness::Ready => {
            let host = settings.realtime_url.0.host_str().unwrap_or_default();
            Finding::well(SUBJECT, format!("{} at {host}", provider.model()))
        }
        Readiness::Missing { what, remedy } => {
            let said = format!("missing: {what}; agents of the engine realtime are carried by the pipeline");
            Finding::less(SUBJECT, said, remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::config::{Layers, Loaded};

    #[test]
    fn a_key_or_another_endpoint_makes_it_ready() {
        let check = |settings: &[(&str, &str)], verdict: Verdict, said: &str| {
            let mut flags = vec![("data_dir".to_owned(), "/data".to_owned())];
            flags.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
            let loaded = Loaded::from_layers(&Layers { flags, ..Layers::default() }).unwrap();
            let found = finding(&loaded.config.openai);
            assert_eq!(found.verdict, verdict, "{}", found.said);
            assert!(found.said.contains(said) && !found.said.contains("sk-"), "{}", found.said);
        };
        check(&[], Verdict::Less, "OpenAI's key");
        check(&[("openai.api_key", "sk-1")], Verdict::Well, "gpt-realtime-2.1-mini at api.openai.com");
        check(&[("openai.realtime_url", "ws://127.0.0.1:9000/v1/realtime")], Verdict::Well, "at 127.0.0.1");
    }
}
