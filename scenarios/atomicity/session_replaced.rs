//! Looking for a session and inserting it are two critical sections; this run is lucky.
//!
//! Both are locked, so there is no data race. But between the look, which finds no session, and the insertion, another
//! thread can look as well, and find none; then both insert one, and the second replaces the first. Opening a session is
//! marked as one step with `gordian::atomic`. In this run the second thread looks late, and finds the session of the first;
//! what it would have done otherwise is not known for sure, so this is `possible`. The fixed form holds the lock over both.
//!
//! origin: openethereum/parity-ethereum 6999957869 "fixed possible race" (#5764)

use gordian::sync::Mutex;
use gordian::unobserved::Barrier;
use gordian::{Named, Shared, thread};

struct Sessions {
    lock: Mutex<()>,
    of_peer: Shared<Option<u32>>,
}

impl Sessions {
    fn new() -> Self {
        Self { lock: Mutex::new(()).named("sessions"), of_peer: Shared::new(None).named("session of the peer") }
    }

    fn contains(&self) -> bool {
        let _held = self.lock.lock().unwrap();
        self.of_peer.get().is_some() //~ atomicity-violation
    }

    fn insert(&self, session: u32) {
        let _held = self.lock.lock().unwrap();
        self.of_peer.set(Some(session)); //~ atomicity-violation
    }

    fn open(&self, session: u32) -> bool {
        gordian::atomic("open a session", || {
            let known = self.contains();
            if !known {
                self.insert(session);
            }
            !known
        })
    }

    fn open_fixed(&self, session: u32) -> bool {
        gordian::atomic("open a session", || {
            let _held = self.lock.lock().unwrap();
            let known = self.of_peer.get().is_some();
            if !known {
                self.of_peer.set(Some(session));
            }
            !known
        })
    }
}

pub fn buggy() {
    run(Sessions::open);
}

pub fn fixed() {
    run(Sessions::open_fixed);
}

fn run(open: fn(&Sessions, u32) -> bool) {
    let sessions = Sessions::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(open(&sessions, 1));
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            assert!(!open(&sessions, 2));
        });
    });
}
