//! Clients who ask for more than was agreed: noted, and answered without a promise.

use domain::agent_phrases::Phrase;

use super::dialogue::Talk;

impl Talk<'_> {
    /// Reports the request and says who will come back to the client; where it can't be reported, takes a message.
    pub(super) async fn scope_change(&mut self, text: &str) {
        match self.report_scope_change(text).await {
            Ok(report) => {
                let words = self.phrase(Phrase::ScopeNeutral, &[("contact", &report.manager)]);
                self.say(words).await;
                self.go_on().await;
            }
            Err(_) => self.pass_on(Phrase::ScopeNeutral, text).await,
        }
    }
}
