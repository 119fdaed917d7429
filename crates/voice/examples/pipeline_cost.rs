//! What a pipeline call costs without speech recognition and synthesis: CPU per call and second, calls per
//! core, memory per call. Scripted stand-ins answer at once; gate, machine, playback, marks, recording and
//! log are the real ones.
//!
//! `cargo run --release -p voice --features stand-ins --example pipeline_cost`

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::call_log::Purpose;
use provider_traits::ambient::Ambient;
use provider_traits::brain::{Prompt, Thought};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use voice::call::{CallParts, Start, run};
use voice::phone::{Pace, PhoneIn, PhoneLine, PhoneOut};
use voice::stand_ins::{
    HummingTts, LoudIsVoice, PhraseStt, Playback, ScriptedMind, Step, SttFault, TtsFault, plan, voiced_frame,
};

const CALLS: usize = 200;
/// A round: 1.5 s of the caller, 4.5 s of listening.
const ROUNDS: usize = 5;
const SPEAKING_FRAMES: usize = 75;
const LISTENING_FRAMES: usize = 225;

fn answer(prompt: &Prompt) -> Vec<Step> {
    let text = match prompt {
        Prompt::PickedUp => "Hello, this is Aurora.",
        _ => "Your website is in review, and it goes live on Friday.",
    };
    vec![Step::Think(Thought::Say { text: text.into(), purpose: Purpose::Reply, interruptible: true })]
}

/// One call in lockstep; the caller waits in the middle of its last round until all calls are there.
async fn call(tasks: TaskTracker, everybody: Arc<tokio::sync::Barrier>) {
    let ambient = Ambient::system();
    let (to, incoming) = mpsc::channel(64);
    let (outgoing, mut from) = mpsc::channel(64);
    let (log, mut entries) = mpsc::channel(256);
    let (recording, mut blocks) = mpsc::channel(8);
    tasks.spawn(async move { while entries.recv().await.is_some() {} });
    tasks.spawn(async move { while blocks.recv().await.is_some() {} });
    let (mind, _asked) = ScriptedMind::new(Box::new(answer));
    let parts = CallParts {
        plan: Arc::new(plan(&*ambient.ids)),
        stt: Arc::new(PhraseStt::new(&["how is my website doing"], SttFault::None)),
        tts: Arc::new(HummingTts::new(TtsFault::None)),
        vad: Arc::new(LoudIsVoice),
        mind: Box::new(mind),
        log,
        recording: Some(recording),
        ambient,
        realtime: None,
        start: Start::default(),
        state: tokio::sync::watch::Sender::default(),
        drain: CancellationToken::new(),
        hand_over: CancellationToken::new(),
    };
    let session = tasks.spawn(run(parts, PhoneLine { incoming, outgoing, pace: Pace::Lockstep }));
    let mut playback = Playback::default();
    let mut sequence = 1;
    for round in 0..ROUNDS {
        for frame in 0..SPEAKING_FRAMES + LISTENING_FRAMES {
            while let Some(out) = from.recv().await {
                let marks = match out {
                    PhoneOut::Media { payload } => {
                        playback.media(payload.len());
                        Vec::new()
                    }
                    PhoneOut::Mark { name } => playback.mark(name).into_iter().collect(),
                    PhoneOut::Clear => playback.clear(),
                    PhoneOut::Processed { .. } => break,
                };
                for name in marks {
                    // A session that is over takes no marks.
                    let _gone = to.send(PhoneIn::Mark { name }).await;
                }
            }
            let voice = frame >= LISTENING_FRAMES;
            let payload = Bytes::copy_from_slice(&if voice { voiced_frame(0) } else { [0xFF; 160] });
            let timestamp_ms = (sequence - 1) * 20;
            sequence += 1;
            let _gone = to.send(PhoneIn::Media { sequence, timestamp_ms, payload }).await;
            for name in playback.play() {
                let _gone = to.send(PhoneIn::Mark { name }).await;
            }
            if round == ROUNDS - 1 && frame == LISTENING_FRAMES / 4 {
                everybody.wait().await;
                everybody.wait().await;
            }
        }
    }
    let _gone = to.send(PhoneIn::Stop).await;
    tasks.spawn(async move { while from.recv().await.is_some() {} });
    session.await.expect("a session does not panic");
}

/// User and system CPU time of this process, and its resident memory in bytes (Linux).
fn used() -> (Duration, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    // Fields 14 and 15 count ticks of 10 ms; 24 counts pages of 4 KiB.
    (Duration::from_millis((number(11) + number(12)) * 10), number(21) * 4_096)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "a measurement prints its result")]
async fn main() {
    let tasks = TaskTracker::new();
    let everybody = Arc::new(tokio::sync::Barrier::new(CALLS + 1));
    // Tables, runtime and allocator are warm before anything is measured.
    let alone = Arc::new(tokio::sync::Barrier::new(2));
    let first = tasks.spawn(call(tasks.clone(), Arc::clone(&alone)));
    alone.wait().await;
    alone.wait().await;
    first.await.expect("the first call");
    let (cpu_before, memory_before) = used();
    let calls: Vec<_> =
        (0..CALLS).map(|_| tasks.spawn(call(tasks.clone(), Arc::clone(&everybody)))).collect();
    everybody.wait().await;
    let (_, memory_at_height) = used();
    everybody.wait().await;
    for call in calls {
        call.await.expect("a call");
    }
    let (cpu_after, _) = used();
    let call_seconds = (CALLS * ROUNDS * (SPEAKING_FRAMES + LISTENING_FRAMES)) as f64 * 0.02;
    let cpu = (cpu_after - cpu_before).as_secs_f64();
    let memory_per_call = memory_at_height.saturating_sub(memory_before) as f64 / CALLS as f64 / 1_024.0;
    println!("calls                         {CALLS}");
    println!("call seconds                  {call_seconds:.0}");
    println!(
        "CPU per call and second       {:.0} us (stand-ins of caller, voice and transcriber included)",
        cpu / call_seconds * 1e6
    );
    println!("CPU per frame of 20 ms        {:.1} us", cpu / call_seconds * 0.02 * 1e6);
    println!("calls per core                {:.0}", call_seconds / cpu);
    println!("memory per call, speaking     {memory_per_call:.0} KiB (target: 512)");
}
