//! One answer through a chain of language models.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt as _;
use provider_traits::error::ProviderError;
use provider_traits::llm::{LlmAnswer, LlmPiece, LlmRequest, LlmStop};
use tokio::sync::mpsc;

use super::{LlmChain, Shared, TOLD};
use crate::race::{Race, Won};

pub(super) struct Answer {
    chain: LlmChain,
    request: Arc<LlmRequest>,
    pieces: mpsc::Sender<Result<LlmPiece, ProviderError>>,
}

/// A model that began to answer.
type Begun = Won<(LlmPiece, LlmAnswer)>;

/// How a model's answer ended.
enum End {
    Complete,
    /// Whoever asked has gone; whether something was passed on before.
    NobodyListens(bool),
    /// Whether words were passed on before.
    BrokeOff(bool, ProviderError),
}

impl Answer {
    pub(super) fn new(
        chain: LlmChain,
        request: LlmRequest,
        pieces: mpsc::Sender<Result<LlmPiece, ProviderError>>,
    ) -> Self {
        Self { chain, request: Arc::new(request), pieces }
    }

    pub(super) async fn give(self, mut order: VecDeque<usize>) {
        loop {
            let begun = tokio::select! {
                begun = self.begin(&mut order) => begun,
                () = self.pieces.closed() => return,
            };
            let mut begun = match begun {
                Ok(begun) => begun,
                Err(error) => return self.end(error).await,
            };
            begun.attempt.answered();
            self.tell_who_was_late(&begun);
            match self.pass_on(&mut begun, order.is_empty()).await {
                End::Complete | End::NobodyListens(true) => return begun.attempt.worked(),
                End::NobodyListens(false) => return,
                End::BrokeOff(words_were_passed_on, error) => {
                    begun.attempt.failed(&error);
                    let links = &self.chain.shared.links;
                    let next = order.front().filter(|_| !words_were_passed_on);
                    let next = next.map(|&next| links[next].descriptor);
                    let failed = links[begun.index].descriptor;
                    if words_were_passed_on {
                        let text = format!("language model {} broke off in mid-answer ({error})", failed.id);
                        crate::notify(self.chain.notices.as_ref(), "llm_broke_off", text);
                    } else {
                        TOLD.tell(failed, &error, next, self.chain.notices.as_ref());
                    }
                    if next.is_none() {
                        return self.end(error).await;
                    }
                }
            }
        }
    }

    fn tell_who_was_late(&self, begun: &Begun) {
        let links = &self.chain.shared.links;
        if let Some(late) = begun.overtook {
            let sooner = links[begun.index].descriptor;
            TOLD.overtaken(links[late].descriptor, sooner, self.chain.notices.as_ref());
        }
    }

    async fn end(&self, error: ProviderError) {
        // Whoever asked may have gone.
        let _gone = self.pieces.send(Err(error)).await;
    }

    /// The first piece, of whichever model gives it.
    async fn begin(&self, order: &mut VecDeque<usize>) -> Result<Begun, ProviderError> {
        let Shared { links, settings, hedging, .. } = &*self.chain.shared;
        let tell = |failed: usize, error: &ProviderError, next: Option<usize>| {
            let next = next.map(|next| links[next].descriptor);
            TOLD.tell(links[failed].descriptor, error, next, self.chain.notices.as_ref());
        };
        let race =
            Race { links, settings, patience: settings.first_result, hedging: hedging.as_ref(), tell: &tell };
        race.run(order, |index| {
            let (provider, request) = (Arc::clone(&links[index].provider), Arc::clone(&self.request));
            let id = links[index].descriptor.id;
            async move {
                let mut pieces = provider.answer(&request).await?;
                loop {
                    match pieces.recv().await {
                        Some(Ok(LlmPiece::Text(text))) if text.is_empty() => {}
                        Some(Ok(first)) if is_nothing(&first) => {
                            return Err(unavailable(id, "it answered nothing"));
                        }
                        Some(Ok(first)) => return Ok((first, pieces)),
                        Some(Err(error)) => return Err(error),
                        None => return Err(unavailable(id, "it ended without an answer")),
                    }
                }
            }
            .boxed()
        })
        .await
    }

    async fn pass_on(&self, begun: &mut Begun, is_last: bool) -> End {
        let settings = &self.chain.shared.settings;
        let link = &self.chain.shared.links[begun.index];
        let provider = link.descriptor.id;
        let patience = settings.patience(settings.stall, is_last, link.is_local());
        let (first, pieces) = &mut begun.result;
        let mut piece = first.clone();
        let mut held: Vec<LlmPiece> = Vec::new();
        let mut words_were_passed_on = false;
        loop {
            match piece {
                LlmPiece::Call(_) => held.push(piece),
                LlmPiece::Done { .. } => {
                    for piece in held.into_iter().chain([piece]) {
                        if self.pieces.send(Ok(piece)).await.is_err() {
                            return End::NobodyListens(true);
                        }
                    }
                    return End::Complete;
                }
                LlmPiece::Text(_) => {
                    // Words after a call come after it here, too: the order is the vendor's.
                    for piece in held.drain(..).chain([piece]) {
                        if self.pieces.send(Ok(piece)).await.is_err() {
                            return End::NobodyListens(words_were_passed_on);
                        }
                        words_were_passed_on = true;
                    }
                }
            }
            // After words nobody goes on in this model's place, so it matters little who stands behind; but whoever
            // asked can go on at once, which beats waiting.
            let patience = if words_were_passed_on { settings.stall } else { patience };
            let received = tokio::select! {
                received = tokio::time::timeout(patience, pieces.recv()) => received,
                () = self.pieces.closed() => return End::NobodyListens(words_were_passed_on),
            };
            piece = match received {
                Ok(Some(Ok(piece))) => piece,
                Ok(Some(Err(error))) => return End::BrokeOff(words_were_passed_on, error),
                Ok(None) => {
                    return End::BrokeOff(
                        words_were_passed_on,
                        unavailable(provider, "its answer was cut off"),
                    );
                }
                Err(_late) => {
                    let waited_ms = patience.as_millis() as u64;
                    return End::BrokeOff(
                        words_were_passed_on,
                        ProviderError::Timeout { provider, waited_ms },
                    );
                }
            };
        }
    }
}

/// Whether an answer that begins with this piece has neither words nor calls, which is nobody's wish. (A filter that
/// stops everything was somebody's.)
fn is_nothing(first: &LlmPiece) -> bool {
    matches!(first, LlmPiece::Done { stop: LlmStop::Finished | LlmStop::Calls | LlmStop::Length, .. })
}

fn unavailable(provider: &'static str, reason: &str) -> ProviderError {
    ProviderError::Unavailable { provider, reason: reason.into() }
}
