//! What a load came to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::board::{Board, Losses};
use super::histogram::Spread;
use super::process::Sample;

/// How calls fared.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Calls whose stream was opened and begun.
    pub set_up: u64,
    /// Calls that were answered with something else than a stream.
    pub refused: u64,
    /// Calls that could not be set up, or did not end as planned.
    pub failed: u64,
    /// What was said instead of a stream, and how often.
    pub refusals: BTreeMap<String, u64>,
    /// What failed, and how often.
    pub failures: BTreeMap<String, u64>,
}

/// What the process under load took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct Machine {
    /// Processor time within the measured time, in milliseconds.
    pub cpu_ms: u64,
    /// Part of one processor, in percent: 200 is two.
    pub cpu_percent: f64,
    /// Processor time of a call in a second, in microseconds.
    pub cpu_us_per_call_second: f64,
    /// Resident memory before the first call, in KiB.
    pub rss_before_kib: u64,
    /// At the end of the measured time.
    pub rss_full_kib: u64,
    /// Some seconds after the last call.
    pub rss_after_kib: u64,
    /// Memory of a call: what was added by all, divided.
    pub kib_per_call: f64,
    /// Sockets before, at full load, after.
    pub sockets: [usize; 3],
    /// Part of one processor that the generator itself took, in percent.
    pub own_cpu_percent: f64,
}

impl Machine {
    /// Of the samples before, at both ends of the measured time, and after; `None` without the process.
    #[must_use]
    pub(crate) fn of(
        before: Option<Sample>,
        first: Option<Sample>,
        last: Option<Sample>,
        after: Option<Sample>,
        own: Option<(Sample, Sample)>,
        measured: Duration,
        calls: usize,
    ) -> Option<Self> {
        let (before, first, last, after) = (before?, first?, last?, after?);
        let cpu = last.cpu_since(&first);
        let seconds = measured.as_secs_f64().max(0.001);
        let calls = calls.max(1) as f64;
        let own = own.map_or(Duration::ZERO, |(first, last)| last.cpu_since(&first));
        Some(Self {
            cpu_ms: cpu.as_millis() as u64,
            cpu_percent: cpu.as_secs_f64() / seconds * 100.0,
            cpu_us_per_call_second: cpu.as_secs_f64() / seconds / calls * 1e6,
            rss_before_kib: before.rss_kib,
            rss_full_kib: last.rss_kib,
            rss_after_kib: after.rss_kib,
            kib_per_call: (last.rss_kib as f64 - before.rss_kib as f64) / calls,
            sockets: [before.sockets, last.sockets, after.sockets],
            own_cpu_percent: own.as_secs_f64() / seconds * 100.0,
        })
    }
}

/// The whole result. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Calls asked for.
    pub calls: u32,
    /// Calls that were up at the end of the measured time.
    pub up: usize,
    /// Sessions with the peer at that moment, when there is a peer.
    pub sessions_of_peer: Option<usize>,
    /// Calls whose audio came to the peer.
    pub reached_peer: usize,
    /// Milliseconds from the first call to the last one's stream.
    pub set_up_ms: u64,
    /// Milliseconds that were measured.
    pub measured_ms: u64,
    /// How calls fared.
    pub tally: Tally,
    /// Frames sent by callers.
    pub frames_up: u64,
    /// Frames sent by the peer.
    pub frames_down: u64,
    /// Media messages that came to phones.
    pub messages_down: u64,
    /// Frames at phones without a stamp of the peer: the server's own words.
    pub strange_down: u64,
    /// Frames at the peer without a stamp of a phone.
    pub strange_up: u64,
    /// `clear`s that came to phones.
    pub clears: u64,
    /// Turns without an answer within 8 s.
    pub unanswered: u64,
    /// What was lost and late.
    pub losses: Losses,
    /// From the webhook to its whole TwiML.
    pub twiml: Spread,
    /// From the phone's writing of a frame to the peer's reading of it.
    pub latency_up: Spread,
    /// From the peer's writing of audio to the phone's reading of it.
    pub latency_down: Spread,
    /// From the caller's last frame to the first audio of the answer.
    pub answered: Spread,
    /// From the peer's word that the caller speaks to the `clear` at the phone; the way of both is in it.
    pub interrupted: Spread,
    /// How late the generator was with a frame.
    pub own_lateness: Spread,
    /// What the process under load took, when it is on this machine.
    pub machine: Option<Machine>,
}

impl Report {
    #[expect(clippy::too_many_arguments, reason = "it is made in one place")]
    pub(crate) fn new(
        calls: u32,
        up: usize,
        sessions_of_peer: Option<usize>,
        set_up: Duration,
        measured: Duration,
        tally: Tally,
        board: &Board,
        machine: Option<Machine>,
    ) -> Self {
        Self {
            calls,
            up,
            sessions_of_peer,
            reached_peer: board.reached_peer(),
            set_up_ms: set_up.as_millis() as u64,
            measured_ms: measured.as_millis() as u64,
            tally,
            frames_up: board.frames_up.load(Ordering::Relaxed),
            frames_down: board.frames_down.load(Ordering::Relaxed),
            messages_down: board.messages_down.load(Ordering::Relaxed),
            strange_down: board.strange_down.load(Ordering::Relaxed),
            strange_up: board.strange_up.load(Ordering::Relaxed),
            clears: board.clears.load(Ordering::Relaxed),
            unanswered: board.unanswered.load(Ordering::Relaxed),
            losses: board.losses(),
            twiml: board.twiml.spread(),
            latency_up: board.up.spread(),
            latency_down: board.down.spread(),
            answered: board.answered.spread(),
            interrupted: board.interrupted.spread(),
            own_lateness: board.own_lateness.spread(),
            machine,
        }
    }

    /// Whether every call was set up, none failed and no frame was lost.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.tally.refused == 0
            && self.tally.failed == 0
            && self.up == self.calls as usize
            && self.losses.up == 0
            // Of an answer that is interrupted the rest is dropped on purpose.
            && (self.losses.down == 0 || self.interrupted.count > 0)
            && self.unanswered == 0
            // Calls that the server carried by itself, past the peer it was given.
            && self.sessions_of_peer.is_none_or(|sessions| sessions == self.up)
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{name:<34}{value}");
        };
        let tally = &self.tally;
        line(
            "calls",
            format!(
                "{} asked for, {} up in {:.1} s, {} refused, {} failed",
                self.calls,
                self.up,
                self.set_up_ms as f64 / 1e3,
                tally.refused,
                tally.failed
            ),
        );
        for (what, count) in tally.refusals.iter().chain(&tally.failures) {
            line("", format!("{count} x {what}"));
        }
        if let Some(sessions) = self.sessions_of_peer {
            line("sessions with the peer", sessions.to_string());
        }
        line("inbound to TwiML", times(&self.twiml));
        line("frames up", format!("{} sent, {} lost", self.frames_up, self.losses.up));
        line(
            "frames down",
            format!(
                "{} sent, {} lost, in {} messages; {} of the server's own",
                self.frames_down, self.losses.down, self.messages_down, self.strange_down
            ),
        );
        line("later than 20 ms", format!("{} up, {} down", self.losses.late_up, self.losses.late_down));
        line("latency up", times(&self.latency_up));
        line("latency down", times(&self.latency_down));
        line("caller's last frame to answer", times(&self.answered));
        if self.interrupted.count > 0 {
            line("caller speaks to clear", times(&self.interrupted));
        }
        line("turns without an answer", self.unanswered.to_string());
        line("generator late by", times(&self.own_lateness));
        if let Some(machine) = &self.machine {
            line(
                "CPU under load",
                format!(
                    "{:.1} s in {:.0} s: {:.1} % of one core, {:.0} µs for a call and second",
                    machine.cpu_ms as f64 / 1e3,
                    self.measured_ms as f64 / 1e3,
                    machine.cpu_percent,
                    machine.cpu_us_per_call_second
                ),
            );
            line("CPU of the generator and peer", format!("{:.1} % of one core", machine.own_cpu_percent));
            line(
                "memory",
                format!(
                    "{} MiB before, {} MiB at full load, {} MiB after: {:.0} KiB a call",
                    machine.rss_before_kib / 1024,
                    machine.rss_full_kib / 1024,
                    machine.rss_after_kib / 1024,
                    machine.kib_per_call
                ),
            );
            let [before, full, after] = machine.sockets;
            line("sockets", format!("{before} before, {full} at full load, {after} after"));
        }
        text
    }
}

fn times(spread: &Spread) -> String {
    if spread.count == 0 {
        return "not measured".to_owned();
    }
    let ms = |us: u64| us as f64 / 1e3;
    format!(
        "p50 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms  ({} values)",
        ms(spread.p50_us),
        ms(spread.p99_us),
        ms(spread.p999_us),
        ms(spread.max_us),
        spread.count
    )
}
