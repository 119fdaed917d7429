//! A caller with a stopwatch: says phrases, waits for answers, and knows when something was heard.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use audio::g711;
use simulator::line::session::{Doing, Ending, LineUser, Moment};
use simulator::openai::ear::{MS_PER_WORD, voiced_frame};
use tokio::time::Instant;

/// Silence after the agent's words before the caller speaks: longer than any gap that is to be measured.
const PATIENCE_MS: u64 = 2_200;
/// A caller who hears nothing for so long gives up.
const GIVES_UP_MS: u64 = 10_000;
/// How often the first phrase is said once more while what is waited for has not come about.
const MOST_REPETITIONS: usize = 4;
/// A pause within the agent's words: the stand-in voices pause between words.
const PAUSE_MS: u64 = 120;
const FRAME_MS: u64 = 20;
/// The stand-in voices are far above it, silence is far below.
const LOUD: u16 = 1_000;

/// What a caller says: the number of a phrase and its words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phrase {
    pub(crate) number: usize,
    pub(crate) words: &'static str,
}

/// 20 ms of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    at: Instant,
    agent: bool,
    caller: bool,
}

/// What a silent telephone sends, with a number in it that nobody hears: the two zeros of mu-law are its digits.
fn silence(line: usize) -> [u8; 160] {
    std::array::from_fn(|at| if at < 16 && line >> at & 1 == 1 { 0x7F } else { 0xFF })
}

/// The number in the first of such frames; frames that were lost on the way are silent, without a number.
pub(crate) fn line_of(audio: &[u8]) -> Option<usize> {
    let number = |frame: &[u8]| {
        let digits = frame.get(..16)?;
        let known = digits.iter().all(|code| matches!(code, 0x7F | 0xFF));
        known.then(|| digits.iter().rev().fold(0, |line, code| line << 1 | usize::from(*code == 0x7F)))
    };
    audio.chunks_exact(160).filter_map(number).find(|line| *line != 0)
}

fn hang_up() -> Doing {
    Doing { end: Some(Ending::HangUp), ..Doing::default() }
}

/// A caller.
pub(crate) struct Caller<'a> {
    line: usize,
    phrases: VecDeque<Phrase>,
    /// What must have come about before the last phrase is said.
    awaited: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// The first phrase, how often it was said again.
    repeated: (Option<Phrase>, usize),
    saying: Option<(Phrase, u64)>,
    /// Whether something was heard since the caller spoke.
    answered: bool,
    silent_ms: u64,
    /// What was heard and said.
    pub(crate) heard: Heard,
}

/// What was heard and said, frame by frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    frames: Vec<Frame>,
    /// The caller waited in vain.
    pub(crate) gave_up: bool,
    /// Phrases that were said to their end.
    pub(crate) said: Vec<&'static str>,
}

impl<'a> Caller<'a> {
    /// A caller on a line of a number of its own.
    pub(crate) fn new(line: usize, phrases: &[Phrase]) -> Self {
        Self {
            line,
            phrases: phrases.iter().copied().collect(),
            awaited: None,
            repeated: (phrases.first().copied(), 0),
            saying: None,
            answered: false,
            silent_ms: 0,
            heard: Heard::default(),
        }
    }

    /// Says the first phrase again and again, but not for ever, until this has come about; only then the last.
    pub(crate) fn until(mut self, awaited: &'a (dyn Fn() -> bool + Sync)) -> Self {
        self.awaited = Some(awaited);
        self
    }

    fn next_phrase(&mut self) -> Option<Phrase> {
        let is_last = self.phrases.len() == 1;
        if let (Some(first), repetitions) = &mut self.repeated
            && is_last
            && *repetitions < MOST_REPETITIONS
            && self.awaited.is_some_and(|awaited| !awaited())
        {
            *repetitions += 1;
            return Some(*first);
        }
        self.phrases.pop_front()
    }

    /// The number of its line.
    pub(crate) fn line(&self) -> usize {
        self.line
    }
}

#[async_trait]
impl LineUser for Caller<'_> {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        let agent = moment.heard.iter().any(|&code| g711::decode(code).unsigned_abs() > LOUD);
        let caller = self.saying.is_some();
        self.heard.frames.push(Frame { at: Instant::now(), agent, caller });
        if let Some((phrase, left_ms)) = &mut self.saying {
            let audio = voiced_frame(phrase.number);
            *left_ms = left_ms.saturating_sub(FRAME_MS);
            if *left_ms == 0 {
                self.heard.said.push(phrase.words);
                self.saying = None;
                (self.answered, self.silent_ms) = (false, 0);
            }
            return Doing { audio, ..Doing::default() };
        }
        self.answered |= agent;
        self.silent_ms = if agent { 0 } else { self.silent_ms + FRAME_MS };
        if !self.answered && self.silent_ms >= GIVES_UP_MS {
            self.heard.gave_up = true;
            return hang_up();
        }
        if self.answered && self.silent_ms >= PATIENCE_MS {
            let Some(phrase) = self.next_phrase() else { return hang_up() };
            let words = phrase.words.split(' ').count() as u64;
            self.saying = Some((phrase, words * MS_PER_WORD));
        }
        Doing { audio: silence(self.line), ..Doing::default() }
    }

    async fn ended(&mut self, _at_ms: u64) {}
}

impl Heard {
    fn between(from: Instant, to: Instant) -> u64 {
        u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
    }

    /// From the first frame to the first sound.
    pub(crate) fn first_sound_ms(&self) -> Option<u64> {
        let began = self.frames.first()?.at;
        self.sound_after(began)
    }

    /// From a moment to the next sound of the agent: 0 when it sounds then.
    pub(crate) fn sound_after(&self, moment: Instant) -> Option<u64> {
        let heard = self.frames.iter().find(|frame| frame.agent && frame.at >= moment)?;
        Some(Self::between(moment, heard.at).saturating_sub(FRAME_MS))
    }

    /// From the end of the caller's words, those in progress at a moment or the next, to the next sound.
    pub(crate) fn answer_after(&self, moment: Instant) -> Option<u64> {
        let mut rest =
            self.frames.iter().skip_while(|frame| frame.at < moment).skip_while(|frame| !frame.caller);
        let end = rest.find(|frame| !frame.caller)?.at;
        self.sound_after(end)
    }

    /// The silence that follows the words which sound at a moment, of which `made_ms` had been made, up to the agent's
    /// next sound: 0 when other words followed without a silence, `None` when the caller had to speak first.
    pub(crate) fn gap_after(&self, moment: Instant, made_ms: u64) -> Option<u64> {
        let (mut last_sound, mut sound_ms) = (moment, 0);
        for frame in self.frames.iter().filter(|frame| frame.at >= moment).take_while(|frame| !frame.caller) {
            if frame.agent {
                let gap_ms = Self::between(last_sound, frame.at);
                if gap_ms > PAUSE_MS {
                    return Some(gap_ms.saturating_sub(FRAME_MS));
                }
                last_sound = frame.at;
                sound_ms += FRAME_MS;
            }
        }
        (sound_ms > made_ms + PAUSE_MS).then_some(0)
    }

    /// From the end of each phrase to the next sound; the last is `None` when nothing came.
    pub(crate) fn answers_ms(&self) -> Vec<Option<u64>> {
        let ends = self.frames.windows(2).filter(|pair| pair[0].caller && !pair[1].caller);
        ends.map(|pair| self.sound_after(pair[1].at)).collect()
    }

    /// How long the call was.
    pub(crate) fn length(&self) -> Duration {
        match (self.frames.first(), self.frames.last()) {
            (Some(first), Some(last)) => last.at.saturating_duration_since(first.at),
            _ => Duration::ZERO,
        }
    }
}
