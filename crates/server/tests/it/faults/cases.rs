//! What goes wrong with a model in mid-call, and what the caller must hear then.

use std::time::Duration;

use domain::call_log::EventKind;
use simulator::line::session::LineEnd;
use simulator::openai::fault::{Fault, FaultKind, Phase};
use simulator::openai::seen::{FaultSeen, Seen};

use super::caller::{Caller, Phrase, line_of};
use super::stage::{Done, HOURS, PLACE, SERVICES, Stage};

/// A caller's turn is over after so much silence; only then anything is owed.
const END_OF_TURN_MS: u64 = 500;
/// What a caller may wait for any answer of a call, whatever goes wrong.
const LONGEST_WAIT_MS: u64 = 3_000;

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
}

/// How a call with a fault went.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// From the fault, or from when something was owed, to what was heard.
    pub(crate) gap_ms: Option<u64>,
    /// Whether the fault came at all.
    pub(crate) came_about: bool,
    /// The engines that the call went over.
    pub(crate) engines: Vec<String>,
    /// What was not as it must be.
    pub(crate) wrong: Vec<String>,
    /// The call's log, when something was not.
    pub(crate) timeline: Vec<String>,
}

impl Case {
    /// In every session, so that only another engine helps.
    pub(crate) fn always(phase: Phase, kind: FaultKind) -> Self {
        // The greeting is the first answer; what goes wrong in an answer goes wrong in the second.
        Self { fault: Fault::new(phase, kind).from_answer(2) }
    }

    pub(crate) fn in_the_greeting(mut self) -> Self {
        self.fault.from_answer = 1;
        self
    }

    /// Only before anything was said to another session of the same call.
    pub(crate) fn in_first_session(mut self) -> Self {
        self.fault.in_first_session = true;
        self
    }

    pub(crate) fn name(&self) -> String {
        let greeting = if self.is_in_greeting() { " (greeting)" } else { "" };
        let once = if self.fault.in_first_session { ", once" } else { "" };
        format!("{}{greeting}{once}", self.fault.name())
    }

    fn is_in_greeting(&self) -> bool {
        matches!(self.fault.phase, Phase::ReplyOwed | Phase::Speaking) && self.fault.from_answer == 1
    }

    pub(crate) fn phrases(&self) -> [Phrase; 2] {
        match self.fault.phase {
            Phase::FunctionOutput => [HOURS, SERVICES],
            _ => [PLACE, SERVICES],
        }
    }

    /// The longest that a caller may hear nothing: product targets, "Reliability".
    pub(crate) fn limit_ms(&self) -> u64 {
        let noticed_at_once = matches!(
            self.fault.kind,
            FaultKind::Refuse(_) | FaultKind::Close(_) | FaultKind::Reset | FaultKind::Error(_)
        );
        match self.fault.phase {
            Phase::Connect | Phase::BeforeCreated | Phase::BeforeUpdated if noticed_at_once => 1_000,
            Phase::Connect | Phase::BeforeCreated | Phase::BeforeUpdated => 1_200,
            Phase::Listening | Phase::CallerSpeaking if noticed_at_once => END_OF_TURN_MS + 700,
            Phase::Listening | Phase::CallerSpeaking => END_OF_TURN_MS + 1_200,
            _ if noticed_at_once => 700,
            _ => 1_200,
        }
    }

    /// A model that falls silent while nothing is owed: only the caller's voice shows that something is missing, and
    /// what was said to it is asked for again.
    fn makes_deaf(&self) -> bool {
        let quiet = matches!(
            self.fault.kind,
            FaultKind::Silent | FaultKind::Slow(_) | FaultKind::HalfFrame | FaultKind::Flood
        );
        quiet && matches!(self.fault.phase, Phase::Listening | Phase::CallerSpeaking)
    }

    fn is_from_the_start(&self) -> bool {
        matches!(self.fault.phase, Phase::Connect | Phase::BeforeCreated | Phase::BeforeUpdated)
    }

    /// Places a call in which it goes wrong. The caller speaks on until it has: how quickly the machine is makes no
    /// difference to that.
    pub(crate) async fn run(&self, stage: &Stage, line: usize) -> Verdict {
        let came_about = || self.is_from_the_start() || fault_of(&stage.stand_in.seen(), line).is_some();
        let caller = Caller::new(line, &self.phrases()).until(&came_about);
        let done = stage.call(caller).await;
        self.judge(&done, &stage.stand_in.seen(), line)
    }

    fn judge(&self, done: &Done, seen: &Seen, line: usize) -> Verdict {
        let mut wrong = Vec::new();
        let heard = &done.heard;
        let fault = fault_of(seen, line);
        // A first answer may be asked for before any audio came by which the session could be told from others'.
        let is_lost_early = self.is_in_greeting() && done.has_lost_its_model();
        let came_about = self.is_from_the_start() || fault.is_some() || is_lost_early;
        if !came_about {
            wrong.push("the fault did not come about".to_owned());
        }
        let gap_ms = match (self.fault.phase, fault.as_ref().map(|fault| fault.at)) {
            (Phase::Connect | Phase::BeforeCreated | Phase::BeforeUpdated, _) => heard.first_sound_ms(),
            (_, None) if is_lost_early => heard.first_sound_ms(),
            (_, None) => None,
            (Phase::Listening | Phase::CallerSpeaking, Some(at)) => heard.answer_after(at),
            (Phase::Speaking, Some(at)) => {
                let session = seen
                    .sessions
                    .iter()
                    .find(|one| Some(one.connection) == fault.as_ref().map(|f| f.connection));
                let made_ms = session.and_then(|one| one.responses.last()).map_or(0, |last| last.made_ms);
                heard.gap_after(at, made_ms.into())
            }
            (_, Some(at)) => heard.sound_after(at),
        };
        if gap_ms.is_none() {
            wrong.push("nothing was heard after it".to_owned());
        }
        let end = done.report.line.as_ref().map(|line| line.end.clone());
        if heard.gave_up || end != Some(LineEnd::CallerHungUp) {
            wrong.push(format!("the call ended by {end:?} after {:?}", heard.length()));
        }
        // Everything was answered, to the last phrase.
        let longest_ms = self.limit_ms().max(LONGEST_WAIT_MS);
        let answers = heard.answers_ms();
        if answers.len() < 2 || answers.iter().any(|ms| ms.is_none_or(|ms| ms > longest_ms)) {
            wrong.push(format!("answers after {answers:?} ms"));
        }
        self.history(done, &mut wrong);
        let timeline = match wrong.is_empty() {
            true => Vec::new(),
            false => done.log.iter().map(|event| format!("{:6} {:?}", event.at_ms, event.kind)).collect(),
        };
        let engines = done.engines().into_iter().map(str::to_owned).collect();
        Verdict { gap_ms, came_about, engines, wrong, timeline }
    }

    /// What was said is in the record, from before and after the fault, and nobody begins anew.
    fn history(&self, done: &Done, wrong: &mut Vec<String>) {
        let turns = done.caller_turns();
        for phrase in &done.heard.said {
            // Words that were under way when the model died may be lost; the caller is asked for them again.
            // So may those that were said to a model which did not listen any more.
            let may_be_lost = match self.fault.phase {
                Phase::CallerSpeaking => *phrase == PLACE.words || self.makes_deaf(),
                Phase::Listening => self.makes_deaf(),
                // A session that comes late and is slow from then on hears as little.
                Phase::Connect | Phase::BeforeCreated | Phase::BeforeUpdated => {
                    matches!(self.fault.kind, FaultKind::Slow(_))
                }
                _ => false,
            };
            if !may_be_lost && !turns.contains(phrase) {
                wrong.push(format!("{phrase:?} is not in the record: {turns:?}"));
            }
        }
        if done.greetings() > 1 {
            wrong.push(format!("the caller was greeted {} times", done.greetings()));
        }
        let told = done.log.iter().any(|event| match &event.kind {
            EventKind::EngineChanged { cause, .. } => !cause.is_empty(),
            EventKind::Notice { fault, .. } => fault.is_some(),
            _ => false,
        });
        if !told {
            wrong.push("the timeline does not tell what happened".to_owned());
        }
    }
}

/// The fault of a line's call, when it has come about.
fn fault_of(seen: &Seen, line: usize) -> Option<FaultSeen> {
    let is_of_line = |connection: usize| {
        let mut sessions = seen.sessions.iter();
        sessions.any(|one| one.connection == connection && line_of(&one.first_audio) == Some(line))
    };
    seen.faults.iter().find(|fault| is_of_line(fault.connection)).cloned()
}

pub(crate) const SLOW: Duration = Duration::from_millis(2_500);
