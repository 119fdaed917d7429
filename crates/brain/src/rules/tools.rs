//! Tools as the dialogue uses them: every call is timed, bounded and logged in one place.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::call_log::EventKind;
use domain::leads::{LeadAnswer, Priority};
use provider_traits::tools::{
    ClientKey, KnowledgeHit, ScopeReport, SpokenProject, TakenMessage, ToolError, Verification,
    WantedCallback, WantedPerson,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::dialogue::Talk;
use crate::carrying_out::Order;

/// Longest wait for a tool; a caller does not wait longer than this in silence and filler.
const PATIENCE: Duration = Duration::from_secs(4);

impl Talk<'_> {
    /// Runs a tool and logs the call, whatever comes of it.
    async fn call<T: Serialize>(
        &mut self,
        name: &str,
        arguments: Value,
        work: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let order = Order { name, arguments, limit: PATIENCE };
        let (outcome, entry) = order.carry_out(self.ambient, self.out.cancel().cancelled(), work).await;
        self.out.log(entry).await;
        outcome
    }

    pub(super) async fn search_knowledge(&mut self, question: &str) -> Result<Vec<KnowledgeHit>, ToolError> {
        let tools = self.tools.clone();
        self.call("search_knowledge", json!({ "question": question }), tools.search_knowledge(question)).await
    }

    pub(super) async fn send_code(&mut self, key: ClientKey) -> Result<(), ToolError> {
        let tools = self.tools.clone();
        let arguments = serde_json::to_value(&key).unwrap_or(Value::Null);
        self.call("identify_client", arguments, tools.send_code(key)).await
    }

    /// The code itself stays out of the log.
    pub(super) async fn verify_client(&mut self, code: &str) -> Result<Verification, ToolError> {
        let tools = self.tools.clone();
        self.call("verify_client", json!({ "digits": code.len() }), tools.verify_client(code)).await
    }

    pub(super) async fn list_projects(&mut self) -> Result<Vec<SpokenProject>, ToolError> {
        let tools = self.tools.clone();
        self.call("list_projects", json!({}), tools.list_projects()).await
    }

    pub(super) async fn project_status(
        &mut self,
        project: &SpokenProject,
    ) -> Result<SpokenProject, ToolError> {
        let tools = self.tools.clone();
        let arguments = json!({ "project": project.id, "name": project.name });
        self.call("get_project_status", arguments, tools.get_project_status(project.id)).await
    }

    pub(super) async fn save_answers(&mut self, answers: Vec<LeadAnswer>) {
        for answer in answers {
            let tools = self.tools.clone();
            let arguments = serde_json::to_value(&answer).unwrap_or(Value::Null);
            // A failure is in the log, and `finish_lead` will tell the caller; the flow itself goes on.
            if let Ok(lead) = self.call("save_lead_answer", arguments, tools.save_lead_answer(answer)).await {
                self.out.log(EventKind::LeadSaved { lead }).await;
            }
        }
    }

    pub(super) async fn finish_lead(&mut self, complete: bool, priority: Priority) -> Result<(), ToolError> {
        let tools = self.tools.clone();
        let arguments = json!({ "complete": complete, "priority": priority });
        let lead = self.call("finish_lead", arguments, tools.finish_lead(complete, priority)).await?;
        self.out.log(EventKind::LeadSaved { lead }).await;
        Ok(())
    }

    pub(super) async fn flag_urgent(&mut self, score: u8, reason: &str) -> Result<(), ToolError> {
        let tools = self.tools.clone();
        let arguments = json!({ "score": score, "reason": reason });
        self.call("flag_urgent", arguments, tools.flag_urgent(score, reason)).await
    }

    pub(super) async fn report_scope_change(&mut self, quote: &str) -> Result<ScopeReport, ToolError> {
        let tools = self.tools.clone();
        let arguments = json!({ "quote": quote });
        self.call("report_scope_change", arguments, tools.report_scope_change(quote)).await
    }

    pub(super) async fn transfer_call(&mut self, wanted: WantedPerson) -> Result<Option<String>, ToolError> {
        let tools = self.tools.clone();
        let arguments = serde_json::to_value(&wanted).unwrap_or(Value::Null);
        self.call("transfer_call", arguments, tools.transfer_call(wanted)).await
    }

    pub(super) async fn schedule_callback(
        &mut self,
        wanted: WantedCallback,
    ) -> Result<DateTime<Utc>, ToolError> {
        let tools = self.tools.clone();
        let arguments = serde_json::to_value(&wanted).unwrap_or(Value::Null);
        self.call("schedule_callback", arguments, tools.schedule_callback(wanted)).await
    }

    pub(super) async fn record_satisfaction(&mut self, score: u8, comment: &str) -> Result<(), ToolError> {
        let tools = self.tools.clone();
        let arguments = json!({ "score": score, "comment": comment });
        self.call("record_satisfaction", arguments, tools.record_satisfaction(score, comment)).await
    }

    pub(super) async fn take_message(&mut self, message: TakenMessage) -> Result<(), ToolError> {
        let tools = self.tools.clone();
        let arguments = serde_json::to_value(&message).unwrap_or(Value::Null);
        self.call("take_message", arguments, tools.take_message(message)).await.map(|_| ())
    }
}
