//! The plans of calls that were announced here, until their streams come: what was read to answer the carrier is not read
//! again a moment later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::call_plan::CallPlan;
use domain::ids::CallId;
use tokio::time::Instant;

/// A stream comes within a second or two. A call that rings for longer is read anew: its business may have changed.
const LIFE: Duration = Duration::from_secs(10);

/// Plans that wait for their call.
#[derive(Debug)]
pub(crate) struct AnnouncedPlans {
    waiting: Mutex<HashMap<CallId, (Instant, Arc<CallPlan>)>>,
    most: usize,
}

impl AnnouncedPlans {
    /// At most so many; the streams of further calls have theirs read.
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: Mutex::default(), most }
    }

    /// Keeps a plan for its call.
    pub(crate) fn keep(&self, plan: Arc<CallPlan>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (since, _)| since.elapsed() < LIFE);
        if waiting.len() < self.most {
            waiting.insert(plan.call_id, (Instant::now(), plan));
        }
    }

    /// The plan of a call, once.
    pub(crate) fn take(&self, call_id: CallId) -> Option<Arc<CallPlan>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, plan) = waiting.remove(&call_id)?;
        (since.elapsed() < LIFE).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use provider_traits::ambient::Ambient;
    use uuid::Uuid;

    use super::*;

    fn plan(number: u128) -> Arc<CallPlan> {
        let plan = voice::stand_ins::plan(&*Ambient::system().ids);
        Arc::new(CallPlan { call_id: CallId(Uuid::from_u128(number)), ..plan })
    }

    fn call(number: u128) -> CallId {
        CallId(Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_serves_its_call_once_and_for_a_moment() {
        let plans = AnnouncedPlans::new(2);
        plans.keep(plan(1));
        assert!(plans.take(call(2)).is_none());
        assert_eq!(plans.take(call(1)).expect("kept").call_id, call(1));
        assert!(plans.take(call(1)).is_none(), "a stream that connects again is told what is stored by then");
        plans.keep(plan(1));
        tokio::time::advance(LIFE).await;
        assert!(plans.take(call(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_never_come_leave_room_for_others() {
        let plans = AnnouncedPlans::new(2);
        for number in 1..=3 {
            plans.keep(plan(number));
        }
        assert!(plans.take(call(3)).is_none());
        tokio::time::advance(LIFE).await;
        plans.keep(plan(4));
        assert!(plans.take(call(4)).is_some());
    }
}
