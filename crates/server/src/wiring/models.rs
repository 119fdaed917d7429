//! The table of language models: one line each, from its id to what makes it of the configuration.

use std::sync::Arc;

use anyhow::Context as _;
use provider_traits::llm::LanguageModel;
use providers::llm::anthropic::Anthropic;
use providers::llm::gemini::Gemini;
use providers::llm::mistral::Mistral;
use providers::llm::openai_chat::{Flavour, OpenAiChat};
use providers::llm::openai_responses::OpenAiResponses;
use providers::llm::{LlmSettings, Patience};
use secrecy::SecretString;

use super::providers::{Make, Materials};
use crate::config::types::SiteUrl;

/// Language models.
pub const MODELS: &[(&str, Make<dyn LanguageModel>)] = &[
    ("openai", |with| Ok(Arc::new(OpenAiResponses::new(openai_model(with))?))),
    ("openai-chat", |with| Ok(Arc::new(OpenAiChat::new(openai_model(with), Flavour::OpenAi)?))),
    ("anthropic", |with| {
        let vendor = &with.config.vendors.anthropic;
        let key = vendor.api_key.as_ref();
        Ok(Arc::new(Anthropic::new(model(with, &vendor.base_url, key, &vendor.model, "anthropic.model"))?))
    }),
    ("gemini", |with| {
        let vendor = &with.config.vendors.gemini;
        let key = vendor.api_key.as_ref();
        Ok(Arc::new(Gemini::new(model(with, &vendor.base_url, key, &vendor.model, "gemini.model"))?))
    }),
    ("mistral", |with| {
        let vendor = &with.config.vendors.mistral;
        let key = vendor.api_key.as_ref();
        Ok(Arc::new(Mistral::new(model(with, &vendor.base_url, key, &vendor.model, "mistral.model"))?))
    }),
    ("compatible", |with| {
        let vendor = &with.config.vendors.compatible;
        let url = vendor.llm_url.as_ref().context("compatible.llm_url is not set")?;
        let settings = model(with, url, vendor.api_key.as_ref(), &vendor.llm_model, "compatible.llm_model");
        Ok(Arc::new(OpenAiChat::new(settings, Flavour::Compatible)?))
    }),
];

fn openai_model(with: &Materials<'_>) -> LlmSettings {
    let openai = &with.config.openai;
    let key = openai.api_key.as_ref();
    let settings = model(with, &openai.base_url, key, &openai.llm_model, "openai.llm_model");
    LlmSettings { effort: openai.llm_effort.clone(), ..settings }
}

fn model(
    with: &Materials<'_>,
    base_url: &SiteUrl,
    api_key: Option<&SecretString>,
    model: &str,
    model_setting: &'static str,
) -> LlmSettings {
    LlmSettings {
        base_url: base_url.url(),
        api_key: api_key.cloned(),
        model: model.to_owned(),
        model_setting,
        effort: None,
        http: with.http.clone(),
        clock: Arc::clone(&with.ambient.clock),
        tasks: with.tasks.clone(),
        patience: Patience::default(),
    }
}
