//! The bridge's loop: waits for the line, the model and the timers; asks the machine; does what it says.

mod ending;
mod functions;
mod opening;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::call_log::{ContinueCause, Fault};
use domain::history::Side;
use provider_traits::descriptor::ProviderNotice;
use provider_traits::functions::{FunctionOutcome, Functions};
use provider_traits::realtime::{
    Earlier, RealtimeConfig, RealtimeInput, RealtimeLink, RealtimeOutput, RealtimeProvider,
};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use self::opening::{NoSession, Opening, opening};
use super::machine::{Begin, Input, Machine, Output, Owed, Settings};
use crate::call::{Outcome, RealtimeParts};
use crate::line::{Line, Piece};
use crate::phone::{PhoneIn, PhoneOut};
use crate::pipeline::machine::HeardFrame;
use crate::session::hearing::Hearing;
use crate::session::speaking::{Made, Speaking};
use crate::session::{self, SessionParts};

/// Without a frame for so long the wall clock takes over.
const STALLED_AFTER: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(20);
/// Without any message for so long the line is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// Events that wait for a model that does not read: two seconds of audio. Beyond it, it is as good as gone.
const MOST_WAITING: usize = 128;
/// Lines of the history that a new session is told.
const LINES_TOLD: usize = 60;
/// Mean level of 16-bit samples above which somebody may speak: about -36 dB below the loudest.
const LOUD: u32 = 500;
/// Notices of providers that wait for the loop.
const WAITING_NOTICES: usize = 16;

/// How the engine left a call.
pub(crate) enum End {
    /// The media part is over.
    Over(Box<Outcome>),
    /// The model was given up; the line goes to the next engine.
    GaveUp(Box<GaveUp>),
}

/// A call that another engine is to go on with.
pub(crate) struct GaveUp {
    pub(crate) line: Line,
    pub(crate) parts: SessionParts,
    pub(crate) cause: String,
    pub(crate) fault: Fault,
    pub(crate) begin: session::Begin,
}

/// What woke the loop.
enum Event {
    Line(Option<PhoneIn>),
    Opened(Result<(RealtimeLink, Option<Duration>), NoSession>),
    Model(Option<RealtimeOutput>),
    ModelTakes,
    Function(Option<(String, FunctionOutcome)>),
    Made(Made),
    Notice(ProviderNotice),
    Drain,
    HandOver,
    Woken,
}

struct Driver {
    line: Line,
    parts: SessionParts,
    provider: Arc<dyn RealtimeProvider>,
    config: Arc<RealtimeConfig>,
    functions: Arc<dyn Functions>,
    machine: Machine,
    opening: Option<Opening>,
    next: Option<RealtimeLink>,
    current: Option<RealtimeLink>,
    to_model: VecDeque<RealtimeInput>,
    running: JoinSet<(String, FunctionOutcome)>,
    speaking: Speaking,
    /// Frames of our own sentence that were handed to the machine.
    handed: usize,
    notices: mpsc::Receiver<ProviderNotice>,
    /// Our own detector, when it decides about interruptions.
    hearing: Option<Hearing>,
    /// Waits that outlast an event: making them anew for each frame costs a good part of what a frame costs.
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
    drained: bool,
    hand_over: Pin<Box<WaitForCancellationFutureOwned>>,
    hands_over_by: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
    last_tick: Instant,
    inputs: VecDeque<Input>,
    outputs: Vec<Output>,
    pieces: Vec<Piece>,
    gave_up: Option<(String, Fault, Owed)>,
    finished: bool,
}

/// Carries a call until its media part is over, or the model is given up.
pub(crate) async fn run(
    realtime: RealtimeParts,
    parts: SessionParts,
    line: Line,
    begin: session::Begin,
) -> End {
    Driver::new(realtime, parts, line, &begin).run().await
}

impl Driver {
    fn new(realtime: RealtimeParts, parts: SessionParts, mut line: Line, begin: &session::Begin) -> Self {
        let RealtimeParts { provider, warm, config, functions, greeting } = realtime;
        let (notice, notices) = mpsc::channel(WAITING_NOTICES);
        let tts = parts.tts.for_call(&notice).unwrap_or_else(|| Arc::clone(&parts.tts));
        let agent = &parts.plan.agent;
        let settings = Settings {
            provider: provider.descriptor().id.to_owned(),
            model: provider.model().to_owned(),
            transcriber: provider.transcriber().to_owned(),
            greeting,
            waiting_lines: functions
                .specs()
                .iter()
                .map(|spec| (spec.tool.name.clone(), spec.waiting_line))
                .collect(),
        };
        let machine = Machine::new(&parts.plan, settings, Arc::clone(&parts.ambient.ids));
        let config = Arc::new(config);
        line.carried_by("realtime");
        let begin = match begin {
            session::Begin::Continued(ContinueCause::CutOff) => Begin::CutOff,
            session::Begin::Continued(ContinueCause::NotConnected) => Begin::NotConnected,
            session::Begin::Continued(ContinueCause::HandedOver) => {
                Begin::HandedOver { owed: line.history().unanswered.is_some() }
            }
            session::Begin::PickedUp | session::Begin::TookOver(_) => Begin::PickedUp,
        };
        let taking = &agent.turn_taking;
        Self {
            hearing: taking.semantic_interruption.then(|| Hearing::new(parts.vad.scorer(), taking)),
            speaking: Speaking::new(tts, agent.voice.clone(), agent.language.clone()),
            handed: 0,
            opening: warm.map(|warm| opening(&provider, &config, Some(warm))),
            provider,
            config,
            functions,
            machine,
            next: None,
            current: None,
            to_model: VecDeque::new(),
            running: JoinSet::new(),
            notices,
            drain: Box::pin(parts.drain.clone().cancelled_owned()),
            drained: false,
            hand_over: Box::pin(parts.hand_over.clone().cancelled_owned()),
            hands_over_by: None,
            alarm: Box::pin(tokio::time::sleep(STALLED_AFTER)),
            last_tick: Instant::now(),
            inputs: VecDeque::from([Input::Began { begin }]),
            outputs: Vec::new(),
            pieces: Vec::new(),
            gave_up: None,
            finished: false,
            line,
            parts,
        }
    }

    async fn run(mut self) -> End {
        loop {
            self.work_off();
            if self.gave_up.is_some() {
                // Boxed, like what follows: the driver would be in the call's memory twice.
                return Box::pin(self.hand_on()).await;
            }
            if self.finished {
                return End::Over(Box::new(Box::pin(self.leave()).await));
            }
            let event = self.next().await;
            self.take(event);
        }
    }

    fn wake_at(&self) -> Instant {
        let tick_at = (self.line.last_message + STALLED_AFTER).max(self.last_tick + TICK);
        self.hands_over_by.map_or(tick_at, |by| tick_at.min(by))
    }

    async fn next(&mut self) -> Event {
        // To put it off is cheap; it is only to go off when frames stay away.
        let wake_at = self.wake_at();
        self.alarm.as_mut().reset(wake_at);
        let may_read = !self.machine.is_closing();
        let hands_over = self.hands_over_by.is_some();
        let Self { line, opening, current, to_model, running, speaking, notices, drained, .. } = self;
        let Self { drain, hand_over, alarm, .. } = self;
        let Line { incoming, sending, .. } = line;
        let (input, output) = match current {
            Some(RealtimeLink { input, output }) => (Some(input), Some(output)),
            None => (None, None),
        };
        let model_takes = async {
            match input {
                Some(input) if !to_model.is_empty() => {
                    // Whether there is room or nobody any more is found out by sending.
                    let _room = input.reserve().await;
                }
                _ => std::future::pending().await,
            }
        };
        let model_says = async {
            match output {
                Some(output) => output.recv().await,
                None => std::future::pending().await,
            }
        };
        let opened = async {
            match opening {
                Some(opening) => opening.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = model_says => Event::Model(event),
            message = incoming.recv(), if may_read => Event::Line(message),
            opened = opened => Event::Opened(opened),
            () = model_takes => Event::ModelTakes,
            Some(done) = running.join_next() => Event::Function(done.ok()),
            made = speaking.next() => Event::Made(made),
            Some(notice) = notices.recv() => Event::Notice(notice),
            () = drain, if !*drained => Event::Drain,
            () = hand_over, if !hands_over => Event::HandOver,
            () = sending.send_waiting(), if sending.has_waiting() => Event::Woken,
            () = alarm => Event::Woken,
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Line(message) => self.message(message.unwrap_or(PhoneIn::Closed)),
            Event::Opened(opened) => {
                self.opening = None;
                self.inputs.push_back(match opened {
                    Ok((link, expires_in)) => {
                        self.next = Some(link);
                        let expires_in_ms = expires_in.map(|left| left.as_millis() as u64);
                        Input::LinkReady { expires_in_ms }
                    }
                    Err(NoSession { reason, refused }) => Input::LinkFailed { reason, refused },
                });
            }
            Event::Model(Some(event)) => self.inputs.push_back(Input::Model(event)),
            Event::Model(None) => self.link_gone("the connection was closed"),
            Event::ModelTakes => self.send_waiting(),
            Event::Function(Some((call_id, outcome))) => {
                self.inputs.push_back(Input::FunctionDone { call_id, outcome });
            }
            // The run of a function guards against panics; only a runtime that ends aborts it.
            Event::Function(None) => {}
            Event::Made(made) => self.made(&made),
            Event::Notice(notice) => self.line.log(notice.entry()),
            Event::Drain => {
                self.drained = true;
                self.inputs.push_back(Input::Drain);
            }
            Event::HandOver => {
                self.hands_over_by = Some(Instant::now() + crate::call::QUIET_MOMENT_WITHIN);
                self.inputs.push_back(Input::HandOver { at_once: false });
            }
            Event::Woken => self.woken(),
        }
    }

    fn woken(&mut self) {
        let now = Instant::now();
        if now >= self.line.last_message + LOST_AFTER {
            self.inputs.push_back(Input::Lost);
        }
        if self.hands_over_by.is_some_and(|by| now >= by) {
            self.inputs.push_back(Input::HandOver { at_once: true });
        }
        self.last_tick = now;
        self.inputs.push_back(Input::Tick);
    }

    fn message(&mut self, message: PhoneIn) {
        self.line.last_message = Instant::now();
        match message {
            PhoneIn::Media { timestamp_ms, payload, .. } => self.media(timestamp_ms, &payload),
            PhoneIn::Mark { name } => self.inputs.push_back(Input::Mark { name }),
            PhoneIn::Dtmf { digit } => self.inputs.push_back(Input::Dtmf { digit }),
            PhoneIn::Stop => self.inputs.push_back(Input::Stop),
            PhoneIn::Closed => self.inputs.push_back(Input::Lost),
            PhoneIn::Malformed { reason } => self.line.malformed(reason),
        }
    }

    /// The caller's audio is passed on as it is; it is looked into only for a recording, or for our own detector.
    fn media(&mut self, timestamp_ms: u64, payload: &Bytes) {
        let payload = payload.slice(..payload.len().min(crate::phone::MAX_PAYLOAD_BYTES));
        if self.hearing.is_none() && !self.line.is_recorded() {
            if let Some(missing_ms) = self.line.pass(timestamp_ms, &payload) {
                let is_loud = is_loud(&payload);
                self.inputs.push_back(Input::Audio { audio: payload, missing_ms, is_loud });
            }
            return;
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        self.line.hear(timestamp_ms, &payload, &mut pieces);
        let (mut missing_ms, mut is_new) = (0, pieces.is_empty());
        let mut frames: Vec<HeardFrame> = Vec::new();
        for piece in pieces.drain(..) {
            match piece {
                Piece::Audio { end_ms, samples } => {
                    is_new = true;
                    self.line.record_caller(end_ms, &samples);
                    frames.extend(self.hearing.as_mut().map(|hearing| hearing.hear(&samples)));
                }
                Piece::Missing { frames: missing, .. } => {
                    missing_ms += missing * 20;
                    for _ in 0..missing {
                        frames.extend(self.hearing.as_mut().map(Hearing::miss));
                    }
                }
            }
        }
        self.pieces = pieces;
        if is_new {
            let is_loud = is_loud(&payload);
            self.inputs.push_back(Input::Audio { audio: payload, missing_ms, is_loud });
        }
        self.inputs.extend(frames.into_iter().map(Input::Heard));
    }

    fn made(&mut self, made: &Made) {
        match *made {
            Made::Audio { sentence, ref levels } => {
                let audio = self.speaking.frames(sentence, self.handed, levels.len());
                let audio = Bytes::copy_from_slice(audio);
                self.handed += levels.len();
                self.inputs.push_back(Input::OwnAudio { sentence, audio });
            }
            Made::End { sentence } | Made::Failed { sentence } => {
                self.speaking.forget(sentence);
                self.inputs.push_back(Input::OwnEnd { sentence });
            }
        }
    }

    /// Everything that can be done without waiting.
    fn work_off(&mut self) {
        loop {
            while let Some(input) = self.inputs.pop_front() {
                let now_ms = self.line.now();
                self.machine.handle(now_ms, input, &mut self.outputs);
                self.carry_out();
            }
            if self.line.sending.is_gone() && !self.machine.is_closing() {
                self.inputs.push_back(Input::Lost);
                continue;
            }
            break;
        }
        self.line.advance_recording();
        self.line.flush_log();
    }

    fn carry_out(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            self.carry_out_one(output);
        }
        self.outputs = outputs;
    }

    fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Open => {
                // The one that was opened while the telephone rang is on its way already.
                if self.opening.is_none() {
                    self.opening = Some(opening(&self.provider, &self.config, None));
                }
            }
            Output::AbandonOpening => self.opening = None,
            Output::Change => self.change(),
            Output::ToModel(input) => self.send(input),
            Output::Play { audio, mark, begins_ms } => {
                if self.line.is_recorded() {
                    self.line.record_agent(begins_ms, &audio);
                }
                self.line.sending.send(PhoneOut::Media { payload: audio });
                self.line.sending.send(PhoneOut::Mark { name: mark });
            }
            Output::Clear => self.line.clear(),
            Output::RunFunction { call_id, name, arguments } => self.run_function(call_id, name, &arguments),
            Output::Speak { sentence, text } => {
                self.handed = 0;
                self.speaking.make(sentence, text);
            }
            Output::Forget { sentence } => self.speaking.forget(sentence),
            Output::RanDry => self.line.ran_dry(),
            Output::Log(kind) => self.line.log(kind),
            Output::GiveUp { cause, fault, owed } => self.gave_up = Some((cause, fault, owed)),
            Output::Finish => self.finished = true,
        }
    }

    /// Uses the session that is ready, and tells it what was said so far.
    fn change(&mut self) {
        self.to_model.clear();
        self.current = self.next.take();
        let lines = &self.line.history().lines;
        let told: Vec<Earlier> = lines[lines.len().saturating_sub(LINES_TOLD)..]
            .iter()
            .map(|line| match line.by {
                Side::Caller => Earlier::Caller(line.text.clone()),
                Side::Agent => Earlier::Agent(line.text.clone()),
            })
            .collect();
        for earlier in told {
            self.send(RealtimeInput::Earlier(earlier));
        }
    }

    fn send(&mut self, input: RealtimeInput) {
        let Some(current) = &self.current else { return };
        if !self.to_model.is_empty() {
            if self.to_model.len() >= MOST_WAITING {
                return self.link_gone("it does not take the caller's audio any more");
            }
            return self.to_model.push_back(input);
        }
        match current.input.try_send(input) {
            Ok(()) => {}
            Err(TrySendError::Full(input)) => self.to_model.push_back(input),
            Err(TrySendError::Closed(_)) => self.link_gone("the connection was closed"),
        }
    }

    fn send_waiting(&mut self) {
        while let Some(input) = self.to_model.pop_front() {
            let Some(current) = &self.current else { return };
            match current.input.try_send(input) {
                Ok(()) => {}
                Err(TrySendError::Full(input)) => return self.to_model.push_front(input),
                Err(TrySendError::Closed(_)) => return self.link_gone("the connection was closed"),
            }
        }
    }

    fn link_gone(&mut self, reason: &str) {
        if self.current.take().is_some() {
            self.to_model.clear();
            self.inputs.push_back(Input::LinkGone { reason: reason.to_owned() });
        }
    }
}

/// Whether audio is loud enough to be somebody speaking: its mean level, from each eighth sample.
fn is_loud(codes: &[u8]) -> bool {
    let samples = codes.iter().step_by(8);
    let count = samples.len().max(1) as u32;
    let sum: u32 = samples.map(|&code| u32::from(audio::g711::decode(code).unsigned_abs())).sum();
    sum / count >= LOUD
}
