//! `studioconnect doctor`: looks at this machine and the settings, and says how to mend what is wrong.

mod database;
mod machine;
mod mail;
mod models;
mod realtime;
mod speech;
mod telephone;

use std::fmt;
use std::io::Write;

use provider_traits::ambient::Ambient;

use crate::config::Loaded;
use crate::exit::Exit;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Well,
    /// It works, with less than it could.
    Less,
    /// It does not work.
    Broken,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    subject: &'static str,
    verdict: Verdict,
    said: String,
    /// What to do about it, unless all is well.
    remedy: Option<String>,
}

impl Finding {
    fn well(subject: &'static str, said: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Well, said: said.into(), remedy: None }
    }

    fn less(subject: &'static str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Less, said: said.into(), remedy: Some(remedy.into()) }
    }

    fn broken(subject: &'static str, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Broken, said: said.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::Well => "ok",
            Verdict::Less => "note",
            Verdict::Broken => "BROKEN",
        };
        write!(f, "{word:<7} {:<12} {}", self.subject, self.said)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "\n{:20} to mend: {remedy}", ""))
    }
}

/// Checks everything and prints the findings.
///
/// # Errors
/// When nothing can be printed.
pub async fn run(loaded: &Loaded, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = &loaded.config;
    let mut findings = vec![Finding::well("settings", "every setting is allowed")];
    findings.extend(
        loaded.notes().iter().map(|note| {
            Finding::less("settings", note.clone(), "nothing to do; unset it if you counted on it")
        }),
    );
    findings.push(machine::data_folder(&config.general.data_dir));
    findings.push(machine::port(config.server.host, config.server.port));
    findings.push(machine::clock(Ambient::system().now()));
    findings.push(database::finding(config).await);
    findings.extend(speech::findings(config));
    findings.push(realtime::finding(&config.openai));
    findings.extend(models::findings(config).await);
    findings.push(mail::finding(config));
    findings.extend(telephone::findings(config));
    report(&findings, out)
}

fn report(findings: &[Finding], out: &mut impl Write) -> anyhow::Result<Exit> {
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    let broken = findings.iter().filter(|finding| finding.verdict == Verdict::Broken).count();
    if broken == 0 {
        writeln!(out, "\nthe server can start")?;
        return Ok(Exit::Done);
    }
    writeln!(out, "\n{broken} of {} checks failed", findings.len())?;
    Ok(Exit::NotAsExpected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_thing_changes_the_status_and_names_its_remedy() {
        let mut out = Vec::new();
        let findings = [Finding::well("clock", "is sane"), Finding::broken("port", "is taken", "free it")];
        assert_eq!(report(&findings, &mut out).unwrap(), Exit::NotAsExpected);
        let said = String::from_utf8(out).unwrap();
        assert!(
            said.contains("BROKEN  port         is taken\n                     to mend: free it\n"),
            "{said}"
        );
    }

    #[test]
    fn a_note_does_not_change_the_status() {
        let findings = [Finding::less("speech", "one voice only", "install the other")];
        assert_eq!(report(&findings, &mut Vec::new()).unwrap(), Exit::Done);
    }
}
