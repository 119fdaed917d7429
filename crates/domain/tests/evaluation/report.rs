//! The figures as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::figures::{Figures, Measured};
use super::judged::Judged;
use super::sets::Split;

/// The table of all measures, tuned and held out.
pub(crate) fn table(sets: &[Measured]) -> String {
    let mut text = String::from(
        "| set | measure | tune: precision | recall | lines | held: precision | recall | lines | least |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for set in sets {
        for measure in &set.measures {
            let cells = |f: Figures| format!("{:.3} | {:.3} | {}", f.precision(), f.recall(), f.relevant);
            let least = measure.least.map_or_else(|| "-".to_owned(), |(p, r)| format!("{p:.2} / {r:.2}"));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {least} |",
                set.set,
                measure.name,
                cells(measure.tune),
                cells(measure.held)
            );
        }
    }
    text
}

/// Who was taken for whom: a row for each answer that is right, a column for each that was given.
pub(crate) fn confusion(lines: &[Judged], split: Split) -> String {
    let lines: Vec<&Judged> = lines.iter().filter(|line| line.split == split).collect();
    let names: BTreeSet<&str> = lines.iter().flat_map(|l| [l.expected.as_str(), l.got.as_str()]).collect();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in &lines {
        *counts.entry((&line.expected, &line.got)).or_default() += 1;
    }
    let mut text =
        format!("| is \\ taken for | {} |\n| --- |", names.iter().copied().collect::<Vec<_>>().join(" | "));
    text.push_str(&" --- |".repeat(names.len()));
    text.push('\n');
    for row in &names {
        let _ = write!(text, "| {row} |");
        for column in &names {
            let count = counts.get(&(row, column)).map_or_else(String::new, usize::to_string);
            let _ = write!(text, " {count} |");
        }
        text.push('\n');
    }
    text
}
