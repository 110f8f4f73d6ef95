//! [`std::sync::Barrier`], watched.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use crate::name::Named;
use crate::primitive::Mutex as Internal;
use crate::record::barriers::BarrierMeta;
use crate::record::queue::{Queue, Waiter};

/// [`std::sync::Barrier`], watched: same interface.
pub struct Barrier {
    meta: BarrierMeta,
    parties: usize,
    state: Internal<State>,
}

struct State {
    arrived: usize,
    queue: Queue,
}

/// [`std::sync::BarrierWaitResult`], which has no public constructor.
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// See [`std::sync::BarrierWaitResult::is_leader`]. Here it is the last to arrive.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// See [`std::sync::Barrier::new`].
    #[must_use]
    #[inline]
    #[track_caller]
    pub const fn new(n: usize) -> Self {
        Self {
            meta: BarrierMeta::new(n, Location::caller()),
            parties: n,
            state: Internal::new(State { arrived: 0, queue: Queue::new() }),
        }
    }

    /// See [`std::sync::Barrier::wait`].
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let place = Location::caller();
        let waiter = Waiter::new();
        let mut state = self.state.lock();
        state.arrived += 1;
        let last = state.arrived >= self.parties;
        let generation = self.meta.arrive(last, place);
        if last {
            state.arrived = 0;
            state.queue.end_all();
            drop(state);
        } else {
            state.queue.join(&waiter);
            // A panic on a deadlock leaves the party in the count: it has arrived.
            let waiting = self.meta.wait(place);
            drop(state);
            waiter.sleep(None);
            drop(waiting);
        }
        self.meta.leave(generation, place);
        BarrierWaitResult(last)
    }
}

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl Named for Barrier {
    fn set_name(&self, name: &str) {
        self.meta.set_name(name);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.is_leader()).finish()
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check_within, spawn};
    use crate::record::context::set_unwatched;

    /// Each round has all parties and one leader, and what was done before it is seen after it.
    fn rounds(parties: usize, rounds: usize) {
        set_unwatched();
        let shared = Arc::new((Barrier::new(parties), [0, 0, 0].map(Plain::new)));
        shared.0.set_name("barrier");
        let party = |number: usize| {
            let shared = Arc::clone(&shared);
            move || {
                let mut led = 0;
                for round in 1..=rounds {
                    shared.1[number].set(round);
                    led += usize::from(shared.0.wait().is_leader());
                    assert!(shared.1[..parties].iter().all(|seen| seen.get() == round));
                    led += 10 * usize::from(shared.0.wait().is_leader());
                }
                led
            }
        };
        let threads: Vec<_> = (1..parties).map(|number| spawn(party(number))).collect();
        let led: usize = party(0)() + threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>();
        assert_eq!(led, 11 * rounds);
    }

    #[test]
    fn two_parties_meet_again_and_again() {
        check_within(3, "two parties meet again and again", || rounds(2, 2));
    }

    #[test]
    fn three_parties_meet() {
        check_within(2, "three parties meet", || rounds(3, 1));
    }
}
