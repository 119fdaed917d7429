//! Figures over many runs: word error rate, share passed, latency by part. For docs/benchmarks.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::report::{Report, Verdict};
use crate::wer::WordErrors;

/// The middle and the upper end of a distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many values.
    pub count: usize,
    /// Half of the values are at most that.
    pub p50: u64,
    /// 95 % of the values are at most that.
    pub p95: u64,
}

impl Spread {
    /// Of any values (nearest rank).
    #[must_use]
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let at = (values.len() * percent).div_ceil(100).max(1) - 1;
            values.get(at).copied().unwrap_or_default()
        };
        Self { count: values.len(), p50: rank(50), p95: rank(95) }
    }
}

/// The figures of one caller's voice.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Runs, without those that must fail.
    pub runs: usize,
    /// Runs that passed.
    pub passed: usize,
    /// Runs that must fail.
    pub must_fail_runs: usize,
    /// Of those, the ones that failed.
    pub must_fail_failed: usize,
    /// Errors in the server's transcripts of the caller's lines.
    pub word_errors: WordErrors,
    /// Caller's last sound to agent's first, as heard by the caller.
    pub heard_ms: Spread,
    /// The server's account, by part: `endpointing`, `stt`, `brain`, `tts`, `hop`, `total`.
    pub parts_ms: BTreeMap<&'static str, Spread>,
    /// Runs that failed although they should pass, by scenario.
    pub failures: BTreeMap<String, usize>,
}

/// Figures by voice. Latency in lockstep holds no work; so runs at real pace should not be mixed with others.
#[must_use]
pub fn by_voice(reports: &[Report]) -> BTreeMap<String, Figures> {
    let voices: BTreeSet<&str> = reports.iter().map(|report| report.voice.as_str()).collect();
    voices
        .into_iter()
        .map(|voice| {
            let own: Vec<&Report> = reports.iter().filter(|report| report.voice == voice).collect();
            (voice.to_owned(), figures(&own))
        })
        .collect()
}

fn figures(reports: &[&Report]) -> Figures {
    let mut figures = Figures::default();
    let mut heard = Vec::new();
    let mut parts: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for report in reports {
        let passed = report.verdict == Verdict::Passed;
        if report.must_fail {
            figures.must_fail_runs += 1;
            figures.must_fail_failed += usize::from(!passed);
        } else {
            figures.runs += 1;
            figures.passed += usize::from(passed);
            if !passed {
                *figures.failures.entry(report.scenario.clone()).or_default() += 1;
            }
        }
        figures.word_errors.add(report.word_errors);
        heard.extend(report.steps.iter().filter_map(|step| step.answer_after_ms));
        for latency in report.steps.iter().filter_map(|step| step.latency) {
            for (name, value) in [
                ("endpointing", latency.endpointing_ms),
                ("stt", latency.stt_ms),
                ("brain", latency.brain_ms),
                ("tts", latency.tts_ms),
                ("hop", latency.hop_ms),
                ("total", latency.total_ms),
            ] {
                parts.entry(name).or_default().push(u64::from(value));
            }
        }
    }
    figures.heard_ms = Spread::of(heard);
    figures.parts_ms = parts.into_iter().map(|(name, values)| (name, Spread::of(values))).collect();
    figures
}

/// The figures as a Markdown table.
#[must_use]
pub fn markdown(figures: &BTreeMap<String, Figures>) -> String {
    const PARTS: [&str; 6] = ["endpointing", "stt", "brain", "tts", "hop", "total"];
    let mut page =
        String::from("| caller | runs | passed | must fail and did | words | WER | heard p50/p95 ms |");
    for part in PARTS {
        let _ = write!(page, " {part} p50/p95 |");
    }
    page.push_str("\n|---|---|---|---|---|---|---|");
    page.push_str(&"---|".repeat(PARTS.len()));
    page.push('\n');
    for (voice, f) in figures {
        let share = 100.0 * f.passed as f64 / f.runs.max(1) as f64;
        let _ = write!(
            page,
            "| {voice} | {} | {} ({share:.0} %) | {} of {} | {} | {:.1} % | {}/{} |",
            f.runs,
            f.passed,
            f.must_fail_failed,
            f.must_fail_runs,
            f.word_errors.words,
            f.word_errors.rate() * 100.0,
            f.heard_ms.p50,
            f.heard_ms.p95,
        );
        for part in PARTS {
            let spread = f.parts_ms.get(part).copied().unwrap_or_default();
            let _ = write!(page, " {}/{} |", spread.p50, spread.p95);
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_of_nearest_rank() {
        assert_eq!(Spread::of((1..=100).rev().collect()), Spread { count: 100, p50: 50, p95: 95 });
        assert_eq!(Spread::of(vec![7]), Spread { count: 1, p50: 7, p95: 7 });
        assert_eq!(Spread::of(vec![]), Spread::default());
    }
}
