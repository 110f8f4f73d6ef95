//! Generated traces: for benchmarks and tests.

use crate::event::{Attempt, Event, LockId, Mode, Op, Owner, Site, SiteId, ThreadId, VarId};

use super::tables::Tables;

/// Sites that generated events have; [`names`] knows them.
const SITES: u32 = 64;
/// One section in so many takes a second lock inside.
const NESTED: u64 = 8;

/// The sites of [`synthetic`].
#[must_use]
pub fn names() -> Tables {
    let mut tables = Tables::default();
    for line in 1..=SITES {
        tables.add_site(Site::new("src/generated.rs", line, 5));
    }
    tables
}

/// A disciplined trace of exactly `events` events: no races, no lock inversions, no deadlock; the same for the same
/// arguments. The first thread forks the others. `sync_percent` of the rest, about, are acquisitions and releases;
/// each variable belongs to one lock, and a section that nests takes the locks in their order.
///
/// # Panics
/// If a count is 0, or `sync_percent` is not in 1..=100.
pub fn synthetic(
    events: u64,
    threads: u32,
    vars: u32,
    locks: u32,
    sync_percent: u32,
    seed: u64,
) -> impl Iterator<Item = Event> {
    assert!(threads > 0 && vars > 0 && locks > 0, "counts must be positive");
    assert!((1..=100).contains(&sync_percent), "a percentage of synchronisation");
    let mut state = Synthetic {
        random: seed | 1,
        vars,
        locks,
        accesses: u64::from(2 * (100 - sync_percent)).div_ceil(u64::from(sync_percent)),
        forked: 1,
        threads: vec![Thread::default(); threads as usize],
        holders: vec![false; locks as usize],
    };
    (0..events).map(move |_| state.next())
}

/// The stream with each outermost critical section made a region: serialisable, if the stream is [`synthetic`].
pub fn in_regions(stream: impl Iterator<Item = Event>) -> impl Iterator<Item = Event> {
    let mut held: Vec<u32> = Vec::new();
    stream.flat_map(move |event| {
        let thread = event.owner.thread.index();
        if held.len() <= thread {
            held.resize(thread + 1, 0);
        }
        let mark = |op| Some(Event { op, ..event });
        let (before, after) = match event.op {
            Op::Acquired { .. } => {
                held[thread] += 1;
                (mark(Op::RegionBegin).filter(|_| held[thread] == 1), None)
            }
            Op::Released { .. } => {
                held[thread] -= 1;
                (None, mark(Op::RegionEnd).filter(|_| held[thread] == 0))
            }
            _ => (None, None),
        };
        [before, Some(event), after].into_iter().flatten()
    })
}

#[derive(Clone, Default)]
struct Thread {
    held: Vec<u32>,
    /// Locks that the section has still to take, the next one last.
    wanted: Vec<u32>,
    left: u64,
}

struct Synthetic {
    random: u64,
    vars: u32,
    locks: u32,
    /// Accesses for each lock that a section takes.
    accesses: u64,
    forked: u32,
    threads: Vec<Thread>,
    holders: Vec<bool>,
}

impl Synthetic {
    /// xorshift64*: good enough, and the same everywhere.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % below
    }

    fn next(&mut self) -> Event {
        if (self.forked as usize) < self.threads.len() {
            self.forked += 1;
            let op = Op::Fork { child: ThreadId(self.forked - 1) };
            return Event { owner: Owner::thread(ThreadId(0)), site: SiteId(1), op };
        }
        // Some thread can always go on: locks are taken in their order, so the holder of the highest never waits.
        loop {
            let thread = self.random(self.threads.len() as u64) as usize;
            if let Some(op) = self.step(thread) {
                let site = SiteId(1 + self.random(u64::from(SITES)) as u32);
                return Event { owner: Owner::thread(ThreadId(thread as u32)), site, op };
            }
        }
    }

    /// What the thread does next; `None` when it waits for a lock.
    fn step(&mut self, index: usize) -> Option<Op> {
        if self.threads[index].held.is_empty() && self.threads[index].wanted.is_empty() {
            self.begin_section(index);
        }
        let thread = &mut self.threads[index];
        if let Some(&lock) = thread.wanted.last() {
            if std::mem::replace(&mut self.holders[lock as usize], true) {
                return None;
            }
            thread.wanted.pop();
            thread.held.push(lock);
            return Some(Op::Acquired { lock: LockId(lock), mode: Mode::Exclusive, attempt: Attempt::Blocking });
        }
        if thread.left == 0 {
            let lock = thread.held.pop()?;
            self.holders[lock as usize] = false;
            return Some(Op::Released { lock: LockId(lock), mode: Mode::Exclusive });
        }
        thread.left -= 1;
        let lock = thread.held[thread.left as usize % thread.held.len()];
        let belonging = u64::from((self.vars.saturating_sub(lock)).div_ceil(self.locks));
        if belonging == 0 {
            thread.left = 0;
            return self.release(index);
        }
        let var = VarId(lock + self.locks * self.random(belonging) as u32);
        Some(if self.random(10) < 7 { Op::Read { var } } else { Op::Write { var } })
    }

    /// Ends a section early: its lock has no variable.
    fn release(&mut self, index: usize) -> Option<Op> {
        let lock = self.threads[index].held.pop()?;
        self.holders[lock as usize] = false;
        Some(Op::Released { lock: LockId(lock), mode: Mode::Exclusive })
    }

    fn begin_section(&mut self, index: usize) {
        let first = self.random(u64::from(self.locks)) as u32;
        let second = self.random(u64::from(self.locks)) as u32;
        let nested = first != second && self.random(NESTED) == 0;
        let thread = &mut self.threads[index];
        thread.wanted = if nested { vec![first.max(second), first.min(second)] } else { vec![first] };
        thread.left = self.accesses * thread.wanted.len() as u64;
    }
}
