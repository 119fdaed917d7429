//! The lead flow under a model's lead: it asks in its own words, we keep what was answered and say what is next.

use domain::history::{LeadState, LeftOpen};
use domain::leads::{LeadAnswer, LeadField};
use domain::qualification::{Context, LeadQualifier};
use provider_traits::tools::ToolError;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::catalogue::{self, FINISH_REASONS};
use super::{Answer, ConversationFunctions, Refusal, Run};

impl ConversationFunctions {
    fn lead_context(&self) -> Context<'_> {
        let business = &self.plan.business;
        Context {
            today: self.today(),
            default_country: &business.default_country,
            currency: &business.currency,
            caller_number: self.plan.caller.number.as_ref(),
        }
    }

    pub(super) async fn save_lead_answer(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["question", "answer"])?;
        let at = self.question(given.text("question", 200)?)?;
        let answer = given.text("answer", 500)?;
        let questions = &self.plan.lead_questions;
        // The flow goes on under the lock and the store is asked after it: two answers may come side by side.
        let (known, outcome) = {
            let mut notes = self.notes();
            let mut flow = LeadQualifier::new(questions, std::mem::take(&mut notes.lead));
            let begins = notes.lead_state == LeadState::NotBegun;
            let known = if begins { self.known_of_client(&mut flow) } else { Vec::new() };
            let outcome = flow.answer(at, answer, &self.lead_context());
            notes.lead = flow.into_progress();
            if notes.lead_state == LeadState::NotBegun {
                notes.lead_state = LeadState::UnderWay;
            }
            (known, outcome)
        };
        for answer in known {
            // As in the flow by rule: a failure is in the log, and the caller's own answers count more.
            let _ = self.save(run, answer).await;
        }
        let mut output = json!({
            "question": catalogue::label(questions, at),
            "say": outcome.say,
            "next_question": outcome.next.map(|next| json!({
                "question": catalogue::label(questions, next),
                "text": questions[next].text,
            })),
        });
        match outcome.saved {
            Some(saved) => {
                let value = saved.value.clone();
                if let Err(error) = self.save(run, saved).await {
                    self.notes().lead.answers[at] = None;
                    return Err(error.into());
                }
                output["saved"] = Value::String(value);
                for answer in outcome.also {
                    // The caller's own words again; what could not be stored is asked for.
                    let question = answer.question;
                    if self.save(run, answer).await.is_err() {
                        let place = questions.iter().position(|known| known.id == question);
                        if let Some(place) = place {
                            self.notes().lead.answers[place] = None;
                        }
                    }
                }
                if outcome.read_back {
                    output["note"] = json!(
                        "Say `say` and wait for a yes before the next question; a correction is saved again."
                    );
                }
            }
            None if outcome.left_open => {
                self.note_left_open(run, at);
                output["saved"] = Value::Null;
            }
            None => {
                output["saved"] = Value::Null;
                output["note"] = json!("That was no answer to this question: say `say`.");
            }
        }
        if outcome.next.is_none() {
            output["note"] = json!("All questions are done: call finish_lead.");
        }
        Ok(Answer::new(output))
    }

    pub(super) async fn finish_lead(&self, run: &mut Run<'_>, given: &Arguments) -> Result<Answer, Refusal> {
        given.only(&["reason"])?;
        let all_done = given.choice("reason", FINISH_REASONS)?;
        let questions = &self.plan.lead_questions;
        let (state, progress) = {
            let notes = self.notes();
            (notes.lead_state, notes.lead.clone())
        };
        if state == LeadState::Closed {
            return Ok(Answer::new(json!({ "finished": true })));
        }
        if !progress.answers.iter().any(Option::is_some) {
            return Err(Refusal::Argument(
                "no answer is saved yet: there is nothing to finish; take a message instead".to_owned(),
            ));
        }
        let flow = LeadQualifier::new(questions, progress);
        let open = flow.progress().asking;
        if let (true, Some(open)) = (all_done, open) {
            return Err(Refusal::Argument(format!(
                "reason: the question {:?} is still open; ask it, or give the reason caller_stopped",
                catalogue::label(questions, open)
            )));
        }
        let complete = flow.is_complete();
        self.finish(run, complete).await?;
        let phrase = if complete {
            domain::agent_phrases::Phrase::LeadComplete
        } else {
            domain::agent_phrases::Phrase::LeadAbandoned
        };
        Ok(Answer::new(json!({ "finished": true, "complete": complete, "say": self.phrase(phrase) })))
    }

    /// Keeps what there is of a lead when the call goes elsewhere or ends.
    pub(super) async fn close_lead_early(&self, run: &mut Run<'_>) {
        let (under_way, progress) = {
            let notes = self.notes();
            (notes.lead_state == LeadState::UnderWay, notes.lead.clone())
        };
        if under_way && progress.answers.iter().any(Option::is_some) {
            let flow = LeadQualifier::new(&self.plan.lead_questions, progress);
            let complete = flow.is_complete() && flow.progress().asking.is_none();
            // There is nobody left to tell; the failure stands in the log.
            let _ = self.finish(run, complete).await;
        }
    }

    async fn finish(&self, run: &mut Run<'_>, complete: bool) -> Result<(), ToolError> {
        let priority = self.priority();
        let arguments = json!({ "complete": complete, "priority": priority });
        let lead = run.tool("finish_lead", arguments, self.tools.finish_lead(complete, priority)).await?;
        run.log.push(domain::call_log::EventKind::LeadSaved { lead });
        self.notes().lead_state = LeadState::Closed;
        Ok(())
    }

    async fn save(&self, run: &mut Run<'_>, answer: LeadAnswer) -> Result<(), ToolError> {
        let arguments = serde_json::to_value(&answer).unwrap_or_default();
        let lead = run.tool("save_lead_answer", arguments, self.tools.save_lead_answer(answer)).await?;
        run.log.push(domain::call_log::EventKind::LeadSaved { lead });
        Ok(())
    }

    fn note_left_open(&self, run: &mut Run<'_>, at: usize) {
        let left_open = LeftOpen { question: self.plan.lead_questions[at].id, left_open: true };
        let order = crate::carrying_out::Order {
            name: "save_lead_answer",
            arguments: serde_json::to_value(left_open).unwrap_or_default(),
            limit: std::time::Duration::ZERO,
        };
        run.log.push(order.entry(&self.ambient, Value::Null, true, tokio::time::Instant::now()));
    }

    /// What the records say of a client, noted as answers when the flow begins.
    fn known_of_client(&self, flow: &mut LeadQualifier<'_>) -> Vec<LeadAnswer> {
        let Some(client) = &self.plan.caller.client else { return Vec::new() };
        let number = self.plan.caller.number.as_ref().map(|number| number.as_str());
        let known = [
            (LeadField::Name, client.person.as_deref()),
            (LeadField::Company, Some(client.name.as_str())),
            (LeadField::Phone, number),
        ];
        known.into_iter().filter_map(|(field, value)| flow.prefill(field, value?)).collect()
    }

    /// The question that a model names: by label, by id, or by its text.
    fn question(&self, named: &str) -> Result<usize, Refusal> {
        let questions = &self.plan.lead_questions;
        let same = |text: &str| text.trim().to_lowercase() == named.to_lowercase();
        (0..questions.len())
            .find(|&at| same(&catalogue::label(questions, at)) || questions[at].id.to_string() == named)
            .or_else(|| questions.iter().position(|question| same(&question.text)))
            .ok_or_else(|| {
                let labels: Vec<String> =
                    (0..questions.len()).map(|at| catalogue::label(questions, at)).collect();
                Refusal::Argument(format!("question: must be one of: {}", labels.join(", ")))
            })
    }
}
