//! The demonstration's agency as the product knows it, the lines of the simulated calls, and lines that nothing
//! was tuned with.

use std::path::{Path, PathBuf};

use domain::call_plan::Vocabulary;
use domain::ids::QuestionId;
use domain::leads::{AnswerType, LeadField, LeadQuestion};
use domain::vocabulary::{Sources, build};
use serde::Deserialize;

#[derive(Deserialize)]
struct Agency {
    business: Business,
    agent: Named,
    clients: Vec<Client>,
    knowledge: Vec<Entry>,
    lead_questions: Vec<Question>,
}

#[derive(Deserialize)]
struct Business {
    name: String,
    contact_name: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Client {
    name: String,
    person: String,
    projects: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    name: String,
    aliases: Vec<String>,
}

#[derive(Deserialize)]
struct Entry {
    question: String,
    variants: Vec<String>,
    answer: String,
}

#[derive(Deserialize)]
struct Question {
    text: String,
    label: String,
    answer_type: AnswerType,
    field: LeadField,
    #[serde(default)]
    choices: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The vocabulary that the product makes for the demonstration's agency.
pub(crate) fn vocabulary() -> Vocabulary {
    let text =
        std::fs::read_to_string(root().join("crates/app/data/aurora.toml")).expect("the data is there");
    let agency: Agency = toml::from_str(&text).expect("the data is well-formed");
    let mut questions = Vec::new();
    let mut answers = Vec::new();
    for entry in agency.knowledge {
        questions.push(entry.question);
        questions.extend(entry.variants);
        answers.push(entry.answer);
    }
    let mut projects = Vec::new();
    let mut clients = Vec::new();
    for client in agency.clients {
        clients.extend([client.name, client.person]);
        for project in client.projects {
            projects.push(project.name);
            projects.extend(project.aliases);
        }
    }
    let lead_questions: Vec<LeadQuestion> = agency
        .lead_questions
        .into_iter()
        .map(|question| LeadQuestion {
            id: QuestionId(Default::default()),
            text: question.text,
            label: question.label,
            answer_type: question.answer_type,
            field: question.field,
            required: false,
            choices: question.choices,
            retry_text: None,
            skip_when: None,
            urgency_weight: 0,
        })
        .collect();
    build(&Sources {
        business: &agency.business.name,
        people: &[agency.business.contact_name, agency.agent.name],
        questions: &questions,
        answers: &answers,
        lead_questions: &lead_questions,
        projects: &projects,
        clients: &clients,
    })
}

/// What the callers of `scenarios/` say: what the language data was tuned with.
pub(crate) fn scenario_lines() -> Vec<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join("scenarios"))
        .expect("the scenarios are there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut lines: Vec<String> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a scenario can be read");
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("say = \"")) {
            let line = line.trim_end_matches('"').to_owned();
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// Lines that nothing was tuned with, written before the tuning and looked at only as a sum.
pub(crate) const HELD_OUT: [&str; 64] = [
    "hi, I have a quick question about my project",
    "hello, this is maria lopez from bright bakery",
    "good afternoon, I'm calling about the packaging",
    "good morning, is the online shop ready",
    "hey, how are you doing",
    "okay, when will the website be ready",
    "yes, and I also wanted to ask about the logo",
    "no, I don't think so, thank you",
    "well, what would a new logo cost me",
    "by the way, do you take a deposit",
    "wait, are you open on saturday",
    "sorry, could you say that again please",
    "also, do you offer hosting",
    "and how long until the new site is live",
    "could you tell me where your office is",
    "do you know when the labels will be finished",
    "I was wondering how the rebrand is going",
    "can you give me an update on the online store",
    "I'd like to know if the homepage is finished",
    "what happens after I sign the proposal",
    "how much is the deposit for a website",
    "do you work with small companies",
    "where can I see examples of your work",
    "are changes included in the price",
    "who owns the rights to the design",
    "how can I pay for the project",
    "is there a place to park near your office",
    "we are looking for a new brand for our restaurant",
    "hi, I'd like to get a quote for a website",
    "hello, we want to start a marketing project",
    "my company needs new packaging",
    "our current website is very old and we need a new one",
    "my name is laura mitchell",
    "it's steven clark",
    "this is tom baker from northwind coffee",
    "laura dot mitchell at outlook dot com",
    "my email is steven at yahoo dot com",
    "s u s a n at gmail dot com",
    "it's m i k e at hotmail dot com",
    "two one two, five five five, zero one four eight",
    "my number is six four six, five five five, nine eight three one",
    "you can use this number",
    "the company is called silver lake coffee",
    "we are called happy garden",
    "packaging please",
    "I think it's mostly marketing",
    "around fifteen thousand dollars",
    "between five and eight thousand dollars",
    "no, make that twenty thousand",
    "by the end of june",
    "in about three months",
    "as soon as possible please",
    "yes, that is correct",
    "no, that's not right, it's mitchell",
    "I see, thank you",
    "okay, perfect",
    "can I speak to dana please",
    "I want to talk to a human being",
    "could you ask dana to call me back tomorrow",
    "please tell her that the photos are on the way",
    "our website has been down since this morning",
    "this is urgent, nobody can place an order",
    "that's all for today, have a nice day",
    "great, thanks a lot, bye bye",
];
