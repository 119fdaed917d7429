//! Whether a call was as expected: pure functions over what was heard and what is on record.

use audio::wav;
use regex::Regex;

use super::acoustics::{Activity, longest_silence};
use super::file::{FinalExpect, StepExpect, TurnExpect, ValueExpect};
use super::records::CallRecord;
use crate::caller::hearing::Heard;
use crate::caller::person::StepTimes;
use crate::line::session::LineReport;
use crate::twilio::call::CarrierReport;
use crate::words::{contains_phrase, words_of};

/// Everything a call left behind.
pub struct Evidence<'a> {
    /// The carrier's side.
    pub carrier: &'a CarrierReport,
    /// When the steps were done.
    pub steps: &'a [StepTimes],
    /// What the caller understood; `None` when nobody could listen to words.
    pub heard: Option<&'a [Heard]>,
    /// The caller's channel, without background noise where that can be told.
    pub caller: &'a Activity,
    /// The agent's channel.
    pub agent: &'a Activity,
    /// The server's record, if it could be had.
    pub record: Option<&'a CallRecord>,
    /// The server's recording, if there is one.
    pub recording: Option<&'a [u8]>,
    /// Spans in which the caller made a sound on purpose.
    pub caller_sounds: &'a [(u64, u64)],
}

/// The time from a step to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The step began.
    pub started_ms: u64,
    /// The step was done.
    pub done_ms: u64,
    /// The next step that asks for attention began, or the call ended.
    pub until_ms: u64,
}

impl Evidence<'_> {
    /// The window of the step at a position of the scenario; `None` when it was never reached.
    #[must_use]
    pub fn window(&self, index: usize) -> Option<Window> {
        let at = self.steps.iter().position(|times| times.index == Some(index))?;
        let times = &self.steps[at];
        let next = self.steps[at + 1..].iter().find(|next| next.takes_floor);
        let until_ms = next.map_or(u64::MAX, |next| next.started_ms);
        // What is said while the caller keeps silent is the answer to the silence.
        let done_ms = if times.is_silence { times.started_ms } else { times.ended_ms };
        Some(Window { started_ms: times.started_ms, done_ms, until_ms })
    }

    /// What the agent was heard to say in a step's window, after the step was done. Without a transcriber on
    /// the caller's side it is what the server has on record as heard.
    #[must_use]
    pub fn answer(&self, window: Window) -> String {
        match (self.heard, self.record) {
            (Some(heard), _) => heard
                .iter()
                .filter(|heard| heard.ended_ms > window.done_ms && heard.started_ms < window.until_ms)
                .map(|heard| heard.text.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            (None, Some(record)) => record.agent_text(window.done_ms, window.until_ms),
            (None, None) => String::new(),
        }
    }
}

/// Checks one step; gives back a sentence for everything that was not as expected.
#[must_use]
pub fn check_step(expect: &StepExpect, window: Window, evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let answer = evidence.answer(window);
    let words = words_of(&answer);
    let heard = |phrase: &String| contains_phrase(&words, phrase);
    for phrase in expect.heard_all.iter().filter(|phrase| !heard(phrase)) {
        wrong.push(format!("{phrase:?} was not heard in {answer:?}"));
    }
    if !expect.heard_any.is_empty() && !expect.heard_any.iter().any(heard) {
        wrong.push(format!("none of {:?} was heard in {answer:?}", expect.heard_any));
    }
    for phrase in expect.heard_none.iter().filter(|phrase| heard(phrase)) {
        wrong.push(format!("{phrase:?} was heard in {answer:?}"));
    }
    if let Some(some) = &expect.heard_some {
        let count = some.of.iter().filter(|phrase| heard(phrase)).count();
        if count < some.at_least {
            wrong.push(format!("{count} of {:?} were heard, not {}, in {answer:?}", some.of, some.at_least));
        }
    }
    if let Some(answered) = expect.answered {
        let sounded = evidence.agent.any(window.done_ms + 40, window.until_ms);
        if sounded != answered {
            wrong.push(format!("the agent {} after it", if sounded { "spoke" } else { "did not speak" }));
        }
    }
    check_floor(expect, window, evidence, &mut wrong);
    if let Some(most) = expect.silence_at_most_ms {
        let (longest, at) = silence(evidence, window.started_ms, window.until_ms);
        if longest > most {
            wrong.push(format!("silence of {longest} ms from {at} ms on, allowed are {most}"));
        }
    }
    if !expect.understood.is_empty() {
        let text = evidence.record.map(|record| understood(record, window)).unwrap_or_default();
        let words = words_of(&text);
        for phrase in expect.understood.iter().filter(|phrase| !contains_phrase(&words, phrase)) {
            wrong.push(format!("the server understood {text:?}, without {phrase:?}"));
        }
    }
    wrong
}

/// The server's transcript of what was said in a step's window.
#[must_use]
pub fn understood(record: &CallRecord, window: Window) -> String {
    // The server's gate opens and closes a little around the words.
    record.caller_text(window.started_ms, window.done_ms)
}

/// Who has the floor: interruptions, pauses, resumption.
fn check_floor(expect: &StepExpect, window: Window, evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    let stopped = evidence.agent.goes_quiet_at(window.started_ms);
    if let Some(most) = expect.agent_stops_within_ms {
        match stopped {
            None => wrong.push("the agent was not speaking when it should have been interrupted".to_owned()),
            Some(at) if at > window.started_ms + most => {
                let took = at - window.started_ms;
                wrong.push(format!("the agent went quiet after {took} ms, allowed are {most}"));
            }
            Some(_) => {}
        }
    }
    if let Some(most) = expect.agent_pause_at_most_ms {
        if stopped.is_none() {
            wrong.push("the agent was not speaking when it should have gone on speaking".to_owned());
        }
        let longest = evidence.agent.longest_pause_ms(window.started_ms, window.until_ms);
        if longest > most {
            wrong.push(format!("the agent paused for {longest} ms, allowed are {most}"));
        }
    }
    if let Some(resumed) = expect.resumed {
        let outcome = resumption(evidence, window);
        if outcome.is_ok() != resumed {
            wrong.push(match outcome {
                Ok(()) => "the agent went on where it was stopped".to_owned(),
                Err(why) => format!("the agent did not resume: {why}"),
            });
        }
    }
}

/// An agent that stops later than this after a step has come to its end rather than been stopped by the step.
const STOPPED_WITHIN_MS: u64 = 700;

fn resumption(evidence: &Evidence<'_>, window: Window) -> Result<(), String> {
    let agent = evidence.agent;
    let stopped = agent.goes_quiet_at(window.started_ms).ok_or("it was not speaking when interrupted")?;
    if stopped > window.done_ms + STOPPED_WITHIN_MS {
        // It was not impressed at all, which is the best way to go on.
        return Ok(());
    }
    let again = agent
        .first(stopped + 20)
        .filter(|&at| at < window.until_ms)
        .ok_or_else(|| format!("it was never heard again after {stopped} ms"))?;
    // The beginning of what was interrupted: the first sound after the last longer quiet before.
    let mut begun = window.started_ms;
    while begun >= 20 && agent.any(begun.saturating_sub(1_000), begun) {
        begun -= 20;
    }
    let first = agent.first(begun).unwrap_or(begun);
    if agent.begins_anew(first, again.saturating_sub(60)) {
        return Err(format!("what it had said from {first} ms on was heard again from about {again} ms on"));
    }
    Ok(())
}

/// The longest silence of both; what the caller does not say on purpose is no sound.
fn silence(evidence: &Evidence<'_>, from_ms: u64, to_ms: u64) -> (u64, u64) {
    let on_purpose = Activity::in_spans(evidence.agent.length_ms(), evidence.caller_sounds);
    longest_silence(&on_purpose, evidence.agent, from_ms, to_ms)
}

/// Checks what must be true after the call.
#[must_use]
pub fn check_final(expect: &FinalExpect, evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let line = evidence.carrier.line.as_ref();
    if let Some(most) = expect.silence_at_most_ms {
        let (longest, at) = silence(evidence, 0, u64::MAX);
        if longest > most {
            wrong.push(format!("silence of {longest} ms from {at} ms on, allowed are {most}"));
        }
    }
    if let Some(number) = &expect.dialled
        && !evidence.carrier.dialled().any(|dialled| dialled == number)
    {
        let dialled: Vec<&str> = evidence.carrier.dialled().collect();
        wrong.push(format!("{number} was not dialled, but {dialled:?}"));
    }
    let said = evidence.carrier.said().collect::<Vec<_>>().join(" ");
    for phrase in expect.carrier_says.iter().filter(|phrase| !contains_phrase(&words_of(&said), phrase)) {
        wrong.push(format!("the carrier did not say {phrase:?} but {said:?}"));
    }
    if expect.goodbye_heard == Some(true) {
        match line {
            Some(LineReport { unheard_at_end_ms: unheard @ 60.., .. }) => {
                wrong.push(format!("the agent's last {unheard} ms were cut off"));
            }
            Some(_) => {}
            None => wrong.push("there was no stream".to_owned()),
        }
    }
    match evidence.record {
        Some(record) => check_record(expect, record, evidence, &mut wrong),
        None if needs_record(expect) => {
            wrong.push("the server has no record of the call that could be read".to_owned());
        }
        None => {}
    }
    wrong
}

fn needs_record(expect: &FinalExpect) -> bool {
    expect.status.is_some()
        || expect.end_reason.is_some()
        || expect.caller_turns_at_least.is_some()
        || expect.caller_turns_at_most.is_some()
        || !expect.turns.is_empty()
        || !expect.rejected_by.is_empty()
        || expect.rejected_at_least.is_some()
        || !expect.tools.is_empty()
        || !expect.tools_not.is_empty()
        || !expect.lead.is_empty()
        || expect.has_lead.is_some()
        || expect.client.is_some()
        || expect.urgency_at_least.is_some()
        || expect.message.is_some()
        || expect.recording.is_some()
}

fn check_record(expect: &FinalExpect, record: &CallRecord, evidence: &Evidence<'_>, wrong: &mut Vec<String>) {
    if let Some(status) = expect.status.as_ref().filter(|status| **status != record.status) {
        wrong.push(format!("the call's status is {:?}, not {status:?}", record.status));
    }
    if let Some(reason) = &expect.end_reason
        && record.end_reason.as_ref() != Some(reason)
    {
        wrong.push(format!("the call ended because of {:?}, not {reason:?}", record.end_reason));
    }
    let count = record.counting(super::file::Who::Caller).count();
    if expect.caller_turns_at_least.is_some_and(|least| count < least)
        || expect.caller_turns_at_most.is_some_and(|most| count > most)
    {
        wrong.push(format!("{count} turns of the caller are on record"));
    }
    for turn in expect.turns.iter().filter(|turn| !has_turn(record, turn)) {
        wrong.push(format!("no turn of the {:?} with {:?} is on record", turn.who, turn.contains));
    }
    for layer in &expect.rejected_by {
        if !record.rejected().any(|turn| turn.rejected_by.as_ref() == Some(layer)) {
            let layers: Vec<_> = record.rejected().filter_map(|turn| turn.rejected_by.clone()).collect();
            wrong.push(format!("nothing was rejected by {layer:?}, only by {layers:?}"));
        }
    }
    if let Some(least) = expect.rejected_at_least
        && record.rejected().count() < least
    {
        wrong.push(format!("{} turns were rejected, not {least}", record.rejected().count()));
    }
    for tool in expect.tools.iter().filter(|tool| !record.tools.contains(tool)) {
        wrong.push(format!("the tool {tool:?} was not run, only {:?}", record.tools));
    }
    for tool in expect.tools_not.iter().filter(|tool| record.tools.contains(tool)) {
        wrong.push(format!("the tool {tool:?} was run"));
    }
    if expect.client.is_some() && expect.client != record.client {
        wrong.push(format!("the caller was recognised as {:?}, not {:?}", record.client, expect.client));
    }
    if expect.urgency_at_least.is_some_and(|least| record.urgency < least) {
        wrong.push(format!("the call's urgency is {}", record.urgency));
    }
    check_lead(expect, record, wrong);
    if let Some(value) = &expect.message
        && !record.messages.iter().any(|message| holds(value, message))
    {
        wrong.push(format!("no message {value:?} was taken, only {:?}", record.messages));
    }
    if expect.recording == Some(true)
        && let Err(why) = check_recording(evidence)
    {
        wrong.push(format!("the recording {why}"));
    }
    if expect.recording == Some(false) && record.has_recording {
        wrong.push("there is a recording".to_owned());
    }
}

fn check_lead(expect: &FinalExpect, record: &CallRecord, wrong: &mut Vec<String>) {
    if expect.has_lead.is_some_and(|has_lead| has_lead != record.lead.is_some()) {
        wrong.push(format!("there is {} lead", if record.lead.is_some() { "a" } else { "no" }));
    }
    for (field, value) in &expect.lead {
        let found = record.lead.as_ref().and_then(|lead| lead.get(field));
        if !found.is_some_and(|found| holds(value, found)) {
            wrong.push(format!("the lead's {field} is {found:?}, expected {value:?}"));
        }
    }
}

fn has_turn(record: &CallRecord, expect: &TurnExpect) -> bool {
    record.counting(expect.who).any(|turn| {
        let words = words_of(&turn.text);
        expect.contains.iter().all(|phrase| contains_phrase(&words, phrase))
            && expect.interrupted.is_none_or(|interrupted| interrupted == turn.interrupted)
    })
}

/// Whether a value meets every condition given.
#[must_use]
pub fn holds(expect: &ValueExpect, value: &str) -> bool {
    let plain = |text: &str| {
        let mut words = words_of(text);
        words.retain(|word| word != "dollars" && word != "usd");
        words
    };
    expect.equals.as_ref().is_none_or(|wanted| plain(wanted) == plain(value))
        && expect.contains.as_ref().is_none_or(|part| value.to_lowercase().contains(&part.to_lowercase()))
        && expect
            .matches
            .as_ref()
            .is_none_or(|pattern| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value)))
}

fn check_recording(evidence: &Evidence<'_>) -> Result<(), String> {
    let bytes = evidence.recording.ok_or("does not exist")?;
    let wav = wav::parse(bytes).map_err(|error| format!("is no WAV file: {error}"))?;
    if wav.channels != 2 {
        return Err(format!("has {} channels, not 2", wav.channels));
    }
    for (number, who) in [(0, "caller's"), (1, "agent's")] {
        let mut bytes = Vec::new();
        audio::g711::encode_into(&wav.channel(number), &mut bytes);
        if Activity::of(&bytes).audible_share() < 0.02 {
            return Err(format!("is silent on the {who} channel"));
        }
    }
    let length_ms = wav.samples.len() as u64 / 2 * 1000 / u64::from(wav.sample_rate_hz.max(1));
    let media_ms = evidence.carrier.line.as_ref().map_or(0, |line| line.media_ms);
    if length_ms + 2_000 < media_ms || length_ms > media_ms + 2_000 {
        return Err(format!("is {length_ms} ms long, the call was {media_ms} ms"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
