//! Runs a scenario against a server and judges the call.

use std::sync::Arc;
use std::time::Duration;

use domain::call_plan::Vocabulary;
use provider_traits::ambient::{Clock as _, SystemClock};
use provider_traits::stt::SpeechToText;
use provider_traits::tts::TextToSpeech;
use tokio::sync::mpsc;

use super::acoustics::Activity;
use super::check::{Evidence, check_final, check_step, understood};
use super::compile;
use super::file::{Scenario, StepTable};
use super::records::{CallKey, CallRecord, Records};
use super::report::{Report, StepReport, Verdict};
use crate::caller::hearing::{Ear, Heard};
use crate::caller::person::{Account, Person, Progress, StepTimes};
use crate::caller::voice::VoiceError;
use crate::line::session::{LineEnd, Pace};
use crate::twilio::call::{CallOptions, place};
use crate::twilio::rest::network::Network;
use crate::twilio::webhook::Webhooks;
use crate::wer::WordErrors;
use crate::words::words_of;

/// What every run needs.
#[derive(Clone)]
pub struct Stage {
    /// The carrier's side of the server.
    pub webhooks: Webhooks,
    /// Speaks the caller's lines.
    pub tts: Arc<dyn TextToSpeech>,
    /// Understands the agent; without it words are checked against the server's own record.
    pub stt: Option<Arc<dyn SpeechToText>>,
    /// The server's records; without them what needs them fails.
    pub records: Option<Arc<dyn Records>>,
    /// Sentences the agent may say, for the caller's ear: true ones and distractors.
    pub agent_phrases: Vec<String>,
}

/// What may differ from run to run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Another voice than the scenario's.
    pub voice: Option<String>,
    /// Another pace.
    pub pace: Option<Pace>,
    /// Another seed.
    pub seed: Option<u64>,
    /// Another number to call.
    pub to: Option<String>,
    /// The network whose conferences the caller can enter.
    pub network: Option<Network>,
}

/// Why a run could not take place.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A sound of the caller could not be made.
    #[error("could not prepare the caller")]
    Voice(#[from] VoiceError),
}

/// How long the server may take to finish its record of a call.
const RECORD_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs a scenario. Everything that goes wrong in the call is in the report.
///
/// # Errors
/// When the caller's sounds can't be made.
pub async fn run(
    stage: &Stage,
    scenario: &Scenario,
    options: &RunOptions,
    progress: Option<mpsc::Sender<Progress>>,
) -> Result<Report, RunError> {
    let voice = options.voice.clone().unwrap_or_else(|| scenario.voice.clone());
    let seed = options.seed.unwrap_or(scenario.seed);
    let pace = options.pace.unwrap_or(scenario.pace);
    let mut notes = Vec::new();
    let steps = compile::script(scenario, &voice, seed, stage.tts.as_ref()).await?;
    let ear = match &stage.stt {
        Some(stt) => match Ear::with_words(stt.as_ref(), vocabulary(scenario, &stage.agent_phrases)).await {
            Ok(ear) => Some(ear),
            Err(error) => {
                notes.push(format!("the caller understands no words ({error})"));
                None
            }
        },
        None => {
            notes.push("the caller has no transcriber".to_owned());
            None
        }
    };
    let mut has_words = ear.is_some();
    let ear = ear.unwrap_or_else(Ear::deaf_to_words);
    let background = compile::background(scenario, seed);
    let mut person = Person::new(steps, ear, background, pace == Pace::Lockstep, progress);
    let call_options = CallOptions {
        pace,
        jitter_ms: scenario.jitter_ms,
        seed,
        max_ms: u64::from(scenario.max_seconds) * 1000,
        dial_result: scenario.dial,
        network: options.network.clone(),
        deliver_twice: scenario.deliver_twice,
        ..CallOptions::new(&scenario.from, options.to.as_deref().unwrap_or(&scenario.to))
    };
    let placed_at = SystemClock.now();
    let carrier = place(&stage.webhooks, &call_options, &mut person).await;
    let Account { steps: times, skipped, heard, failure } = person.finish().await;
    if let Some(failure) = failure {
        notes.push(format!("the caller's transcriber failed: {failure}"));
        has_words = false;
    }
    if !has_words {
        notes.push("words of the agent are checked against the server's own record".to_owned());
    }
    let key = CallKey {
        call_sid: carrier.call_sid.clone(),
        from: call_options.from.clone(),
        to: call_options.to.clone(),
        placed_at,
    };
    let record = final_record(stage, &key, &mut notes).await;
    let recording = match (&stage.records, &record) {
        (Some(records), Some(record)) if record.has_recording => {
            records.recording(record).await.unwrap_or_else(|error| {
                notes.push(error.to_string());
                None
            })
        }
        _ => None,
    };
    let empty = Vec::new();
    let line = carrier.line.as_ref();
    let caller = Activity::of(line.map_or(&empty, |line| &line.caller_audio));
    let agent = Activity::of(line.map_or(&empty, |line| &line.heard_audio));
    let caller_sounds: Vec<(u64, u64)> = times
        .iter()
        .filter(|times| times.index.is_some_and(|index| is_sound(scenario.steps[index].get_ref())))
        .map(|times| (times.started_ms, times.ended_ms))
        .collect();
    let evidence = Evidence {
        carrier: &carrier,
        steps: &times,
        heard: has_words.then_some(heard.as_slice()),
        caller: &caller,
        agent: &agent,
        record: record.as_ref(),
        recording: recording.as_deref(),
        caller_sounds: &caller_sounds,
    };
    let steps: Vec<StepReport> = scenario
        .steps
        .iter()
        .enumerate()
        .filter(|(index, _)| !skipped.contains(index))
        .map(|(index, step)| step_report(index, step.get_ref(), &evidence, &times, &heard))
        .collect();
    let mut wrong = check_final(&scenario.expect, &evidence);
    judge_line(&evidence, scenario, &mut wrong);
    let mut word_errors = WordErrors::default();
    steps.iter().filter_map(|step| step.word_errors).for_each(|errors| word_errors.add(errors));
    let passed = wrong.is_empty() && steps.iter().all(|step| step.wrong.is_empty());
    Ok(Report {
        scenario: scenario.name.clone(),
        voice,
        verdict: if passed { Verdict::Passed } else { Verdict::Failed },
        must_fail: scenario.must_fail,
        steps,
        wrong,
        notes,
        word_errors,
        media_ms: line.map_or(0, |line| line.media_ms),
        wall_ms: line.map_or(0, |line| line.wall_ms),
        lockstep: line.is_some_and(|line| line.lockstep_granted == Some(true)),
        violations: line.map_or_else(Vec::new, |line| line.violations.clone()),
        call_id: record.map(|record| record.id),
        carrier,
    })
}

/// What is wrong with any call, whatever was expected of it.
fn judge_line(evidence: &Evidence<'_>, scenario: &Scenario, wrong: &mut Vec<String>) {
    if let Some(error) = &evidence.carrier.error {
        wrong.push(error.clone());
    }
    let Some(line) = &evidence.carrier.line else {
        wrong.push("no stream was opened".to_owned());
        return;
    };
    if !line.violations.is_empty() {
        wrong.push(format!("the server broke the protocol {} times", line.violations.len()));
    }
    match line.end {
        LineEnd::TooLong => wrong.push(format!("the call took longer than {} s", scenario.max_seconds)),
        LineEnd::Lost => wrong.push("the server broke the stream off without closing it".to_owned()),
        LineEnd::CallerHungUp | LineEnd::CallerBroke | LineEnd::ServerClosed => {}
    }
}

fn step_report(
    index: usize,
    table: &StepTable,
    evidence: &Evidence<'_>,
    times: &[StepTimes],
    heard: &[Heard],
) -> StepReport {
    let caller = describe(table);
    let Some(window) = evidence.window(index) else {
        let wrong = vec!["the call was over before this step".to_owned()];
        return StepReport {
            caller,
            started_ms: None,
            understood: None,
            word_errors: None,
            answer: String::new(),
            answer_after_ms: None,
            latency: None,
            agent_stopped_after_ms: None,
            wrong,
        };
    };
    let mut wrong = check_step(&table.expect, window, evidence);
    let step = times.iter().find(|times| times.index == Some(index));
    if let Some(in_vain) = step.and_then(|times| times.waited_in_vain.as_ref()) {
        wrong.push(format!("waited in vain for {in_vain}"));
    }
    let words = table.say.as_ref().or(table.words.as_ref());
    // A line that was cut off, or that the network tampered with, says nothing of the transcriber.
    let is_whole = table.cut_after_ms.is_none() && table.faults.is_empty();
    let text = evidence.record.filter(|_| words.is_some()).map(|record| understood(record, window));
    let word_errors = match (words, &text) {
        (Some(said), Some(text)) if is_whole => Some(WordErrors::between(said, text)),
        _ => None,
    };
    let was_speaking = step.is_some_and(|times| times.agent_was_speaking);
    let answer =
        if heard.is_empty() && evidence.heard.is_some() { String::new() } else { evidence.answer(window) };
    StepReport {
        caller,
        started_ms: Some(window.started_ms),
        understood: text,
        word_errors,
        answer,
        answer_after_ms: evidence
            .agent
            .first(window.done_ms)
            .filter(|&at| at < window.until_ms && words.is_some() && at > window.done_ms)
            .map(|at| at - window.done_ms),
        latency: evidence.record.filter(|_| words.is_some()).and_then(|record| {
            record
                .counting(super::file::Who::Agent)
                .find(|turn| turn.started_ms + 20 >= window.done_ms && turn.started_ms < window.until_ms)
                .and_then(|turn| turn.latency)
        }),
        agent_stopped_after_ms: was_speaking
            .then(|| evidence.agent.goes_quiet_at(window.started_ms))
            .flatten()
            .map(|at| at.saturating_sub(window.started_ms)),
        wrong,
    }
}

fn is_sound(table: &StepTable) -> bool {
    table.say.is_some() || table.play.is_some() || table.noise.is_some()
}

fn describe(table: &StepTable) -> String {
    if let Some(text) = &table.say {
        return match table.cut_after_ms {
            Some(ms) => format!("{text} (cut off after {ms} ms)"),
            None => text.clone(),
        };
    }
    if let Some(path) = &table.play {
        return format!("[plays {}]", path.display());
    }
    if let Some(noise) = table.noise {
        return format!("[{noise:?} noise for {} ms]", table.ms.unwrap_or_default()).to_lowercase();
    }
    if let Some(ms) = table.silence_ms {
        return format!("[says nothing for {ms} ms]");
    }
    if let Some(ms) = table.gap_ms {
        return format!("[the line drops for {ms} ms]");
    }
    if let Some(keys) = &table.dtmf {
        return format!("[presses {keys}]");
    }
    if table.malformed.is_some() {
        return "[sends malformed messages]".to_owned();
    }
    match table.hang_up {
        Some(_) => "[hangs up]".to_owned(),
        None => "[waits for the end]".to_owned(),
    }
}

/// The words the caller's ear is prepared for: what is expected, what must not be heard, and what the agent may
/// say otherwise. Without the distractors a recogniser would hear what it is told to expect.
/// How often each sentence of the agent is shown to the model of the caller's ear.
const SIGHTINGS: usize = 4;

fn vocabulary(scenario: &Scenario, agent_phrases: &[String]) -> Vocabulary {
    let mut sentences: Vec<String> = agent_phrases
        .iter()
        .chain(&scenario.phrases)
        .map(|phrase| words_of(phrase).join(" "))
        .filter(|s| !s.is_empty())
        .collect();
    sentences.sort();
    sentences.dedup();
    let mut words = Vec::new();
    for step in &scenario.steps {
        let expect = &step.get_ref().expect;
        let some = expect.heard_some.iter().flat_map(|some| &some.of);
        let all = expect.heard_all.iter().chain(&expect.heard_any).chain(&expect.heard_none).chain(some);
        for alternative in all.flat_map(|phrase| phrase.split('|')) {
            words.extend(words_of(alternative));
        }
    }
    words.sort();
    words.dedup();
    // Equal content must give an equal key, and different content a different one.
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for text in sentences.iter().chain(&words) {
        digest.update(text.as_bytes());
        digest.update(b"\n");
    }
    let key = digest.finish().as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // An agent says its sentences to the letter, unlike a caller: a model made of single sightings would expect
    // something else too often.
    let sentences =
        sentences.iter().flat_map(|sentence| std::iter::repeat_n(sentence.clone(), SIGHTINGS)).collect();
    Vocabulary { key, sentences, words }
}

async fn final_record(stage: &Stage, key: &CallKey, notes: &mut Vec<String>) -> Option<CallRecord> {
    let records = stage.records.as_ref()?;
    let deadline = tokio::time::Instant::now() + RECORD_TIMEOUT;
    loop {
        let found = records.call(key).await;
        match found {
            Ok(Some(record)) if record.is_final => return Some(record),
            Err(error) => {
                notes.push(error.to_string());
                return None;
            }
            Ok(found) if tokio::time::Instant::now() >= deadline => {
                let seconds = RECORD_TIMEOUT.as_secs();
                notes.push(format!("the server's record of the call was not finished after {seconds} s"));
                return found;
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
