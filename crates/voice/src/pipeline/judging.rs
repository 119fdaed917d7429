//! Whether what was transcribed is a caller's turn: the phantom filter and the back-channel, with evidence.

use domain::expected_answer::ExpectedAnswer;
use domain::phantom_speech::{self, Evidence, Layers};

/// What is known of an utterance when its transcript is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard<'a> {
    /// The transcript.
    pub text: &'a str,
    /// The transcriber's confidence.
    pub confidence: Option<f32>,
    /// Milliseconds of voice in it.
    pub voice_ms: u32,
    /// Mean score of the voiced frames.
    pub mean_score: f32,
    /// Their mean level above the line's noise, in dB.
    pub above_noise_db: f32,
    /// What had been asked for.
    pub expecting: ExpectedAnswer,
    /// Whether the agent's voice was on the line during the utterance, or shortly before.
    pub over_agent: bool,
    /// Whether the agent had more to say, so that a mere "mm-hm" means "go on".
    pub agent_has_more: bool,
    /// The agent's last words.
    pub agent_words: &'a str,
}

/// Why an utterance is not a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Name of the layer.
    pub layer: &'static str,
    /// Why, in plain words.
    pub reason: String,
}

/// Judges an utterance; `Ok` means it is a turn.
///
/// # Errors
/// The first layer that says no.
pub fn judge(heard: &Heard<'_>) -> Result<(), Rejection> {
    let evidence = Evidence {
        text: heard.text,
        confidence: heard.confidence,
        speech_ms: heard.voice_ms,
        mean_voice_score: heard.mean_score,
        above_noise_db: Some(heard.above_noise_db),
        expecting: heard.expecting,
        agent_was_speaking: heard.over_agent,
        agent_words: heard.agent_words,
        vocabulary: None,
    };
    if let Err(rejection) = phantom_speech::judge(&evidence, &Layers::default()) {
        return Err(Rejection { layer: rejection.layer.name(), reason: rejection.reason });
    }
    // "Yes" to a question that is all but spoken is an answer; `agent_has_more` is false then.
    if heard.agent_has_more && phantom_speech::is_back_channel(heard.text) {
        let reason = "only shows that the caller listens".to_owned();
        return Err(Rejection { layer: "back_channel", reason });
    }
    Ok(())
}
