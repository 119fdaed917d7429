//! A caller with a stopwatch: says sentences in a real voice and measures, frame by frame, when it hears what.

use async_trait::async_trait;
use audio::g711;
use simulator::caller::voice::{self, VoiceError};
use simulator::line::session::{Doing, Ending, LineUser, Moment};
use simulator::line::{FRAME_BYTES, FRAME_MS, SILENCE};
use simulator::sounds::Cue;
use speech::flite::Flite;
use tokio::time::{Duration, Instant};

/// A caller who hears nothing for so long gives up.
const GIVES_UP_AFTER: Duration = Duration::from_secs(12);
/// The stand-in's voice is far above it, silence is far below.
const LOUD: u16 = 1_000;
const FRAME: Duration = Duration::from_millis(FRAME_MS);

/// A sentence as audio.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    words: &'static str,
    frames: Vec<[u8; FRAME_BYTES]>,
}

impl Sentence {
    /// Spoken by flite, without the silence around it: its last frame is voiced.
    pub(crate) async fn spoken(words: &'static str) -> Result<Self, VoiceError> {
        let mut samples = voice::speak(&Flite::default(), "slt", words).await?;
        samples.resize(samples.len().next_multiple_of(FRAME_BYTES), 0);
        let encode = |frame: &[i16]| std::array::from_fn(|at| g711::encode(frame[at]));
        Ok(Self { words, frames: samples.chunks_exact(FRAME_BYTES).map(encode).collect() })
    }

    /// Its words, as far as they are said with this frame; words take the same time each.
    fn so_far(&self, frame: usize) -> String {
        let all: Vec<&str> = self.words.split(' ').collect();
        let said = (all.len() * (frame + 1)).div_ceil(self.frames.len()).min(all.len());
        all[..said].join(" ")
    }
}

/// What the caller heard after a sentence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) words: &'static str,
    /// From handing the last voiced frame to the network to the beginning of the agent's first sound.
    pub(crate) first_ms: u64,
    /// The longest time without a sound of the agent until it had said everything.
    pub(crate) longest_silence_ms: u64,
}

/// A turn in progress.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    words: &'static str,
    since: Instant,
    first: Option<Instant>,
    /// When the agent's last sound ended, or the wait began.
    quiet_since: Instant,
    longest: Duration,
}

/// The caller.
pub(crate) struct Phone<'a> {
    sentences: &'a [Sentence],
    cue: &'a Cue,
    turns: usize,
    /// So much silence after the agent's words before the caller speaks.
    patience: Duration,
    said: usize,
    saying: Option<usize>,
    waiting: Option<Waiting>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) gave_up: bool,
}

impl<'a> Phone<'a> {
    pub(crate) fn new(sentences: &'a [Sentence], cue: &'a Cue, turns: usize, patience: Duration) -> Self {
        Self {
            sentences,
            cue,
            turns,
            patience,
            said: 0,
            saying: None,
            waiting: None,
            heard: Vec::new(),
            gave_up: false,
        }
    }

    fn sentence(&self) -> &'a Sentence {
        &self.sentences[self.said % self.sentences.len()]
    }

    fn listen(&mut self, heard: &[u8], now: Instant) {
        let waiting = self.waiting.get_or_insert(Waiting {
            // The greeting is waited for, and not counted.
            words: "",
            since: now,
            first: None,
            quiet_since: now,
            longest: Duration::ZERO,
        });
        if heard.iter().any(|&code| g711::decode(code).unsigned_abs() > LOUD) {
            // What is heard now began to sound a frame ago.
            let began = now - FRAME;
            waiting.first.get_or_insert(began);
            waiting.longest = waiting.longest.max(began.saturating_duration_since(waiting.quiet_since));
            waiting.quiet_since = now;
        }
    }

    fn hang_up() -> Doing {
        Doing { end: Some(Ending::HangUp), ..Doing::default() }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl LineUser for Phone<'_> {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        let now = Instant::now();
        if let Some(frame) = self.saying {
            let sentence = self.sentence();
            self.cue.says(&sentence.so_far(frame));
            self.saying = Some(frame + 1).filter(|next| *next < sentence.frames.len());
            if self.saying.is_none() {
                let (words, since) = (sentence.words, now);
                let longest = Duration::ZERO;
                self.waiting = Some(Waiting { words, since, first: None, quiet_since: since, longest });
                self.said += 1;
            }
            return Doing { audio: sentence.frames[frame], ..Doing::default() };
        }
        self.listen(moment.heard, now);
        let Some(waiting) = self.waiting else { return Doing { audio: SILENCE, ..Doing::default() } };
        match waiting.first {
            None if now - waiting.since > GIVES_UP_AFTER => {
                self.gave_up = true;
                return Self::hang_up();
            }
            Some(first) if now - waiting.quiet_since >= self.patience => {
                if !waiting.words.is_empty() {
                    self.heard.push(Heard {
                        words: waiting.words,
                        first_ms: ms(first.saturating_duration_since(waiting.since)),
                        longest_silence_ms: ms(waiting.longest),
                    });
                }
                if self.said == self.turns {
                    return Self::hang_up();
                }
                self.waiting = None;
                self.saying = Some(0);
            }
            _ => {}
        }
        Doing { audio: SILENCE, ..Doing::default() }
    }

    async fn ended(&mut self, _at_ms: u64) {}
}
