//! The agent's audio: sentences being made ahead of playback, kept until they are done with.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use audio::frame::FRAME_SAMPLES;
use audio::g711;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use provider_traits::tts::{TextToSpeech, TtsAudio, TtsRequest};

/// The longest sentence: 30 s, 240 kB. What is longer is cut there.
const MOST_BYTES: usize = 1_500 * FRAME_SAMPLES;

/// What came of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// More audio; the level of each new frame.
    Audio { sentence: u32, levels: Vec<u8> },
    /// All of it is there.
    End { sentence: u32 },
    /// It can't be made (to its end).
    Failed { sentence: u32 },
}

enum Work {
    Opening(BoxFuture<'static, Option<TtsAudio>>),
    Streaming(TtsAudio),
}

struct InTheMaking {
    sentence: u32,
    work: Work,
}

pub(crate) struct Speaking {
    tts: Arc<dyn TextToSpeech>,
    voice: String,
    language: String,
    making: Vec<InTheMaking>,
    /// Mu-law of every sentence that may still be played.
    audio: BTreeMap<u32, Vec<u8>>,
}

impl Speaking {
    pub(crate) fn new(tts: Arc<dyn TextToSpeech>, voice: String, language: String) -> Self {
        Self { tts, voice, language, making: Vec::new(), audio: BTreeMap::new() }
    }

    /// Begins to make a sentence.
    pub(crate) fn make(&mut self, sentence: u32, text: String) {
        let tts = Arc::clone(&self.tts);
        let request = TtsRequest { text, voice: self.voice.clone(), language: self.language.clone() };
        // A provider's panic must not take the call along.
        let opening = AssertUnwindSafe(async move { tts.speak(&request).await }).catch_unwind();
        let opening = async move { opening.await.ok().and_then(Result::ok) }.boxed();
        self.audio.insert(sentence, Vec::new());
        self.making.push(InTheMaking { sentence, work: Work::Opening(opening) });
    }

    /// Stops making a sentence and drops its audio.
    pub(crate) fn forget(&mut self, sentence: u32) {
        self.making.retain(|making| making.sentence != sentence);
        self.audio.remove(&sentence);
    }

    /// Frames of a sentence, to be sent.
    pub(crate) fn frames(&self, sentence: u32, frame: usize, frames: usize) -> &[u8] {
        let audio = self.audio.get(&sentence).map_or(&[][..], Vec::as_slice);
        let from = (frame * FRAME_SAMPLES).min(audio.len());
        let to = ((frame + frames) * FRAME_SAMPLES).min(audio.len());
        &audio[from..to]
    }

    /// Whether nothing is being made.
    pub(crate) fn is_settled(&self) -> bool {
        self.making.is_empty()
    }

    /// The next thing that happens; may be dropped and called again. Never returns while nothing is made.
    pub(crate) async fn next(&mut self) -> Made {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Made> {
        for place in 0..self.making.len() {
            if let Poll::Ready(made) = self.poll_one(place, context) {
                if !matches!(made, Made::Audio { .. }) {
                    self.making.remove(place);
                }
                return Poll::Ready(made);
            }
        }
        Poll::Pending
    }

    fn poll_one(&mut self, place: usize, context: &mut Context<'_>) -> Poll<Made> {
        let InTheMaking { sentence, work } = &mut self.making[place];
        let sentence = *sentence;
        let Some(audio) = self.audio.get_mut(&sentence) else {
            return Poll::Ready(Made::Failed { sentence });
        };
        if let Work::Opening(opening) = work {
            match opening.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Made::Failed { sentence }),
                Poll::Ready(Some(stream)) => *work = Work::Streaming(stream),
            }
        }
        let Work::Streaming(stream) = work else { return Poll::Pending };
        loop {
            let piece: Bytes = match stream.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) => piece,
                Poll::Ready(Some(Err(_told_by_the_chain))) => return Poll::Ready(Made::Failed { sentence }),
                // Words without a sound are a failure, however politely they ended.
                Poll::Ready(None) if audio.is_empty() => return Poll::Ready(Made::Failed { sentence }),
                Poll::Ready(None) => return Poll::Ready(end(sentence, audio)),
            };
            let whole_before = audio.len() / FRAME_SAMPLES;
            let room = MOST_BYTES.saturating_sub(audio.len());
            audio.extend_from_slice(&piece[..piece.len().min(room)]);
            let levels: Vec<u8> =
                audio[whole_before * FRAME_SAMPLES..].chunks_exact(FRAME_SAMPLES).map(level).collect();
            if piece.len() > room {
                return Poll::Ready(Made::End { sentence });
            }
            if !levels.is_empty() {
                return Poll::Ready(Made::Audio { sentence, levels });
            }
        }
    }
}

/// The last frame is filled up with silence; should that make one more frame, its end comes next time.
fn end(sentence: u32, audio: &mut Vec<u8>) -> Made {
    let part = audio.len() % FRAME_SAMPLES;
    if part == 0 {
        audio.shrink_to_fit();
        return Made::End { sentence };
    }
    let from = audio.len() - part;
    audio.resize(from + FRAME_SAMPLES, g711::SILENCE);
    Made::Audio { sentence, levels: vec![level(&audio[from..])] }
}

/// How loud a frame is: its peak, 0 to 255.
fn level(codes: &[u8]) -> u8 {
    let peak = codes.iter().map(|&code| g711::decode(code).unsigned_abs()).max().unwrap_or(0);
    (peak >> 7).min(255) as u8
}
