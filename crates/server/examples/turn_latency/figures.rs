//! Figures of turns, as tables for docs/benchmarks.md.

use std::fmt::Write as _;
use std::time::Duration;

use domain::call_log::LatencyParts;

/// A turn, measured at the telephone and told by the timeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Whether the caller's words are clearly complete.
    pub(crate) is_question: bool,
    /// From the caller's last voiced frame to the agent's first sound, a filler's too.
    pub(crate) first_ms: u64,
    pub(crate) longest_silence_ms: u64,
    /// Of the answer, not of a filler.
    pub(crate) parts: LatencyParts,
    pub(crate) fillers: usize,
}

/// Of the pipeline, beside the vendors' own time (product targets).
const TARGET_MS: u64 = 500;

/// Which turns a line of the table is of.
type Kind = (&'static str, fn(&Turn) -> bool);

const KINDS: [Kind; 3] =
    [("all", |_| true), ("questions", |turn| turn.is_question), ("statements", |turn| !turn.is_question)];

/// The value that `percent` of all don't exceed: nearest rank, a wait that somebody had.
fn at(percent: usize, sorted: &[u64]) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

fn percentiles(turns: &[&Turn], of: impl Fn(&Turn) -> u64) -> String {
    let mut all: Vec<u64> = turns.iter().map(|turn| of(turn)).collect();
    all.sort_unstable();
    format!("{}/{}/{}", at(50, &all), at(95, &all), at(99, &all))
}

/// p50/p95/p99 in milliseconds of each row: all turns, questions and statements by themselves.
pub(crate) fn table(rows: &[(&str, Vec<Turn>)], vendor: Duration) -> String {
    let mut out = String::from(
        "\n| row | caller's words | turns | heard | endpointing | stt | brain | tts | hop | total | longest silence | fillers |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (name, turns) in rows {
        for (kind, fits) in KINDS {
            let turns: Vec<&Turn> = turns.iter().filter(|turn| fits(turn)).collect();
            let parts: [fn(&Turn) -> u64; 6] = [
                |turn| turn.parts.endpointing_ms.into(),
                |turn| turn.parts.stt_ms.into(),
                |turn| turn.parts.brain_ms.into(),
                |turn| turn.parts.tts_ms.into(),
                |turn| turn.parts.hop_ms.into(),
                |turn| turn.parts.total_ms.into(),
            ];
            let parts = parts.map(|of| percentiles(&turns, of)).join(" | ");
            let heard = percentiles(&turns, |turn| turn.first_ms);
            let silence = percentiles(&turns, |turn| turn.longest_silence_ms);
            let fillers: usize = turns.iter().map(|turn| turn.fillers).sum();
            // Writing to a string can't fail.
            let _written = writeln!(
                out,
                "| {name} | {kind} | {} | {heard} | {parts} | {silence} | {fillers} |",
                turns.len()
            );
        }
    }
    let own_ms = 3 * vendor.as_millis() as u64;
    for (name, turns) in rows {
        let over = turns.iter().filter(|turn| turn.first_ms > own_ms + TARGET_MS).count();
        // Of a slow row a filler is heard, not the answer.
        let fillers = turns.iter().filter(|turn| turn.fillers > 0).count();
        let gaps = turns.iter().filter(|turn| turn.longest_silence_ms > 1_500).count();
        let _written = writeln!(
            out,
            "{name}: of {} turns {over} were heard later than {own_ms} + {TARGET_MS} ms, {fillers} had a filler, {gaps} a silence longer than 1,500 ms",
            turns.len()
        );
    }
    out
}
