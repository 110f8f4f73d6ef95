//! Looking for a session and inserting it are two critical sections.
//!
//! Both are locked, so there is no data race. But between the look, which finds no session, and the insertion, another
//! thread inserts one, and the first thread replaces it. Opening a session is marked as one step with `gordian::atomic`.
//! The fixed form holds the lock over both.
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

    fn open(&self, session: u32, looked: impl Fn()) -> bool {
        gordian::atomic("open a session", || {
            let known = self.contains();
            looked();
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
    let sessions = Sessions::new();
    let step = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let opened = sessions.open(1, || {
                step.wait();
                step.wait();
            });
            assert!(opened);
        });
        scope.spawn(|| {
            step.wait();
            assert!(sessions.open(2, || ()));
            step.wait();
        });
    });
}

pub fn fixed() {
    let sessions = Sessions::new();
    thread::scope(|scope| {
        let first = scope.spawn(|| sessions.open_fixed(1));
        let second = scope.spawn(|| sessions.open_fixed(2));
        assert!(first.join().unwrap() != second.join().unwrap());
    });
}
