//! One sentence through a chain of voices.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use provider_traits::error::ProviderError;
use provider_traits::tts::{TtsAudio, TtsRequest};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Shared, TOLD, TtsChain};
use crate::Meter;
use crate::race::{Race, Won};

/// Time that an English voice takes for a character, spaces included: 150 words a minute.
const MS_PER_CHARACTER: u64 = 66;
/// Nobody speaks a letter or digit in less, on the average: audio that is shorter was cut off.
const LEAST_MS_PER_LETTER: u64 = 25;
/// Short texts have too few letters for an average.
const LETTERS_TO_RECKON: u64 = 12;
/// How late audio may be before it counts as an underrun.
const LATE_AUDIO: Duration = Duration::from_millis(20);

pub(super) struct Sentence {
    chain: TtsChain,
    request: TtsRequest,
    audio: mpsc::Sender<Result<Bytes, ProviderError>>,
}

/// A link that began to speak.
type Begun = Won<(Bytes, TtsAudio)>;

/// How a link's part of a sentence ended.
enum Part {
    Spoken,
    NobodyListens,
    /// After so many bytes of audio.
    BrokeOff(u64, ProviderError),
}

impl Sentence {
    pub(super) fn new(
        chain: TtsChain,
        request: TtsRequest,
        audio: mpsc::Sender<Result<Bytes, ProviderError>>,
    ) -> Self {
        Self { chain, request, audio }
    }

    pub(super) async fn speak(mut self, mut order: VecDeque<usize>) {
        loop {
            let audio = self.audio.clone();
            let begun = tokio::select! {
                begun = self.begin(&mut order) => begun,
                () = audio.closed() => return,
            };
            let mut begun = match begun {
                Ok(begun) => begun,
                Err(error) => return self.end(error).await,
            };
            begun.attempt.answered();
            self.tell_who_was_late(&begun);
            match self.pass_on(&mut begun, order.is_empty()).await {
                Part::Spoken => return begun.attempt.worked(),
                // Its first audio came in time; the rest was not wanted.
                Part::NobodyListens => return begun.attempt.worked(),
                Part::BrokeOff(bytes, error) => {
                    begun.attempt.failed(&error);
                    let links = &self.chain.shared.links;
                    let next = order.front().map(|&next| links[next].descriptor);
                    TOLD.tell(links[begun.index].descriptor, &error, next, self.chain.notices.as_ref());
                    if next.is_none() {
                        return self.end(error).await;
                    }
                    self.request.text = unspoken_rest(&self.request.text, bytes);
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
        // Nobody listening any more is fine.
        let _gone = self.audio.send(Err(error)).await;
    }

    /// The first audio, of whichever link gives it.
    async fn begin(&self, order: &mut VecDeque<usize>) -> Result<Begun, ProviderError> {
        let Shared { links, settings, hedging, .. } = &*self.chain.shared;
        let tell = |failed: usize, error: &ProviderError, next: Option<usize>| {
            let next = next.map(|next| links[next].descriptor);
            TOLD.tell(links[failed].descriptor, error, next, self.chain.notices.as_ref());
        };
        let race =
            Race { links, settings, patience: settings.first_result, hedging: hedging.as_ref(), tell: &tell };
        race.run(order, |index| {
            let (provider, request) = (Arc::clone(&links[index].provider), self.request.clone());
            let (descriptor, notices) = (links[index].descriptor, self.chain.notices.clone());
            let id = descriptor.id;
            async move {
                let by_heart = provider.knows_by_heart(&request);
                let mut pieces = provider.speak(&request).await?;
                loop {
                    match pieces.recv().await {
                        Some(Ok(first)) if first.is_empty() => {}
                        Some(Ok(first)) => {
                            // Whoever began to speak is paid, whether it is heard or not.
                            if !by_heart {
                                let (model, notices) = (provider.model(), notices.as_ref());
                                Meter { descriptor, model, notices }.spoke(&request.text);
                            }
                            return Ok((first, pieces));
                        }
                        Some(Err(error)) => return Err(error),
                        None => {
                            let reason = "it ended without any audio".into();
                            return Err(ProviderError::Unavailable { provider: id, reason });
                        }
                    }
                }
            }
            .boxed()
        })
        .await
    }

    async fn pass_on(&self, begun: &mut Begun, is_last: bool) -> Part {
        let settings = &self.chain.shared.settings;
        let link = &self.chain.shared.links[begun.index];
        let provider = link.descriptor.id;
        let patience = settings.patience(settings.stall, is_last, link.is_local());
        let (first, pieces) = &mut begun.result;
        let mut piece = std::mem::take(first);
        let (mut passed_on, since) = (0, Instant::now());
        loop {
            passed_on += piece.len() as u64;
            if self.audio.send(Ok(piece)).await.is_err() {
                return Part::NobodyListens;
            }
            let received = tokio::select! {
                received = tokio::time::timeout(patience, pieces.recv()) => received,
                () = self.audio.closed() => return Part::NobodyListens,
            };
            piece = match received {
                Err(_late) => {
                    let waited_ms = patience.as_millis() as u64;
                    return Part::BrokeOff(passed_on, ProviderError::Timeout { provider, waited_ms });
                }
                Ok(Some(Err(error))) => return Part::BrokeOff(passed_on, error),
                Ok(None) if is_cut_off(&self.request.text, passed_on) => {
                    let reason = "its audio is too short for the words".into();
                    return Part::BrokeOff(passed_on, ProviderError::Unavailable { provider, reason });
                }
                Ok(None) => return Part::Spoken,
                Ok(Some(Ok(piece))) => piece,
            };
            // Everything was taken and has been played by now: the listener heard a hole.
            let played = Duration::from_millis(passed_on / 8) + LATE_AUDIO;
            if self.audio.capacity() == self.audio.max_capacity() && since.elapsed() > played {
                begun.attempt.underran();
            }
        }
    }
}

/// Whether so little audio can't be all of the words.
fn is_cut_off(text: &str, bytes: u64) -> bool {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count() as u64;
    letters >= LETTERS_TO_RECKON && bytes / 8 < letters * LEAST_MS_PER_LETTER
}

/// The words that `bytes` of mu-law can't have spoken yet, with the one being spoken.
fn unspoken_rest(text: &str, bytes: u64) -> String {
    let spoken_characters = (bytes / 8 / MS_PER_CHARACTER) as usize;
    if spoken_characters == 0 {
        return text.to_owned();
    }
    let mut from = 0;
    for (start, _) in text.char_indices().filter(|&(at, _)| at == 0 || text[..at].ends_with(' ')) {
        if text[..start].chars().count() > spoken_characters {
            break;
        }
        from = start;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_that_nobody_could_have_spoken_so_fast_was_cut_off() {
        let text = "Your website is in review and goes live on Friday.";
        assert!(is_cut_off(text, 900 * 8));
        assert!(!is_cut_off(text, 1_100 * 8));
        assert!(!is_cut_off("Yes.", 0), "too short to tell");
    }

    #[test]
    fn a_broken_sentence_goes_on_with_the_word_that_was_being_spoken() {
        let text = "Your website is in review and goes live on Friday.";
        let rest = |ms: u64| unspoken_rest(text, ms * 8);
        assert_eq!(rest(0), text);
        assert_eq!(rest(60), text);
        assert_eq!(rest(1_000), "is in review and goes live on Friday.");
        assert_eq!(rest(60_000), "Friday.");
    }
}
