//! Makes a script of a scenario: every line spoken, every file read, before the telephone rings.

use audio::noise::NoiseKind;
use provider_traits::tts::TextToSpeech;

use super::file::{FateName, HangUp, NoiseName, Scenario, StepTable, WhenTable};
use crate::caller::script::{Action, Background, Fault, Step, When, malformed_messages};
use crate::caller::voice::{self, VoiceError};
use crate::line::session::{Ending, Fate, RawMessage};

const DEFAULT_NOISE_DBFS: f32 = -35.0;

/// The steps of a scenario, with an end of the call added when it has none.
pub(super) async fn script(
    scenario: &Scenario,
    voice_id: &str,
    seed: u64,
    tts: &dyn TextToSpeech,
) -> Result<Vec<Step>, VoiceError> {
    let mut steps = Vec::with_capacity(scenario.steps.len() + 1);
    for (index, table) in scenario.steps.iter().enumerate() {
        let table = table.get_ref();
        let action = action(table, scenario, voice_id, seed.wrapping_add(index as u64), tts).await?;
        // The default of what has no use for the agent's silence is "at once".
        let when = match (&table.when, &action) {
            (Some(when), _) => when_of(when, scenario),
            (None, Action::AwaitEnd | Action::Silence { .. }) => When::Now,
            (None, _) => When::AgentDone { quiet_ms: scenario.patience_ms },
        };
        let give_up_ms = match (table.await_end_ms, &when) {
            (Some(ms), _) => ms,
            (None, When::At { .. } | When::After { .. }) => u64::MAX / 8,
            _ => scenario.answer_timeout_ms,
        };
        steps.push(Step { index: Some(index), when, action, give_up_ms, optional: table.optional });
    }
    if !matches!(steps.last().map(|step| &step.action), Some(Action::End(_))) {
        let when = When::AgentDone { quiet_ms: scenario.patience_ms };
        let give_up_ms = scenario.answer_timeout_ms;
        steps.push(Step {
            index: None,
            when,
            action: Action::End(Ending::HangUp),
            give_up_ms,
            optional: false,
        });
    }
    Ok(steps)
}

/// The scenario's background noise.
pub(super) fn background(scenario: &Scenario, seed: u64) -> Option<Background> {
    let table = scenario.background.as_ref()?;
    Some(Background { kind: kind(table.noise), level_dbfs: table.dbfs, seed })
}

async fn action(
    table: &StepTable,
    scenario: &Scenario,
    voice_id: &str,
    seed: u64,
    tts: &dyn TextToSpeech,
) -> Result<Action, VoiceError> {
    let wants_answer = table.wants_answer.unwrap_or(true);
    if let Some(text) = &table.say {
        let voice_id = table.voice.as_deref().unwrap_or(voice_id);
        let samples = cut(voice::speak(tts, voice_id, text).await?, table.cut_after_ms);
        let faults = faults(table);
        return Ok(Action::Sound { samples, words: Some(text.clone()), wants_answer, faults });
    }
    if let Some(path) = &table.play {
        let samples = cut(voice::file(&scenario.folder.join(path)).await?, table.cut_after_ms);
        return Ok(Action::Sound {
            samples,
            words: table.words.clone(),
            wants_answer,
            faults: faults(table),
        });
    }
    if let Some(noise) = table.noise {
        let level = table.dbfs.unwrap_or(DEFAULT_NOISE_DBFS);
        let samples = voice::noise(kind(noise), level, table.ms.unwrap_or_default(), seed);
        return Ok(Action::Sound { samples, words: None, wants_answer: false, faults: Vec::new() });
    }
    if let Some(ms) = table.silence_ms {
        return Ok(Action::Silence { ms, lost: false });
    }
    if let Some(ms) = table.gap_ms {
        return Ok(Action::Silence { ms, lost: true });
    }
    if let Some(keys) = &table.dtmf {
        return Ok(Action::Keys(keys.chars().collect()));
    }
    if let Some(which) = &table.malformed {
        return Ok(Action::Raw(match which.as_str() {
            "all" => malformed_messages("MZ00000000000000000000000000000000"),
            text => vec![RawMessage::Text(text.to_owned())],
        }));
    }
    Ok(match table.hang_up {
        Some(HangUp::Stop) => Action::End(Ending::HangUp),
        Some(HangUp::Break) => Action::End(Ending::Break),
        None => Action::AwaitEnd,
    })
}

fn cut(mut samples: Vec<i16>, after_ms: Option<u64>) -> Vec<i16> {
    if let Some(ms) = after_ms {
        samples.truncate(usize::try_from(ms * 8).unwrap_or(usize::MAX));
    }
    samples
}

fn faults(table: &StepTable) -> Vec<Fault> {
    let fate = |name| match name {
        FateName::Lost => Fate::Lost,
        FateName::Doubled => Fate::Doubled,
        FateName::Swapped => Fate::Swapped,
    };
    table.faults.iter().map(|f| Fault { at_ms: f.at_ms, ms: f.ms, fate: fate(f.fate) }).collect()
}

fn kind(name: NoiseName) -> NoiseKind {
    match name {
        NoiseName::White => NoiseKind::White,
        NoiseName::Pink => NoiseKind::Pink,
        NoiseName::Clicks => NoiseKind::Clicks,
    }
}

fn when_of(table: &WhenTable, scenario: &Scenario) -> When {
    match table {
        WhenTable::Now => When::Now,
        WhenTable::AgentDone => When::AgentDone { quiet_ms: scenario.patience_ms },
        WhenTable::AgentSpeakingMs(for_ms) => When::AgentSpeaking { for_ms: *for_ms },
        WhenTable::AgentQuietMs(for_ms) => When::AgentQuiet { for_ms: *for_ms },
        WhenTable::AtMs(ms) => When::At { ms: *ms },
        WhenTable::AfterMs(ms) => When::After { ms: *ms },
        WhenTable::Heard(phrase) => When::Heard { phrase: phrase.clone() },
    }
}
