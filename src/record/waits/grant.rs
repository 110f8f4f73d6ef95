//! How a thread sleeps until it is granted something.

use crate::primitive::{Condvar, Mutex};
use crate::record::context::Inside;

/// Puts a thread to sleep until another one grants what it waits for. A parker of its own, so that the user's wake-up
/// tokens are neither used up nor given by us.
#[derive(Default, Debug)]
pub(crate) struct Grant {
    granted: Mutex<bool>,
    changed: Condvar,
}

impl Grant {
    /// Ends the wait.
    pub(crate) fn give(&self) {
        *self.granted.lock() = true;
        self.changed.notify_one();
    }

    /// Sleeps until [`Grant::give`].
    pub(crate) fn wait(&self) {
        // The first wait of a thread allocates.
        let _inside = Inside::new();
        let mut granted = self.granted.lock();
        while !*granted {
            self.changed.wait(&mut granted);
        }
    }

    /// Sleeps until [`Grant::give`] or the deadline; true when granted.
    pub(crate) fn wait_until(&self, deadline: std::time::Instant) -> bool {
        let _inside = Inside::new();
        let mut granted = self.granted.lock();
        while !*granted {
            if self.changed.wait_until(&mut granted, deadline).timed_out() {
                return *granted;
            }
        }
        true
    }
}

#[cfg(test)]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::model::{Plain, check, spawn};

    /// A grant is never lost, whether it comes before the wait or after, and what was done before it is seen after it.
    #[test]
    fn a_grant_is_not_lost() {
        check("a grant is not lost", || {
            let shared = Arc::new((Grant::default(), Plain::new(0)));
            let giver = Arc::clone(&shared);
            let thread = spawn(move || {
                giver.1.set(1);
                giver.0.give();
            });
            shared.0.wait();
            assert_eq!(shared.1.get(), 1);
            // The second wait finds the grant of the first: it stays given.
            assert!(shared.0.wait_until(std::time::Instant::now()));
            thread.join().unwrap();
        });
    }
}
