//! What goes wrong, and when.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A moment of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before the handshake is answered.
    Connect,
    /// The socket is open, `session.created` is owed.
    BeforeCreated,
    /// The configuration came, `session.updated` is owed.
    BeforeUpdated,
    /// An answer was given, the caller is listened to and silent.
    Listening,
    /// The caller is in the middle of a sentence.
    CallerSpeaking,
    /// An answer was asked for and has not begun.
    ReplyOwed,
    /// In the middle of an answer's audio.
    Speaking,
    /// The result of a function came.
    FunctionOutput,
}

impl Phase {
    /// All of them, in the order of a session.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::BeforeCreated,
        Self::BeforeUpdated,
        Self::Listening,
        Self::CallerSpeaking,
        Self::ReplyOwed,
        Self::Speaking,
        Self::FunctionOutput,
    ];

    /// Its name on a command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::BeforeCreated => "before-created",
            Self::BeforeUpdated => "before-updated",
            Self::Listening => "listening",
            Self::CallerSpeaking => "caller-speaking",
            Self::ReplyOwed => "reply-owed",
            Self::Speaking => "speaking",
            Self::FunctionOutput => "function-output",
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The handshake is answered with this HTTP status; later it is [`FaultKind::Close`] with 1011.
    Refuse(u16),
    /// The socket is closed with this code. At [`Phase::Connect`] the connection just ends.
    Close(u16),
    /// The connection is aborted without a close frame.
    Reset,
    /// Nothing comes any more. Pings are answered.
    Silent,
    /// Every event comes so much later than the one before.
    Slow(Duration),
    /// Frames that are no events, then nothing.
    Garbage,
    /// Half a frame, then nothing; not even pings are answered.
    HalfFrame,
    /// Events that concern nobody, as fast as they are taken, 64 MiB of them; then nothing.
    Flood,
    /// An `error` with this code; when an answer is owed it fails with it. `session_expired` closes the socket.
    Error(String),
}

impl FaultKind {
    /// Its name on a command line and in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Refuse(status) => format!("refuse={status}"),
            Self::Close(code) => format!("close={code}"),
            Self::Reset => "reset".to_owned(),
            Self::Silent => "silent".to_owned(),
            Self::Slow(delay) => format!("slow={}", delay.as_millis()),
            Self::Garbage => "garbage".to_owned(),
            Self::HalfFrame => "half-frame".to_owned(),
            Self::Flood => "flood".to_owned(),
            Self::Error(code) => format!("error={code}"),
        }
    }
}

/// Something that goes wrong in a session, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub phase: Phase,
    /// What.
    pub kind: FaultKind,
    /// Only from this answer of the session on (1 is the first, usually the greeting); for the phases of an answer.
    pub from_answer: usize,
    /// Not in a session that was told what a caller said before it: the one that replaces another is sound.
    pub in_first_session: bool,
}

impl Fault {
    /// A fault at the first time that the phase is reached.
    #[must_use]
    pub fn new(phase: Phase, kind: FaultKind) -> Self {
        Self { phase, kind, from_answer: 1, in_first_session: false }
    }

    /// The same, but not before this answer.
    #[must_use]
    pub fn from_answer(mut self, number: usize) -> Self {
        self.from_answer = number;
        self
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.phase.name(), self.kind.name())
    }

    /// Reads `phase:kind`, `phase:kind=value`, either with `@answer` behind it: `speaking:close=1011@2`.
    ///
    /// # Errors
    /// A sentence that lists what is understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, from_answer) = match text.split_once('@') {
            None => (text, 1),
            Some((text, number)) => {
                (text, number.parse().map_err(|_| format!("{number:?} is not the number of an answer"))?)
            }
        };
        let (phase, kind) = text.split_once(':').ok_or("must be PHASE:KIND, such as speaking:close=1011")?;
        let phase = Phase::ALL.into_iter().find(|known| known.name() == phase).ok_or_else(|| {
            let known = Phase::ALL.map(Phase::name).join(", ");
            format!("there is no phase {phase:?}; there are {known}")
        })?;
        Ok(Self { from_answer, ..Self::new(phase, kind_of(kind)?) })
    }
}

fn kind_of(text: &str) -> Result<FaultKind, String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let number = || value.parse::<u16>().map_err(|_| format!("{name} needs a number, such as {name}=1011"));
    Ok(match name {
        "refuse" => FaultKind::Refuse(number()?),
        "close" => FaultKind::Close(number()?),
        "reset" => FaultKind::Reset,
        "silent" => FaultKind::Silent,
        "slow" => FaultKind::Slow(Duration::from_millis(number()?.into())),
        "garbage" => FaultKind::Garbage,
        "half-frame" => FaultKind::HalfFrame,
        "flood" => FaultKind::Flood,
        "error" if !value.is_empty() => FaultKind::Error(value.to_owned()),
        _ => {
            return Err(format!(
                "there is no fault {text:?}; there are refuse=STATUS, close=CODE, reset, silent, slow=MS, garbage, \
                 half-frame, flood, error=CODE"
            ));
        }
    })
}

/// Which sessions have which fault.
#[derive(Debug, Default)]
pub(super) struct Plan(Mutex<Planned>);

#[derive(Debug, Default)]
struct Planned {
    fault: Option<Fault>,
    /// For so many sessions; `None` for all.
    left: Option<usize>,
}

impl Plan {
    pub(super) fn set(&self, fault: Option<Fault>, sessions: Option<usize>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Planned { fault, left: sessions };
    }

    /// The fault of the session that begins now.
    pub(super) fn next(&self) -> Option<Fault> {
        let mut planned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut planned.left {
            None => {}
            Some(0) => return None,
            Some(left) => *left -= 1,
        }
        planned.fault.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_a_command_line() {
        for (text, expect) in [
            ("connect:refuse=503", Fault::new(Phase::Connect, FaultKind::Refuse(503))),
            ("speaking:close=1011@2", Fault::new(Phase::Speaking, FaultKind::Close(1011)).from_answer(2)),
            (
                "reply-owed:slow=1500",
                Fault::new(Phase::ReplyOwed, FaultKind::Slow(Duration::from_millis(1_500))),
            ),
            ("listening:half-frame", Fault::new(Phase::Listening, FaultKind::HalfFrame)),
            (
                "reply-owed:error=server_error",
                Fault::new(Phase::ReplyOwed, FaultKind::Error("server_error".into())),
            ),
        ] {
            assert_eq!(Fault::parse(text), Ok(expect), "{text}");
        }
        for wrong in
            ["", "speaking", "singing:reset", "speaking:close", "speaking:explode", "speaking:reset@x"]
        {
            assert!(Fault::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_can_be_for_the_next_sessions_only() {
        let plan = Plan::default();
        assert_eq!(plan.next(), None);
        let fault = Fault::new(Phase::Connect, FaultKind::Reset);
        plan.set(Some(fault.clone()), Some(2));
        assert_eq!([plan.next(), plan.next(), plan.next()], [Some(fault.clone()), Some(fault.clone()), None]);
        plan.set(Some(fault.clone()), None);
        assert_eq!([plan.next(), plan.next()], [Some(fault.clone()), Some(fault)]);
    }
}
