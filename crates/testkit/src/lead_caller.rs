//! A caller who becomes a lead, in the loudness that [`crate::cheap_speech`] understands. Stays the same person when the
//! stream breaks and another one begins: repeats words that nobody answered, goes on otherwise.

use async_trait::async_trait;
use simulator::line::session::{Doing, Ending, LineUser, Moment};
use simulator::line::{FRAME_MS, SILENCE};
use tokio::sync::watch;
use tokio::time::Instant;
use voice::stand_ins::{MS_PER_WORD, voiced_frame};

/// What the transcriber understands, by loudness.
pub const PHRASES: [&str; 10] = [
    "hello i need a new website for my company",
    "my name is kevin johnson",
    "it's kevin at gmail dot com",
    "yes that's right",
    "five one three five five five zero one seven seven",
    "it's called green garden",
    "a website please",
    "our budget is about ten thousand dollars",
    "by the end of march",
    "no thank you that's everything goodbye",
];

/// The phrases in the order in which the agent's questions ask for them.
const SCRIPT: [usize; 10] = [0, 1, 2, 3, 4, 3, 5, 7, 8, 9];
/// The caller speaks when the agent has been quiet for so long.
const POLITE_PAUSE_MS: u64 = 1_000;
/// Nobody answered for so long: the caller says it again.
const REPEAT_AFTER_MS: u64 = 12_000;

/// How far the conversation has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Lines of the script that were said and answered.
    pub answered: usize,
    /// Streams begun.
    pub streams: u32,
    /// When the agent was first heard in this stream.
    pub heard_at: Option<Instant>,
    /// The longest time in which the agent was not heard while an answer was owed, in milliseconds.
    pub longest_wait_ms: u64,
    /// Whether the caller has said goodbye.
    pub is_done: bool,
}

/// The caller.
#[derive(Debug)]
pub struct LeadCaller {
    progress: watch::Sender<Progress>,
    /// The caller stops before this line of the script until it is raised.
    may_say: watch::Receiver<usize>,
    next: usize,
    speaking: Option<(usize, u64)>,
    owed_since_ms: Option<u64>,
    agent_has_spoken: bool,
    quiet_ms: u64,
    now_ms: u64,
    has_begun: bool,
}

/// What is seen of a caller from outside.
#[derive(Debug)]
pub struct Handle {
    /// How far it has come.
    pub progress: watch::Receiver<Progress>,
    may_say: watch::Sender<usize>,
}

impl Handle {
    /// Lets the caller say the lines of the script before the given one.
    pub fn let_say(&self, lines: usize) {
        self.may_say.send_replace(lines);
    }

    /// Waits for progress.
    ///
    /// # Panics
    /// When the caller is gone before.
    pub async fn wait_for(&mut self, what: impl Fn(&Progress) -> bool) -> Progress {
        *self.progress.wait_for(what).await.expect("the caller is on the line")
    }
}

impl LeadCaller {
    /// A caller who says `lines` lines of the script, and what is seen of them. All of them: `usize::MAX`.
    #[must_use]
    pub fn new(lines: usize) -> (Self, Handle) {
        let (progress, seen) = watch::channel(Progress::default());
        let (raise, may_say) = watch::channel(lines);
        let caller = Self {
            progress,
            may_say,
            next: 0,
            speaking: None,
            owed_since_ms: None,
            agent_has_spoken: false,
            quiet_ms: 0,
            now_ms: 0,
            has_begun: false,
        };
        (caller, Handle { progress: seen, may_say: raise })
    }

    fn stream_begins(&mut self) {
        self.has_begun = true;
        self.quiet_ms = 0;
        // What was being said, or was not answered, was lost.
        if self.speaking.take().is_some() || self.owed_since_ms.take().is_some() {
            self.next = self.next.saturating_sub(1);
            self.agent_has_spoken = false;
        }
        self.progress.send_modify(|progress| {
            progress.streams += 1;
            progress.heard_at = None;
        });
    }

    fn agent_sounds(&mut self) {
        self.quiet_ms = 0;
        self.agent_has_spoken = true;
        if self.speaking.is_some() {
            return;
        }
        let waited_ms = self.owed_since_ms.take().map(|since| self.now_ms.saturating_sub(since));
        let answered = self.next;
        self.progress.send_if_modified(|progress| {
            let is_first = progress.heard_at.is_none();
            if is_first {
                progress.heard_at = Some(Instant::now());
            }
            if let Some(waited_ms) = waited_ms {
                progress.longest_wait_ms = progress.longest_wait_ms.max(waited_ms);
                progress.answered = answered;
            }
            is_first || waited_ms.is_some()
        });
    }
}

#[async_trait]
impl LineUser for LeadCaller {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        if !self.has_begun || moment.now_ms < self.now_ms {
            self.stream_begins();
        }
        self.now_ms = moment.now_ms;
        if moment.heard.iter().any(|&code| code != SILENCE[0]) {
            self.agent_sounds();
        } else {
            self.quiet_ms += FRAME_MS;
        }
        if let Some((phrase, left_ms)) = self.speaking {
            self.speaking = (left_ms > FRAME_MS).then(|| (phrase, left_ms - FRAME_MS));
            if self.speaking.is_none() {
                self.owed_since_ms = Some(self.now_ms);
            }
            return Doing { audio: voiced_frame(phrase), ..Doing::default() };
        }
        if self.owed_since_ms.is_some_and(|since| self.now_ms - since > REPEAT_AFTER_MS) {
            self.owed_since_ms = None;
            self.next = self.next.saturating_sub(1);
            self.agent_has_spoken = true;
        }
        let may_speak =
            self.agent_has_spoken && self.quiet_ms >= POLITE_PAUSE_MS && self.owed_since_ms.is_none();
        if !may_speak {
            return Doing::default();
        }
        let Some(&phrase) = SCRIPT.get(self.next) else {
            self.progress.send_modify(|progress| progress.is_done = true);
            return Doing { end: Some(Ending::HangUp), ..Doing::default() };
        };
        // In lockstep time stands still meanwhile.
        let next = self.next;
        if self.may_say.wait_for(|lines| next < *lines).await.is_err() {
            return Doing::default();
        }
        self.next += 1;
        self.agent_has_spoken = false;
        let words = PHRASES[phrase].split(' ').count() as u64;
        self.speaking = Some((phrase, words * MS_PER_WORD));
        Doing { audio: voiced_frame(phrase), ..Doing::default() }
    }

    async fn ended(&mut self, _at_ms: u64) {}
}
