//! What the hot paths of locks record is what was done, hold by hold. What is recorded is fixed once in a process: so one test is
//! that of this one, and the other runs itself again as such programs.
#![cfg(feature = "detect")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gordian::event::{Attempt, LockId, Mode, Names as _, Object, Op, ThreadId};
use gordian::sync::{Arc, Mutex, MutexGuard};
use gordian::trace::TraceReader;
use gordian::{Config, Named as _, thread};

/// What a thread does, or is recorded to have done. Its holds are numbered, and so are locks that live on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Acquired(usize, Option<usize>, Attempt),
    Read(usize),
    Written(usize),
    Released(usize),
}

/// Knuth's MMIX generator, of which the upper bits are good.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

struct Hold {
    guard: MutexGuard<'static, u32>,
    number: usize,
    /// Of a lock that lives on.
    lock: Option<usize>,
    read: bool,
    written: bool,
}

/// A thread that takes locks, looks at what they guard, changes it, and releases them in any order.
struct Walker {
    random: Random,
    /// The last [`SHARED`] of them are those of other threads, too.
    locks: Vec<&'static Mutex<u32>>,
    holds: Vec<Hold>,
    /// Holds there have been.
    count: usize,
    done: Vec<Step>,
}

const OWN: usize = 4;
const SHARED: usize = 2;
const STEPS: usize = 10_000;
/// Locks that a walker holds at a time, at most.
const DEEPEST: usize = 6;

impl Walker {
    fn new(seed: u64, shared: &[&'static Mutex<u32>]) -> Self {
        let own = (0..OWN).map(|_| &*Box::leak(Box::default()));
        let locks = own.chain(shared.iter().copied()).collect();
        Self { random: Random(seed), locks, holds: Vec::new(), count: 0, done: Vec::new() }
    }

    fn walk(mut self) -> Vec<Step> {
        for _ in 0..STEPS {
            self.step();
        }
        while let Some(last) = self.holds.len().checked_sub(1) {
            self.release(last);
        }
        self.done
    }

    fn step(&mut self) {
        let held = self.holds.len();
        match self.random.below(8) {
            // A new lock in the end.
            pick @ 0..=2 if held < DEEPEST => self.take(pick == 2),
            3 if held < DEEPEST => self.for_a_moment(),
            4 if held > 0 => {
                let place = self.random.below(held);
                self.look(place, false);
            }
            5 if held > 0 => {
                let place = self.random.below(held);
                self.look(place, true);
            }
            6 if held > 0 => self.release(held - 1),
            7 if held > 0 => {
                let place = self.random.below(held);
                self.release(place);
            }
            _ => {}
        }
    }

    fn take(&mut self, new: bool) {
        if new {
            let lock: &Mutex<u32> = Box::leak(Box::default());
            let guard = lock.lock().unwrap();
            return self.acquired(guard, None, Attempt::Blocking);
        }
        let number = self.random.below(self.locks.len());
        if self.holds.iter().any(|hold| hold.lock == Some(number)) {
            return;
        }
        // Who holds nothing can wait for the others'.
        if number < OWN || self.holds.is_empty() {
            let guard = self.locks[number].lock().unwrap();
            self.acquired(guard, Some(number), Attempt::Blocking);
        } else if let Ok(guard) = self.locks[number].try_lock() {
            self.acquired(guard, Some(number), Attempt::Try);
        }
    }

    fn acquired(&mut self, guard: MutexGuard<'static, u32>, lock: Option<usize>, attempt: Attempt) {
        let number = self.count;
        self.count += 1;
        self.done.push(Step::Acquired(number, lock, attempt));
        self.holds.push(Hold { guard, number, lock, read: false, written: false });
    }

    fn look(&mut self, place: usize, change: bool) {
        let hold = &mut self.holds[place];
        match change {
            true => *hold.guard += 1,
            false => assert!(*hold.guard < u32::MAX),
        }
        if !std::mem::replace(&mut hold.read, true) {
            self.done.push(Step::Read(hold.number));
        }
        if change && !std::mem::replace(&mut hold.written, true) {
            self.done.push(Step::Written(hold.number));
        }
    }

    fn release(&mut self, place: usize) {
        let hold = self.holds.remove(place);
        self.done.push(Step::Released(hold.number));
    }

    /// A lock that is gone right after.
    fn for_a_moment(&mut self) {
        let lock = Mutex::new(0);
        *lock.lock().unwrap() += 1;
        let number = self.count;
        self.count += 1;
        self.done.push(Step::Acquired(number, None, Attempt::Blocking));
        self.done.extend([Step::Read, Step::Written, Step::Released].map(|step| step(number)));
    }
}

/// The steps that a thread's events tell. `done` says which of its locks live on: these have one identifier.
struct Told<'a> {
    done: &'a [Step],
    open: BTreeMap<LockId, usize>,
    known: BTreeMap<usize, LockId>,
    count: usize,
    steps: Vec<Step>,
}

impl Told<'_> {
    fn tell(&mut self, op: Op) {
        let step = match op {
            Op::Acquired { lock, mode: Mode::Exclusive, attempt } => {
                let number = self.count;
                self.count += 1;
                assert_eq!(self.open.insert(lock, number), None, "{lock:?} is held already");
                let lives_on = match self.done.get(self.steps.len()) {
                    Some(&Step::Acquired(_, lives_on, _)) => lives_on,
                    _ => None,
                };
                if let Some(lives_on) = lives_on {
                    assert_eq!(*self.known.entry(lives_on).or_insert(lock), lock, "the lock had another name before");
                }
                Step::Acquired(number, lives_on, attempt)
            }
            Op::DataRead { lock } => Step::Read(self.open[&lock]),
            Op::DataWrite { lock } => Step::Written(self.open[&lock]),
            Op::Released { lock, mode: Mode::Exclusive } => {
                Step::Released(self.open.remove(&lock).expect("it is held"))
            }
            _ => return,
        };
        self.steps.push(step);
    }
}

#[test]
fn holds_are_recorded_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace");
    gordian::start(Config { record: Some(path.clone()), ..Config::default() }).unwrap();
    let shared: Arc<Vec<&'static Mutex<u32>>> =
        Arc::new((0..SHARED).map(|_| &*Box::leak(Box::<Mutex<u32>>::default())).collect());
    let walkers: Vec<_> = (0..3_u64)
        .map(|number| {
            let shared = Arc::clone(&shared);
            let walk = move || Walker::new(number, &shared).walk();
            thread::Builder::new().name(format!("walker {number}")).spawn(walk).unwrap()
        })
        .collect();
    let done: Vec<Vec<Step>> = walkers.into_iter().map(|walker| walker.join().unwrap()).collect();
    gordian::finish().unwrap();

    let mut reader = TraceReader::open_file(&path).unwrap();
    let events = reader.read_to_end().unwrap();
    for (number, done) in done.iter().enumerate() {
        let name = format!("walker {number}");
        let (open, known) = (BTreeMap::new(), BTreeMap::new());
        let mut told = Told { done, open, known, count: 0, steps: Vec::new() };
        let named = |thread: &ThreadId| reader.names().thread_name(*thread).as_deref() == Some(&name);
        let its_own = events.iter().map(|event| event.owner.thread).find(named).expect("it did something");
        events.iter().filter(|event| event.owner.thread == its_own).for_each(|event| told.tell(event.op));
        let differs = done.iter().zip(&told.steps).position(|(done, told)| done != told);
        assert_eq!(
            differs,
            None,
            "of {name}: {:?}",
            differs.map(|at| (&done[at.saturating_sub(3)..=at], told.steps[at]))
        );
        assert_eq!((told.steps.len(), told.open.len()), (done.len(), 0));
    }
}

/// What the program is told by: where to record to, and whether to look for races.
const TRACE: &str = "GORDIAN_TEST_TRACE";
const RACES: &str = "GORDIAN_TEST_RACES";

/// Locks that all threads of the program take. Who takes one writes that down in it.
const HANDED: usize = 3;
const TAKERS: u8 = 4;

/// The program: a test of its own, which does nothing as long as nobody has asked for it.
#[test]
fn hands_on() {
    if let (Some(path), Some(races)) = (std::env::var_os(TRACE), std::env::var_os(RACES)) {
        gordian::start(Config { record: Some(path.clone().into()), races: races == "1", ..Config::default() }).unwrap();
        hand_on(Path::new(&path));
    }
}

/// Threads that take locks, often the same one several times, and the same ones from the same places: each time that one comes to
/// another thread, the trace has to have it.
fn hand_on(path: &Path) {
    let name = |lock| format!("lock {lock}");
    let locks: Arc<[Mutex<Vec<u8>>; HANDED]> =
        Arc::new(std::array::from_fn(|lock| Mutex::new(Vec::new()).named(&name(lock))));
    let takers = (0..TAKERS).map(|taker| {
        let locks = Arc::clone(&locks);
        let take = move || {
            let mut random = Random(u64::from(taker));
            for _ in 0..1_000 {
                let (first, last) = (random.below(HANDED), random.below(HANDED));
                for _ in 0..random.below(4) {
                    let held: Vec<_> = (first..=last).map(|lock| locks[lock].lock().unwrap()).collect();
                    held.into_iter().rev().for_each(|mut takers| takers.push(taker));
                }
            }
        };
        thread::Builder::new().name(format!("{taker}")).spawn(take).unwrap()
    });
    takers.collect::<Vec<_>>().into_iter().for_each(|taker| taker.join().unwrap());
    gordian::finish().unwrap();

    let mut reader = TraceReader::open_file(path).unwrap();
    let events = reader.read_to_end().unwrap();
    let mut told: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut holders = BTreeMap::new();
    for event in &events {
        let thread = event.owner.thread;
        match event.op {
            Op::Acquired { lock, .. } => {
                assert_eq!(holders.insert(lock, thread), None, "somebody holds it");
                let taker: Option<u8> = reader.names().thread_name(thread).and_then(|name| name.parse().ok());
                told.entry(reader.names().object_name(Object::Lock(lock))).or_default().extend(taker);
            }
            Op::Released { lock, .. } => assert_eq!(holders.remove(&lock), Some(thread)),
            _ => {}
        }
    }
    for (lock, takers) in locks.iter().enumerate() {
        assert_eq!(told[&name(lock)], *takers.lock().unwrap());
    }
}

#[test]
fn locks_are_handed_on_in_the_order_of_the_trace() {
    let directory = tempfile::tempdir().unwrap();
    for races in ["1", "0"] {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "hands_on"]).env(TRACE, directory.path().join(races)).env(RACES, races);
        let output = program.output().unwrap();
        assert!(output.status.success(), "races: {races}\n{}", String::from_utf8_lossy(&output.stdout));
    }
}
