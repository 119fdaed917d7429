//! The rules of this crate on the labelled sets of `eval/`: `make eval` prints what these tests enforce.

mod figures;
mod judged;
mod report;
mod sets;

use std::collections::BTreeSet;

use sets::{INTENTS, PHANTOM, SCOPE, SPOKEN, Split, URGENCY, split_of};

#[test]
fn the_rules_reach_their_figures_on_the_lines_held_out() {
    let sets = figures::all();
    let missed: Vec<String> = sets
        .iter()
        .flat_map(|set| set.measures.iter().map(move |measure| (set.set, measure)))
        .filter(|(_, measure)| {
            measure.least.is_some_and(|(precision, recall)| {
                measure.held.precision() < precision || measure.held.recall() < recall
            })
        })
        .map(|(set, measure)| format!("{set}: {}", measure.name))
        .collect();
    assert!(sets.iter().all(|set| set.lines.iter().all(|line| !line.text.is_empty())), "a line has no text");
    assert!(missed.is_empty(), "{missed:?}\n{}", report::table(&sets));
}

#[test]
fn a_line_is_held_out_because_of_its_text_alone() {
    for set in [INTENTS, URGENCY, SCOPE, PHANTOM, SPOKEN] {
        for line in set.lines() {
            assert_eq!(line.split, split_of(line.text()), "{}: {}", set.name, line.text());
        }
    }
}

#[test]
fn every_set_is_large_enough_and_a_third_of_it_is_held_out() {
    for set in [INTENTS, URGENCY, SCOPE, PHANTOM, SPOKEN] {
        let lines = set.lines();
        assert!(lines.len() >= set.least, "{} has {} lines", set.name, lines.len());
        let held = lines.iter().filter(|line| line.split == Split::Held).count();
        assert!(held * 3 >= lines.len(), "{}: {held} of {} are held out", set.name, lines.len());
        let different: BTreeSet<_> = lines.iter().map(|line| &line.columns).collect();
        assert_eq!(different.len(), lines.len(), "{} has a line twice", set.name);
    }
}

#[test]
fn half_of_the_urgency_set_are_traps() {
    let lines = judged::urgency();
    let traps = lines.iter().filter(|line| line.kind == "trap").count();
    assert!(traps * 2 >= lines.len(), "{traps} of {}", lines.len());
    assert!(lines.iter().all(|line| line.kind != "trap" || line.expected == "low"));
}

#[test]
fn the_confusion_counts_every_line_of_its_part() {
    let lines = judged::intents();
    for split in [Split::Tune, Split::Held] {
        let counted: usize = report::confusion(&lines, split)
            .lines()
            .skip(2)
            .flat_map(|row| row.split('|').skip(2))
            .filter_map(|cell| cell.trim().parse::<usize>().ok())
            .sum();
        assert_eq!(counted, lines.iter().filter(|line| line.split == split).count());
    }
}
