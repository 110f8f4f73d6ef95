//! Cells: the race rule itself.

use crate::clock::Epoch;

use super::sync::SyncClock;
use super::thread::ThreadClock;

/// An access that a cell remembers, with whatever its keeper wants to know of it (`I`: thread, site, position).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessInfo<I> {
    /// When.
    pub epoch: Epoch,
    /// Was it a write?
    pub write: bool,
    /// What the keeper said about it.
    pub info: I,
}

/// An access as it is stored: a write or a read by where it stands.
#[derive(Clone, Copy, Debug)]
struct Seen<I> {
    epoch: Epoch,
    info: I,
}

impl<I: Copy> Seen<I> {
    fn told(&self, write: bool) -> AccessInfo<I> {
        AccessInfo { epoch: self.epoch, write, info: self.info }
    }
}

/// The state of a cell.
///
/// FastTrack's adaptive epochs (PLDI 2009) with the last-writer join of SHB (Mathur, Kini and Viswanathan, *What
/// Happens-After the First Race?*, OOPSLA 2018): a read also comes after the write whose value it saw, so that every
/// report stands, not only the first. An access is in conflict with every remembered access that is not ordered before
/// it; an access is remembered until one that comes after it stands for it. A later event is reported here if and only if
/// full vector clocks would report it: who is not after a forgotten access is not after the one that stands for it.
///
/// In a program without races there is one write and one read, or the reads of several threads, and a read never joins:
/// who covers the epoch of a write knows all that the writer knew (see [`ThreadClock`]).
///
/// In the order in which it lies in memory: what an access that is nothing new looks at comes last, next to what the keeper
/// has behind it.
#[repr(C)]
#[derive(Debug)]
pub struct VarState<I> {
    read_info: I,
    write_info: I,
    /// The writer's clock at the last write, which was the moment that it was published at; none before the first.
    last_write: SyncClock,
    /// Absent while the last write and `read` say everything.
    more: Option<Box<More<I>>>,
    /// The last read that is remembered; [`Epoch::NONE`] if none is.
    read: Epoch,
}

/// What is remembered beside the last write and the first read.
#[derive(Debug)]
struct More<I> {
    /// Writes that are not ordered before the last.
    writes: Vec<Seen<I>>,
    /// Other reads, one for each slot.
    reads: Vec<Seen<I>>,
    /// The conflicts of the latest access.
    conflicts: Vec<AccessInfo<I>>,
}

impl<I: Copy> VarState<I> {
    /// A cell that nobody has touched. `placeholder` is never given back.
    #[must_use]
    pub const fn new(placeholder: I) -> Self {
        Self {
            read_info: placeholder,
            write_info: placeholder,
            last_write: SyncClock::new(),
            more: None,
            read: Epoch::NONE,
        }
    }

    /// The thread reads the cell. Returns the writes that are not ordered before this read, newest first: empty unless
    /// there is a race.
    #[inline]
    pub fn read(&mut self, thread: &mut ThreadClock, info: I) -> &[AccessInfo<I>] {
        let epoch = thread.access();
        if !self.is_short_and_known(thread) {
            return self.read_slow(thread, Seen { epoch, info });
        }
        self.remember_read(epoch, info);
        &[]
    }

    /// The thread writes the cell. Returns the accesses that are not ordered before this write, writes first: empty
    /// unless there is a race.
    #[inline]
    pub fn write(&mut self, thread: &mut ThreadClock, info: I) -> &[AccessInfo<I>] {
        thread.access();
        if !self.is_short_and_known(thread) {
            return self.write_slow(thread, info);
        }
        self.write_info = info;
        self.read = Epoch::NONE;
        self.last_write.publish(thread);
        &[]
    }

    /// As [`is_short_for`](Self::is_short_for), where whose an access was is anybody's guess: all is looked at always.
    #[inline(always)]
    fn is_short_and_known(&self, thread: &ThreadClock) -> bool {
        self.more.is_none() & thread.covers(self.last_write.epoch()) & thread.covers(self.read)
    }

    /// Are a write and a read, or one of them, all that is remembered, and does the thread know them? Then an access is in no
    /// conflict. `OWN`: false, too, if another thread has touched the cell last; that is seen without a call.
    #[inline(always)]
    #[must_use]
    pub fn is_short_for<const OWN: bool>(&self, thread: &ThreadClock) -> bool {
        let knows =
            |epoch: Epoch| epoch.slot() == thread.slot() || epoch.is_zero() || (!OWN && thread.foreign().covers(epoch));
        self.more.is_none() && knows(self.last_write.epoch()) && knows(self.read)
    }

    /// [`read`](Self::read), if it [is short](Self::is_short_for). False, and nothing done, if the thread's clock overflows.
    #[inline(always)]
    #[must_use]
    pub fn read_short(&mut self, thread: &mut ThreadClock, info: I) -> bool {
        let Some(epoch) = thread.access_in_place() else { return false };
        self.remember_read(epoch, info);
        true
    }

    /// [`write`](Self::write), if it [is short](Self::is_short_for) and takes no memory; false if it does, and nothing done that
    /// the write would not begin with. `OWN`: false, too, if the thread has learned something since it wrote the cell last.
    #[inline(always)]
    #[must_use]
    pub fn write_short<const OWN: bool>(&mut self, thread: &mut ThreadClock, info: I) -> bool {
        let done = thread.access_in_place().is_some()
            && (self.last_write.publish_again(thread) || (!OWN && self.last_write.publish_in_place(thread)));
        if done {
            self.write_info = info;
            self.read = Epoch::NONE;
        }
        done
    }

    /// Is a read by the thread nothing new: in no conflict, and what is remembered stands for it? Then [`read`](Self::read)
    /// would change nothing. One-sided: false says nothing.
    #[inline(always)]
    #[must_use]
    pub fn has_read(&self, thread: &ThreadClock) -> bool {
        match &self.more {
            None => self.has_read_alone(thread),
            Some(more) => self.is_one_of_the_reads(more, thread),
        }
    }

    /// As [`has_read`](Self::has_read), if no other thread has read since the last write. One-sided: false says nothing.
    #[inline(always)]
    #[must_use]
    pub fn has_read_alone(&self, thread: &ThreadClock) -> bool {
        // In the short form a read is remembered only if it knew of the last write, and what a thread knows it does not forget.
        self.more.is_none() && thread.is_at(self.read)
    }

    fn is_one_of_the_reads(&self, more: &More<I>, thread: &ThreadClock) -> bool {
        let is_first = thread.is_at(self.read);
        (is_first || (more.reads.iter().any(|read| thread.is_at(read.epoch)) && !thread.covers_own(self.read)))
            && thread.covers_own(self.last_write.epoch())
            && more.writes.iter().all(|write| thread.covers(write.epoch))
    }

    /// Do several threads read the cell, with no race between what is remembered?
    #[must_use]
    pub fn is_read_by_several(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.writes.is_empty() && !more.reads.is_empty())
    }

    #[inline(always)]
    fn remember_read(&mut self, epoch: Epoch, info: I) {
        if self.read != epoch {
            self.read = epoch;
            self.read_info = info;
        }
    }

    #[inline(never)]
    fn read_slow(&mut self, thread: &mut ThreadClock, read: Seen<I>) -> &[AccessInfo<I>] {
        let write = self.written();
        let more = self.more.get_or_insert_with(More::boxed);
        more.conflicts.clear();
        let known = thread.covers(write.epoch);
        if !known {
            more.conflicts.push(write.told(true));
        }
        let others = more.writes.iter().rev().filter(|write| !thread.covers(write.epoch));
        more.conflicts.extend(others.map(|write| write.told(true)));
        if !known {
            // Only now is there anything to learn from the value; the check above must come before.
            self.last_write.acquire(thread);
        }
        if thread.covers(self.read) {
            // Same slot, or ordered before: this read stands for it.
            if self.read != read.epoch {
                (self.read, self.read_info) = (read.epoch, read.info);
                more.reads.retain(|other| other.epoch.slot() != read.epoch.slot());
            }
        } else if let Some(own) = more.reads.iter_mut().find(|own| own.epoch.slot() == read.epoch.slot()) {
            if own.epoch != read.epoch {
                *own = read;
            }
        } else {
            more.reads.retain(|other| !thread.covers(other.epoch));
            more.reads.push(read);
        }
        &more.conflicts
    }

    #[inline(never)]
    fn write_slow(&mut self, thread: &mut ThreadClock, info: I) -> &[AccessInfo<I>] {
        let last = self.written();
        let more = self.more.get_or_insert_with(More::boxed);
        more.conflicts.clear();
        if !thread.covers(last.epoch) {
            more.writes.push(last);
        }
        more.writes.retain(|other| !thread.covers(other.epoch));
        more.reads.retain(|other| !thread.covers(other.epoch));
        if thread.covers(self.read) {
            match more.reads.pop() {
                Some(other) => (self.read, self.read_info) = (other.epoch, other.info),
                None => self.read = Epoch::NONE,
            }
        }
        more.conflicts.extend(more.writes.iter().rev().map(|write| write.told(true)));
        if !self.read.is_zero() {
            let first = Seen { epoch: self.read, info: self.read_info };
            more.conflicts.extend(std::iter::once(&first).chain(&more.reads).map(|read| read.told(false)));
        }
        let quiet = more.conflicts.is_empty();
        self.write_info = info;
        self.last_write.publish(thread);
        if quiet {
            // Everything is ordered before this write: back to the short form.
            self.more = None;
        }
        self.more.as_ref().map_or(&[], |more| &more.conflicts)
    }

    /// The last write.
    fn written(&self) -> Seen<I> {
        Seen { epoch: self.last_write.epoch(), info: self.write_info }
    }
}

impl<I> More<I> {
    fn boxed() -> Box<Self> {
        Box::new(Self { writes: Vec::new(), reads: Vec::new(), conflicts: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::thread::SlotTable;
    use super::*;

    /// How an access was taken down.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Way {
        Alone,
        Again,
        Own,
        Short,
        Whole,
    }

    /// Threads, locks and cells.
    struct World {
        threads: Vec<ThreadClock>,
        locks: Vec<SyncClock>,
        cells: Vec<VarState<u32>>,
    }

    impl World {
        fn new() -> Self {
            let mut slots = SlotTable::new();
            Self {
                threads: (0..4).map(|_| slots.root().unwrap()).collect(),
                locks: (0..2).map(|_| SyncClock::new()).collect(),
                cells: (0..3).map(|_| VarState::new(0)).collect(),
            }
        }

        /// An access as the live recorder does it: looked at for what is nothing new, then for what is short. How far it came.
        fn access_in_place(&mut self, thread: usize, cell: usize, write: bool, info: u32) -> Way {
            let (thread, cell) = (&mut self.threads[thread], &mut self.cells[cell]);
            if !write && cell.has_read_alone(thread) {
                return Way::Alone;
            }
            if !write && cell.has_read(thread) {
                return Way::Again;
            }
            if cell.is_short_for::<true>(thread)
                && if write { cell.write_short::<true>(thread, info) } else { cell.read_short(thread, info) }
            {
                return Way::Own;
            }
            if cell.is_short_for::<false>(thread)
                && if write { cell.write_short::<false>(thread, info) } else { cell.read_short(thread, info) }
            {
                return Way::Short;
            }
            Way::Whole
        }

        fn access(&mut self, thread: usize, cell: usize, write: bool, info: u32) -> Vec<AccessInfo<u32>> {
            let (thread, cell) = (&mut self.threads[thread], &mut self.cells[cell]);
            if write { cell.write(thread, info) } else { cell.read(thread, info) }.to_vec()
        }
    }

    /// The short ways of the live recorder against the one that knows no shortcuts: the same conflicts and the same moments, and
    /// in the end the same is remembered.
    #[test]
    fn short_ways_lead_to_the_same_place() {
        let mut random = 1u64;
        let mut below = move |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((random >> 33) % bound) as usize
        };
        let mut ways = Vec::new();
        let mut racy = 0;
        for round in 0..400 {
            let (mut short, mut whole) = (World::new(), World::new());
            // In every other round all is guarded by a lock; in each fourth, cells are hardly written.
            let (guarded, writes) = (round % 2 == 0, if round % 4 < 2 { 2 } else { 12 });
            for info in 0..300 {
                let (thread, cell, write) = (below(4), below(3), below(writes) == 0);
                let repeats = 1 + below(4);
                let lock = if guarded { Some(0) } else { (below(3) == 0).then(|| below(2)) };
                for world in [&mut short, &mut whole] {
                    lock.into_iter().for_each(|lock| world.locks[lock].acquire(&mut world.threads[thread]));
                }
                for _ in 0..repeats {
                    let way = short.access_in_place(thread, cell, write, info);
                    let found = match way {
                        Way::Whole => short.access(thread, cell, write, info),
                        _ => Vec::new(),
                    };
                    assert_eq!(found, whole.access(thread, cell, write, info), "{way:?}");
                    assert_eq!(short.threads[thread].epoch(), whole.threads[thread].epoch(), "{way:?}");
                    racy += usize::from(!found.is_empty());
                    assert!(!guarded || found.is_empty());
                    if !ways.contains(&way) {
                        ways.push(way);
                    }
                }
                for world in [&mut short, &mut whole] {
                    lock.into_iter().for_each(|lock| world.locks[lock].publish(&mut world.threads[thread]));
                }
            }
            assert_eq!(format!("{:?}", short.threads), format!("{:?}", whole.threads));
            for (short, whole) in short.cells.iter_mut().zip(&mut whole.cells) {
                // What the last access was in conflict with is of no matter to the next.
                [&mut *short, &mut *whole]
                    .into_iter()
                    .filter_map(|cell| cell.more.as_mut())
                    .for_each(|more| more.conflicts.clear());
                assert_eq!(format!("{short:?}"), format!("{whole:?}"));
            }
        }
        assert!(ways.len() == 5 && racy > 1000, "{ways:?} {racy}");
    }
}
