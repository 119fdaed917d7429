//! What carries a call: a speech-to-speech model, when the agent is set to one and it is ready, else the pipeline.

use std::sync::Arc;

use domain::agent_versions::DEFAULT_ENGINE;
use domain::call_log::{CallEvent, EventKind, Fault};
use domain::call_plan::CallPlan;
use provider_traits::descriptor::Readiness;
use provider_traits::functions::Functions;
use provider_traits::realtime::{ModelHearing, RealtimeConfig, RealtimeProvider};
use provider_traits::tools::Tools;
use tokio::sync::mpsc;
use voice::call::{RealtimeParts, Start};

use crate::runtime::App;

/// The engine that is carried by a speech-to-speech model.
pub(super) const REALTIME: &str = "realtime";
/// Most tokens of one answer: about 50 s of speech. Nobody listens longer.
const MAX_OUTPUT_TOKENS: u32 = 1_024;

/// Why an engine can't be had, in plain words.
#[derive(Debug, PartialEq, Eq)]
struct Unavailable(String);

impl App {
    /// Whether a call can go without the pipeline's transcriber: a model hears it.
    pub(crate) fn is_heard_by_a_model(&self, engine: &str) -> bool {
        matches!(available(engine, self.realtime.as_ref()), Ok(Some(_)))
    }

    /// The model that carries a call, with everything it is told. `None` leaves the call to the pipeline; when that
    /// is not what the agent is set to, the call's log says so.
    pub(crate) fn engine(
        &self,
        plan: &Arc<CallPlan>,
        tools: Arc<dyn Tools>,
        log: &mpsc::Sender<CallEvent>,
        start: &mut Start,
    ) -> Option<RealtimeParts> {
        let provider = match available(&plan.agent.engine, self.realtime.as_ref()) {
            Ok(provider) => provider?,
            Err(Unavailable(text)) => {
                tracing::warn!(org.id = %plan.org_id, call.id = %plan.call_id, engine = %plan.agent.engine, reason = %text, "the agent's engine is not available");
                let kind =
                    EventKind::Notice { code: "engine_unavailable".to_owned(), text, fault: Some(Fault::Us) };
                let entry = CallEvent { seq: start.next_seq, at_ms: start.at_ms, kind };
                // Among the first entries of a queue with room for a thousand.
                if log.try_send(entry).is_ok() {
                    start.next_seq += 1;
                }
                return None;
            }
        };
        let functions = brain::functions::functions(Arc::clone(plan), tools, self.ambient.clone());
        // A call that goes on has answers of the lead flow already.
        functions.take_over(&start.history);
        let config = told(plan, &*functions);
        let (warm, provider) = match self.warm_sessions.take(plan.call_id) {
            Some(session) => session.of(provider),
            None => (None, provider),
        };
        let greeting = brain::instructions::greeting(plan);
        Some(RealtimeParts { provider, warm, config, functions, greeting })
    }

    /// Opens the session with the model while the telephone still rings. The plan needs no vocabulary.
    pub(crate) fn open_session_early(self: &Arc<Self>, plan: Arc<CallPlan>) {
        let Ok(Some(provider)) = available(&plan.agent.engine, self.realtime.as_ref()) else { return };
        let app = Arc::clone(self);
        self.tasks.spawn(async move {
            let config = {
                let tools = app.conversation_tools(Arc::clone(&plan));
                let functions = brain::functions::functions(Arc::clone(&plan), tools, app.ambient.clone());
                told(&plan, &*functions)
            };
            app.warm_sessions.keep(plan.call_id, provider, &config, &app.drain).await;
        });
    }
}

/// The provider that an engine needs; `None` for the pipeline, which needs none.
fn available(
    engine: &str,
    realtime: Option<&Arc<dyn RealtimeProvider>>,
) -> Result<Option<Arc<dyn RealtimeProvider>>, Unavailable> {
    let instead = "the pipeline carries the call instead";
    match (engine, realtime) {
        (DEFAULT_ENGINE, _) => Ok(None),
        (REALTIME, Some(provider)) => match provider.readiness() {
            Readiness::Ready => Ok(Some(Arc::clone(provider))),
            Readiness::Missing { what, remedy } => Err(Unavailable(format!(
                "the agent is set to the engine {engine}, but {what} is missing; {instead}. To mend it: {remedy}"
            ))),
        },
        _ => Err(Unavailable(format!(
            "the agent is set to the engine {engine}, which this installation does not have; {instead}"
        ))),
    }
}

/// What the model is told before the first audio.
fn told(plan: &CallPlan, functions: &dyn Functions) -> RealtimeConfig {
    let turn_taking = &plan.agent.turn_taking;
    RealtimeConfig {
        instructions: brain::instructions::realtime(plan),
        voice: plan.agent.voice.clone(),
        language: plan.agent.language.clone(),
        tools: functions.specs().iter().map(|spec| spec.tool.clone()).collect(),
        hearing: ModelHearing {
            threshold: turn_taking.vad_threshold,
            prefix_ms: turn_taking.prefix_ms,
            silence_ms: turn_taking.silence_ms,
            // What the caller heard is known here alone, so the answer is stopped from here.
            interrupts_itself: false,
        },
        max_output_tokens: MAX_OUTPUT_TOKENS,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use provider_traits::descriptor::{Descriptor, Locality};
    use provider_traits::error::ProviderError;
    use provider_traits::realtime::RealtimeLink;

    use super::*;

    static DESCRIPTOR: Descriptor = Descriptor { id: "model", name: "Model", locality: Locality::Local };

    struct Model {
        has_key: bool,
    }

    #[async_trait]
    impl RealtimeProvider for Model {
        fn descriptor(&self) -> &'static Descriptor {
            &DESCRIPTOR
        }

        fn model(&self) -> &str {
            "one"
        }

        fn readiness(&self) -> Readiness {
            if self.has_key {
                return Readiness::Ready;
            }
            Readiness::Missing { what: "the key".to_owned(), remedy: "set KEY".to_owned() }
        }

        async fn open(&self, _config: &RealtimeConfig) -> Result<RealtimeLink, ProviderError> {
            Err(ProviderError::Refused { provider: "model", reason: "a test".to_owned() })
        }
    }

    #[test]
    fn a_model_carries_those_calls_that_ask_for_one_while_it_is_ready() {
        // Whether a model carries the call, or what is told about why none does.
        let check = |engine: &str, model: Option<bool>, expect: Result<bool, &[&str]>| {
            let model = model.map(|has_key| Arc::new(Model { has_key }) as Arc<dyn RealtimeProvider>);
            match (available(engine, model.as_ref()), expect) {
                (Ok(found), Ok(expect)) => assert_eq!(found.is_some(), expect, "{engine}"),
                (Err(Unavailable(text)), Err(words)) => {
                    assert!(words.iter().all(|word| text.contains(word)), "{text}");
                }
                (found, _) => panic!("{engine}: carried by a model: {:?}", found.map(|one| one.is_some())),
            }
        };
        check("pipeline", Some(true), Ok(false));
        check("pipeline", None, Ok(false));
        check("realtime", Some(true), Ok(true));
        check("realtime", Some(false), Err(&["the key is missing", "pipeline carries the call", "set KEY"]));
        check("realtime", None, Err(&["realtime", "does not have", "pipeline carries the call"]));
        check("elevenlabs", Some(true), Err(&["elevenlabs", "does not have"]));
    }
}
