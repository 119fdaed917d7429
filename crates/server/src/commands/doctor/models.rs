//! Whether the vendors still serve the models that the configuration names. They are asked for their lists, which costs
//! nothing.

use std::time::Duration;

use app::models::judging::ModelState;
use app::models::{ModelFinding, look};
use provider_traits::ambient::Ambient;

use super::Finding;
use crate::config::Config;
use crate::wiring::speech::vendor_http;
use crate::wiring::watched;

const SUBJECT: &str = "models";
/// Somebody waits for the answer.
const TOLD_WITHIN: Duration = Duration::from_secs(8);

/// A finding for each model that is not as it should be, and one for all the others; none when there is no vendor.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    // That TLS can't be set up is told where the vendors are.
    let Ok(http) = vendor_http() else { return Vec::new() };
    let watched = watched::vendors(config, &http);
    told(&look(&watched, Ambient::system().now(), TOLD_WITHIN).await)
}

fn told(found: &[ModelFinding]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let served = found.iter().filter(|one| one.state == ModelState::Served);
    let served: Vec<&str> = served.map(|one| one.model.as_str()).collect();
    if !served.is_empty() {
        findings.push(Finding::well(SUBJECT, format!("served: {}", served.join(", "))));
    }
    for one in found {
        let remedy = format!("set {} to a model that {} serves", one.setting, one.vendor);
        match (&one.state, one.warning()) {
            (ModelState::NotKnown { reason }, _) => findings.push(Finding::less(
                SUBJECT,
                format!("whether {} is served is not known: {reason}", one.model),
                "look at the key, the address and the network, then ask again",
            )),
            (_, Some(warning)) => findings.push(Finding::less(SUBJECT, warning, remedy)),
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use simulator::llm::{LlmVendor, Protocol, Settings};
    use simulator::vendor::fault::{Failure, Fault};
    use simulator::vendor::stand_in::{Place, StandIn};

    use super::super::Verdict;
    use super::*;
    use crate::config::{Layers, Loaded};

    async fn said(stand_in: &StandIn<LlmVendor>, model: &str) -> Vec<(Verdict, String)> {
        let url = format!("{}/v1", stand_in.url());
        let set = [
            ("data_dir", "/data"),
            ("mistral.api_key", "k"),
            ("mistral.base_url", url.as_str()),
            ("mistral.model", model),
        ];
        let flags = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = Loaded::from_layers(&Layers { flags, ..Layers::default() }).unwrap().config;
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        findings(&config).await.into_iter().map(|finding| (finding.verdict, finding.said)).collect()
    }

    #[tokio::test]
    async fn a_model_that_is_gone_is_told_and_silence_is_no_word_about_it() {
        let settings = Settings {
            key: Some("k".to_owned()),
            models: vec!["of-today".to_owned(), "of-yesterday".to_owned()],
            ending: vec![("of-yesterday".to_owned(), "2020-01-01T00:00:00Z".to_owned())],
            ..Settings::default()
        };
        let vendor = LlmVendor::new(Protocol::Mistral, settings);
        let stand_in = StandIn::start(vendor, Place::default()).await.unwrap();
        let well = (Verdict::Well, "served: of-today".to_owned());
        assert_eq!(said(&stand_in, "of-today").await, [well]);
        for (model, expect) in [("of-yesterday", "another-model"), ("never-heard-of", "does not serve")] {
            let found = said(&stand_in, model).await;
            assert!(
                matches!(&found[..], [(Verdict::Less, said)] if said.contains(expect) && said.contains("mistral.model")),
                "{found:?}"
            );
        }
        stand_in.set_fault(Some(Fault::Fail(Failure::Server(503))));
        let found = said(&stand_in, "never-heard-of").await;
        assert!(
            matches!(&found[..], [(Verdict::Less, said)] if said.contains("not known") && said.contains("503")),
            "{found:?}"
        );
        stand_in.stop().await;
    }
}
