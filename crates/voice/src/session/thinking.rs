//! The mind, in a task of its own, so that its work and its defects stay apart from the line.

use provider_traits::brain::{Mind, Prompt, Thought};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Thoughts that wait to be taken. When full the mind waits: playback is slower than thought.
const WAITING_THOUGHTS: usize = 8;

/// What came of thinking.
#[derive(Debug)]
pub(super) enum Mused {
    /// A thought of the answer.
    Thought { ask: u32, thought: Thought },
    /// The mind is back.
    Done { ask: u32 },
    /// The mind is gone for good.
    Lost,
}

pub(super) struct Thinking {
    /// Here while it does not think.
    mind: Option<Box<dyn Mind>>,
    /// At most one task; dropping the set ends it.
    task: JoinSet<Box<dyn Mind>>,
    thoughts: Option<mpsc::Receiver<Thought>>,
    cancel: CancellationToken,
    ask: u32,
}

impl Thinking {
    pub(super) fn new(mind: Box<dyn Mind>) -> Self {
        let cancel = CancellationToken::new();
        Self { mind: Some(mind), task: JoinSet::new(), thoughts: None, cancel, ask: 0 }
    }

    /// Lets the mind answer; it must be here.
    pub(super) fn ask(&mut self, ask: u32, prompt: Prompt) {
        let Some(mut mind) = self.mind.take() else { return };
        let (sender, thoughts) = mpsc::channel(WAITING_THOUGHTS);
        let cancel = CancellationToken::new();
        self.cancel = cancel.clone();
        self.thoughts = Some(thoughts);
        self.ask = ask;
        self.task.spawn(async move {
            mind.respond(prompt, &sender, &cancel).await;
            mind
        });
    }

    /// Lets the mind think ahead, when it is here.
    pub(super) fn foresee(&mut self, words: &str) {
        if let Some(mind) = &mut self.mind {
            mind.foresee(words);
        }
    }

    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Ends the mind's task, whatever it does; [`Mused::Lost`] follows.
    pub(super) fn abandon(&mut self) {
        self.task.abort_all();
        self.thoughts = None;
    }

    pub(super) fn is_out(&self) -> bool {
        !self.task.is_empty()
    }

    pub(super) fn mind(&self) -> Option<&dyn Mind> {
        self.mind.as_deref()
    }

    /// The next thing that happens; may be dropped and called again. Never returns while the mind rests.
    pub(super) async fn next(&mut self) -> Mused {
        if let Some(thoughts) = &mut self.thoughts {
            // Closed: the mind has said everything, or died.
            if let Some(thought) = thoughts.recv().await {
                return Mused::Thought { ask: self.ask, thought };
            }
            self.thoughts = None;
        }
        match self.task.join_next().await {
            Some(Ok(mind)) => {
                self.mind = Some(mind);
                Mused::Done { ask: self.ask }
            }
            // A panic has been written to the error output by the runtime's hook already.
            Some(Err(_panicked_or_aborted)) => Mused::Lost,
            None => std::future::pending().await,
        }
    }
}
