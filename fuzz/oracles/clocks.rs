//! Clocks against naive twins: a [`VectorClock`] beside a map from slot to time, and thread and sync clocks beside the
//! plain sets of accesses that each stands for.

use std::collections::{BTreeMap, BTreeSet};

use gordian::analysis::happens_before::{AtomicClock, LockClock, SlotTable, SyncClock, ThreadClock};
use gordian::clock::{Epoch, Slot, Time, VectorClock};
use gordian::event::{Mode, Order};

/// From slot 128 on clocks share what they know, 128 slots at a time: with these first, there are slots on both sides of the
/// first such border, and of the second.
const BORDERS: [u16; 2] = [128 - 4, 256 - 4];

/// Panics unless two vector clocks do what maps do under the operations that the bytes choose, in the first slots and about
/// each border of those that clocks share.
pub(crate) fn check_vectors(bytes: &[u8]) {
    for first in [0, BORDERS[0], BORDERS[1]] {
        check_vectors_from(first, bytes);
    }
}

fn check_vectors_from(first: u16, bytes: &[u8]) {
    let mut clocks = [VectorClock::new(), VectorClock::new()];
    let mut twins: [BTreeMap<u16, u64>; 2] = Default::default();
    for step in bytes.chunks_exact(3) {
        let (slot, time) = (Slot(first + u16::from(step[1] % 9)), Time::new(u64::from(step[2] % 16)));
        let one = usize::from(step[0] % 2);
        let (left, right) = clocks.split_at_mut(1);
        let (mine, other) = if one == 0 { (&mut left[0], &right[0]) } else { (&mut right[0], &left[0]) };
        let theirs = twins[1 - one].clone();
        let twin = &mut twins[one];
        let known = twin.get(&slot.0).copied().unwrap_or(0);
        match step[0] / 2 % 7 {
            0 | 1 => {
                assert_eq!(mine.raise(Epoch::new(slot, time)), time.get() > known);
                twin.insert(slot.0, known.max(time.get()));
            }
            choice @ (2 | 3) => {
                let kept = |other: &u16| choice == 2 || *other != slot.0;
                let learned = if choice == 2 { mine.join(other) } else { mine.join_foreign(other, slot) };
                let mut news = false;
                for (&other, &time) in theirs.iter().filter(|(other, _)| kept(other)) {
                    let mine = twin.entry(other).or_insert(0);
                    news |= time > *mine;
                    *mine = time.max(*mine);
                }
                assert_eq!(learned, news);
            }
            4 => {
                mine.forget(slot);
                twin.remove(&slot.0);
            }
            5 => {
                mine.clone_from(other);
                twin.clone_from(&theirs);
            }
            _ => {
                mine.clear();
                twin.clear();
            }
        }
        twin.retain(|_, time| *time != 0);
        let other_is = other.iter().map(|e| (e.slot().0, e.time().get())).collect::<BTreeMap<_, _>>();
        assert_eq!(other_is, theirs, "only one of them was changed");
        assert_eq!(mine.iter().map(|e| (e.slot().0, e.time().get())).collect::<BTreeMap<_, _>>(), *twin);
        assert_eq!(mine.get(slot).get(), twin.get(&slot.0).copied().unwrap_or(0));
        assert_eq!(mine.is_zero(), twin.is_empty());
        let below = |own: Option<u16>| {
            twin.iter().all(|(slot, time)| Some(*slot) == own || theirs.get(slot).is_some_and(|other| time <= other))
        };
        assert_eq!(mine.leq(other), below(None));
        assert_eq!(mine.leq_foreign(other, Some(slot)), below(Some(slot.0)));
        assert_eq!(mine == other, *twin == theirs);
    }
}

/// The accesses that something knows of.
type Known = BTreeSet<usize>;

/// A thread beside what it knows, what its last release fence knew, and what its relaxed loads have seen.
struct Thread {
    clock: ThreadClock,
    known: Known,
    fence: Known,
    pending: Known,
}

/// Panics unless, after each operation that the bytes choose, every running thread covers exactly the accesses that it
/// knows of by plain sets; once with the first slots, once with those about the first border.
pub(crate) fn check_threads(bytes: &[u8]) {
    check_threads_from(0, bytes);
    check_threads_from(BORDERS[0], bytes);
}

fn check_threads_from(first: u16, bytes: &[u8]) {
    let mut slots = SlotTable::new();
    for _ in 0..first {
        // Threads that do nothing and never end.
        let _ = slots.root();
    }
    let mut threads: Vec<Thread> = (0..3).filter_map(|_| slots.root()).map(Thread::new).collect();
    let mut accesses: Vec<Epoch> = Vec::new();
    let mut world = World::default();
    for step in bytes.chunks_exact(2) {
        let (count, index) = (threads.len(), usize::from(step[0]) % threads.len());
        let thread = &mut threads[index];
        match step[0] / 16 {
            0..=3 => {
                thread.known.insert(accesses.len());
                accesses.push(thread.clock.access());
            }
            4 if count < 6 => {
                if let Some(clock) = slots.fork(&mut thread.clock) {
                    let known = thread.known.clone();
                    threads.push(Thread { known, ..Thread::new(clock) });
                }
            }
            5 if count > 2 => {
                let mut gone = threads.swap_remove(index);
                if step[1] & 1 == 0 {
                    let heir = usize::from(step[1] / 2) % threads.len();
                    let mut end = SyncClock::new();
                    end.publish(&mut gone.clock);
                    end.acquire(&mut threads[heir].clock);
                    threads[heir].known.extend(&gone.known);
                }
                slots.finish(gone.clock);
            }
            choice => world.step(thread, choice, step[1]),
        }
        for thread in &threads {
            for (access, &epoch) in accesses.iter().enumerate() {
                assert_eq!(thread.clock.covers(epoch), thread.known.contains(&access), "{epoch:?} {thread:?}");
            }
        }
    }
}

/// The objects, each with its twin.
#[derive(Default)]
struct World {
    syncs: [(SyncClock, Known); 2],
    atomics: [(AtomicClock, Known); 2],
    lock: LockClock,
    released: BTreeMap<Mode, Known>,
}

impl World {
    fn step(&mut self, thread: &mut Thread, choice: u8, arg: u8) {
        let (clock, known) = (&mut thread.clock, &mut thread.known);
        let (sync, published) = &mut self.syncs[usize::from(arg % 2)];
        let (atomic, value) = &mut self.atomics[usize::from(arg % 2)];
        let mode = [Mode::Exclusive, Mode::Shared, Mode::Upgradable][usize::from(arg) % 3];
        let order =
            [Order::Relaxed, Order::Acquire, Order::Release, Order::AcqRel, Order::SeqCst][usize::from(arg / 2) % 5];
        match choice {
            6 => {
                sync.publish(clock);
                published.clone_from(known);
            }
            7 => {
                sync.publish_join(clock);
                published.extend(known.iter());
            }
            8 | 9 => {
                sync.acquire(clock);
                known.extend(published.iter());
            }
            10 => {
                self.lock.acquired(clock, mode);
                known.extend(self.released.iter().filter(|(was, _)| sees(mode, **was)).flat_map(|(_, all)| all));
                self.lock.released(clock, mode);
                self.released.entry(mode).or_default().extend(known.iter());
            }
            11 if order.acquires() => {
                atomic.load(clock, order);
                known.extend(value.iter());
            }
            11 => {
                atomic.load(clock, Order::Relaxed);
                thread.pending.extend(value.iter());
            }
            12 => {
                let order = if order.acquires() { Order::Relaxed } else { order };
                atomic.store(clock, order);
                value.clone_from(if order.releases() { known } else { &thread.fence });
            }
            13 => {
                atomic.rmw(clock, order);
                if order.acquires() { &mut *known } else { &mut thread.pending }.extend(value.iter());
                value.extend(if order.releases() { &*known } else { &thread.fence });
            }
            _ if order != Order::Relaxed => {
                clock.fence(order);
                if order.acquires() {
                    known.extend(&thread.pending);
                }
                if order.releases() {
                    thread.fence.clone_from(known);
                }
            }
            _ => {}
        }
    }
}

/// Does an acquisition in the first mode come after a release in the second?
fn sees(mode: Mode, released: Mode) -> bool {
    mode == Mode::Exclusive || released == Mode::Exclusive || (mode, released) == (Mode::Upgradable, Mode::Upgradable)
}

impl Thread {
    fn new(clock: ThreadClock) -> Self {
        Self { clock, known: Known::new(), fence: Known::new(), pending: Known::new() }
    }
}

impl std::fmt::Debug for Thread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} knows {:?}", self.clock, self.known)
    }
}
