//! What decides the agent's next words, as the live call sees it.

use std::sync::Arc;

use async_trait::async_trait;
use domain::call_log::Purpose;
use domain::call_plan::CallPlan;
pub use domain::expected_answer::ExpectedAnswer;
use domain::history::History;
use domain::ids::TurnId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::descriptor::Descriptor;
use crate::tools::Tools;

/// Makes the mind of one conversation.
pub trait Brain: Send + Sync {
    /// Its name and nature (`rules`, `llm`).
    fn descriptor(&self) -> &'static Descriptor;

    /// A mind for one conversation. `tools` already carry the tenant and the caller's rights.
    fn begin(&self, plan: Arc<CallPlan>, tools: Arc<dyn Tools>) -> Box<dyn Mind>;
}

/// One conversation's mind.
#[async_trait]
pub trait Mind: Send {
    /// Answers one prompt: sends [`Thought`]s, then returns. Once `cancel` fires nothing more is sent and the
    /// call returns soon. A full channel is waited for: playback is slower than thought.
    async fn respond(&mut self, prompt: Prompt, thoughts: &mpsc::Sender<Thought>, cancel: &CancellationToken);

    /// The caller pauses and has said these words so far: they may be all there is. A mind may think ahead, without
    /// any effect outside itself, so that [`Self::respond`] to the same words is quicker. Later words replace earlier.
    fn foresee(&mut self, _words: &str) {}

    /// What is needed to go on elsewhere: history, lead progress.
    fn snapshot(&self) -> serde_json::Value;

    /// Goes on from a snapshot; one that can't be read is ignored.
    fn restore(&mut self, snapshot: serde_json::Value);

    /// Goes on with a conversation that something else had until now: what was said and which answers of the lead
    /// flow are saved. Called before the first prompt, and after [`Self::restore`] when there was a snapshot of this
    /// brain's own; what the snapshot knows better stays.
    fn take_over(&mut self, history: &History);
}

/// What a mind is asked to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// The call was picked up: greet.
    PickedUp,
    /// The caller said something.
    CallerSaid {
        /// The caller's turn.
        turn: TurnId,
        /// The words.
        text: String,
        /// When the caller cut the agent short: what of the agent's last turn was heard.
        agent_was_heard: Option<String>,
    },
    /// The caller pressed keys (collected until a short pause, or `#`).
    CallerDialled {
        /// The keys.
        digits: String,
    },
    /// Nobody spoke for a while: say a gentle word. `stage` 1 or 2; 3 means say goodbye.
    Silence {
        /// How often it has been quiet in a row.
        stage: u8,
    },
    /// The longest allowed duration is near: say goodbye.
    TimeIsUp,
    /// The conversation was carried by something else until now (see [`Mind::take_over`]): take it up.
    GoOn(GoOn),
}

/// How a conversation is taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoOn {
    /// The caller was cut off for a moment: say so in a few words, then answer what is owed or ask again what was
    /// open.
    CutOff,
    /// The caller waits for an answer to their last words, which are the history's last line: give it.
    AnswerOwed {
        /// The caller's turn.
        turn: TurnId,
        /// The words.
        text: String,
    },
    /// The caller waits for an answer to words that were lost: ask to hear them again.
    WordsLost,
    /// The caller was to be connected with a person, waited, and nobody took them: say that you are sorry, and offer to
    /// take a message.
    NotConnected,
}

/// What comes out of a mind.
#[derive(Debug, Clone, PartialEq)]
pub enum Thought {
    /// Words to speak, one sentence or two.
    Say {
        /// The words.
        text: String,
        /// Why.
        purpose: Purpose,
        /// Whether the caller may talk over them.
        interruptible: bool,
    },
    /// What sort of answer is expected next; steers endpointing and the phantom filter.
    Expect(ExpectedAnswer),
    /// An entry for the call's log (intent, tool call, lead saved).
    Log(domain::call_log::EventKind),
    /// What to do when all words are played. At most one, last; without it the call listens.
    Then(NextStep),
}

/// What follows the agent's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// End the call.
    HangUp,
    /// Hand the call to a person.
    Transfer {
        /// E.164 number.
        to: String,
    },
}
