//! A caller who becomes a lead at the pace of a telephone, whatever becomes of the stream.
//!
//! Says the next phrase when the agent has spoken and is quiet, repeats what nobody answered or what was lost with a
//! stream, and keeps the conversation going with small talk while it is not to go on.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::model::{ANSWERS, GOODBYE, PHRASES, SMALL_TALK};
use crate::line::session::{Doing, LineUser, Moment};
use crate::line::{FRAME_MS, SILENCE};
use crate::openai::ear::{MS_PER_WORD, voiced_frame};

/// The caller speaks when the agent has been quiet for so long.
const POLITE_PAUSE: Duration = Duration::from_millis(600);
/// Nobody answered for so long: the caller says it again.
const REPEATS_AFTER: Duration = Duration::from_secs(6);

/// How far a conversation has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Answers that were given and answered in turn.
    pub answered: usize,
    /// Streams that began.
    pub streams: u32,
    /// When the last stream began.
    pub began_at: Option<Instant>,
    /// When the agent was first heard in the last stream.
    pub heard_at: Option<Instant>,
    /// When the last stream ended, and no other has begun since.
    pub ended_at: Option<Instant>,
    /// The longest time without any stream between two.
    pub longest_gap: Duration,
    /// The longest time in which neither was heard, streams that broke included.
    pub longest_silence: Duration,
    /// Phrases that were said to their end.
    pub said: u32,
    /// Phrases said again because nobody answered.
    pub repeated: u32,
    /// Whether the caller has said goodbye and was answered.
    pub said_goodbye: bool,
}

/// What is seen of a caller from outside.
#[derive(Debug)]
pub struct Handle {
    /// How far the conversation has come.
    pub progress: watch::Receiver<Progress>,
    may_give: watch::Sender<usize>,
}

impl Handle {
    /// Lets the caller give so many answers, and say goodbye after the last of [`ANSWERS`].
    pub fn let_give(&self, answers: usize) {
        self.may_give.send_replace(answers);
    }

    /// Where it stands now.
    #[must_use]
    pub fn now(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Waits for progress; `None` when the caller is gone before.
    pub async fn wait_for(&mut self, what: impl Fn(&Progress) -> bool) -> Option<Progress> {
        self.progress.wait_for(what).await.ok().map(|progress| *progress)
    }
}

/// What the caller says: a phrase, and how much of it is left.
#[derive(Debug, Clone, Copy)]
struct Saying {
    phrase: usize,
    left_ms: u64,
    /// The stream changed meanwhile: the agent heard a part of it.
    is_broken: bool,
}

/// What was said and not answered yet.
#[derive(Debug, Clone, Copy)]
struct Owed {
    phrase: usize,
    since: Instant,
    is_broken: bool,
}

/// The caller.
#[derive(Debug)]
pub struct Caller {
    progress: watch::Sender<Progress>,
    may_give: watch::Receiver<usize>,
    /// The next answer; [`ANSWERS`]' length is the goodbye.
    next: usize,
    saying: Option<Saying>,
    /// A phrase that was said to its end and not answered yet.
    owed: Option<Owed>,
    /// Whether the agent was heard since the caller spoke last.
    agent_has_spoken: bool,
    /// When the agent was heard last, or the line began.
    agent_quiet_since: Instant,
    /// When anybody was heard last.
    heard_last: Instant,
    in_stream: bool,
}

impl Caller {
    /// A caller who gives so many answers for now, and what is seen of them.
    #[must_use]
    pub fn new(answers: usize) -> (Self, Handle) {
        let (progress, seen) = watch::channel(Progress::default());
        let (raise, may_give) = watch::channel(answers);
        let now = Instant::now();
        let caller = Self {
            progress,
            may_give,
            next: 0,
            saying: None,
            owed: None,
            agent_has_spoken: false,
            agent_quiet_since: now,
            heard_last: now,
            in_stream: false,
        };
        (caller, Handle { progress: seen, may_give: raise })
    }

    fn stream_begins(&mut self, now: Instant) {
        self.in_stream = true;
        self.agent_quiet_since = now;
        let first = self.progress.borrow().streams == 0;
        if first {
            self.heard_last = now;
        }
        // Nobody who speaks stops because a stream does: a part of it was said into the gap.
        let gap = self.progress.borrow().ended_at.map(|ended| now - ended).unwrap_or_default();
        if let Some(saying) = &mut self.saying {
            saying.is_broken = true;
            saying.left_ms =
                saying.left_ms.saturating_sub(u64::try_from(gap.as_millis()).unwrap_or(u64::MAX));
        }
        self.progress.send_modify(|progress| {
            if let Some(ended) = progress.ended_at.take() {
                progress.longest_gap = progress.longest_gap.max(now - ended);
            }
            progress.streams += 1;
            progress.began_at = Some(now);
            progress.heard_at = None;
        });
    }

    /// Notes that somebody is heard, and how long nobody was.
    fn somebody_is_heard(&mut self, now: Instant) {
        let silence = now - self.heard_last;
        self.heard_last = now;
        self.progress.send_if_modified(|progress| {
            let longer = silence > progress.longest_silence;
            if longer {
                progress.longest_silence = silence;
            }
            longer
        });
    }

    fn agent_is_heard(&mut self, now: Instant) {
        self.somebody_is_heard(now);
        self.agent_quiet_since = now;
        self.agent_has_spoken = true;
        let answered = if self.saying.is_none() { self.owed.take() } else { None };
        let next = &mut self.next;
        self.progress.send_if_modified(|progress| {
            let is_first = progress.heard_at.is_none();
            if is_first {
                progress.heard_at = Some(now);
            }
            // In a stream that has just begun the agent apologises, and does not answer.
            // What was heard in part is asked for once more, and said again.
            let answered = answered.filter(|owed| !owed.is_broken && (!is_first || progress.streams == 1));
            let Some(Owed { phrase, .. }) = answered else {
                return is_first;
            };
            if phrase == GOODBYE {
                progress.said_goodbye = true;
            } else if phrase == *next {
                *next += 1;
                progress.answered = *next;
            }
            true
        });
    }

    /// The phrase to say now.
    fn phrase(&self) -> usize {
        let may_give = *self.may_give.borrow();
        match self.next {
            next if next >= may_give => SMALL_TALK,
            next if next < ANSWERS.len() => next,
            _ => GOODBYE,
        }
    }
}

#[async_trait]
impl LineUser for Caller {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        let now = Instant::now();
        if !self.in_stream {
            self.stream_begins(now);
        }
        if moment.heard.iter().any(|&code| code != SILENCE[0] && code != 0x7F) {
            self.agent_is_heard(now);
        }
        if let Some(saying) = &mut self.saying {
            let audio = voiced_frame(saying.phrase);
            saying.left_ms = saying.left_ms.saturating_sub(FRAME_MS);
            let Saying { phrase, left_ms, is_broken } = *saying;
            if left_ms == 0 {
                (self.saying, self.agent_has_spoken) = (None, false);
                self.owed = Some(Owed { phrase, since: now, is_broken });
                self.progress.send_modify(|progress| progress.said += 1);
            }
            self.somebody_is_heard(now);
            return Doing { audio, ..Doing::default() };
        }
        if self.owed.is_some_and(|owed| now - owed.since > REPEATS_AFTER) {
            self.owed = None;
            self.agent_has_spoken = true;
            self.progress.send_modify(|progress| progress.repeated += 1);
        }
        let is_done = self.progress.borrow().said_goodbye;
        let is_my_turn = self.agent_has_spoken && self.owed.is_none() && !is_done;
        if is_my_turn && now - self.agent_quiet_since >= POLITE_PAUSE {
            let phrase = self.phrase();
            let words = PHRASES[phrase].split(' ').count() as u64;
            self.saying = Some(Saying { phrase, left_ms: words * MS_PER_WORD, is_broken: false });
        }
        Doing::default()
    }

    async fn ended(&mut self, _at_ms: u64) {
        self.in_stream = false;
        self.progress.send_modify(|progress| progress.ended_at = Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUM: [u8; 160] = [0x90; 160];

    /// 20 ms in which the caller hears something; whether it speaks.
    async fn tick(caller: &mut Caller, heard: &[u8; 160]) -> bool {
        tokio::time::advance(Duration::from_millis(FRAME_MS)).await;
        let doing = caller.tick(Moment { now_ms: 0, heard }).await;
        doing.audio != SILENCE
    }

    /// The agent speaks for half a second, then the caller says something; returns once it is said.
    async fn turn(caller: &mut Caller) {
        for _ in 0..25 {
            tick(caller, &HUM).await;
        }
        while !tick(caller, &SILENCE).await {}
        while tick(caller, &SILENCE).await {}
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_counts_when_the_agent_has_answered_it() {
        let (mut caller, handle) = Caller::new(2);
        turn(&mut caller).await;
        assert_eq!(handle.now().answered, 0);
        turn(&mut caller).await;
        assert_eq!(handle.now().answered, 1);
        turn(&mut caller).await;
        // Two were allowed: the rest is small talk.
        for _ in 0..3 {
            turn(&mut caller).await;
            assert_eq!(handle.now().answered, 2);
        }
        handle.let_give(usize::MAX);
        turn(&mut caller).await;
        turn(&mut caller).await;
        assert_eq!(handle.now().answered, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_with_a_stream_is_said_again() {
        let (mut caller, handle) = Caller::new(usize::MAX);
        turn(&mut caller).await;
        caller.ended(0).await;
        tokio::time::advance(Duration::from_millis(800)).await;
        // The agent of the next stream apologises.
        turn(&mut caller).await;
        let now = handle.now();
        assert_eq!((now.answered, now.streams), (0, 2));
        assert!(now.longest_gap >= Duration::from_millis(800) && now.heard_at.is_some(), "{now:?}");
        turn(&mut caller).await;
        assert_eq!(handle.now().answered, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_speaks_speaks_on_through_a_change_of_the_stream_and_says_it_again_when_asked() {
        let (mut caller, handle) = Caller::new(usize::MAX);
        for _ in 0..25 {
            tick(&mut caller, &HUM).await;
        }
        while !tick(&mut caller, &SILENCE).await {}
        caller.ended(0).await;
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!(tick(&mut caller, &SILENCE).await, "the caller has not noticed");
        while tick(&mut caller, &SILENCE).await {}
        // The agent asks what that was.
        turn(&mut caller).await;
        assert_eq!(handle.now().answered, 0);
        turn(&mut caller).await;
        assert_eq!(handle.now().answered, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_is_measured_across_streams() {
        let (mut caller, handle) = Caller::new(usize::MAX);
        turn(&mut caller).await;
        for _ in 0..50 {
            tick(&mut caller, &SILENCE).await;
        }
        caller.ended(0).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        turn(&mut caller).await;
        let silence = handle.now().longest_silence;
        assert!((2_000..2_200).contains(&silence.as_millis()), "{silence:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_phrase_that_nobody_answers_is_said_again() {
        let (mut caller, handle) = Caller::new(usize::MAX);
        turn(&mut caller).await;
        let mut frames = 0;
        while !tick(&mut caller, &SILENCE).await {
            frames += 1;
            assert!(frames < 400, "the caller waits for ever");
        }
        assert_eq!(handle.now().repeated, 1);
    }
}
