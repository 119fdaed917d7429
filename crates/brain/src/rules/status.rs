//! How a client's project stands.

use domain::agent_phrases::Phrase;
use domain::ids::ProjectId;
use domain::intents::{self, Intent};
use domain::projects::{self, Facts, Match, Named};
use domain::words::words;
use provider_traits::brain::ExpectedAnswer;
use provider_traits::tools::{SpokenProject, ToolError};

use super::dialogue::Talk;
use super::memory::Pending;
use crate::SYNC_HOURS;

impl Talk<'_> {
    /// Answers "how is my project".
    pub(super) async fn status(&mut self, text: &str) {
        if self.memory.client.is_none() {
            // "When would my website be finished?" from a stranger is a question about websites.
            if !self.answered_from_knowledge(text, 0.6).await {
                self.memory.unanswered = Some(text.to_owned());
                if self.may_identify() {
                    return self.begin_identification("").await;
                }
                self.ask(Phrase::StatusForClientsOnly, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
            }
            return;
        }
        let projects = match self.list_projects().await {
            Ok(projects) => projects,
            Err(ToolError::NotAllowed) => {
                return self
                    .ask(Phrase::StatusForClientsOnly, Pending::OfferMessage, ExpectedAnswer::YesNo)
                    .await;
            }
            Err(_) => {
                return self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
            }
        };
        match resolve(text, &projects) {
            Match::One(i) => self.tell(&projects[i]).await,
            Match::Several(few) => self.ask_which(Phrase::WhichProject, &projects, &few).await,
            Match::None => match projects.as_slice() {
                [] => self.ask(Phrase::NoProjects, Pending::OfferMessage, ExpectedAnswer::YesNo).await,
                [only] => self.tell(only).await,
                several => {
                    let all: Vec<usize> = (0..several.len()).collect();
                    self.ask_which(Phrase::WhichProject, &projects, &all).await;
                }
            },
        }
    }

    /// Takes "the packaging" from a client as a question about that project; false when it is none.
    pub(super) async fn is_about_a_project(&mut self, text: &str) -> bool {
        if self.memory.client.is_none()
            || words(text).len() > 6
            || domain::acts::is_question(text) && self.memory.last_project.is_none()
        {
            return false;
        }
        // Without a word of projects before, a short remark is only one when it names a project whole.
        let Ok(projects) = self.list_projects().await else { return false };
        match resolve(text, &projects) {
            Match::One(i) if self.memory.last_project.is_some() || words(text).len() <= 4 => {
                self.tell(&projects[i]).await;
                true
            }
            _ => false,
        }
    }

    /// Hears the answer to "which project".
    pub(super) async fn hear_which_project(&mut self, offered: &[ProjectId], text: &str) {
        let projects: Vec<SpokenProject> = match self.list_projects().await {
            Ok(projects) => projects.into_iter().filter(|p| offered.contains(&p.id)).collect(),
            Err(_) => {
                return self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
            }
        };
        let chosen = projects::choose(text, &named(&projects));
        match chosen {
            Match::One(i) => self.tell(&projects[i]).await,
            Match::Several(all)
                if domain::words::find_phrase(&words(text), &words("both")).is_some() || all.len() > 1 =>
            {
                for i in all.into_iter().take(2) {
                    self.tell_only(&projects[i]).await;
                }
                self.go_on().await;
            }
            _ if words(text).iter().any(|w| w == "both" || w == "all") => {
                for project in projects.iter().take(3) {
                    self.tell_only(project).await;
                }
                self.go_on().await;
            }
            _ if self.is_something_else(text) && intents::classify(text) != Intent::StatusUpdate => {
                self.wait_for(Pending::Nothing, ExpectedAnswer::Open);
                self.topic(text).await;
            }
            _ if self.memory.failures >= 1 => {
                self.memory.failures = 0;
                self.ask(Phrase::OfferMessage, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
            }
            _ => {
                self.memory.failures += 1;
                let all: Vec<usize> = (0..projects.len()).collect();
                self.ask_which(Phrase::NoSuchProject, &projects, &all).await;
            }
        }
    }

    async fn ask_which(&mut self, phrase: Phrase, projects: &[SpokenProject], which: &[usize]) {
        let few: Vec<&SpokenProject> = which.iter().filter_map(|&i| projects.get(i)).take(4).collect();
        let names: Vec<&str> = few.iter().map(|p| p.name.as_str()).collect();
        let text = self.phrase(phrase, &[("choices", &projects::choices(&names))]);
        let offered = few.iter().map(|p| p.id).collect();
        self.say(text).await;
        self.wait_for(Pending::WhichProject { offered }, ExpectedAnswer::Choice);
    }

    async fn tell(&mut self, project: &SpokenProject) {
        if self.tell_only(project).await {
            self.memory.failures = 0;
            self.go_on().await;
        } else {
            self.ask(Phrase::ToolFailed, Pending::OfferMessage, ExpectedAnswer::YesNo).await;
        }
    }

    async fn tell_only(&mut self, project: &SpokenProject) -> bool {
        let Ok(project) = self.project_status(project).await else { return false };
        self.memory.last_project = Some(project.id);
        let facts = Facts {
            name: &project.name,
            status: &project.status,
            last_update: project.last_update.as_deref(),
            next_milestone: project.next_milestone.as_deref(),
            due_on: project.due_on,
            stale_hours: project.stale_hours,
        };
        for sentence in projects::status_sentences(&facts, self.today(), SYNC_HOURS) {
            self.say(sentence).await;
        }
        true
    }
}

fn named(projects: &[SpokenProject]) -> Vec<Named<'_>> {
    projects.iter().map(|p| Named { name: &p.name, aliases: &p.aliases }).collect()
}

fn resolve(text: &str, projects: &[SpokenProject]) -> Match {
    projects::find(text, &named(projects))
}
