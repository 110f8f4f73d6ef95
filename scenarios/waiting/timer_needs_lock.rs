//! A thread holds a lock while it waits for a timer, and the thread of the timers wants the lock.
//!
//! The job locks the state and asks the timer thread for a tick. That thread, before it looks at its timers, locks the
//! state, too: the job waits for the tick, the timers wait for the lock. The fixed form waits without the lock.
//!
//! origin: the single mutex of the report "How to deadlock Tokio application in Rust with just a single mutex" (Turso), told
//! with a thread for the timers

use gordian::Named;
use gordian::sync::mpsc::{self, Receiver, Sender};
use gordian::sync::{Arc, Mutex};
use gordian::thread;

type State = Arc<Mutex<u32>>;

fn timers(state: &State) -> (Sender<Sender<()>>, thread::JoinHandle<()>) {
    let (timer, timers): (Sender<Sender<()>>, Receiver<_>) = mpsc::channel();
    timers.set_name("timers");
    let state = Arc::clone(state);
    let thread = thread::Builder::new().name("timer".to_owned());
    let thread = thread.spawn(move || {
        for tick in timers {
            *state.lock().unwrap() += 1; //~ wait-cycle
            tick.send(()).unwrap();
        }
    });
    (timer, thread.unwrap())
}

fn sleep(timer: &Sender<Sender<()>>) {
    let (tick, ticks) = mpsc::channel();
    ticks.set_name("tick");
    timer.send(tick).unwrap();
    ticks.recv().unwrap(); //~ wait-cycle
}

pub fn buggy() {
    let state = Arc::new(Mutex::new(0).named("state"));
    let (timer, timers) = timers(&state);
    let mut held = state.lock().unwrap(); //~ wait-cycle
    sleep(&timer);
    *held += 1;
    drop((held, timer));
    timers.join().unwrap();
}

pub fn fixed() {
    let state = Arc::new(Mutex::new(0).named("state"));
    let (timer, timers) = timers(&state);
    sleep(&timer);
    *state.lock().unwrap() += 1;
    drop(timer);
    timers.join().unwrap();
    assert_eq!(*state.lock().unwrap(), 2);
}
