//! What the database does for each statement of the hot paths. The server itself is asked, over HTTP, and
//! PostgreSQL's `auto_explain` tells the plan of every statement it ran: what is judged is what runs, under the role
//! and the row-level security of requests, not a copy of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use serde_json::Value;
use store::bulk;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::requests;
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::{database, secrets, server};

/// A scan of a whole table that meets more rows than this is one that grows with the data.
const FEW_ROWS: f64 = 2_000.0;
/// Of all runs of a statement this part has to be within the limit; the rest is the machine's other work.
const PART: f64 = 0.9;

/// Runs the hot paths and judges every statement that they ran.
pub(super) async fn check(config: &Config, most_ms: f64, out: &mut impl Write) -> anyhow::Result<Exit> {
    let caught = Plans::default();
    let filter = tracing_subscriber::filter::Targets::new().with_target(bulk::NOTICES, tracing::Level::TRACE);
    tracing_subscriber::registry().with(caught.clone().with_filter(filter)).try_init()?;
    let open = crate::database::OpenDatabase::open(config).await?;
    if !bulk::is_for_measurements(&open.target).await? {
        open.close().await?;
        bail!("this database was not made by `studioconnect seed`: nothing is checked on it");
    }
    bulk::explain(&open.target, true)
        .await
        .context("the database can't explain (auto_explain, superuser)")?;
    open.close().await?;
    let database = database::open(config).await?;
    let listener = server::listen(config).await?;
    let running = server::start(config, database.db.clone(), listener).await?;
    let password = secrets::password();
    let agency = running.app.seed_demo(&password).await?;
    // What seeding and starting ran is not what is measured.
    caught.take();
    let outcome = requests::run(&running, &agency, &password).await;
    let plans = caught.take();
    running.stop(std::time::Duration::from_secs(5)).await;
    bulk::explain(&database.open.target, false).await?;
    database.close().await?;
    outcome?;
    judge(&plans, most_ms, out)
}

/// A statement's runs.
#[derive(Default)]
struct Statement {
    /// Milliseconds of each run.
    runs: Vec<f64>,
    /// Pages read from memory and disk, at most.
    pages: u64,
    /// How rows were found.
    ways: Vec<String>,
    /// Whole tables that were read.
    scans: Vec<String>,
}

fn judge(plans: &[String], most_ms: f64, out: &mut impl Write) -> anyhow::Result<Exit> {
    let mut statements: BTreeMap<String, Statement> = BTreeMap::new();
    for message in plans {
        let Some((millis, plan)) = read(message) else { continue };
        let text = plan["Query Text"].as_str().unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.contains("graphile_worker.") || text.is_empty() {
            continue;
        }
        let statement = statements.entry(text).or_default();
        statement.runs.push(millis);
        walk(&plan["Plan"], statement);
    }
    if statements.is_empty() {
        bail!("no plan was told: auto_explain does not work here");
    }
    let mut good = true;
    writeln!(out, "| statement | runs | median ms | p90 ms | worst ms | pages | found by |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    for (text, statement) in &mut statements {
        statement.runs.sort_by(f64::total_cmp);
        let at = |part: f64| statement.runs[((statement.runs.len() - 1) as f64 * part).round() as usize];
        let slow = at(PART) > most_ms;
        good &= !slow && statement.scans.is_empty();
        let mark = if slow || !statement.scans.is_empty() { "**" } else { "" };
        let short: String = text.chars().take(90).collect();
        writeln!(
            out,
            "| {mark}`{}`{mark} | {} | {:.2} | {:.2} | {:.2} | {} | {}{} |",
            short.replace('|', "\\|"),
            statement.runs.len(),
            at(0.5),
            at(PART),
            at(1.0),
            statement.pages,
            statement.ways.join(", "),
            statement.scans.iter().map(|scan| format!(" **reads all of {scan}**")).collect::<String>(),
        )?;
    }
    writeln!(
        out,
        "\n{} statements, {} runs",
        statements.len(),
        statements.values().map(|s| s.runs.len()).sum::<usize>()
    )?;
    Ok(if good { Exit::Done } else { Exit::NotAsExpected })
}

/// `duration: 0.123 ms  plan:` and then JSON.
fn read(message: &str) -> Option<(f64, Value)> {
    let (head, plan) = message.split_once("plan:")?;
    let millis = head.trim().strip_prefix("duration:")?.trim().strip_suffix("ms")?.trim().parse().ok()?;
    Some((millis, serde_json::from_str(plan.trim()).ok()?))
}

fn walk(node: &Value, statement: &mut Statement) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let way = match node["Index Name"].as_str() {
        Some(index) => Some(index.to_owned()),
        None if kind == "Seq Scan" => node["Relation Name"].as_str().map(|table| format!("all of {table}")),
        None => None,
    };
    if let Some(way) = way.filter(|way| !statement.ways.contains(way)) {
        statement.ways.push(way);
    }
    let met = (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops").max(1.0);
    if kind == "Seq Scan" && met > FEW_ROWS {
        let table = node["Relation Name"].as_str().unwrap_or_default().to_owned();
        if !statement.scans.contains(&table) {
            statement.scans.push(table);
        }
    }
    let pages = number("Shared Hit Blocks") + number("Shared Read Blocks");
    statement.pages = statement.pages.max(pages as u64);
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, statement);
    }
}

/// The plans that the database told.
#[derive(Clone, Default)]
struct Plans(Arc<Mutex<Vec<String>>>);

impl Plans {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Plans {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        if message.0.starts_with("duration:") {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.0);
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, node: &str, rows: u32) -> String {
        format!(
            r#"duration: 0.5 ms  plan:
            {{"Query Text": "{text}", "Plan": {{"Node Type": "Limit", "Shared Hit Blocks": 4, "Plans": [
              {{"Node Type": "{node}", "Relation Name": "calls", "Actual Rows": {rows}, "Actual Loops": 1}}]}}}}"#
        )
    }

    #[test]
    fn a_statement_that_reads_a_whole_large_table_is_no_good() {
        let judged = |plan: String, most: f64| judge(&[plan], most, &mut Vec::new()).expect("judged");
        assert_eq!(judged(told("SELECT 1", "Seq Scan", 100), 10.0), Exit::Done);
        assert_eq!(judged(told("SELECT 1", "Seq Scan", 100_000), 10.0), Exit::NotAsExpected);
        assert_eq!(judged(told("SELECT 1", "Index Scan", 100_000), 10.0), Exit::Done);
        assert_eq!(judged(told("SELECT 1", "Index Scan", 1), 0.1), Exit::NotAsExpected);
    }

    #[test]
    fn without_plans_there_is_no_verdict() {
        assert!(judge(&[], 10.0, &mut Vec::new()).is_err());
    }
}
