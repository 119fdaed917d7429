//! What a run of a scenario came to: a table for people, JSON for programs.

use std::fmt::Write as _;

use domain::call_log::LatencyParts;
use serde::Serialize;

use crate::line::session::{LineReport, Violation};
use crate::twilio::call::CarrierReport;
use crate::wer::WordErrors;

/// The outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was as expected.
    Passed,
    /// Something was not.
    Failed,
}

impl Verdict {
    /// The exit status of a command that ran one scenario: 0 passed, 1 failed. (2 is for runs that could not
    /// take place.)
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
        }
    }
}

/// The report of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// The caller's voice.
    pub voice: String,
    /// Passed or failed.
    pub verdict: Verdict,
    /// Whether the scenario is meant to fail.
    pub must_fail: bool,
    /// The steps in order.
    pub steps: Vec<StepReport>,
    /// What was wrong with the call as a whole.
    pub wrong: Vec<String>,
    /// What was not done or not checked, and why.
    pub notes: Vec<String>,
    /// Errors of the server's transcripts of the caller's lines, all together.
    pub word_errors: WordErrors,
    /// Milliseconds of media time.
    pub media_ms: u64,
    /// Milliseconds on the wall.
    pub wall_ms: u64,
    /// Whether the call ran in lockstep, so that work took no media time.
    pub lockstep: bool,
    /// What Twilio would not have accepted.
    pub violations: Vec<Violation>,
    /// The carrier's side.
    pub carrier: CarrierReport,
    /// The server's id of the call.
    pub call_id: Option<String>,
}

/// The report of a step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// What the caller did.
    pub caller: String,
    /// When it began, media time; `None` when it was never reached.
    pub started_ms: Option<u64>,
    /// What the server understood of it, when it was speech.
    pub understood: Option<String>,
    /// Errors in that.
    pub word_errors: Option<WordErrors>,
    /// What the caller heard.
    pub answer: String,
    /// From the caller's last sound to the agent's first, as heard; `None` when it did not answer.
    pub answer_after_ms: Option<u64>,
    /// The server's account of it.
    pub latency: Option<LatencyParts>,
    /// From the caller's first sound until the agent, which was speaking, was quiet.
    pub agent_stopped_after_ms: Option<u64>,
    /// What was not as expected.
    pub wrong: Vec<String>,
}

impl Report {
    /// The stereo recording from the caller's side: caller left, agent right, as a WAV file.
    #[must_use]
    pub fn wav(&self) -> Option<Vec<u8>> {
        let line: &LineReport = self.carrier.line.as_ref()?;
        let decode = |codes: &[u8]| {
            let mut samples = Vec::with_capacity(codes.len());
            audio::g711::decode_into(codes, &mut samples);
            samples
        };
        let mut data = Vec::new();
        audio::wav::recording::append(&decode(&line.caller_audio), &decode(&line.heard_audio), &mut data);
        let mut file = audio::wav::header(8000, 2, u32::try_from(data.len()).ok()?).to_vec();
        file.extend(data);
        Some(file)
    }

    /// The report as a page of text.
    #[must_use]
    pub fn table(&self) -> String {
        let mut page = String::new();
        let seconds = |ms: u64| ms as f64 / 1000.0;
        for (number, step) in self.steps.iter().enumerate() {
            let started = step.started_ms.map_or("  never".to_owned(), |ms| format!("{:6.1}s", seconds(ms)));
            let _ = writeln!(page, "{:>2} {started}  caller  {}", number + 1, step.caller);
            if let Some(understood) = &step.understood {
                let errors = step.word_errors.unwrap_or_default();
                let _ = writeln!(
                    page,
                    "            as heard  {understood}   (WER {:.0} %)",
                    errors.rate() * 100.0
                );
            }
            if !step.answer.is_empty() || step.answer_after_ms.is_some() {
                let _ = writeln!(page, "            agent   {}", step.answer);
            }
            if let Some(line) = step.timing() {
                let _ = writeln!(page, "            {line}");
            }
            for wrong in &step.wrong {
                let _ = writeln!(page, "            WRONG   {wrong}");
            }
        }
        for said in self.carrier.said() {
            let _ = writeln!(page, "            carrier {said}");
        }
        for violation in &self.violations {
            let _ =
                writeln!(page, "PROTOCOL at {} ms: {} {}", violation.at_ms, violation.code, violation.reason);
        }
        for wrong in &self.wrong {
            let _ = writeln!(page, "WRONG   {wrong}");
        }
        for note in &self.notes {
            let _ = writeln!(page, "note    {note}");
        }
        let verdict = match self.verdict {
            Verdict::Passed => "PASSED",
            Verdict::Failed => "FAILED",
        };
        let _ = writeln!(
            page,
            "{verdict}  {} ({}), {:.1} s of call in {:.1} s{}, WER of the caller's lines {:.1} % of {} words",
            self.scenario,
            self.voice,
            seconds(self.media_ms),
            seconds(self.wall_ms),
            if self.lockstep { " (lockstep)" } else { "" },
            self.word_errors.rate() * 100.0,
            self.word_errors.words,
        );
        page
    }
}

impl StepReport {
    fn timing(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(ms) = self.answer_after_ms {
            parts.push(format!("answer after {ms} ms"));
        }
        if let Some(l) = &self.latency {
            parts.push(format!(
                "server: endpointing {} + stt {} + brain {} + tts {} + hop {} = {} ms",
                l.endpointing_ms, l.stt_ms, l.brain_ms, l.tts_ms, l.hop_ms, l.total_ms
            ));
        }
        if let Some(ms) = self.agent_stopped_after_ms {
            parts.push(format!("agent quiet after {ms} ms"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
