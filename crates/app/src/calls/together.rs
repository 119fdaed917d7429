//! Does at once what many calls have to do with the database at about the same time: one transaction, not one for each
//! call. A transaction costs the process and the database more than the few rows in it.
//!
//! Whoever comes first waits for a moment, takes what has come and does it for all; nobody owns a task. Should it be
//! dropped meanwhile, the others learn that, and do their own.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::StoreError;
use tokio::sync::oneshot;

/// What became of something that was to be done together with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Joint<R> {
    /// It is done.
    Done(R),
    /// The database is away; for each of them it would be, too.
    Away {
        /// What was seen.
        reason: String,
    },
    /// It is not done, for a reason that need not be everybody's: it is to be tried alone.
    Alone,
}

struct Waiting<T, R> {
    item: T,
    answer: oneshot::Sender<Joint<R>>,
}

/// What waits to be done together, by what can be: a business, mostly. `T` is to be done, `R` comes of it.
pub(crate) struct Together<K, T, R> {
    gather: Duration,
    /// Most that is done at once, by the weight of the items.
    most: usize,
    waiting: Mutex<HashMap<K, Vec<Waiting<T, R>>>>,
}

/// Nobody waits for a first that is gone: those who came after it learn that it is.
struct First<'a, K: Hash + Eq, T, R> {
    together: &'a Together<K, T, R>,
    /// `None` when its group was taken: who comes then begins the next one.
    key: Option<K>,
}

impl<K: Hash + Eq, T, R> Together<K, T, R> {
    fn waiting(&self) -> MutexGuard<'_, HashMap<K, Vec<Waiting<T, R>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, T, R> First<'_, K, T, R> {
    fn take(&mut self) -> Vec<Waiting<T, R>> {
        let key = self.key.take();
        key.and_then(|key| self.together.waiting().remove(&key)).unwrap_or_default()
    }
}

impl<K: Hash + Eq, T, R> Drop for First<'_, K, T, R> {
    fn drop(&mut self) {
        self.take();
    }
}

impl<K: Hash + Eq + Copy, T: Weight, R> Together<K, T, R> {
    /// The first waits so long for others; a group is done in parts of at most this weight.
    pub(crate) fn new(gather: Duration, most: usize) -> Self {
        Self { gather, most, waiting: Mutex::default() }
    }

    /// Does `item` with those of others, by a `work` for all of them. It answers in their order; `None` is for what is
    /// to be tried alone.
    pub(crate) async fn join<W, F>(&self, key: K, item: T, work: W) -> Joint<R>
    where
        W: Fn(Vec<T>) -> F,
        F: Future<Output = Result<Vec<Option<R>>, StoreError>>,
    {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            let waiting = waiting.entry(key).or_default();
            waiting.push(Waiting { item, answer });
            waiting.len() == 1
        };
        if is_first {
            let mut first = First { together: self, key: Some(key) };
            tokio::time::sleep(self.gather).await;
            let mut rest = first.take().into_iter().peekable();
            while rest.peek().is_some() {
                let mut weight = 0;
                let mut part = Vec::new();
                while let Some(next) =
                    rest.next_if(|next| part.is_empty() || weight + next.item.weight() <= self.most)
                {
                    weight += next.item.weight();
                    part.push(next);
                }
                do_part(part, &work).await;
            }
        }
        answered.await.unwrap_or(Joint::Alone)
    }
}

/// How much of a statement something takes.
pub(crate) trait Weight {
    /// In rows.
    fn weight(&self) -> usize;
}

async fn do_part<T, R, W, F>(part: Vec<Waiting<T, R>>, work: &W)
where
    W: Fn(Vec<T>) -> F,
    F: Future<Output = Result<Vec<Option<R>>, StoreError>>,
{
    let (answers, items): (Vec<_>, Vec<_>) = part.into_iter().map(|one| (one.answer, one.item)).unzip();
    let done: Vec<Joint<R>> = match work(items).await {
        Ok(done) => done.into_iter().map(|done| done.map_or(Joint::Alone, Joint::Done)).collect(),
        Err(StoreError::Unavailable { reason }) => {
            answers.iter().map(|_| Joint::Away { reason: reason.clone() }).collect()
        }
        Err(error) => {
            tracing::debug!(calls = answers.len(), %error, "what calls have to store was not stored together");
            Vec::new()
        }
    };
    // Whoever gets no answer tries alone; whoever does not wait any more has no use for one.
    for (answer, done) in answers.into_iter().zip(done) {
        let _gone = answer.send(done);
    }
}

#[cfg(test)]
mod tests;
