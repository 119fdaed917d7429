//! How the caller's projects stand, and what the knowledge base answers.

use domain::agent_phrases::Phrase;
use domain::projects::{self, Facts, Match, Named};
use provider_traits::tools::SpokenProject;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::{Answer, ConversationFunctions, Refusal, Run};
use crate::SYNC_HOURS;

/// Entries of the knowledge base that a model is shown; it judges itself which one fits.
const HITS: usize = 3;

impl ConversationFunctions {
    pub(super) async fn get_project_status(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["project"])?;
        let wanted = given.optional_text("project", 200)?.unwrap_or_default();
        let all = run.tool("list_projects", json!({}), self.tools.list_projects()).await?;
        let named: Vec<Named<'_>> =
            all.iter().map(|project| Named { name: &project.name, aliases: &project.aliases }).collect();
        let by_id = all.iter().position(|project| project.id.to_string() == wanted);
        let found = by_id.map_or_else(|| projects::find(wanted, &named), Match::One);
        let project = match (found, all.as_slice()) {
            (_, []) => return Ok(Answer::new(json!({ "say": self.phrase(Phrase::NoProjects) }))),
            (Match::One(at), _) => &all[at],
            (Match::None, [only]) => only,
            (Match::None, _) => {
                return Ok(which(&all, "no project of that name: ask which of these is meant"));
            }
            (Match::Several(few), _) => {
                let few: Vec<SpokenProject> = few.into_iter().map(|at| all[at].clone()).collect();
                return Ok(which(&few, "several projects fit: ask which of these is meant"));
            }
        };
        let arguments = json!({ "project": project.id, "name": project.name });
        let fresh = self.tools.get_project_status(project.id);
        let project = run.tool("get_project_status", arguments, fresh).await?;
        let facts = Facts {
            name: &project.name,
            status: &project.status,
            last_update: project.last_update.as_deref(),
            next_milestone: project.next_milestone.as_deref(),
            due_on: project.due_on,
            stale_hours: project.stale_hours,
        };
        let say = projects::status_sentences(&facts, self.today(), SYNC_HOURS).join(" ");
        Ok(Answer::new(json!({ "project": project.name, "status": project.status, "say": say })))
    }

    pub(super) async fn list_projects(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&[])?;
        let all = run.tool("list_projects", json!({}), self.tools.list_projects()).await?;
        if all.is_empty() {
            return Ok(Answer::new(json!({ "projects": [], "say": self.phrase(Phrase::NoProjects) })));
        }
        let projects: Vec<Value> = all
            .iter()
            .map(
                |project| json!({ "name": project.name, "status": project.status, "due_on": project.due_on }),
            )
            .collect();
        Ok(Answer::new(json!({ "projects": projects })))
    }

    pub(super) async fn search_knowledge(
        &self,
        run: &mut Run<'_>,
        given: &Arguments,
    ) -> Result<Answer, Refusal> {
        given.only(&["question"])?;
        let question = given.text("question", 500)?;
        let search = self.tools.search_knowledge(question);
        let hits = run.tool("search_knowledge", json!({ "question": question }), search).await?;
        if hits.is_empty() {
            let say = self.phrase(Phrase::DontKnow);
            return Ok(Answer::new(json!({ "answers": [], "say": say })));
        }
        let answers: Vec<Value> = hits
            .into_iter()
            .take(HITS)
            .map(|hit| json!({ "question": hit.question, "answer": hit.answer }))
            .collect();
        let note =
            "Give the answer that fits the caller's question. When none does, say that you don't know.";
        Ok(Answer::new(json!({ "answers": answers, "note": note })))
    }
}

fn which(projects: &[SpokenProject], note: &str) -> Answer {
    let names: Vec<&str> = projects.iter().map(|project| project.name.as_str()).collect();
    Answer::new(json!({ "projects": names, "note": note }))
}
