//! Everybody who has one connection of a pool waits for a second one.
//!
//! The pool has two connections. A request takes one for its transaction, and another one, from the same pool, to write
//! the audit. Two requests at a time have one each, and wait. The fixed form writes the audit through the connection that it
//! has.
//!
//! origin: superfly/corrosion#72 and launchbadge/sqlx#818 (waits for a connection that does not come), told with threads

use gordian::Named;
use gordian::sync::{Condvar, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

const CONNECTIONS: usize = 2;

struct Pool {
    idle: Mutex<usize>,
    returned: Condvar,
}

impl Pool {
    fn new() -> Self {
        Self { idle: Mutex::new(CONNECTIONS).named("idle connections"), returned: Condvar::new().named("returned") }
    }

    fn take(&self) {
        let idle = self.idle.lock().unwrap();
        let mut idle = self.returned.wait_while(idle, |idle| *idle == 0).unwrap(); //~ lost-wakeup
        *idle -= 1;
    }

    fn put(&self) {
        *self.idle.lock().unwrap() += 1;
        self.returned.notify_one();
    }
}

pub fn buggy() {
    let pool = Pool::new();
    let both = Barrier::new(CONNECTIONS);
    thread::scope(|scope| { //~ lost-wakeup
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                pool.take();
                both.wait();
                pool.take();
                pool.put();
                pool.put();
            });
        }
    });
}

pub fn fixed() {
    let pool = Pool::new();
    let both = Barrier::new(CONNECTIONS);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                pool.take();
                both.wait();
                pool.put();
            });
        }
    });
}
