//! The caller's side: utterances as the model detects them, interruptions, transcripts keyed by item.

use std::collections::VecDeque;

use audio::g711;
use bytes::Bytes;
use domain::call_log::{EventKind, Fault};
use domain::expected_answer::ExpectedAnswer;
use domain::ids::TurnId;
use domain::intents::{self, Intent};
use domain::urgency::{self, UrgencyRules};
use provider_traits::realtime::{Earlier, RealtimeInput};

use super::{Machine, Output, notice};
use crate::pipeline::judging::{self, Rejection};
use crate::pipeline::machine::HeardFrame;
use crate::realtime::answers::Reason;

/// Utterances whose words are awaited.
const MOST_ITEMS: usize = 32;
/// After speech stopped the turn is complete at the latest so much later.
const COMMITTED_WITHIN_MS: u64 = 1_500;
/// How long words are waited for, when they decide whether something was a turn.
const WORDS_WITHIN_MS: u64 = 700;
/// A gap in the caller's audio that is filled with silence, at most.
const MOST_FILLED_MS: u64 = 10_000;
/// Without audio for so long in mid-speech the model is given silence, so that it can find the end.
const STALLED_AFTER_MS: u64 = 750;
/// Loud audio of this length, with its pauses, is noticed by a model that hears.
const NOTICED_WITHIN_MS: u64 = 500;
/// Loud audio of this length may be a word; when a pause follows, a model that hears has noticed it.
const WORD_MS: u64 = 200;
/// The end of speech is told so much later than the configuration asks for, by a model that is there.
const END_TOLD_WITHIN_MS: u64 = 250;
/// A pause this long is not within a sentence.
const PAUSE_BETWEEN_WORDS_MS: u64 = 300;
/// After a lost session the caller is asked again when they have been silent for so long.
const ASKS_AGAIN_AFTER_MS: u64 = 700;
/// Keys are complete after this pause.
const KEYS_PAUSE_MS: u64 = 2_000;
/// Keys of one entry.
const MOST_KEYS: usize = 32;

/// An utterance.
#[derive(Debug)]
struct Utterance {
    item: String,
    turn: TurnId,
    started_ms: u64,
    ended_ms: Option<u64>,
    /// Milliseconds of voice that our own detector heard in it.
    voice_ms: u64,
    score_sum: f32,
    above_noise_sum: f32,
    /// It began while the agent spoke.
    over_agent: bool,
    has_words: bool,
}

/// The caller's side.
#[derive(Debug, Default)]
pub(super) struct Ear {
    items: VecDeque<Utterance>,
    /// The item that is being spoken.
    speaking: Option<String>,
    stopped_ms: Option<u64>,
    /// The item that may be an interruption, until it is confirmed or abandoned.
    candidate: Option<String>,
    /// The item whose words decide whether it is a turn, and until when they are waited for.
    pub(super) judging: Option<(String, u64)>,
    /// End of the caller's last speech and completion of the turn, until the answer sounds.
    pub(super) to_be_answered: Option<(u64, u64)>,
    /// The caller's last words.
    pub(super) last_words: String,
    /// Milliseconds of loud audio in a row, with pauses between words, and of the pause now.
    loud_ms: u64,
    soft_ms: u64,
    /// The session was lost while the caller spoke; whether the next one hears the rest is to be seen.
    cut_off: bool,
    last_audio_ms: u64,
    silence_given: bool,
}

impl Ear {
    /// Whether the caller has the floor.
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking.is_some() && self.candidate.is_none()
    }

    /// Whether the caller has fallen silent, and the model has not made a turn of it yet.
    pub(super) fn awaits_turn(&self) -> bool {
        self.stopped_ms.is_some()
    }

    /// Whether words are still to come.
    pub(super) fn awaits_words(&self) -> bool {
        self.items.iter().any(|item| !item.has_words && item.ended_ms.is_some())
    }

    /// The session is gone: what was being said will not be completed by it.
    pub(super) fn session_lost(&mut self, now_ms: u64) {
        self.cut_off |= self.speaking.is_some();
        if let Some(item) = self.speaking.take()
            && let Some(known) = self.items.iter_mut().find(|known| known.item == item)
        {
            known.ended_ms = Some(now_ms);
        }
        self.session_changed();
    }

    /// The caller was not heard by the session that is lost.
    pub(super) fn was_cut_off(&mut self) {
        self.cut_off = true;
    }

    /// Another session knows nothing of what this one was in the middle of.
    pub(super) fn session_changed(&mut self) {
        (self.speaking, self.stopped_ms, self.candidate, self.judging) = (None, None, None, None);
    }

    /// Whether the caller said something whose words were never told.
    pub(super) fn has_lost_words(&self) -> bool {
        self.cut_off || self.items.back().is_some_and(|item| !item.has_words)
    }

    /// Whether something of what the caller says is lost.
    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Since when the caller has been silent, by the energy of the audio.
    pub(super) fn silent_since_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.soft_ms)
    }

    /// Whether somebody speaks on, by the energy of the audio, whatever the model noticed.
    pub(super) fn is_loud(&self) -> bool {
        self.loud_ms > 0
    }

    /// The caller's last turn, when its words are known.
    pub(super) fn last_turn(&self) -> Option<(TurnId, &str)> {
        let last = self.items.back().filter(|item| item.has_words)?;
        (!self.last_words.is_empty()).then_some((last.turn, self.last_words.as_str()))
    }
}

impl Machine {
    pub(super) fn caller_audio(&mut self, audio: Bytes, missing_ms: u64, out: &mut Vec<Output>) {
        self.ear.last_audio_ms = self.now_ms;
        self.ear.silence_given = false;
        if missing_ms > 0 {
            self.pass_on(silence(missing_ms.min(MOST_FILLED_MS)), out);
        }
        self.pass_on(audio, out);
    }

    pub(super) fn speech_started(&mut self, item: String, out: &mut Vec<Output>) {
        if !self.closing.is_open() {
            return;
        }
        out.push(Output::Log(EventKind::SpeechStarted));
        self.ear.cut_off = false;
        let over_agent = self.ledger.sounds(self.now_ms);
        if self.ear.items.len() >= MOST_ITEMS {
            self.ear.items.pop_front();
        }
        self.ear.items.push_back(Utterance {
            item: item.clone(),
            turn: self.new_turn_id(),
            started_ms: self.now_ms.saturating_sub(u64::from(self.turn_taking.prefix_ms)),
            ended_ms: None,
            voice_ms: 0,
            score_sum: 0.0,
            above_noise_sum: 0.0,
            over_agent,
            has_words: false,
        });
        self.ear.speaking = Some(item.clone());
        self.ear.stopped_ms = None;
        self.quiet_since_ms = self.now_ms;
        self.silence_stage = 0;
        let greeting_is_protected = !self.greeting_interruptible && self.in_greeting();
        if greeting_is_protected || (over_agent && self.turn_taking.semantic_interruption) {
            self.ear.candidate = Some(item);
            return;
        }
        self.interrupt(out);
    }

    /// A frame as our own detector scored it: an interruption is confirmed by sustained speech, and abandoned when
    /// the speech stops before.
    pub(super) fn heard(&mut self, frame: &HeardFrame, out: &mut Vec<Output>) {
        let Some(speaking) = self.ear.speaking.clone() else { return };
        let Some(known) = self.ear.items.iter_mut().find(|known| known.item == speaking) else { return };
        if frame.voiced {
            known.voice_ms += 20;
            known.score_sum += frame.score;
            known.above_noise_sum += frame.above_noise_db;
        }
        let voice_ms = known.voice_ms;
        let confirmed = voice_ms >= u64::from(self.turn_taking.interruption_ms);
        let protected = !self.greeting_interruptible && self.in_greeting();
        if self.ear.candidate.is_some() && confirmed && !protected {
            self.ear.candidate = None;
            self.interrupt(out);
        }
    }

    pub(super) fn speech_stopped(&mut self, item: &str, out: &mut Vec<Output>) {
        if self.ear.speaking.as_deref() != Some(item) {
            return;
        }
        out.push(Output::Log(EventKind::SpeechEnded));
        let ended_ms = self.now_ms.saturating_sub(u64::from(self.turn_taking.silence_ms));
        if let Some(known) = self.ear.items.iter_mut().find(|known| known.item == item) {
            known.ended_ms = Some(ended_ms.max(known.started_ms));
        }
        self.ear.speaking = None;
        self.ear.stopped_ms = Some(self.now_ms);
        self.quiet_since_ms = self.now_ms;
    }

    pub(super) fn committed(&mut self, item: &str, out: &mut Vec<Output>) {
        if !self.closing.is_open() {
            return;
        }
        // A provider need not tell where speech begins and ends.
        if !self.ear.items.iter().any(|known| known.item == item) {
            self.speech_started(item.to_owned(), out);
        }
        if self.ear.speaking.as_deref() == Some(item) {
            self.speech_stopped(item, out);
        }
        let was_candidate = self.ear.candidate.as_deref() == Some(item);
        if was_candidate {
            self.ear.candidate = None;
        }
        self.ear.stopped_ms = None;
        if was_candidate {
            // Nothing was interrupted: its words tell whether it was a turn at all.
            self.ear.judging = Some((item.to_owned(), self.now_ms + WORDS_WITHIN_MS));
            return;
        }
        self.take_turn(item);
    }

    /// The caller's turn counts: an answer is owed.
    fn take_turn(&mut self, item: &str) {
        let ended_ms =
            self.ear.items.iter().find(|known| known.item == item).and_then(|known| known.ended_ms);
        self.ear.to_be_answered = Some((ended_ms.unwrap_or(self.now_ms), self.now_ms));
        self.owe(Reason::CallerSpoke);
    }

    pub(super) fn caller_words(&mut self, item: &str, text: &str, out: &mut Vec<Output>) {
        let Some(place) = self.ear.items.iter().position(|known| known.item == item && !known.has_words)
        else {
            return;
        };
        self.ear.items[place].has_words = true;
        let is_judged = self.ear.judging.as_ref().is_some_and(|(judged, _)| judged == item);
        let rejection = if is_judged { self.judge(place, text).err() } else { None };
        if is_judged {
            self.ear.judging = None;
            match rejection {
                Some(rejection) => return self.reject(place, text, rejection, out),
                None => {
                    self.interrupt(out);
                    self.take_turn(item);
                }
            }
        }
        let known = &self.ear.items[place];
        let (turn, started_ms) = (known.turn, known.started_ms);
        let ended_ms = known.ended_ms.unwrap_or(self.now_ms);
        let text = text.trim();
        if text.is_empty() {
            let rejection = Rejection {
                layer: "transcript",
                reason: "the model's transcriber understood nothing".to_owned(),
            };
            return log_rejected(turn, (started_ms, ended_ms), "", rejection, out);
        }
        text.clone_into(&mut self.ear.last_words);
        out.push(Output::Log(EventKind::CallerTurn {
            turn,
            started_ms,
            ended_ms,
            text: text.to_owned(),
            confidence: None,
        }));
        // The model tells nobody what a turn was about; the same rules as the rules brain's do.
        let is_urgent = urgency::assess(text, &UrgencyRules::default()).is_urgent();
        let intent = if is_urgent { Intent::Emergency } else { intents::classify(text) };
        out.push(Output::Log(EventKind::Intent { turn, intent: intent.name().to_owned() }));
    }

    fn judge(&self, place: usize, text: &str) -> Result<(), Rejection> {
        let known = &self.ear.items[place];
        let frames = (known.voice_ms / 20).max(1) as f32;
        judging::judge(&judging::Heard {
            text,
            confidence: None,
            voice_ms: u32::try_from(known.voice_ms).unwrap_or(u32::MAX),
            mean_score: known.score_sum / frames,
            above_noise_db: known.above_noise_sum / frames,
            expecting: ExpectedAnswer::Open,
            over_agent: known.over_agent,
            agent_has_more: self.ledger.sounds(self.now_ms),
            agent_words: "",
        })
    }

    /// It was no turn: the model is to forget it, and the agent has gone on speaking.
    fn reject(&mut self, place: usize, text: &str, rejection: Rejection, out: &mut Vec<Output>) {
        let known = &self.ear.items[place];
        let span = (known.started_ms, known.ended_ms.unwrap_or(self.now_ms));
        let (turn, item) = (known.turn, known.item.clone());
        self.ear.items.remove(place);
        log_rejected(turn, span, text, rejection, out);
        if self.link.is_up() {
            out.push(Output::ToModel(RealtimeInput::Forget { item }));
        }
    }

    /// The caller speaks, by the energy of the audio, and nothing comes of the model: it may be gone without a word.
    /// Energy alone is no proof of speech, so it is asked to show that it is there.
    pub(super) fn watch_for_a_deaf_model(&mut self, audio: &Bytes, is_loud: bool, out: &mut Vec<Output>) {
        let length_ms = audio.len() as u64 / 8;
        let mut had_a_word = false;
        if is_loud {
            (self.ear.loud_ms, self.ear.soft_ms) = (self.ear.loud_ms + length_ms, 0);
        } else {
            self.ear.soft_ms += length_ms;
            if self.ear.soft_ms >= PAUSE_BETWEEN_WORDS_MS {
                had_a_word = self.ear.loud_ms >= WORD_MS;
                self.ear.loud_ms = 0;
            }
        }
        if !self.closing.is_open() {
            return;
        }
        if had_a_word && !self.link.is_up() && self.was_heard {
            // Nobody hears it: there is no session.
            self.ear.cut_off = true;
        }
        let silence_ms = u64::from(self.turn_taking.silence_ms);
        let should_have_noticed = match self.ear.speaking {
            None => self.ear.loud_ms >= NOTICED_WITHIN_MS || had_a_word,
            Some(_) => self.ear.soft_ms >= silence_ms + END_TOLD_WITHIN_MS,
        };
        if should_have_noticed && self.now_ms >= self.last_model_ms + NOTICED_WITHIN_MS {
            self.probe(out);
        }
    }

    /// The caller's words are lost: they are asked for again. They have waited since they fell silent.
    pub(super) fn ask_again(&mut self) {
        self.ear.cut_off = false;
        self.tell(
            "The line to you broke off and the caller's last words were lost. Say in one short sentence that you did \
             not catch that, and ask them to say it again."
                .to_owned(),
        );
        let silent_since_ms = self.ear.silent_since_ms(self.now_ms);
        self.waiting_since_ms = self.waiting_since_ms.map(|since_ms| since_ms.min(silent_since_ms));
    }

    /// Boundaries that never come, words that never come.
    pub(super) fn watch_the_ear(&mut self, out: &mut Vec<Output>) {
        let is_soft = self.ear.soft_ms >= ASKS_AGAIN_AFTER_MS;
        if self.ear.cut_off && is_soft && self.ear.speaking.is_none() {
            // The rest of it was too short for the next session to hear, or there is none yet.
            self.ask_again();
        }
        if let Some((item, until_ms)) = self.ear.judging.clone()
            && self.now_ms >= until_ms
        {
            self.ear.judging = None;
            let place = self.ear.items.iter().position(|known| known.item == item);
            let voice_ms = place.map_or(0, |place| self.ear.items[place].voice_ms);
            match place {
                Some(place) if voice_ms < u64::from(self.turn_taking.min_speech_ms) => {
                    let reason = "hardly any voice in it, and no words came".to_owned();
                    self.reject(place, "", Rejection { layer: "voice", reason }, out);
                }
                Some(_) => {
                    self.interrupt(out);
                    self.take_turn(&item);
                }
                None => {}
            }
        }
        if let Some(stopped_ms) = self.ear.stopped_ms
            && self.now_ms >= stopped_ms + COMMITTED_WITHIN_MS
        {
            self.ear.stopped_ms = None;
            let text = "the model found the end of the caller's speech but made no turn of it";
            notice(out, "turn_not_completed", text, Some(Fault::Provider));
            self.ear.to_be_answered = None;
            self.owe(Reason::CallerSpoke);
        }
        let Some(speaking) = &self.ear.speaking else { return };
        let started_ms = self
            .ear
            .items
            .iter()
            .find(|known| known.item == *speaking)
            .map_or(self.now_ms, |known| known.started_ms);
        if self.now_ms >= started_ms + u64::from(self.turn_taking.max_utterance_ms) {
            // A boundary may never come (noise, music): the call must not wait for it.
            self.ear.session_lost(self.now_ms);
            let text = "the caller's speech had no end; the agent takes the floor";
            notice(out, "turn_without_end", text, Some(Fault::Provider));
            self.tell(
                "You could not make out what the caller said for a long time; perhaps it is loud around them. Say so \
                 in one sentence and ask how you can help."
                    .to_owned(),
            );
        } else if self.now_ms >= self.ear.last_audio_ms + STALLED_AFTER_MS && !self.ear.silence_given {
            self.ear.silence_given = true;
            self.pass_on(silence(1_000), out);
        }
    }

    /// A key: keys are words, once they are complete.
    pub(super) fn key(&mut self, digit: char, out: &mut Vec<Output>) {
        out.push(Output::Log(EventKind::Dtmf { digit }));
        self.quiet_since_ms = self.now_ms;
        self.silence_stage = 0;
        self.dialled_at_ms = self.now_ms;
        if self.ledger.sounds(self.now_ms) && (self.greeting_interruptible || !self.in_greeting()) {
            self.interrupt(out);
        }
        if digit != '#' && self.dialled.len() < MOST_KEYS {
            self.dialled.push(digit);
        }
        if digit == '#' {
            self.submit_keys(out);
        }
    }

    pub(super) fn watch_the_keys(&mut self, out: &mut Vec<Output>) {
        if !self.dialled.is_empty() && self.now_ms >= self.dialled_at_ms + KEYS_PAUSE_MS {
            self.submit_keys(out);
        }
    }

    fn submit_keys(&mut self, out: &mut Vec<Output>) {
        let keys = std::mem::take(&mut self.dialled);
        if keys.is_empty() || !self.link.is_up() {
            return;
        }
        let words = format!("(The caller pressed the keys {keys} on the telephone.)");
        out.push(Output::ToModel(RealtimeInput::Earlier(Earlier::Caller(words))));
        self.owe(Reason::CallerSpoke);
    }
}

fn log_rejected(turn: TurnId, span: (u64, u64), text: &str, rejection: Rejection, out: &mut Vec<Output>) {
    out.push(Output::Log(EventKind::TurnRejected {
        turn,
        started_ms: span.0,
        ended_ms: span.1,
        text: text.to_owned(),
        layer: rejection.layer.to_owned(),
        reason: rejection.reason,
    }));
}

fn silence(ms: u64) -> Bytes {
    Bytes::from(vec![g711::SILENCE; ms as usize * 8])
}
