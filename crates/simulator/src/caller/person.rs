//! The person on the line: does the next step when its time has come, hears everything meanwhile.

use std::collections::VecDeque;

use async_trait::async_trait;
use audio::g711;
use audio::noise::{Noise, SmallRandom};
use serde::Serialize;
use tokio::sync::mpsc;

use super::hearing::{Ear, Heard};
use super::script::{Action, Background, Fault, Step, When};
use crate::line::session::{Doing, Fate, LineUser, Moment};
use crate::line::{FRAME_BYTES, FRAME_MS, Frame, SILENCE};
use crate::words::{contains_phrase, words_of};

/// When a step was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepTimes {
    /// Position in the scenario's list of steps.
    pub index: Option<usize>,
    /// When it began, media time.
    pub started_ms: u64,
    /// When it was done; the end of the call, if that came before.
    pub ended_ms: u64,
    /// Whether it asks for the agent's attention. What is heard during other steps (noise, gaps, waiting)
    /// still answers the line before them.
    pub takes_floor: bool,
    /// Whether the caller kept silent on purpose.
    pub is_silence: bool,
    /// Whether the agent was speaking when it began.
    pub agent_was_speaking: bool,
    /// What was waited for in vain before it.
    pub waited_in_vain: Option<String>,
}

/// What happens, for somebody who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The caller begins a line.
    CallerSays {
        /// Media time.
        at_ms: u64,
        /// The words.
        text: String,
    },
    /// The caller does something else.
    CallerDoes {
        /// Media time.
        at_ms: u64,
        /// What, in plain words.
        what: String,
    },
    /// The agent was heard.
    AgentHeard(Heard),
}

/// What a person can tell after the call.
#[derive(Debug, Default)]
pub struct Account {
    /// When the steps were done.
    pub steps: Vec<StepTimes>,
    /// Optional steps that were not needed.
    pub skipped: Vec<usize>,
    /// What was heard.
    pub heard: Vec<Heard>,
    /// Why words are missing, if they are.
    pub failure: Option<String>,
}

/// Quiet after which an agent that has answered will not ask anything more.
const NOTHING_MORE_MS: u64 = 1_500;
/// Nobody gives up while the agent is speaking, unless it never ends.
const GIVE_UP_QUIET_MS: u64 = 2_000;
const GIVE_UP_FACTOR: u64 = 5;

/// A person with a script.
pub struct Person {
    steps: VecDeque<Step>,
    ear: Ear,
    background: Option<Noise>,
    progress: Option<mpsc::Sender<Progress>>,
    told: usize,
    doing: Option<Current>,
    waiting_since_ms: u64,
    /// The last line has not been answered yet.
    answer_owed: bool,
    /// End of the last step that wants an answer.
    line_ended_ms: u64,
    done: Vec<StepTimes>,
    skipped: Vec<usize>,
    /// Lockstep: the wall clock stands still while words are worked out.
    may_wait: bool,
}

struct Current {
    times: StepTimes,
    what: Ongoing,
}

enum Ongoing {
    Sound { samples: Vec<i16>, played: usize, wants_answer: bool, faults: Vec<Fault> },
    Silence { until_ms: u64, lost: bool },
    Keys { left: VecDeque<char>, next_ms: u64 },
    AwaitEnd { until_ms: u64 },
}

impl Person {
    /// A person who will do `steps`. `may_wait` on a line in lockstep only.
    #[must_use]
    pub fn new(
        steps: Vec<Step>,
        ear: Ear,
        background: Option<Background>,
        may_wait: bool,
        progress: Option<mpsc::Sender<Progress>>,
    ) -> Self {
        Self {
            steps: steps.into(),
            ear,
            background: background
                .map(|noise| Noise::new(noise.kind, noise.level_dbfs, SmallRandom::new(noise.seed))),
            progress,
            told: 0,
            doing: None,
            waiting_since_ms: 0,
            answer_owed: true,
            line_ended_ms: 0,
            done: Vec::new(),
            skipped: Vec::new(),
            may_wait,
        }
    }

    /// After the call: what there is to tell.
    pub async fn finish(mut self) -> Account {
        let (heard, failure) = self.ear.finish().await;
        for heard in heard.iter().skip(self.told) {
            let _ = self.progress.as_ref().map(|to| to.try_send(Progress::AgentHeard(heard.clone())));
        }
        Account { steps: self.done, skipped: self.skipped, heard, failure }
    }

    async fn is_time(&mut self, now_ms: u64) -> bool {
        let Some(step) = self.steps.front() else { return false };
        match &step.when {
            When::Now => true,
            When::AgentDone { quiet_ms } => self.agent_is_done(now_ms, *quiet_ms),
            When::AgentSpeaking { for_ms } => self
                .ear
                .speaking_since(now_ms)
                .is_some_and(|since| now_ms - since.max(self.waiting_since_ms).min(now_ms) >= *for_ms),
            When::AgentQuiet { for_ms } => self.ear.quiet_ms(now_ms) >= *for_ms,
            When::At { ms } => now_ms >= *ms,
            When::After { ms } => now_ms >= self.waiting_since_ms + ms,
            When::Heard { phrase } => {
                let phrase = phrase.clone();
                while self.may_wait && self.ear.is_busy() {
                    self.ear.catch_up_one().await;
                }
                let since = self.line_ended_ms;
                let recent = self.ear.heard().iter().filter(|heard| heard.ended_ms > since);
                recent.into_iter().any(|heard| contains_phrase(&words_of(&heard.text), &phrase))
            }
        }
    }

    fn agent_is_done(&self, now_ms: u64, quiet_ms: u64) -> bool {
        let answered = !self.answer_owed
            || self.ear.last_sound_ms().is_some_and(|last| last > self.line_ended_ms + FRAME_MS);
        answered && self.ear.quiet_ms(now_ms) >= quiet_ms
    }

    /// Begins the next step if it is time, and puts what goes out at once into `doing`. `true` when the step
    /// after it may begin at once, too.
    async fn begin(&mut self, now_ms: u64, doing: &mut Doing) -> bool {
        let Some(front) = self.steps.front() else { return false };
        let (give_up_ms, optional) = (front.give_up_ms, front.optional);
        let in_vain = format!("{:?}", front.when);
        let waited_ms = now_ms.saturating_sub(self.waiting_since_ms);
        let quiet = self.ear.quiet_ms(now_ms) >= GIVE_UP_QUIET_MS.min(give_up_ms);
        let gave_up = waited_ms >= give_up_ms && (quiet || waited_ms >= give_up_ms * GIVE_UP_FACTOR);
        let is_time = self.is_time(now_ms).await;
        if !is_time && optional && self.agent_is_done(now_ms, NOTHING_MORE_MS) && !self.ear.is_busy() {
            let step = self.steps.pop_front();
            self.skipped.extend(step.and_then(|step| step.index));
            return true;
        }
        if !is_time && !gave_up {
            return false;
        }
        let Some(step) = self.steps.pop_front() else { return false };
        let times = StepTimes {
            index: step.index,
            started_ms: now_ms,
            ended_ms: now_ms,
            takes_floor: match &step.action {
                Action::Sound { wants_answer, .. } => *wants_answer,
                Action::Silence { lost, .. } => !lost,
                Action::Raw(_) | Action::AwaitEnd => false,
                Action::Keys(_) | Action::End(_) => true,
            },
            is_silence: matches!(step.action, Action::Silence { lost: false, .. }),
            agent_was_speaking: self.ear.speaking_since(now_ms).is_some(),
            waited_in_vain: (!is_time).then_some(in_vain),
        };
        let what = match step.action {
            Action::Sound { samples, words, wants_answer, faults } => {
                match words {
                    Some(text) => self.tell(Progress::CallerSays { at_ms: now_ms, text }),
                    None => self.tell_deed(now_ms, "makes a noise"),
                }
                Ongoing::Sound { samples, played: 0, wants_answer, faults }
            }
            Action::Silence { ms, lost } => {
                self.tell_deed(now_ms, if lost { "is not heard for a while" } else { "says nothing" });
                Ongoing::Silence { until_ms: now_ms + ms, lost }
            }
            Action::Keys(keys) => {
                self.tell_deed(now_ms, &format!("presses {}", keys.iter().collect::<String>()));
                Ongoing::Keys { left: keys.into(), next_ms: now_ms }
            }
            Action::AwaitEnd => Ongoing::AwaitEnd { until_ms: now_ms + step.give_up_ms },
            Action::Raw(messages) => {
                self.tell_deed(now_ms, &format!("sends {} malformed messages", messages.len()));
                doing.raw.extend(messages);
                self.finish_step(times, now_ms);
                return true;
            }
            Action::End(ending) => {
                self.tell_deed(now_ms, "hangs up");
                doing.end = Some(ending);
                self.finish_step(times, now_ms);
                return false;
            }
        };
        self.doing = Some(Current { times, what });
        true
    }

    fn finish_step(&mut self, mut times: StepTimes, now_ms: u64) {
        times.ended_ms = now_ms;
        self.done.push(times);
        self.waiting_since_ms = now_ms;
    }

    /// Goes on with the step being done, for the frame that begins at `now_ms`.
    fn go_on(&mut self, now_ms: u64, samples: &mut [i16], doing: &mut Doing) {
        let Some(mut current) = self.doing.take() else { return };
        let after_ms = now_ms + FRAME_MS;
        let mut is_done = false;
        match &mut current.what {
            Ongoing::Sound { samples: sound, played, wants_answer, faults } => {
                let end = sound.len().min(*played + samples.len());
                samples[..end - *played].copy_from_slice(&sound[*played..end]);
                let at_ms = *played as u64 / 8;
                let fault = faults.iter().find(|f| (f.at_ms..f.at_ms + f.ms).contains(&at_ms));
                doing.fate = fault.map_or(Fate::Delivered, |fault| fault.fate);
                *played = end;
                if end == sound.len() {
                    if *wants_answer {
                        self.answer_owed = true;
                        self.line_ended_ms = after_ms;
                    }
                    is_done = true;
                }
            }
            Ongoing::Silence { until_ms, lost } => {
                if *lost {
                    doing.fate = Fate::Lost;
                }
                if after_ms >= *until_ms {
                    self.answer_owed = false;
                    is_done = true;
                }
            }
            Ongoing::Keys { left, next_ms } => {
                if now_ms >= *next_ms {
                    doing.keys.extend(left.pop_front());
                    *next_ms = now_ms + 200;
                }
                if left.is_empty() {
                    self.answer_owed = true;
                    self.line_ended_ms = after_ms;
                    is_done = true;
                }
            }
            Ongoing::AwaitEnd { until_ms } => {
                if after_ms >= *until_ms {
                    current.times.waited_in_vain = Some("the agent to end the call".to_owned());
                    is_done = true;
                }
            }
        }
        if is_done {
            self.finish_step(current.times, after_ms);
        } else {
            self.doing = Some(current);
        }
    }

    fn tell_deed(&self, at_ms: u64, what: &str) {
        self.tell(Progress::CallerDoes { at_ms, what: what.to_owned() });
    }

    fn tell(&self, progress: Progress) {
        if let Some(to) = &self.progress {
            // Nobody has to watch: what does not fit is not shown.
            let _ = to.try_send(progress);
        }
    }
}

#[async_trait]
impl LineUser for Person {
    async fn tick(&mut self, moment: Moment<'_>) -> Doing {
        let now_ms = moment.now_ms;
        if now_ms > 0 {
            self.ear.hear(moment.heard, now_ms).await;
        }
        for heard in self.ear.heard().iter().skip(self.told) {
            self.tell(Progress::AgentHeard(heard.clone()));
        }
        self.told = self.ear.heard().len();
        let mut doing = Doing::default();
        while self.doing.is_none() && self.begin(now_ms, &mut doing).await {}
        let mut samples = [0_i16; FRAME_BYTES];
        self.go_on(now_ms, &mut samples, &mut doing);
        if let Some(noise) = &mut self.background {
            noise.add_to(&mut samples);
        }
        doing.audio = encode(&samples);
        doing
    }

    async fn ended(&mut self, at_ms: u64) {
        if let Some(mut current) = self.doing.take() {
            current.times.ended_ms = at_ms;
            self.done.push(current.times);
        }
    }
}

fn encode(samples: &[i16; FRAME_BYTES]) -> Frame {
    let mut frame = SILENCE;
    for (code, &sample) in frame.iter_mut().zip(samples) {
        *code = g711::encode(sample);
    }
    frame
}
