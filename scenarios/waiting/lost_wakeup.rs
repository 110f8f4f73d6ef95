//! A thread waits without having looked whether what it waits for has happened.
//!
//! The runtime sets the flag and notifies; the shutdown takes the lock and waits, without a look at the flag. If the
//! notification comes first, nobody hears it, and the wait never ends. The fixed form looks before it waits.
//!
//! origin: emmett-framework/granian#900, fixed by #901

use gordian::Named;
use gordian::sync::{Arc, Condvar, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

struct Shutdown {
    done: Mutex<bool>,
    changed: Condvar,
}

impl Shutdown {
    fn new() -> Arc<Self> {
        Arc::new(Self { done: Mutex::new(false).named("done"), changed: Condvar::new().named("changed") })
    }

    fn finish(&self) {
        *self.done.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

pub fn buggy() {
    let shutdown = Shutdown::new();
    let early = Arc::new(Barrier::new(2));
    let runtime = thread::spawn({
        let (shutdown, early) = (Arc::clone(&shutdown), Arc::clone(&early));
        move || {
            shutdown.finish();
            early.wait();
        }
    });
    early.wait();
    let done = shutdown.done.lock().unwrap();
    drop(shutdown.changed.wait(done).unwrap()); //~ lost-wakeup
    runtime.join().unwrap();
}

pub fn fixed() {
    let shutdown = Shutdown::new();
    let runtime = thread::spawn({
        let shutdown = Arc::clone(&shutdown);
        move || shutdown.finish()
    });
    let done = shutdown.done.lock().unwrap();
    drop(shutdown.changed.wait_while(done, |done| !*done).unwrap());
    runtime.join().unwrap();
}
