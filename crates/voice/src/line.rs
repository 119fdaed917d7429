//! The line of a call: everything that outlives an engine.
//!
//! The wire to the caller, the media clock, the log with the history it tells, the recording. An engine that gives
//! up hands the line on, and the next one goes on with it: time, numbers of entries and recording have no seam.

mod clock;
mod logbook;
mod recorder;
mod sending;

use std::time::Duration;

use domain::call_log::{CallEvent, EventKind, Fault, MediaQuality};
use domain::history::History;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(crate) use clock::Piece;
use clock::{MediaClock, Oddity};
use logbook::Logbook;
use recorder::Recorder;
use sending::Sending;

use crate::call::{CallState, Start, StereoBlock};
use crate::phone::{Pace, PhoneIn, PhoneLine, PhoneOut};

/// The first few oddities of a kind are worth an entry; a broken line makes thousands.
const ODDITIES_LOGGED: u64 = 5;

pub(crate) struct Line {
    pub(crate) incoming: mpsc::Receiver<PhoneIn>,
    pub(crate) pace: Pace,
    pub(crate) sending: Sending,
    /// When the last message came.
    pub(crate) last_message: Instant,
    clock: MediaClock,
    log: Logbook,
    recorder: Option<Recorder>,
    history: History,
    engine: &'static str,
    state: watch::Sender<CallState>,
    /// Wall time of media time zero, in real time.
    began: Instant,
    now_ms: u64,
    quality: MediaQuality,
    jumps: u64,
    gaps: u64,
    /// Arrival and timestamp of the last message of audio, for the jitter.
    last_audio: Option<(Instant, u64)>,
    /// Nanoseconds.
    jitter: f64,
}

impl Line {
    pub(crate) fn new(
        wire: PhoneLine,
        log: mpsc::Sender<CallEvent>,
        recording: Option<mpsc::Sender<StereoBlock>>,
        start: Start,
        state: watch::Sender<CallState>,
    ) -> Self {
        let now = Instant::now();
        let before = Duration::from_millis(start.at_ms);
        Self {
            incoming: wire.incoming,
            pace: wire.pace,
            sending: Sending::new(wire.outgoing),
            last_message: now,
            clock: MediaClock::default(),
            log: Logbook::new(log, start.next_seq),
            recorder: recording.map(|blocks| Recorder::new(blocks, start.at_ms)),
            history: start.history,
            engine: "",
            state,
            began: now.checked_sub(before).unwrap_or(now),
            now_ms: start.at_ms,
            quality: MediaQuality::default(),
            jumps: 0,
            gaps: 0,
            last_audio: None,
            jitter: 0.0,
        }
    }

    /// Media time now. In lockstep it stands still between the caller's frames.
    pub(crate) fn now(&mut self) -> u64 {
        let wall_ms = match self.pace {
            Pace::Lockstep => 0,
            Pace::RealTime => self.began.elapsed().as_millis() as u64,
        };
        self.now_ms = self.now_ms.max(self.clock.heard_to_ms()).max(wall_ms);
        self.now_ms
    }

    /// Media time is at least this.
    pub(crate) fn not_before(&mut self, at_ms: u64) {
        self.now_ms = self.now_ms.max(at_ms);
    }

    /// Takes a message of the caller's audio; appends what it came to.
    pub(crate) fn hear(&mut self, timestamp_ms: u64, payload: &[u8], pieces: &mut Vec<Piece>) {
        let payload = &payload[..payload.len().min(crate::phone::MAX_PAYLOAD_BYTES)];
        let is_first = self.begin_clock(timestamp_ms);
        let oddity = self.clock.take(timestamp_ms, payload, pieces);
        self.follow_clock(is_first);
        self.note(oddity);
    }

    /// Takes a message of the caller's audio that is passed on as it is. Returns the milliseconds that are missing
    /// before it; `None` when it came twice or too late and is not to be passed on.
    pub(crate) fn pass(&mut self, timestamp_ms: u64, payload: &[u8]) -> Option<u64> {
        let is_first = self.begin_clock(timestamp_ms);
        let length_ms = audio::frame::samples_to_ms(payload.len());
        let passed = self.clock.pass(timestamp_ms, length_ms);
        self.follow_clock(is_first);
        self.note(passed.unwrap_or(Some(Oddity::Repeated)));
        passed.map(|oddity| match oddity {
            Some(Oddity::Gap { missing_ms }) => missing_ms,
            _ => 0,
        })
    }

    fn begin_clock(&mut self, timestamp_ms: u64) -> bool {
        self.quality.packets += 1;
        self.measure_jitter(timestamp_ms);
        let is_first = !self.clock.has_begun();
        if is_first {
            // The session may have begun before the first frame; its time must not stand still until the
            // carrier's has caught up.
            let now_ms = self.now();
            self.clock.begin(timestamp_ms, now_ms);
        }
        is_first
    }

    fn follow_clock(&mut self, is_first: bool) {
        if is_first {
            // From here on the wall clock runs along with the caller's.
            let heard_to = Duration::from_millis(self.clock.heard_to_ms());
            self.began = Instant::now().checked_sub(heard_to).unwrap_or(self.began);
        }
    }

    /// Whether the audio is kept.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorder.is_some()
    }

    /// RFC 3550, section 6.4.1: a sixteenth of each deviation.
    fn measure_jitter(&mut self, timestamp_ms: u64) {
        if self.pace == Pace::Lockstep {
            return;
        }
        let now = Instant::now();
        if let Some((then, earlier_ms)) = self.last_audio.replace((now, timestamp_ms)) {
            let meant_ns = (timestamp_ms as f64 - earlier_ms as f64) * 1e6;
            let deviation = (now.duration_since(then).as_nanos() as f64 - meant_ns).abs();
            // A gap is no jitter.
            if deviation < 1e9 {
                self.jitter += (deviation - self.jitter) / 16.0;
            }
        }
    }

    fn note(&mut self, oddity: Option<Oddity>) {
        let (count, code, text) = match oddity {
            None => return,
            Some(Oddity::Gap { missing_ms }) => {
                self.quality.missing_ms += missing_ms;
                self.gaps += 1;
                (self.gaps, "media_gap", format!("{missing_ms} ms of the caller's audio never came"))
            }
            Some(Oddity::Repeated) => {
                self.quality.repeated += 1;
                let text = "the caller's audio came twice or too late".to_owned();
                (self.quality.repeated, "media_repeated", text)
            }
            Some(Oddity::ClockJumped) => {
                self.jumps += 1;
                (self.jumps, "media_clock_jumped", "the carrier's media clock jumped".to_owned())
            }
        };
        if count <= ODDITIES_LOGGED {
            self.notice(code, text, Some(Fault::Carrier));
        }
    }

    /// A message of the carrier made no sense.
    pub(crate) fn malformed(&mut self, reason: &str) {
        self.quality.malformed += 1;
        if self.quality.malformed <= ODDITIES_LOGGED {
            let text = format!("a message of the carrier made no sense: {reason}");
            self.notice("malformed_message", text, Some(Fault::Carrier));
        }
    }

    /// The agent's voice ran dry in mid-sentence.
    pub(crate) fn ran_dry(&mut self) {
        self.quality.underruns += 1;
    }

    /// A frame of the caller, for the recording.
    pub(crate) fn record_caller(&mut self, end_ms: u64, samples: &audio::frame::Frame) {
        if let Some(recorder) = &mut self.recorder {
            recorder.caller(end_ms, samples);
        }
    }

    /// Audio of the agent that begins to sound at `begins_ms`, for the recording.
    pub(crate) fn record_agent(&mut self, begins_ms: u64, codes: &[u8]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.agent(begins_ms, codes);
        }
    }

    /// Has the far end throw away what it has not played.
    pub(crate) fn clear(&mut self) {
        self.sending.send(PhoneOut::Clear);
        if let Some(recorder) = &mut self.recorder {
            recorder.cleared(self.now_ms);
        }
    }

    /// Hands over what of the recording is complete.
    pub(crate) fn advance_recording(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.advance(self.now_ms);
        }
    }

    /// Writes an entry of the log, at the media time last asked for.
    pub(crate) fn log(&mut self, kind: EventKind) {
        if matches!(kind, EventKind::Ended { .. }) {
            let quality = MediaQuality { jitter_us: (self.jitter / 1e3) as u64, ..self.quality };
            self.log.write(self.now_ms, EventKind::Media { quality });
        }
        let has_changed = self.history.note(&kind);
        self.log.write(self.now_ms, kind);
        if has_changed {
            self.publish(None);
        }
    }

    /// Writes a notice.
    pub(crate) fn notice(&mut self, code: &str, text: String, fault: Option<Fault>) {
        self.log(EventKind::Notice { code: code.to_owned(), text, fault });
    }

    /// Hands entries over to their reader.
    pub(crate) fn flush_log(&mut self) {
        self.log.flush();
    }

    /// What was said so far.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The engine that carries the call now.
    pub(crate) fn carried_by(&mut self, engine: &'static str) {
        self.engine = engine;
        self.publish(None);
    }

    /// Publishes what is needed to go on elsewhere; `mind` is the snapshot of a mind that has just answered, and
    /// without one the last stays.
    pub(crate) fn publish(&mut self, mind: Option<serde_json::Value>) {
        let (at_ms, next_seq, engine) = (self.now_ms, self.log.next(), self.engine);
        let history = &self.history;
        self.state.send_modify(|state| {
            engine.clone_into(&mut state.engine);
            state.at_ms = at_ms;
            state.next_seq = next_seq;
            state.history.clone_from(history);
            if mind.is_some() {
                state.mind = mind;
            }
        });
    }

    /// What is needed to go on elsewhere, as last published.
    pub(crate) fn state(&self) -> CallState {
        self.state.borrow().clone()
    }

    /// Closes the wire: a carrier takes that as "go on". What waits is still sent.
    pub(crate) async fn hang_up(&mut self) {
        self.incoming.close();
        let sending = &mut self.sending;
        let send_rest = async {
            while sending.has_waiting() {
                sending.send_waiting().await;
            }
        };
        // A far end that does not read misses the last marks, nothing else.
        let _late = tokio::time::timeout(Duration::from_millis(200), send_rest).await;
    }

    /// Hands over the rest of recording and log; the wire closes.
    pub(crate) async fn finish(mut self) {
        self.publish(None);
        let lost_blocks = match self.recorder.take() {
            Some(recorder) => recorder.finish(self.now_ms).await,
            None => 0,
        };
        if lost_blocks > 0 {
            tracing::warn!(seconds = lost_blocks, "parts of a recording were lost: the disk did not keep up");
        }
        let lost_entries = self.log.finish().await;
        if lost_entries > 0 {
            tracing::error!(entries = lost_entries, "entries of a call's log were lost: nobody took them");
        }
    }
}
