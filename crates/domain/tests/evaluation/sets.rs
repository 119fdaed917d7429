//! The labelled sets of `eval/`: reading them, and the rule that says which lines are held out.

/// Which part of a set a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// Rules may be tuned on it.
    Tune,
    /// Only for measuring; nobody looks at its lines while tuning.
    Held,
}

/// A set's name and text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set {
    /// The file without its ending.
    pub(crate) name: &'static str,
    text: &'static str,
    /// Fewest lines it may have.
    pub(crate) least: usize,
}

/// What turns are about.
pub(crate) const INTENTS: Set =
    Set { name: "intents", text: include_str!("../../eval/intents.tsv"), least: 300 };
/// How urgent they are.
pub(crate) const URGENCY: Set =
    Set { name: "urgency", text: include_str!("../../eval/urgency.tsv"), least: 200 };
/// Whether they ask for more than was agreed.
pub(crate) const SCOPE: Set = Set { name: "scope", text: include_str!("../../eval/scope.tsv"), least: 150 };
/// Whether anybody said them.
pub(crate) const PHANTOM: Set =
    Set { name: "phantom_speech", text: include_str!("../../eval/phantom_speech.tsv"), least: 150 };
/// Which value they hold.
pub(crate) const SPOKEN: Set =
    Set { name: "spoken_forms", text: include_str!("../../eval/spoken_forms.tsv"), least: 150 };

/// A line of a set.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) split: Split,
    /// The columns after the split; the text is the last.
    pub(crate) columns: Vec<&'static str>,
}

impl Line {
    /// The utterance.
    pub(crate) fn text(&self) -> &'static str {
        self.columns.last().copied().unwrap_or_default()
    }
}

impl Set {
    /// Its lines.
    pub(crate) fn lines(self) -> Vec<Line> {
        self.text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let mut columns = line.split('\t');
                let split = match columns.next() {
                    Some("tune") => Split::Tune,
                    Some("held") => Split::Held,
                    other => panic!("{}: a line begins with {other:?}: {line}", self.name),
                };
                Line { split, columns: columns.collect() }
            })
            .collect()
    }
}

/// The part a text belongs to. It follows from the text alone, so that no line can change sides because a rule
/// fails on it, and so that new lines move no old one.
pub(crate) fn split_of(text: &str) -> Split {
    // FNV-1a.
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    if hash % 100 < 38 { Split::Held } else { Split::Tune }
}
