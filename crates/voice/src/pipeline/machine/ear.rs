//! The caller's side: utterances, pauses, interruptions, transcripts.

use std::collections::VecDeque;

use audio::vad::GateEvent;
use domain::call_log::EventKind;
use domain::ids::TurnId;
use provider_traits::brain::Prompt;

use super::super::judging::{self, Heard, Rejection};
use super::super::phrases;
use super::super::speech::{FRAME_MS, Stages};
use super::super::turn_detector::silence_to_wait_ms;
use super::{HeardFrame, Machine, MindState, Output, take_first};

/// The detector goes on scoring about this long after the voice has ended (median offset 90 to 110 ms,
/// measured with five voices through mu-law), so a pause is that much older than it looks.
const VAD_HANG_MS: u64 = 80;
/// A pause this long may be the end of the turn: the mind may think ahead. Shorter ones lie between words.
const FORESEE_AFTER_MS: u64 = 200;
/// Sound without any words is not believed to be speech after this long.
const WORDS_WITHIN_MS: u64 = 2_500;
/// The same before the transcriber has ever given words while somebody spoke: it may give none.
const WORDS_WITHIN_UNKNOWN_MS: u64 = 8_000;
/// Speech begun this soon after the agent's last audio may still be its echo.
const ECHO_TAIL_MS: u64 = 400;
/// With less than this left to say, the agent's question has been understood: "yes" is an answer.
const AS_GOOD_AS_SAID_MS: u64 = 1_000;

/// What is known of the caller's voice.
#[derive(Debug, Default)]
pub(super) struct Ear {
    utterances: u32,
    pub(super) open: Option<Utterance>,
    /// Ended utterances whose transcript is owed, oldest first.
    pub(super) owed: VecDeque<Utterance>,
    in_speech: bool,
    /// Whether the transcriber gives words while somebody speaks.
    gives_partials: bool,
    lost_in_a_row: u32,
}

/// Somebody speaking, perhaps.
#[derive(Debug)]
pub(super) struct Utterance {
    number: u32,
    turn: TurnId,
    started_ms: u64,
    pub(super) last_voice_ms: u64,
    /// Voice has ended for now.
    pausing: bool,
    /// Voiced time since the last onset.
    run_ms: u64,
    voice_ms: u64,
    score_sum: f32,
    above_noise_sum: f32,
    voiced_frames: u32,
    pub(super) words: String,
    /// The words that the mind was last told to think ahead about.
    foreseen: String,
    /// Too long without words to be believed.
    pub(super) doubted: bool,
    over_agent: bool,
    declared_ms: u64,
}

impl Utterance {
    /// Whether its end was told at least `ms` ago.
    pub(super) fn declared_before(&self, now_ms: u64, ms: u64) -> bool {
        now_ms >= self.declared_ms + ms
    }

    /// Whether the caller is taken to have the floor with it.
    fn has_the_floor(&self) -> bool {
        !self.doubted
    }
}

impl Machine {
    /// Whether the caller is speaking, or pausing in mid-utterance.
    pub(super) fn caller_has_the_floor(&self) -> bool {
        self.ear.open.as_ref().is_some_and(Utterance::has_the_floor)
    }

    pub(super) fn heard(&mut self, frame: &HeardFrame, out: &mut Vec<Output>) {
        self.ear.in_speech = frame.in_speech;
        match frame.event {
            Some(GateEvent::Onset { frames_ago }) => self.onset(frames_ago, out),
            Some(GateEvent::Offset { frames_ago }) => self.offset(frames_ago, out),
            None => {}
        }
        let now_ms = self.now_ms;
        let agent_sounds = self.mouth.sounds(now_ms);
        if let Some(open) = &mut self.ear.open
            && frame.voiced
        {
            open.last_voice_ms = now_ms;
            open.run_ms += FRAME_MS;
            open.voice_ms += FRAME_MS;
            open.voiced_frames += 1;
            open.score_sum += frame.score;
            open.above_noise_sum += frame.above_noise_db;
            open.over_agent |= agent_sounds;
        }
        self.watch_for_interruption(out);
    }

    fn onset(&mut self, frames_ago: u32, out: &mut Vec<Output>) {
        let back_ms = u64::from(frames_ago) * FRAME_MS;
        let started_ms = self.now_ms.saturating_sub(back_ms + FRAME_MS);
        out.push(Output::Log(EventKind::SpeechStarted));
        self.detector.on_vad(true);
        // This very frame is counted by the caller of this function.
        match &mut self.ear.open {
            Some(open) => {
                open.pausing = false;
                open.run_ms = back_ms;
                open.voice_ms += back_ms;
            }
            None => self.open_utterance(started_ms, frames_ago, back_ms, out),
        }
    }

    fn open_utterance(&mut self, started_ms: u64, frames_ago: u32, voice_ms: u64, out: &mut Vec<Output>) {
        let number = self.ear.utterances;
        self.ear.utterances += 1;
        self.detector.on_partial("");
        let just_spoke = self.last_agent_audio_ms > 0 && started_ms < self.last_agent_audio_ms + ECHO_TAIL_MS;
        self.ear.open = Some(Utterance {
            number,
            turn: self.new_turn_id(),
            started_ms,
            last_voice_ms: self.now_ms,
            pausing: false,
            run_ms: voice_ms,
            voice_ms,
            score_sum: 0.0,
            above_noise_sum: 0.0,
            voiced_frames: 0,
            words: String::new(),
            foreseen: String::new(),
            doubted: false,
            over_agent: just_spoke || self.mouth.sounds(self.now_ms),
            declared_ms: 0,
        });
        out.push(Output::StartUtterance { utterance: number, frames_ago });
    }

    fn offset(&mut self, frames_ago: u32, out: &mut Vec<Output>) {
        out.push(Output::Log(EventKind::SpeechEnded));
        self.detector.on_vad(false);
        if let Some(open) = &mut self.ear.open {
            open.pausing = true;
            open.run_ms = 0;
            let ended_ms = self.now_ms.saturating_sub(u64::from(frames_ago) * FRAME_MS);
            open.last_voice_ms = open.last_voice_ms.max(ended_ms.min(self.now_ms)).min(self.now_ms);
        }
    }

    /// Sustained speech over the agent's voice stops it. Doubted sound needs words to do so.
    fn watch_for_interruption(&mut self, out: &mut Vec<Output>) {
        let Some(open) = &self.ear.open else { return };
        let sustained = open.run_ms >= u64::from(self.settings.interruption_ms);
        let believed = !open.doubted || !open.words.is_empty();
        if sustained && believed && !self.mouth.is_held() && self.agent_may_be_interrupted() {
            self.fall_silent(out);
            self.mouth.hold();
        }
    }

    pub(super) fn partial(&mut self, utterance: u32, text: String, out: &mut Vec<Output>) {
        let said_something = text.chars().any(char::is_alphanumeric);
        let owed = self.ear.owed.iter_mut().find(|owed| owed.number == utterance);
        let open = self.ear.open.as_mut().filter(|open| open.number == utterance);
        let is_open = open.is_some();
        let Some(known) = open.or(owed) else { return };
        if known.words == text {
            return;
        }
        known.words = text;
        if said_something {
            known.doubted = false;
            self.ear.gives_partials = true;
        }
        let (turn, words) = (known.turn, known.words.clone());
        if is_open {
            self.detector.on_partial(&words);
        }
        out.push(Output::Log(EventKind::CallerPartial { turn, text: words }));
    }

    /// Ends the utterance when the pause is long enough, or when no pause ever comes.
    pub(super) fn watch_the_pause(&mut self, out: &mut Vec<Output>) {
        let expecting = self.expecting;
        let Some(open) = &mut self.ear.open else { return };
        let length_ms = self.now_ms.saturating_sub(open.started_ms);
        if length_ms >= u64::from(self.settings.max_utterance_ms) {
            return self.end_utterance(out);
        }
        if open.pausing {
            let wait_ms = silence_to_wait_ms(self.detector.on_pause(expecting), &self.settings);
            let paused_ms = self.now_ms.saturating_sub(open.last_voice_ms) + VAD_HANG_MS;
            if paused_ms >= wait_ms {
                return self.end_utterance(out);
            }
            if paused_ms >= FORESEE_AFTER_MS {
                self.foresee(out);
            }
            return;
        }
        let patience_ms = if self.ear.gives_partials { WORDS_WITHIN_MS } else { WORDS_WITHIN_UNKNOWN_MS };
        if !open.doubted && open.words.is_empty() && length_ms >= patience_ms {
            open.doubted = true;
            self.resume_speech(out);
        }
    }

    /// Lets the mind think ahead about the words so far, once for each state of them. Only while it has nothing else
    /// to do and the agent is silent: words over its voice may be an echo or a mere "mm-hm".
    fn foresee(&mut self, out: &mut Vec<Output>) {
        let idle = self.turn.is_none() && self.waiting.is_none() && self.mind == MindState::Free;
        let Some(open) = self.ear.open.as_mut().filter(|open| idle && !open.doubted && !open.over_agent)
        else {
            return;
        };
        if !open.words.is_empty() && open.words != open.foreseen && self.ear.owed.is_empty() {
            open.foreseen.clone_from(&open.words);
            out.push(Output::Foresee { words: open.words.clone() });
        }
    }

    fn end_utterance(&mut self, out: &mut Vec<Output>) {
        let Some(mut open) = self.ear.open.take() else { return };
        open.declared_ms = self.now_ms;
        if open.voice_ms < u64::from(self.settings.min_speech_ms) && open.words.is_empty() {
            out.push(Output::CancelUtterance { utterance: open.number });
            let reason = format!("only {} ms of voice", open.voice_ms);
            self.reject(&open, "", Rejection { layer: "length", reason }, out);
        } else {
            out.push(Output::EndUtterance { utterance: open.number });
            self.ear.owed.push_back(open);
        }
        // Voice that goes on (the longest utterance was reached) is the next utterance.
        if self.ear.in_speech && !self.closing.is_final() {
            self.open_utterance(self.now_ms, 0, 0, out);
        }
    }

    /// At the end of a call: the words in the air are a turn too.
    pub(super) fn end_open_utterance(&mut self, out: &mut Vec<Output>) {
        self.ear.in_speech = false;
        self.end_utterance(out);
    }

    pub(super) fn transcript(
        &mut self,
        number: u32,
        text: &str,
        confidence: Option<f32>,
        out: &mut Vec<Output>,
    ) {
        // Transcripts come in order: what is older and still owed will never come.
        while self.ear.owed.front().is_some_and(|owed| owed.number < number) {
            if let Some(late) = self.ear.owed.pop_front() {
                self.judge(&late, &late.words.clone(), None, out);
            }
        }
        let Some(utterance) = take_first(&mut self.ear.owed, |owed| owed.number == number) else { return };
        self.ear.lost_in_a_row = 0;
        self.judge(&utterance, text, confidence, out);
    }

    fn judge(&mut self, utterance: &Utterance, text: &str, confidence: Option<f32>, out: &mut Vec<Output>) {
        let frames = utterance.voiced_frames.max(1) as f32;
        let has_more = utterance.over_agent && self.agent_has_more_than(AS_GOOD_AS_SAID_MS);
        let agent_words = self.agent_words();
        let heard = Heard {
            text,
            confidence,
            voice_ms: utterance.voice_ms as u32,
            mean_score: utterance.score_sum / frames,
            above_noise_db: utterance.above_noise_sum / frames,
            expecting: self.expecting,
            over_agent: utterance.over_agent,
            agent_has_more: has_more,
            agent_words: &agent_words,
        };
        match judging::judge(&heard) {
            Ok(()) => self.accept(utterance, text, confidence, out),
            Err(rejection) => self.reject(utterance, text, rejection, out),
        }
    }

    fn accept(&mut self, utterance: &Utterance, text: &str, confidence: Option<f32>, out: &mut Vec<Output>) {
        let ended_ms = utterance.last_voice_ms.saturating_sub(VAD_HANG_MS).max(utterance.started_ms);
        out.push(Output::Log(EventKind::CallerTurn {
            turn: utterance.turn,
            started_ms: utterance.started_ms,
            ended_ms,
            text: text.to_owned(),
            confidence,
        }));
        self.contributed(utterance.last_voice_ms);
        if self.closing.is_final() {
            return;
        }
        let stages = Stages {
            ended_ms,
            declared_ms: utterance.declared_ms.max(ended_ms),
            final_ms: self.now_ms,
            said_ms: None,
            audio_ms: None,
        };
        let prompt =
            Prompt::CallerSaid { turn: utterance.turn, text: text.to_owned(), agent_was_heard: None };
        self.owe_an_answer(prompt, text, Some(stages), out);
    }

    fn reject(&mut self, utterance: &Utterance, text: &str, rejection: Rejection, out: &mut Vec<Output>) {
        out.push(Output::Log(EventKind::TurnRejected {
            turn: utterance.turn,
            started_ms: utterance.started_ms,
            ended_ms: utterance.last_voice_ms,
            text: text.to_owned(),
            layer: rejection.layer.to_owned(),
            reason: rejection.reason,
        }));
        self.withdraw_premature_filler();
        self.resume_speech(out);
    }

    /// The transcripts that are owed will not come: what was understood so far must do.
    pub(super) fn ears_lost(&mut self, out: &mut Vec<Output>) {
        let owed: Vec<Utterance> = self.ear.owed.drain(..).collect();
        let mut speechless = owed.is_empty() && self.ear.open.is_some();
        for utterance in owed {
            let words = utterance.words.clone();
            speechless |= words.is_empty() && utterance.voice_ms >= u64::from(self.settings.interruption_ms);
            self.judge(&utterance, &words, None, out);
        }
        self.ear.open = None;
        self.ear.lost_in_a_row += 1;
        if self.ear.lost_in_a_row > 2 {
            super::notice(
                out,
                "no_transcriber",
                "no transcriber works any more; the carrier's voice takes over",
            );
            self.leave_to_spoken_tail(out);
        } else if speechless && self.turn.is_none() {
            self.say_own(phrases::CANNOT_HEAR, out);
        } else {
            self.resume_speech(out);
        }
    }

    /// Takes what transcripts are owed as understood so far; nothing is waited for any more.
    pub(super) fn settle_transcripts(&mut self, out: &mut Vec<Output>) {
        let owed: Vec<Utterance> = self.ear.owed.drain(..).collect();
        for utterance in owed {
            let words = utterance.words.clone();
            self.judge(&utterance, &words, None, out);
        }
    }

    /// The oldest utterance that ended, has words, and waits for its transcript: its end, when that was declared,
    /// and its words.
    pub(super) fn words_in_transcription(&self) -> Option<(u64, u64, &str)> {
        let owed = self.ear.owed.iter().find(|owed| !owed.words.is_empty())?;
        Some((owed.last_voice_ms, owed.declared_ms, &owed.words))
    }

    /// Whether anything of the caller's is in the air that counts.
    pub(super) fn caller_is_active(&self) -> bool {
        self.caller_has_the_floor() || !self.ear.owed.is_empty()
    }
}
