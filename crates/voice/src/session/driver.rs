//! The session's loop: waits for the line, the streams and the timers; asks the machine; does what it says.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use domain::call_log::{ContinueCause, Fault};
use domain::history::Unanswered;
use provider_traits::brain::{GoOn, Prompt};
use provider_traits::descriptor::ProviderNotice;
use provider_traits::stt::{SttConfig, SttInput, SttOutput};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hearing::Hearing;
use super::listening::{Ears, Listening};
use super::speaking::{Made, Speaking};
use super::thinking::{Mused, Thinking};
use super::{Begin, SessionParts};
use crate::call::Outcome;
use crate::line::{Line, Piece};
use crate::phone::{Pace, PhoneIn, PhoneOut};
use crate::pipeline::machine::{HeardFrame, Input, Machine, Output};
use crate::pipeline::speech::FRAME_MS;
use crate::pipeline::turn_detector::Rules;

/// Without a frame for so long the wall clock takes over.
const STALLED_AFTER: Duration = Duration::from_millis(100);
const TICK: Duration = Duration::from_millis(FRAME_MS);
/// Without any message for so long the line is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// The same for a caller in lockstep, which may be busy with its own speech.
const LOST_AFTER_IN_LOCKSTEP: Duration = Duration::from_secs(120);
/// Work that is outstanding for so long does not hold up a lockstep any more.
const WORK_WITHIN: Duration = Duration::from_secs(30);
/// How long the end of a call waits for the last transcript.
const LAST_TRANSCRIPT_WITHIN: Duration = Duration::from_millis(1_500);
/// How long the end of a call lets the mind finish what it is doing, and then obey a cancel.
const MIND_MAY_FINISH: Duration = Duration::from_millis(500);
const MIND_MUST_FINISH: Duration = Duration::from_secs(2);
/// Notices of providers that wait for the loop.
const WAITING_NOTICES: usize = 16;

/// What woke the loop.
enum Event {
    Line(Option<PhoneIn>),
    Ears(Ears),
    Made(Made),
    Mused(Mused),
    Notice(ProviderNotice),
    Drain,
    HandOver,
    Woken,
}

pub(super) struct Driver {
    line: Line,
    hearing: Hearing,
    listening: Listening,
    speaking: Speaking,
    thinking: Thinking,
    notices: mpsc::Receiver<ProviderNotice>,
    drain: CancellationToken,
    drained: bool,
    hand_over: CancellationToken,
    /// A hand-over is wanted; it comes at the latest then.
    hands_over_by: Option<Instant>,
    machine: Machine,
    /// Frames are fed to the transcriber while an utterance is open.
    feeding: bool,
    last_tick: Instant,
    /// Lockstep: the message whose completion is to be told, and since when.
    unacknowledged: Option<(u64, Instant)>,
    /// Lockstep: the transcriber was asked to tell when it has heard everything up to here.
    awaited_sync: Option<u32>,
    syncs: u32,
    finished: bool,
    ends_by: Option<Instant>,
    inputs: VecDeque<Input>,
    outputs: Vec<Output>,
    pieces: Vec<Piece>,
}

impl Driver {
    pub(super) fn new(parts: SessionParts, mut line: Line, begin: Begin) -> Self {
        let SessionParts { plan, stt, tts, vad, mind, ambient, drain, hand_over } = parts;
        let (notice, notices) = mpsc::channel(WAITING_NOTICES);
        let stt = stt.for_call(&notice).unwrap_or(stt);
        let tts = tts.for_call(&notice).unwrap_or(tts);
        let providers = vec![stt.descriptor().id.to_owned(), tts.descriptor().id.to_owned()];
        let agent = &plan.agent;
        let config = SttConfig { language: agent.language.clone(), vocabulary: plan.vocabulary.clone() };
        let machine = Machine::new(&plan, ambient.ids.clone(), Box::new(Rules::default()));
        let now = Instant::now();
        let lockstep = line.pace == Pace::Lockstep;
        line.carried_by("pipeline");
        let mut hearing = Hearing::new(vad.scorer(), &agent.turn_taking);
        if begin != Begin::PickedUp {
            hearing.presume_a_quiet_line();
        }
        let prompt = match begin {
            Begin::PickedUp => Some(Prompt::PickedUp),
            Begin::Continued(ContinueCause::CutOff) => Some(Prompt::GoOn(GoOn::CutOff)),
            Begin::Continued(ContinueCause::NotConnected) => Some(Prompt::GoOn(GoOn::NotConnected)),
            // The caller noticed nothing: only what is owed is said.
            Begin::Continued(ContinueCause::HandedOver) => line
                .history()
                .unanswered
                .clone()
                .map(|Unanswered { turn, text }| Prompt::GoOn(GoOn::AnswerOwed { turn, text })),
            Begin::TookOver(owed) => owed.map(Prompt::GoOn),
        };
        Self {
            hearing,
            listening: Listening::new(stt, config, lockstep),
            speaking: Speaking::new(tts, agent.voice.clone(), agent.language.clone()),
            thinking: Thinking::new(mind),
            notices,
            drain,
            drained: false,
            hand_over,
            hands_over_by: None,
            machine,
            feeding: false,
            last_tick: now,
            // The start message is number 1; telling that it is processed grants the lockstep.
            unacknowledged: lockstep.then_some((1, now)),
            awaited_sync: None,
            syncs: 0,
            finished: false,
            ends_by: None,
            inputs: VecDeque::from([Input::Began { providers, prompt }]),
            outputs: Vec::new(),
            pieces: Vec::new(),
            line,
        }
    }

    pub(super) async fn run(mut self) -> Outcome {
        loop {
            self.work_off();
            if self.finished {
                break;
            }
            let event = self.next().await;
            self.take(event);
        }
        self.leave().await
    }

    async fn next(&mut self) -> Event {
        let wake_at = self.wake_at();
        let may_read = self.unacknowledged.is_none() && self.ends_by.is_none();
        let takes_thoughts = self.machine.wants_thoughts();
        let hands_over = self.hands_over_by.is_some();
        let Self { line, listening, speaking, thinking, notices, drain, drained, hand_over, .. } = self;
        let Line { incoming, sending, .. } = line;
        tokio::select! {
            biased;
            message = incoming.recv(), if may_read => Event::Line(message),
            ears = listening.next() => Event::Ears(ears),
            made = speaking.next() => Event::Made(made),
            mused = thinking.next(), if takes_thoughts => Event::Mused(mused),
            Some(notice) = notices.recv() => Event::Notice(notice),
            () = drain.cancelled(), if !*drained => Event::Drain,
            () = hand_over.cancelled(), if !hands_over => Event::HandOver,
            () = sending.send_waiting(), if sending.has_waiting() => Event::Woken,
            () = tokio::time::sleep_until(wake_at) => Event::Woken,
        }
    }

    fn wake_at(&self) -> Instant {
        if let Some(ends_by) = self.ends_by {
            return ends_by;
        }
        let lost_at = match self.line.pace {
            Pace::RealTime => self.line.last_message + LOST_AFTER,
            Pace::Lockstep => self.line.last_message + LOST_AFTER_IN_LOCKSTEP,
        };
        let tick_at = match self.line.pace {
            Pace::RealTime => (self.line.last_message + STALLED_AFTER).max(self.last_tick + TICK),
            Pace::Lockstep => lost_at,
        };
        let work_by = self.unacknowledged.map(|(_, since)| since + WORK_WITHIN);
        [Some(tick_at), Some(lost_at), work_by, self.hands_over_by]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(lost_at)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Line(message) => self.message(message.unwrap_or(PhoneIn::Closed)),
            Event::Ears(Ears::Output(output)) => self.ears(output),
            Event::Ears(Ears::Lost { reason }) => {
                self.feeding = false;
                self.awaited_sync = None;
                let text = format!("the transcriber is lost: {reason}");
                self.inputs.push_back(Input::Notice { code: "stt_lost", text, fault: Some(Fault::Provider) });
                self.inputs.push_back(Input::EarsLost);
            }
            Event::Ears(Ears::Progress) => {}
            Event::Made(Made::Audio { sentence, levels }) => {
                self.inputs.push_back(Input::Audio { sentence, levels });
            }
            Event::Made(Made::End { sentence }) => self.inputs.push_back(Input::AudioEnd { sentence }),
            Event::Made(Made::Failed { sentence }) => self.inputs.push_back(Input::VoiceFailed { sentence }),
            Event::Mused(Mused::Thought { ask, thought }) => {
                self.inputs.push_back(Input::Thought { ask, thought });
            }
            Event::Mused(Mused::Done { ask }) => {
                self.publish_mind();
                self.inputs.push_back(Input::MindDone { ask });
            }
            Event::Mused(Mused::Lost) => self.inputs.push_back(Input::MindLost),
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

    fn ears(&mut self, output: SttOutput) {
        self.inputs.push_back(match output {
            SttOutput::Partial { utterance, text } => Input::Partial { utterance, text },
            SttOutput::Final { utterance, text, confidence } => Input::Final { utterance, text, confidence },
            SttOutput::Synced { id } => {
                if self.awaited_sync == Some(id) {
                    self.awaited_sync = None;
                }
                return;
            }
            SttOutput::Failed(_) => {
                self.awaited_sync = None;
                Input::EarsLost
            }
        });
    }

    /// Feeds the transcriber; in lockstep time waits until it has heard this.
    fn feed_frame(&mut self, samples: Vec<i16>) {
        self.listening.feed(SttInput::Audio(samples));
        if self.line.pace == Pace::Lockstep {
            self.syncs = self.syncs.wrapping_add(1);
            self.awaited_sync = Some(self.syncs);
            self.listening.feed(SttInput::Sync { id: self.syncs });
        }
    }

    fn woken(&mut self) {
        let now = Instant::now();
        let patience = if self.line.pace == Pace::RealTime { LOST_AFTER } else { LOST_AFTER_IN_LOCKSTEP };
        if now >= self.line.last_message + patience && self.unacknowledged.is_none() {
            self.inputs.push_back(Input::Lost);
        }
        if self.ends_by.is_some_and(|by| now >= by) {
            self.inputs.push_back(Input::GiveUpWaiting);
        }
        if self.hands_over_by.is_some_and(|by| now >= by) {
            self.hands_over_by = None;
            self.inputs.push_back(Input::HandOver { at_once: true });
        }
        if let Some((sequence, since)) = self.unacknowledged
            && now >= since + WORK_WITHIN
        {
            let text = format!("work was outstanding for {} s; time goes on", WORK_WITHIN.as_secs());
            self.inputs.push_back(Input::Notice { code: "lockstep_overdue", text, fault: Some(Fault::Us) });
            self.acknowledge(sequence);
        }
        if self.line.pace == Pace::RealTime {
            self.last_tick = now;
            self.inputs.push_back(Input::Tick);
        }
    }

    fn message(&mut self, message: PhoneIn) {
        self.line.last_message = Instant::now();
        match message {
            PhoneIn::Media { sequence, timestamp_ms, payload } => {
                self.media(sequence, timestamp_ms, &payload);
            }
            PhoneIn::Mark { name } => {
                // A mark that is not ours is nobody's business.
                if let Some((generation, position_ms)) = read_mark(&name) {
                    self.inputs.push_back(Input::Mark { generation, position_ms });
                }
            }
            PhoneIn::Dtmf { digit } => self.inputs.push_back(Input::Dtmf { digit }),
            PhoneIn::Stop => self.inputs.push_back(Input::Stop),
            PhoneIn::Closed => self.inputs.push_back(Input::Lost),
            PhoneIn::Malformed { reason } => self.line.malformed(reason),
        }
    }

    fn media(&mut self, sequence: u64, timestamp_ms: u64, payload: &Bytes) {
        let mut pieces = std::mem::take(&mut self.pieces);
        self.line.hear(timestamp_ms, payload, &mut pieces);
        for piece in pieces.drain(..) {
            match piece {
                Piece::Audio { end_ms, samples } => {
                    self.line.record_caller(end_ms, &samples);
                    if self.feeding {
                        self.feed_frame(samples.to_vec());
                    }
                    let heard = self.hearing.hear(&samples);
                    self.frame(end_ms, heard);
                }
                Piece::Missing { first_end_ms, frames } => {
                    for number in 0..frames {
                        if self.feeding {
                            self.feed_frame(vec![0; audio::frame::FRAME_SAMPLES]);
                        }
                        let heard = self.hearing.miss();
                        self.frame(first_end_ms + number * FRAME_MS, heard);
                    }
                }
            }
        }
        self.pieces = pieces;
        if self.line.pace == Pace::Lockstep {
            self.unacknowledged = Some((sequence, Instant::now()));
        }
    }

    /// One frame through the machine, at its own media time.
    fn frame(&mut self, end_ms: u64, heard: HeardFrame) {
        self.line.not_before(end_ms);
        let now_ms = self.line.now();
        self.machine.handle(now_ms, Input::Heard(heard), &mut self.outputs);
        self.carry_out();
        self.line.advance_recording();
    }

    /// Everything that can be done without waiting.
    fn work_off(&mut self) {
        loop {
            while let Some(input) = self.inputs.pop_front() {
                let now_ms = self.line.now();
                self.machine.handle(now_ms, input, &mut self.outputs);
                self.carry_out();
            }
            if self.line.sending.is_gone() && self.machine.end_reason().is_none() {
                self.inputs.push_back(Input::Lost);
                continue;
            }
            break;
        }
        if self.line.pace == Pace::RealTime {
            self.line.advance_recording();
        }
        self.line.flush_log();
        if !self.finished && self.machine.is_closing() && self.ends_by.is_none() {
            self.ends_by = Some(Instant::now() + LAST_TRANSCRIPT_WITHIN);
        }
        if let Some((sequence, _)) = self.unacknowledged
            && self.is_settled()
        {
            self.acknowledge(sequence);
        }
    }

    /// Whether nothing is outstanding that would take no media time in lockstep.
    fn is_settled(&self) -> bool {
        let mind_is_done = !self.thinking.is_out() || !self.machine.wants_thoughts();
        mind_is_done
            && self.awaited_sync.is_none()
            && self.machine.transcripts_owed() == 0
            && self.listening.is_settled()
            && self.speaking.is_settled()
            && !self.line.sending.has_waiting()
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.unacknowledged = None;
        self.line.sending.send(PhoneOut::Processed { sequence });
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
            Output::StartUtterance { utterance, frames_ago } => {
                self.feeding = true;
                self.listening.feed(SttInput::Start { utterance });
                self.listening.feed(SttInput::Audio(self.hearing.beginning(frames_ago)));
            }
            Output::EndUtterance { .. } => self.end_utterance(SttInput::End),
            Output::CancelUtterance { .. } => self.end_utterance(SttInput::Cancel),
            Output::Ask { ask, prompt } => self.thinking.ask(ask, prompt),
            Output::Foresee { words } => self.thinking.foresee(&words),
            Output::CancelAsk { .. } => {
                // At the end of a call a tool may finish first; `leave` cancels.
                if !self.machine.is_closing() {
                    self.thinking.cancel();
                }
            }
            Output::AbandonMind => self.thinking.abandon(),
            Output::Synthesize { sentence, text } => self.speaking.make(sentence, text),
            Output::Forget { sentence } => self.speaking.forget(sentence),
            Output::Play { sentence, frame, frames, begins_ms, .. } => {
                let audio = self.speaking.frames(sentence, frame, frames);
                self.line.record_agent(begins_ms, audio);
                for frame in audio.chunks(audio::frame::FRAME_SAMPLES) {
                    self.line.sending.send(PhoneOut::Media { payload: Bytes::copy_from_slice(frame) });
                }
            }
            Output::Mark { generation, position_ms } => {
                self.line.sending.send(PhoneOut::Mark { name: format!("g{generation}:{position_ms}") });
            }
            Output::Clear => {
                self.line.clear();
            }
            Output::RanDry => self.line.ran_dry(),
            Output::Log(kind) => self.line.log(kind),
            Output::Finish => self.finished = true,
        }
    }

    fn end_utterance(&mut self, input: SttInput) {
        self.feeding = false;
        self.hearing.forget();
        self.listening.feed(input);
    }

    /// The media part is over: the mind may finish what it is doing, then the last entry is written.
    async fn leave(mut self) -> Outcome {
        self.line.hang_up().await;
        let began = Instant::now();
        while self.thinking.is_out() {
            let elapsed = began.elapsed();
            let wait_until = if elapsed < MIND_MAY_FINISH {
                began + MIND_MAY_FINISH
            } else {
                self.thinking.cancel();
                began + MIND_MUST_FINISH
            };
            match tokio::time::timeout_at(wait_until, self.thinking.next()).await {
                Ok(mused) => {
                    self.take(Event::Mused(mused));
                    self.work_off();
                }
                Err(_late) if elapsed >= MIND_MAY_FINISH => break,
                Err(_late) => {}
            }
        }
        while let Ok(notice) = self.notices.try_recv() {
            self.take(Event::Notice(notice));
        }
        self.inputs.push_back(Input::Leave);
        self.work_off();
        self.publish_mind();
        let outcome = Outcome {
            reason: self.machine.end_reason().unwrap_or(domain::call_log::EndReason::InternalError),
            transfer_to: self.machine.transfer_to().map(str::to_owned),
            left_to_spoken_tail: self.machine.left_to_spoken_tail(),
            handed_over: self.machine.handed_over(),
            state: self.line.state(),
        };
        self.line.finish().await;
        outcome
    }

    fn publish_mind(&mut self) {
        if let Some(mind) = self.thinking.mind() {
            let snapshot = mind.snapshot();
            self.line.publish(Some(snapshot));
        }
    }
}

/// `g3:1240`: generation 3, after 1,240 ms of its audio.
fn read_mark(name: &str) -> Option<(u32, u64)> {
    let (generation, position) = name.strip_prefix('g')?.split_once(':')?;
    Some((generation.parse().ok()?, position.parse().ok()?))
}
