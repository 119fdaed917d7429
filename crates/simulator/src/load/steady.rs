//! A steady load: so many calls at once, all talking, for a while.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::Board;
use super::peer::Peer;
use super::person::Talk;
use super::phone::{Door, Ended, Farewell, NoStream};
use super::process::Sample;
use super::report::{Machine, Report, Tally};

/// A set-up that is not done by then, over all calls, is given up.
const SET_UP_WITHIN: Duration = Duration::from_secs(60);

/// What is to be done.
pub struct Plan {
    /// Calls at once.
    pub calls: u32,
    /// New calls in a second.
    pub ramp: f64,
    /// Calls are up for so long before anything is measured.
    pub warm_up: Duration,
    /// How long all calls are up and measured.
    pub measured: Duration,
    /// What the process under load is given to put away what calls took, before it is looked at the last time.
    pub cool_down: Duration,
    /// How callers talk.
    pub talk: Talk,
    /// The way to what is under load.
    pub door: Door,
    /// Its process, when it is on this machine.
    pub pid: Option<u32>,
}

/// What became of the calls.
#[derive(Debug, Default)]
struct Fates {
    open: AtomicUsize,
    settled: AtomicUsize,
    tally: Mutex<Tally>,
}

impl Fates {
    fn tally(&self, work: impl FnOnce(&mut Tally)) {
        work(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Runs the load. `board` must be the peer's, when there is a peer.
pub async fn run(plan: &Plan, board: &Arc<Board>, peer: Option<&Peer>) -> Report {
    let sample = || plan.pid.and_then(Sample::of);
    let before = sample();
    let fates = Arc::new(Fates::default());
    let hang_up = CancellationToken::new();
    let tasks = TaskTracker::new();
    let gap = Duration::from_secs_f64(1.0 / plan.ramp.max(0.1));
    let began = Instant::now();
    for number in 0..plan.calls {
        tokio::time::sleep_until(began + gap * number).await;
        let (door, board, fates) = (plan.door.clone(), Arc::clone(board), Arc::clone(&fates));
        let (hang_up, talk) = (hang_up.clone(), plan.talk);
        // Not all at once either: the end of a call is work, too.
        let linger = gap * number / 4;
        tasks.spawn(async move {
            let until = CancellationToken::new();
            let ends = async {
                hang_up.cancelled().await;
                tokio::time::sleep(linger).await;
                until.cancel();
                // The call says goodbye now, and ends both.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = call(number, talk, &door, &board, &fates, &until) => {}
                () = ends => {}
            }
        });
    }
    let all = plan.calls as usize;
    let _gave_up = tokio::time::timeout(SET_UP_WITHIN, async {
        while fates.settled.load(Ordering::Relaxed) < all {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let set_up_took = began.elapsed();
    tokio::time::sleep(plan.warm_up).await;
    let (first, own_first, at) = (sample(), Sample::own(), Instant::now());
    board.measure(true);
    tokio::time::sleep(plan.measured).await;
    board.measure(false);
    let (last, own_last, measured) = (sample(), Sample::own(), at.elapsed());
    let calls_up = fates.open.load(Ordering::Relaxed);
    let sessions_of_peer = peer.map(Peer::open);
    hang_up.cancel();
    tasks.close();
    tasks.wait().await;
    tokio::time::sleep(plan.cool_down).await;
    let after = sample();
    let tally = std::mem::take(&mut *fates.tally.lock().unwrap_or_else(PoisonError::into_inner));
    let machine = Machine::of(before, first, last, after, own_first.zip(own_last), measured, calls_up);
    Report::new(plan.calls, calls_up, sessions_of_peer, set_up_took, measured, tally, board, machine)
}

async fn call(
    number: u32,
    talk: Talk,
    door: &Door,
    board: &Arc<Board>,
    fates: &Fates,
    until: &CancellationToken,
) {
    let placed = match door.open(number, board).await {
        Ok(mut placed) => placed.begin().await.map(|()| placed).map_err(NoStream::Failed),
        Err(error) => Err(error),
    };
    fates.settled.fetch_add(1, Ordering::Relaxed);
    let placed = match placed {
        Ok(placed) => placed,
        Err(NoStream::Refused(words)) => return fates.tally(|tally| tally.refuse(words)),
        Err(NoStream::Failed(reason)) => return fates.tally(|tally| tally.fail(reason)),
    };
    fates.open.fetch_add(1, Ordering::Relaxed);
    let (ended, fields) = placed.talk(number, talk, board, until, Farewell::HangUp).await;
    fates.open.fetch_sub(1, Ordering::Relaxed);
    fates.tally(|tally| {
        tally.set_up += 1;
        match ended {
            Ended::AsPlanned => {}
            Ended::ByServer => tally.fail("the server ended the stream".to_owned()),
            Ended::Broken(reason) => tally.fail(reason),
        }
    });
    if let Err(error) = door.report_end(&fields).await {
        fates.tally(|tally| tally.fail(error.to_string()));
    }
}

impl Tally {
    fn refuse(&mut self, words: String) {
        self.refused += 1;
        count(&mut self.refusals, words);
    }

    fn fail(&mut self, reason: String) {
        self.failed += 1;
        count(&mut self.failures, reason);
    }
}

/// Different reasons that are kept; of thousands of failures most are alike.
const MOST_REASONS: usize = 20;

fn count(reasons: &mut BTreeMap<String, u64>, reason: String) {
    let reason = if reasons.len() < MOST_REASONS { reason } else { "others".to_owned() };
    *reasons.entry(reason).or_default() += 1;
}

#[cfg(test)]
mod tests;
