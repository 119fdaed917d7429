//! Who does whose work, and what the others learn.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A call by its number; it weighs as much.
type Call = u32;

impl Weight for Call {
    fn weight(&self) -> usize {
        *self as usize
    }
}

/// What was done, transaction by transaction.
#[derive(Default)]
struct Work {
    done: Mutex<Vec<Vec<Call>>>,
}

/// Nobody may do this one's work for it.
const ITS_OWN: Call = 9;
/// The database refuses this one.
const BAD: Call = 13;

impl Work {
    async fn of(&self, together: &Together<(), Call, Call>, call: Call) -> Joint<Call> {
        together
            .join((), call, |calls: Vec<Call>| async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if calls.contains(&BAD) {
                    return Err(StoreError::Unsuitable { reason: "bad".to_owned() });
                }
                self.done.lock().expect("nobody panics").push(calls.clone());
                Ok(calls.into_iter().map(|call| (call != ITS_OWN).then_some(call * 10)).collect())
            })
            .await
    }

    fn take(&self) -> Vec<Vec<Call>> {
        std::mem::take(&mut *self.done.lock().expect("nobody panics"))
    }
}

fn together() -> Together<(), Call, Call> {
    Together::new(Duration::from_millis(100), 20)
}

#[tokio::test(start_paused = true)]
async fn what_comes_within_a_moment_is_done_at_once_and_each_learns_of_its_own() {
    let (together, work) = (together(), Work::default());
    let of = |call| work.of(&together, call);
    assert_eq!(tokio::join!(of(1), of(ITS_OWN), of(3)), (Joint::Done(10), Joint::Alone, Joint::Done(30)));
    assert_eq!(work.take(), [[1, ITS_OWN, 3]]);
    assert_eq!(of(4).await, Joint::Done(40));
    assert_eq!(work.take(), [[4]]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_a_group_is_worked_on_is_of_the_next() {
    let (together, work) = (together(), Work::default());
    let late = async {
        tokio::time::sleep(Duration::from_millis(105)).await;
        work.of(&together, 2).await
    };
    assert_eq!(tokio::join!(work.of(&together, 1), late), (Joint::Done(10), Joint::Done(20)));
    assert_eq!(work.take(), [[1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn more_than_one_statement_takes_is_done_in_parts() {
    let (together, work) = (together(), Work::default());
    let of = |call| work.of(&together, call);
    let done = tokio::join!(of(12), of(8), of(1), of(30), of(2));
    assert_eq!(done, (Joint::Done(120), Joint::Done(80), Joint::Done(10), Joint::Done(300), Joint::Done(20)));
    assert_eq!(work.take(), [vec![12, 8], vec![1], vec![30], vec![2]]);
}

#[tokio::test(start_paused = true)]
async fn what_the_database_refuses_is_left_to_each() {
    let (together, work) = (together(), Work::default());
    let of = |call| work.of(&together, call);
    assert_eq!(tokio::join!(of(1), of(BAD), of(3)), (Joint::Alone, Joint::Alone, Joint::Alone));
    assert_eq!(work.take(), Vec::<Vec<Call>>::new());
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_is_asked_once_and_not_by_each() {
    let (together, tries) = (together(), &AtomicU32::new(0));
    let of = |call| {
        together.join((), call, move |_calls: Vec<Call>| async move {
            tries.fetch_add(1, Ordering::Relaxed);
            Err(StoreError::Unavailable { reason: "gone".to_owned() })
        })
    };
    let away = Joint::Away { reason: "gone".to_owned() };
    assert_eq!(tokio::join!(of(1), of(2)), (away.clone(), away));
    assert_eq!(tries.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_first_that_is_gone() {
    let (together, work) = (together(), Work::default());
    // Dropped while it waits for others, and while it works for them.
    for first_lives_ms in [50, 105] {
        let first = tokio::time::timeout(Duration::from_millis(first_lives_ms), work.of(&together, 1));
        let second = async {
            tokio::task::yield_now().await;
            work.of(&together, 2).await
        };
        let (first, second) = tokio::join!(first, second);
        assert!(first.is_err());
        assert_eq!(second, Joint::Alone);
        assert_eq!(work.take(), Vec::<Vec<Call>>::new());
        assert!(together.waiting().is_empty());
    }
}
