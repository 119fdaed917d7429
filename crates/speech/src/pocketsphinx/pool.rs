//! Which decoders there are: at most so many, each with one vocabulary, handed out to one call at a time.
//!
//! A decoder costs about 45 MB and half a second to make, so an idle one is kept for the next call with the
//! same vocabulary. It is let go only to make room for another vocabulary, never during a call.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::ffi::{Decoder, FfiError, Library};
use super::model::Model;
use super::worker::{Job, serve, warm_up};

/// What a new decoder needs.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) library: Arc<Library>,
    pub(super) model: Arc<Model>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) warm_up: Arc<[Vec<i16>]>,
}

/// A free decoder: its thread waits for a job. Dropping this ends the thread.
pub(super) struct Free {
    key: String,
    jobs: mpsc::Sender<Job>,
}

impl Free {
    /// Gives the decoder a call.
    pub(super) fn give(self, job: Job) -> Result<(), FfiError> {
        self.jobs.try_send(job).map_err(|_| FfiError::Failed("its thread"))
    }
}

/// The decoders.
pub(super) struct Pool {
    max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    alive: usize,
    free: Vec<Free>,
}

/// What the pool can do for a call.
pub(super) enum Place {
    /// A decoder is free.
    Free(Free),
    /// There is room for a new one; the place is kept by this value.
    Room(Room),
    /// All decoders are in calls.
    Full,
}

/// A counted place of a decoder; dropping it gives the place back.
pub(super) struct Room {
    pool: Weak<Pool>,
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.lock().alive -= 1;
        }
    }
}

impl Pool {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max: max.max(1), state: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A decoder, or a place for one.
    pub(super) fn take(self: &Arc<Self>, key: &str) -> Place {
        let mut state = self.lock();
        state.free.retain(|free| !free.jobs.is_closed());
        if let Some(at) = state.free.iter().rposition(|free| free.key == key) {
            return Place::Free(state.free.remove(at));
        }
        if state.alive >= self.max {
            if state.free.is_empty() {
                return Place::Full;
            }
            // The one free for longest makes room. Its thread ends by itself a moment later, so for that moment
            // there is one decoder more than allowed.
            state.free.remove(0);
        }
        state.alive += 1;
        drop(state);
        Place::Room(Room { pool: Arc::downgrade(self) })
    }

    /// Whether a decoder with this vocabulary is free.
    pub(super) fn has_free(&self, key: &str) -> bool {
        self.lock().free.iter().any(|free| free.key == key && !free.jobs.is_closed())
    }

    /// Takes back an unused decoder.
    pub(super) fn give_back(&self, free: Free) {
        self.lock().free.push(free);
    }
}

/// Starts a decoder's thread; the answer comes when its model is loaded and warm.
pub(super) fn start(
    recipe: Recipe,
    room: Room,
) -> Result<oneshot::Receiver<Result<Free, FfiError>>, std::io::Error> {
    let (ready, answer) = oneshot::channel();
    thread::Builder::new().name("pocketsphinx".to_owned()).spawn(move || live(&recipe, &room, ready))?;
    Ok(answer)
}

/// The life of a decoder's thread.
fn live(recipe: &Recipe, room: &Room, ready: oneshot::Sender<Result<Free, FfiError>>) {
    let made = Decoder::new(recipe.library.clone(), &recipe.settings)
        .and_then(|mut decoder| warm_up(&mut decoder, &recipe.warm_up).map(|()| decoder));
    let mut decoder = match made {
        Ok(decoder) => decoder,
        Err(error) => {
            // Whoever asked may have given up meanwhile.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let key = recipe.model.key.as_str();
    let (jobs, mut waiting) = mpsc::channel(1);
    let free = Free { key: key.to_owned(), jobs };
    if let Err(Ok(free)) = ready.send(Ok(free))
        && let Some(pool) = room.pool.upgrade()
    {
        pool.give_back(free);
    }
    while let Some(job) = waiting.blocking_recv() {
        // A decoder that failed once is not used again; nor does the next call's caller start from the sound of
        // this one's.
        if serve(&mut decoder, job).is_err() || warm_up(&mut decoder, &recipe.warm_up).is_err() {
            return;
        }
        let (jobs, next) = mpsc::channel(1);
        waiting = next;
        let Some(pool) = room.pool.upgrade() else { return };
        pool.give_back(Free { key: key.to_owned(), jobs });
    }
}
