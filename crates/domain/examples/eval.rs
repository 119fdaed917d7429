//! Prints precision and recall of the rules on the labelled sets, and the confusion of intents.
//!
//! `make eval`, or `cargo run -p domain --example eval`. With `failures` it lists the lines the rules fail on,
//! of the part for tuning only: who sees the others tunes on them. With `held` the confusion is that of the
//! lines held out, for publishing once tuning is over.

#[path = "../tests/evaluation/figures.rs"]
mod figures;
#[path = "../tests/evaluation/judged.rs"]
mod judged;
#[path = "../tests/evaluation/report.rs"]
mod report;
#[path = "../tests/evaluation/sets.rs"]
mod sets;

use sets::{INTENTS, PHANTOM, SCOPE, SPOKEN, Split, URGENCY, split_of};

#[expect(clippy::print_stdout, reason = "a command that measures and prints")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    for set in [INTENTS, URGENCY, SCOPE, PHANTOM, SPOKEN] {
        let lines = set.lines();
        let held = lines.iter().filter(|line| split_of(line.text()) == Split::Held).count();
        println!("{}: {} lines (at least {}), {held} held out", set.name, lines.len(), set.least);
    }
    let sets = figures::all();
    println!("\n{}", report::table(&sets));
    let (split, part) = if asked("held") { (Split::Held, "held out") } else { (Split::Tune, "tuned on") };
    println!("Intents, lines {part}:\n\n{}", report::confusion(&judged::intents(), split));
    if asked("failures") {
        for set in &sets {
            for line in set.lines.iter().filter(|l| l.split == Split::Tune && l.expected != l.got) {
                println!("{}\t{} -> {}\t{} ({})", set.set, line.expected, line.got, line.text, line.kind);
            }
        }
    }
}
