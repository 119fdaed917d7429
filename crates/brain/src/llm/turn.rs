//! One prompt: the model and the functions take turns until there is nothing more to say.

use std::sync::Arc;
use std::time::Duration;

use domain::agent_phrases::Phrase;
use domain::call_log::{EventKind, Fault, ModelTokens, Purpose};
use domain::words::words;
use futures_util::future::OptionFuture;
use provider_traits::brain::NextStep;
use provider_traits::error::ProviderError;
use provider_traits::llm::{LlmAnswer, LlmCall, LlmPiece, LlmStop, LlmUsage};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::sentences::Sentences;
use super::{LlmMind, expecting};
use crate::reply::Reply;

/// An answer that was begun before the caller's turn was known to be over.
pub(super) type Foreseen = JoinSet<Result<LlmAnswer, ProviderError>>;

/// Functions that one answer may call; more are a model that has lost its way.
const MOST_CALLS: usize = 8;
/// How often a model that breaks off before it is heard is asked again: two in a row may fail alike.
const MOST_ASKED_AGAIN: u32 = 2;
/// With less than this left of the time for the first words, a model that broke off is not asked again: the rules are
/// quicker.
const LEAST_FOR_ANOTHER: Duration = Duration::from_millis(500);
/// A function that takes longer is covered with its waiting line.
const WAITING_LINE_AFTER: Duration = Duration::from_millis(600);

/// How a prompt ended.
pub(super) enum Ended {
    /// It was answered.
    Answered,
    /// The caller went on; what was said stays said.
    Cancelled,
    /// Nothing was said.
    Failed {
        /// Why, without the caller's words.
        error: String,
    },
}

/// What one answer of the model brought.
enum Answer {
    /// It is complete; functions it wants are to be run.
    Complete(Vec<LlmCall>),
    Cancelled,
    /// It is none.
    Broken {
        /// Why.
        error: String,
        /// Something of it had come.
        began: bool,
    },
}

impl LlmMind {
    /// Lets the model speak, run functions, and speak again.
    pub(super) async fn converse(&mut self, mut foreseen: Option<Foreseen>, out: &mut Reply<'_>) -> Ended {
        let said_before = out.said.len();
        let mut withheld = false;
        let mut broken_before = false;
        let (mut asked_again, mut words_by) = (0, None);
        for _round in 0..self.settings.most_rounds {
            let said_this_turn = out.said.len() > said_before;
            let (asked_at, within) = (Instant::now(), words_by.take());
            match self.listen(foreseen.take(), within, out, &mut withheld).await {
                Answer::Cancelled => return Ended::Cancelled,
                Answer::Complete(calls) if calls.is_empty() => {
                    if out.said.len() == said_before {
                        return Ended::Failed { error: "it had no words".to_owned() };
                    }
                    return self.close(out);
                }
                Answer::Complete(calls) => {
                    let spoke = out.said.len() > said_before;
                    if self.run(calls, spoke, out).await {
                        return self.close(out);
                    }
                    if out.cancel().is_cancelled() {
                        return Ended::Cancelled;
                    }
                }
                Answer::Broken { error, began } if out.said.len() == said_before => {
                    // Nobody has heard a word of it, so another may begin anew: behind a chain it is the next model.
                    let by = within.unwrap_or_else(|| asked_at + self.patience());
                    let is_early = by.saturating_duration_since(Instant::now()) >= LEAST_FOR_ANOTHER;
                    if !began || !is_early || asked_again == MOST_ASKED_AGAIN {
                        return Ended::Failed { error };
                    }
                    asked_again += 1;
                    let text = format!(
                        "the language model broke off before it was heard ({error}); it was asked again"
                    );
                    out.log(self.notice("brain_asked_again", text, Fault::Provider)).await;
                    words_by = Some(by);
                }
                Answer::Broken { error, .. } => {
                    let text = format!("the language model broke off in the middle of its answer ({error})");
                    out.log(self.notice("brain_broke_off", text, Fault::Provider)).await;
                    let asked = out.said.last().is_some_and(|last| last.ends_with('?'));
                    if asked {
                        return self.close(out);
                    }
                    if std::mem::replace(&mut broken_before, true) {
                        break;
                    }
                    if said_this_turn || out.said.len() > said_before {
                        self.conversation
                            .note("Your answer was cut off. Go on where it ended and repeat nothing");
                    }
                }
            }
        }
        if out.said.len() == said_before {
            return Ended::Failed { error: "it went round in circles".to_owned() };
        }
        let more = self.phrase(Phrase::AnythingElse);
        self.say(more, out).await;
        self.close(out)
    }

    /// The agent's turn is complete: what does it ask for?
    fn close(&mut self, out: &Reply<'_>) -> Ended {
        let last = out.said.last().map_or("", String::as_str);
        self.expect = expecting::expected(last, &self.plan, &self.history);
        Ended::Answered
    }

    /// From a prompt to the first words or function.
    fn patience(&self) -> Duration {
        if self.failures == 0 { self.settings.first_words } else { self.settings.first_words_after_failure }
    }

    /// One answer of the model, spoken as it comes. A sentence of it must be there by `words_by`, if set.
    async fn listen(
        &mut self,
        foreseen: Option<Foreseen>,
        words_by: Option<Instant>,
        out: &mut Reply<'_>,
        withheld: &mut bool,
    ) -> Answer {
        let cancel = out.cancel();
        let said_before = out.said.len();
        let patience = self.patience();
        let mut deadline = words_by.unwrap_or_else(|| Instant::now() + patience);
        let (model, request) = (Arc::clone(&self.model), self.request());
        let asking = async move {
            let foreseen: OptionFuture<_> =
                foreseen.map(|mut asking| async move { asking.join_next().await }).into();
            match foreseen.await {
                Some(Some(Ok(begun))) => begun,
                // Not begun, or its task died: asked now.
                _ => model.answer(&request).await,
            }
        };
        let begun = tokio::select! {
            biased;
            () = cancel.cancelled() => return Answer::Cancelled,
            begun = timeout_at(deadline, asking) => begun,
        };
        let mut pieces = match begun {
            Err(_late) => return Answer::Broken { error: late(patience), began: false },
            Ok(Err(error)) => return Answer::Broken { error: error.to_string(), began: false },
            Ok(Ok(pieces)) => pieces,
        };
        let mut sentences = Sentences::default();
        let mut calls = Vec::new();
        let (mut patience, mut began) = (patience, false);
        loop {
            let piece = tokio::select! {
                biased;
                () = cancel.cancelled() => return Answer::Cancelled,
                piece = timeout_at(deadline, pieces.recv()) => piece,
            };
            match piece {
                Err(_late) => return Answer::Broken { error: late(patience), began },
                Ok(None) => return Answer::Broken { error: "it broke off".to_owned(), began },
                Ok(Some(Err(error))) => return Answer::Broken { error: error.to_string(), began },
                Ok(Some(Ok(LlmPiece::Text(text)))) => {
                    for sentence in sentences.push(&text) {
                        self.say_if_founded(sentence, out, withheld).await;
                    }
                }
                Ok(Some(Ok(LlmPiece::Call(call)))) => calls.push(call),
                Ok(Some(Ok(LlmPiece::Done { stop, usage }))) => {
                    if let Some(usage) = usage {
                        out.log(metered(usage)).await;
                    }
                    // What was cut at its longest length has no end worth saying.
                    if stop == LlmStop::Length {
                        sentences.clear();
                    }
                    if let Some(sentence) = sentences.finish() {
                        self.say_if_founded(sentence, out, withheld).await;
                    }
                    return Answer::Complete(calls);
                }
            }
            began = true;
            patience = self.settings.stall;
            deadline = Instant::now() + patience;
            if let Some(by) = words_by.filter(|_| out.said.len() == said_before) {
                deadline = deadline.min(by);
            }
        }
    }

    /// Says a sentence, unless the guard objects: then, once a turn, that it is better not guessed at.
    async fn say_if_founded(&mut self, sentence: String, out: &mut Reply<'_>, withheld: &mut bool) {
        let Some(objection) = self.guard.objection(&sentence) else {
            return self.say(sentence, out).await;
        };
        let text = format!("a sentence of the language model was withheld: it held {}", objection.what());
        out.log(self.notice("sentence_withheld", text, Fault::Provider)).await;
        if !std::mem::replace(withheld, true) {
            let instead = self.phrase(Phrase::NotForMeToSay);
            self.say(instead, out).await;
        }
    }

    async fn say(&mut self, sentence: String, out: &mut Reply<'_>) {
        let before = out.said.len();
        out.say(sentence.clone(), Purpose::Reply, true).await;
        if out.said.len() > before {
            self.conversation.agent_said(&sentence);
        }
    }

    /// Runs functions in the order in which they were called. True when the conversation's end or transfer is said.
    ///
    /// A caller who goes on meanwhile does not stop them: what was begun is finished and known. Each has its limit.
    pub(super) async fn run(&mut self, calls: Vec<LlmCall>, spoke: bool, out: &mut Reply<'_>) -> bool {
        let ids: Vec<String> = calls.iter().map(|call| self.conversation.agent_called(call)).collect();
        let mut last_words = None;
        let mut waited = spoke;
        for (at, (id, call)) in ids.into_iter().zip(calls).enumerate() {
            if at >= MOST_CALLS || last_words.is_some() || out.cancel().is_cancelled() {
                let output =
                    json!({ "error": "this was not run; call it again if it is still wanted" }).to_string();
                self.conversation.function_gave(id, &call.name, output);
                continue;
            }
            let functions = Arc::clone(&self.functions);
            let work = functions.call(&call.name, &call.arguments);
            tokio::pin!(work);
            let quick = tokio::time::timeout(WAITING_LINE_AFTER, &mut work).await;
            let outcome = match quick {
                Ok(outcome) => outcome,
                Err(_slow) => {
                    let line = functions.specs().iter().find(|spec| spec.tool.name == call.name);
                    if let Some(spec) = line.filter(|_| !std::mem::replace(&mut waited, true)) {
                        out.say(spec.waiting_line.to_owned(), Purpose::Filler, true).await;
                    }
                    work.await
                }
            };
            for entry in outcome.log {
                self.history.note(&entry);
                out.log(entry).await;
            }
            self.guard.function_gave(&call.name, &outcome.output);
            if let Some(next) = outcome.then {
                last_words = Some((said_by(&outcome.output), next));
            }
            self.conversation.function_gave(id, &call.name, outcome.output);
        }
        let Some((words, next)) = last_words else { return false };
        self.say_last(words, next, spoke, out).await;
        true
    }

    /// The last words of a function that ends the call or hands it over; a model that has said them need not again.
    async fn say_last(&mut self, last: String, next: NextStep, spoke: bool, out: &mut Reply<'_>) {
        let telling: &[&str] = match next {
            NextStep::HangUp => &["bye", "goodbye"],
            NextStep::Transfer { .. } => &["connect", "connecting", "transfer", "transferring", "through"],
        };
        let said = spoke
            && out
                .said
                .last()
                .is_some_and(|said| words(said).iter().any(|word| telling.contains(&word.as_str())));
        if !said {
            let before = out.said.len();
            out.say(last.clone(), Purpose::Goodbye, false).await;
            if out.said.len() > before {
                self.conversation.agent_said(&last);
            }
        }
        out.next = Some(next);
    }
}

fn late(patience: Duration) -> String {
    format!("no answer within {} ms", patience.as_millis())
}

fn said_by(output: &str) -> String {
    let output: Value = serde_json::from_str(output).unwrap_or_default();
    output.get("say").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn metered(usage: LlmUsage) -> EventKind {
    EventKind::ModelUsage {
        provider: usage.provider.to_owned(),
        model: usage.model,
        tokens: ModelTokens {
            input_text: usage.input_tokens,
            cached_text: usage.cached_tokens,
            output_text: usage.output_tokens,
            ..ModelTokens::default()
        },
        transcribed_ms: 0,
        characters: 0,
    }
}
