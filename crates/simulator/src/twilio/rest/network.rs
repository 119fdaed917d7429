//! A caller's own call as the API knows it while it is in a conference: it can be told to go elsewhere.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::ledger::{Order, PlacedCall, now};
use super::{Shared, TwilioApi, conferences};

/// Orders that wait for a call to look.
const ORDERS: usize = 8;

/// The played network as a caller's side sees it.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// What became of a caller in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stayed {
    /// The call is told to go on with this document.
    GoOnAt(String),
    /// Somebody came; they talked, and the caller hung up.
    Talked,
    /// The call was ended from outside.
    Ended,
}

impl TwilioApi {
    /// The network, for a caller's side.
    #[must_use]
    pub fn network(&self) -> Network {
        Network(Arc::clone(&self.shared))
    }
}

impl Network {
    /// A caller is in a conference until somebody comes or the call is told otherwise.
    pub async fn stay(&self, call: &str, from: &str, to: &str, room: &str, ends: bool) -> Stayed {
        let mut listening = self.enter(call, from, to);
        self.0.book.write(|ledger| conferences::enter(ledger, room, call, ends));
        let company = self.0.book.until(|ledger| {
            let mut rooms = ledger.conferences.iter();
            rooms.any(|one| one.name == room && !one.is_over && one.participants.len() > 1)
        });
        let stayed = tokio::select! {
            order = listening.recv() => match order {
                Some(Order::GoOnAt(url)) => Stayed::GoOnAt(url),
                Some(Order::End) | None => Stayed::Ended,
            },
            () = company => Stayed::Talked,
        };
        if matches!(stayed, Stayed::GoOnAt(_)) {
            self.0.book.write(|ledger| conferences::leave(ledger, call));
        } else {
            self.hang_up(call);
        }
        stayed
    }

    /// A caller talks with somebody else's agent until the call is told to go on elsewhere; `None`: it was ended.
    pub async fn talk(&self, call: &str, from: &str, to: &str) -> Option<String> {
        match self.enter(call, from, to).recv().await {
            Some(Order::GoOnAt(url)) => Some(url),
            Some(Order::End) | None => None,
        }
    }

    /// A call in progress that takes orders.
    fn enter(&self, call: &str, from: &str, to: &str) -> mpsc::Receiver<Order> {
        let (orders, listening) = mpsc::channel(ORDERS);
        let leg = PlacedCall {
            sid: call.to_owned(),
            to: to.to_owned(),
            from: from.to_owned(),
            status: "in-progress".to_owned(),
            created: now(),
            form: Vec::new(),
            heard: Vec::new(),
            pressed: Vec::new(),
            dialled: Vec::new(),
            streams: Vec::new(),
            recorded: 0,
            errors: Vec::new(),
            is_over: false,
            orders,
        };
        self.0.book.write(|ledger| {
            ledger.calls.retain(|known| known.sid != leg.sid);
            ledger.calls.push(leg);
        });
        listening
    }

    /// The caller's call is over, and they are in no conference any more.
    pub fn hang_up(&self, call: &str) {
        self.0.book.write(|ledger| conferences::leave(ledger, call));
        self.0.book.call(call, |leg| {
            leg.is_over = true;
            "completed".clone_into(&mut leg.status);
        });
    }
}
