//! What a model may not say, whatever it was talked into.
//!
//! Rights are not kept here: the functions give a model only what its caller may know, so it has nothing else to tell.
//! This keeps it from inventing in the business's name, and from reading out its own instructions.

use std::collections::HashSet;

use domain::agent_phrases::{Phrase, variant};
use domain::call_plan::CallPlan;
use domain::claims::{Evidence, Unfounded};
use domain::words::words;
use serde_json::Value;

use crate::instructions;

/// So many words in a row of the instructions are no chance.
const QUOTE_WORDS: usize = 7;

/// Why a sentence is not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Withheld {
    Unfounded(Unfounded),
    Instructions,
}

impl Withheld {
    /// In plain words, for the call's timeline.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Unfounded(unfounded) => unfounded.what(),
            Self::Instructions => "the agent's own instructions",
        }
    }
}

/// What may be said in one conversation.
pub(super) struct Guard {
    evidence: Evidence,
    instructions: HashSet<Vec<String>>,
}

impl Guard {
    pub(super) fn of(plan: &CallPlan) -> Self {
        let mut evidence = Evidence::default();
        let today = plan.started_at.with_timezone(&plan.business.timezone).date_naive();
        evidence.may_name(today);
        let agent = &plan.agent;
        let business = &plan.business;
        let profile = [&business.name, &agent.name, &agent.persona_prompt, &agent.greeting, &agent.notice];
        profile.into_iter().chain(&business.contact_name).for_each(|text| evidence.business_says(text));
        for question in &plan.lead_questions {
            evidence.business_says(&question.text);
            question.choices.iter().for_each(|choice| evidence.business_says(choice));
        }
        if let Some(client) = &plan.caller.client {
            evidence.business_says(&client.name);
        }
        // It may be told again what was said before; that is no price and no promise for it.
        for talk in &plan.caller.memory.talks {
            evidence.may_name(talk.on);
            evidence.caller_says(&talk.summary);
        }
        plan.caller.memory.promises.iter().for_each(|promise| evidence.caller_says(promise));
        if let Some(number) = &plan.caller.number {
            evidence.caller_says(number.as_str());
        }
        let rules = words(&instructions::rules(plan));
        // The last question stands in the rules to be said.
        let last_question = variant(Phrase::AskSatisfaction, 0);
        evidence.business_says(last_question);
        let last_question = words(last_question);
        let is_to_be_said = |quote: &[String]| last_question.windows(QUOTE_WORDS).any(|said| said == quote);
        let instructions = rules
            .windows(QUOTE_WORDS)
            .filter(|quote| !is_to_be_said(quote))
            .map(<[String]>::to_vec)
            .collect();
        Self { evidence, instructions }
    }

    pub(super) fn caller_said(&mut self, text: &str) {
        self.evidence.caller_says(text);
    }

    /// What a function returned is what the business says; where it merely repeats the caller, it proves no more.
    pub(super) fn function_gave(&mut self, name: &str, output: &str) {
        let value = serde_json::from_str(output).unwrap_or_else(|_| Value::String(output.to_owned()));
        if value.get("error").is_some() {
            return;
        }
        let mut texts = Vec::new();
        collect(&value, &mut texts);
        let from_the_business = matches!(name, "get_project_status" | "list_projects" | "search_knowledge");
        for text in texts {
            if from_the_business {
                self.evidence.business_says(&text);
            } else {
                self.evidence.caller_says(&text);
            }
        }
        if matches!(name, "get_project_status" | "list_projects") {
            self.evidence.knows_progress();
        }
    }

    /// Why the sentence is not to be spoken.
    pub(super) fn objection(&self, sentence: &str) -> Option<Withheld> {
        let said = words(sentence);
        if said.windows(QUOTE_WORDS).any(|quote| self.instructions.contains(quote)) {
            return Some(Withheld::Instructions);
        }
        self.evidence.lacks(sentence).map(Withheld::Unfounded)
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}
