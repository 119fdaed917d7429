//! Precision and recall of the rules on a set, and what they must reach.

use super::judged::{self, Judged};
use super::sets::Split;

/// Precision and recall of one thing that rules look for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// How many lines are it.
    pub(crate) relevant: usize,
    /// How many the rules named.
    pub(crate) named: usize,
    /// How many of those are right.
    pub(crate) right: usize,
}

impl Figures {
    /// Counts in the lines of a part; `is_relevant` says which answers name something.
    pub(crate) fn count(lines: &[Judged], split: Split, is_relevant: impl Fn(&str) -> bool) -> Self {
        let mut figures = Self::default();
        for line in lines.iter().filter(|line| line.split == split) {
            figures.relevant += usize::from(is_relevant(&line.expected));
            figures.named += usize::from(is_relevant(&line.got));
            figures.right += usize::from(is_relevant(&line.got) && line.got == line.expected);
        }
        figures
    }

    /// The share of what was named that is right; 1 when nothing was named.
    pub(crate) fn precision(self) -> f64 {
        share(self.right, self.named)
    }

    /// The share of what there is that was named.
    pub(crate) fn recall(self) -> f64 {
        share(self.right, self.relevant)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A figure of a set with the least it must reach on the lines held out.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) name: String,
    pub(crate) tune: Figures,
    pub(crate) held: Figures,
    /// Least precision and recall; none where the lines are too few to tell.
    pub(crate) least: Option<(f64, f64)>,
}

/// A set's lines and measures.
pub(crate) struct Measured {
    pub(crate) set: &'static str,
    pub(crate) lines: Vec<Judged>,
    pub(crate) measures: Vec<Measure>,
}

impl Measured {
    fn new(set: &'static str, lines: Vec<Judged>) -> Self {
        Self { set, lines, measures: Vec::new() }
    }

    fn measure(
        mut self,
        name: &str,
        least: impl Into<Option<(f64, f64)>>,
        is_relevant: impl Fn(&str) -> bool,
    ) -> Self {
        let of = |split| Figures::count(&self.lines, split, &is_relevant);
        let measure = Measure {
            name: name.to_owned(),
            tune: of(Split::Tune),
            held: of(Split::Held),
            least: least.into(),
        };
        self.measures.push(measure);
        self
    }
}

/// Every set, judged and counted.
pub(crate) fn all() -> Vec<Measured> {
    let high = |mut lines: Vec<Judged>| {
        for line in &mut lines {
            for answer in [&mut line.expected, &mut line.got] {
                if answer == "URGENT" {
                    "HIGH".clone_into(answer);
                }
            }
        }
        lines
    };
    let urgency = judged::urgency();
    let traps = urgency.iter().filter(|line| line.kind == "trap").cloned().collect();
    let mut sets = vec![
        Measured::new("intents", judged::intents())
            .measure("all but other", (0.90, 0.88), |answer| answer != "other"),
        Measured::new("urgency", urgency.clone())
            .measure("URGENT", (0.80, 0.85), |answer| answer == "URGENT"),
        Measured::new("urgency", high(urgency))
            .measure("HIGH and URGENT", (0.85, 0.85), |answer| answer == "HIGH"),
        Measured::new("urgency", traps).measure("traps left alone", (1.0, 0.88), |answer| answer == "low"),
        Measured::new("scope", judged::scope()).measure("change", (0.80, 0.80), |answer| answer == "change"),
        Measured::new("phantom_speech", judged::phantom_speech()).measure(
            "phantom",
            (0.88, 0.82),
            |answer| answer == "phantom",
        ),
    ];
    let spoken = judged::spoken_forms();
    sets.push(
        Measured::new("spoken_forms", spoken.clone()).measure("all values", (0.95, 0.95), |v| v != "-"),
    );
    for kind in ["email", "phone", "date", "money", "number"] {
        let lines = spoken.iter().filter(|line| line.kind == kind).cloned().collect();
        sets.push(Measured::new("spoken_forms", lines).measure(kind, None, |value| value != "-"));
    }
    sets
}
