//! From a synthesiser's WAV file to telephone audio, and the running of synthesisers as subprocesses.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use audio::energy::{SILENCE_DBFS, db_to_gain, rms_dbfs};
use audio::frame::FRAME_SAMPLES;
use audio::resample::ToTelephone;
use audio::{g711, wav};
use bytes::Bytes;
use provider_traits::error::ProviderError;
use provider_traits::tts::TtsAudio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

/// A program that writes a WAV file to its standard output.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Provider id, for errors.
    pub(crate) id: &'static str,
    path: PathBuf,
    /// More at once would only slow each other down.
    permits: Arc<Semaphore>,
    deadline: Duration,
    tasks: TaskTracker,
}

/// One run of a program: its arguments, and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) arguments: Vec<String>,
    pub(crate) input: String,
}

impl Program {
    pub(crate) fn new(id: &'static str, path: PathBuf, at_once: usize, deadline: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(at_once.max(1)));
        Self { id, path, permits, deadline, tasks: TaskTracker::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the program is there.
    pub(crate) fn is_installed(&self) -> bool {
        self.path.is_file()
    }

    /// Runs the parts of a text one after the other, each as soon as the one before is made, and sends their
    /// audio. The receiver's end of interest kills the program that runs.
    pub(crate) fn speak(&self, parts: Vec<Run>) -> Result<TtsAudio, ProviderError> {
        if !self.is_installed() {
            let reason = format!("{} is not installed", self.path.display());
            return Err(ProviderError::Unavailable { provider: self.id, reason });
        }
        // 32 chunks of 200 ms: a sentence fits, and a slow reader holds the rest back.
        let (sender, receiver) = mpsc::channel(32);
        let program = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = sender.closed() => {}
                () = program.send_parts(parts, &sender) => {}
            }
        });
        Ok(receiver)
    }

    async fn send_parts(&self, parts: Vec<Run>, sender: &mpsc::Sender<Result<Bytes, ProviderError>>) {
        for (index, part) in parts.into_iter().enumerate() {
            let speech = match self.render(&part).await {
                Ok(speech) => speech,
                Err(error) => {
                    // A closed channel means that nobody wants to know.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            let pause = if index == 0 { 0 } else { PAUSE_BETWEEN_SENTENCES };
            let mut codes = vec![g711::SILENCE; pause];
            g711::encode_into(&speech, &mut codes);
            let codes = Bytes::from(codes);
            for start in (0..codes.len()).step_by(CHUNK_BYTES) {
                let chunk = codes.slice(start..codes.len().min(start + CHUNK_BYTES));
                if sender.send(Ok(chunk)).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Runs once; answers 8 kHz samples, trimmed and levelled.
    async fn render(&self, run: &Run) -> Result<Vec<i16>, ProviderError> {
        let wav = self.output(run).await?;
        to_telephone(&wav).map_err(|reason| ProviderError::Unavailable { provider: self.id, reason })
    }

    /// Runs once; answers what the program wrote.
    pub(crate) async fn output(&self, run: &Run) -> Result<Vec<u8>, ProviderError> {
        let unavailable = |reason: String| ProviderError::Unavailable { provider: self.id, reason };
        let work = async {
            let permit = self.permits.acquire().await.expect("the semaphore is never closed");
            let mut child = Command::new(&self.path)
                .args(&run.arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| unavailable(format!("can't be started: {error}")))?;
            let mut stdin = child.stdin.take().expect("standard input was asked for");
            // A sentence fits into the pipe, so writing all before reading can't block for good. A program
            // that does not read its input closes it, which is no failure.
            let _ = stdin.write_all(run.input.as_bytes()).await;
            drop(stdin);
            let output =
                child.wait_with_output().await.map_err(|error| unavailable(format!("lost: {error}")))?;
            drop(permit);
            if !output.status.success() {
                return Err(unavailable(format!("ended with {}", output.status)));
            }
            Ok(output.stdout)
        };
        let waited_ms = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        tokio::time::timeout(self.deadline, work)
            .await
            .unwrap_or(Err(ProviderError::Timeout { provider: self.id, waited_ms }))
    }
}

/// 200 ms.
const CHUNK_BYTES: usize = 10 * FRAME_SAMPLES;
/// 180 ms of silence between two sentences of one text.
const PAUSE_BETWEEN_SENTENCES: usize = 9 * FRAME_SAMPLES;
/// Level of the loud parts of the speech: the usual one of telephone lines.
const TARGET_DBFS: f32 = -20.0;
/// A whisper is not blown up further than this.
const MAX_GAIN_DB: f32 = 15.0;
/// Peaks stay below full scale by about 1 dB.
const MAX_PEAK: f32 = 29_000.0;
/// What lies this far under the loud parts, at the ends, is silence.
const TRIM_BELOW_DB: f32 = 34.0;
/// Silence that is left at the beginning and at the end: sounds must not be cut, but an end costs latency.
const KEEP_BEFORE: usize = 320;
const KEEP_AFTER: usize = 640;

/// A WAV file as telephone audio: one channel, 8 kHz, silence at the ends cut, loudness made equal.
pub(crate) fn to_telephone(wav_file: &[u8]) -> Result<Vec<i16>, String> {
    let wav = wav::parse(wav_file).map_err(|error| error.to_string())?;
    let mut converter = ToTelephone::new(wav.sample_rate_hz).map_err(|error| error.to_string())?;
    let mut samples = Vec::new();
    converter.process(&wav.mono(), &mut samples);
    converter.finish(&mut samples);
    let loudness = loudness_dbfs(&samples);
    if loudness <= SILENCE_DBFS {
        return Ok(Vec::new());
    }
    let mut samples = trimmed(&samples, loudness - TRIM_BELOW_DB).to_vec();
    level(&mut samples, loudness);
    Ok(samples)
}

/// The mean level of the frames within 15 dB of the loudest: pauses do not count.
fn loudness_dbfs(samples: &[i16]) -> f32 {
    let levels: Vec<f32> = samples.chunks(FRAME_SAMPLES).map(rms_dbfs).collect();
    let loudest = levels.iter().copied().fold(SILENCE_DBFS, f32::max);
    let (sum, count) = levels
        .iter()
        .filter(|&&level| level > loudest - 15.0)
        .fold((0.0, 0.0), |(sum, count), level| (sum + level, count + 1.0));
    if count > 0.0 { sum / count } else { SILENCE_DBFS }
}

fn trimmed(samples: &[i16], silent_below_dbfs: f32) -> &[i16] {
    const BLOCK: usize = 80;
    let loud = |block: &[i16]| rms_dbfs(block) > silent_below_dbfs;
    let blocks =
        || samples.chunks(BLOCK).enumerate().filter(|(_, block)| loud(block)).map(|(index, _)| index);
    let (Some(first), Some(last)) = (blocks().next(), blocks().next_back()) else { return &[] };
    let start = (first * BLOCK).saturating_sub(KEEP_BEFORE);
    let end = ((last + 1) * BLOCK + KEEP_AFTER).min(samples.len());
    &samples[start..end]
}

fn level(samples: &mut [i16], loudness_dbfs: f32) {
    let peak =
        samples.iter().map(|sample| f32::from(sample.unsigned_abs().min(32_767) as i16)).fold(1.0, f32::max);
    let wanted = db_to_gain((TARGET_DBFS - loudness_dbfs).min(MAX_GAIN_DB));
    let gain = wanted.min(MAX_PEAK / peak);
    for sample in samples {
        *sample = (f32::from(*sample) * gain) as i16;
    }
}

/// Splits a text so that its first sentence can be heard while the next is made. Short sentences stay with the
/// one that follows: each part costs a process.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    const MIN_CHARS: usize = 24;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, mark) in text.char_indices().filter(|(_, c)| matches!(c, '.' | '?' | '!')) {
        let after = &text[at + mark.len_utf8()..];
        let word = text[start..at].rsplit(' ').next().unwrap_or("");
        let ends = after.starts_with(' ')
            && after.trim_start().starts_with(char::is_uppercase)
            // "Dr." and initials end no sentence.
            && (mark != '.' || word.chars().count() > 3);
        if ends && at - start >= MIN_CHARS {
            parts.push(text[start..=at].trim());
            start = at + 1;
        }
    }
    let rest = text[start..].trim();
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate_hz: u32, before: usize, tone: usize, after: usize, amplitude: f32) -> Vec<u8> {
        let mut samples = vec![0_i16; before];
        samples.extend((0..tone).map(|n| (amplitude * (n as f32 * 0.3).sin()) as i16));
        samples.extend(vec![0; after]);
        let mut bytes = wav::header(rate_hz, 1, samples.len() as u32 * 2).to_vec();
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn speech_is_trimmed_and_brought_to_one_loudness() {
        for amplitude in [900.0, 8_000.0, 30_000.0] {
            let samples = to_telephone(&wav(16_000, 8_000, 16_000, 8_000, amplitude)).unwrap();
            let ms = samples.len() / 8;
            assert!((1_060..=1_140).contains(&ms), "{ms} ms of one second with its margins");
            let loudness = loudness_dbfs(&samples);
            assert!((loudness - TARGET_DBFS).abs() < 1.0, "{amplitude}: {loudness}");
        }
    }

    #[test]
    fn silence_stays_silence() {
        assert_eq!(to_telephone(&wav(22_050, 1_000, 0, 1_000, 0.0)), Ok(Vec::new()));
        assert!(to_telephone(b"no audio").is_err());
    }

    #[test]
    fn texts_are_split_at_sentences_worth_a_process() {
        let check = |text: &str, parts: &[&str]| assert_eq!(sentences(text), parts);
        check("Hello. I am fine.", &["Hello. I am fine."]);
        check(
            "Thank you for calling Aurora Branding. This is Ava, how can I help?",
            &["Thank you for calling Aurora Branding.", "This is Ava, how can I help?"],
        );
        check(
            "Please ask for our lovely Dr. Smith tomorrow",
            &["Please ask for our lovely Dr. Smith tomorrow"],
        );
        check(
            "Write to info at example.com and we answer.",
            &["Write to info at example.com and we answer."],
        );
        check("  ", &[]);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_unavailable() {
        let program = Program::new("none", "/nowhere/none".into(), 1, Duration::from_secs(1));
        let error = program.speak(Vec::new()).expect_err("it is not installed");
        assert!(matches!(error, ProviderError::Unavailable { provider: "none", .. }));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_at_the_deadline() {
        let program = Program::new("sleep", "/bin/sleep".into(), 1, Duration::from_millis(50));
        let run = Run { arguments: vec!["600".to_owned()], input: String::new() };
        assert_eq!(
            program.output(&run).await,
            Err(ProviderError::Timeout { provider: "sleep", waited_ms: 50 })
        );
    }

    #[tokio::test]
    async fn a_program_that_fails_is_an_error_in_the_audio() {
        let program = Program::new("false", "/bin/false".into(), 1, Duration::from_secs(5));
        let run = Run { arguments: Vec::new(), input: "text".to_owned() };
        let mut audio = program.speak(vec![run]).unwrap();
        assert!(matches!(audio.recv().await, Some(Err(ProviderError::Unavailable { .. }))));
        assert_eq!(audio.recv().await, None);
    }
}
