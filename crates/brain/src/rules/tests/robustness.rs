//! What a recogniser does to words: some are dropped, some doubled, some replaced by what sounds alike.

use domain::intents::{Intent, classify};

/// A small generator of its own: the same mistakes in every run.
struct Mistakes(u64);

impl Mistakes {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    /// The line with about one word in ten wrong.
    fn hear(&mut self, line: &str) -> String {
        const WRONG: [&str; 6] = ["the", "a", "and", "in", "four", "him"];
        let mut heard = Vec::new();
        for word in line.split(' ') {
            match self.next(30) {
                0 => {}
                1 => heard.push(WRONG[self.next(WRONG.len())]),
                2 => heard.extend([word, WRONG[self.next(WRONG.len())]]),
                _ => heard.push(word),
            }
        }
        heard.join(" ")
    }
}

#[test]
fn intents_hold_with_one_word_in_ten_misheard() {
    let lines = [
        ("how is my website coming along", Intent::StatusUpdate),
        ("what is the status of my project", Intent::StatusUpdate),
        ("i am looking for a new website for my company", Intent::NewProject),
        ("we would like to start a new project with you", Intent::NewProject),
        ("i would like to talk to a real person please", Intent::SpeakToHuman),
        ("can i speak with dana about the design", Intent::SpeakToHuman),
        ("our website is down and we are losing orders", Intent::Emergency),
        ("i have a question about my invoice", Intent::BillingQuestion),
        ("i am really unhappy with the work", Intent::Complaint),
        ("can we schedule a meeting next week", Intent::MeetingRequest),
    ];
    let mut mistakes = Mistakes(7);
    let mut held = 0;
    let runs = 40;
    for _ in 0..runs {
        held += lines.iter().filter(|(line, intent)| classify(&mistakes.hear(line)) == *intent).count();
    }
    let share = held as f32 / (runs * lines.len()) as f32;
    println!("intents held: {share:.3}");
    assert!(share >= 0.85, "{share:.3}");
}
