//! The rules of a well-formed trace, checked while it is read.

use rustc_hash::FxHashMap;

use crate::event::{Event, LockId, Op, ThreadId, VarId};

use super::error::Rule;

/// What a lock has been through.
#[derive(Clone, Copy)]
enum Lock {
    NeverHeld,
    Free { last: ThreadId },
    Held { by: ThreadId },
}

#[derive(Clone, Copy, Default)]
struct Thread {
    forked: bool,
    /// It did something else than `begin`.
    ran: bool,
    joined: bool,
}

/// What the events so far have done. Memory is linear in the number of threads, locks and variables.
#[derive(Default)]
pub(super) struct Check {
    threads: Vec<Thread>,
    locks: Vec<Lock>,
    written: Vec<bool>,
}

/// Who holds which lock, and how often beyond the first time: for locks that their holder may take again.
#[derive(Default)]
pub(super) struct Holders(FxHashMap<LockId, (ThreadId, u32)>);

impl Holders {
    /// Does the thread hold the lock?
    pub(super) fn holds(&self, thread: ThreadId, lock: LockId) -> bool {
        self.0.get(&lock).is_some_and(|holder| holder.0 == thread)
    }

    /// Takes the next event: is it an acquisition, or its release, within another one of the same lock?
    #[inline]
    pub(super) fn is_inner(&mut self, event: &Event) -> bool {
        let thread = event.owner.thread;
        let (Op::Acquired { lock, .. } | Op::Released { lock, .. }) = event.op else { return false };
        let acquired = matches!(event.op, Op::Acquired { .. });
        match self.0.get_mut(&lock) {
            Some((holder, again)) if *holder == thread && (acquired || *again > 0) => {
                *again = if acquired { *again + 1 } else { *again - 1 };
                return true;
            }
            Some((holder, _)) if *holder == thread => drop(self.0.remove(&lock)),
            None if acquired => drop(self.0.insert(lock, (thread, 0))),
            _ => {}
        }
        false
    }
}

/// The entry of a dense identifier.
#[inline]
fn entry<T: Copy>(table: &mut Vec<T>, index: usize, empty: T) -> &mut T {
    if index >= table.len() {
        table.resize(index + 1, empty);
    }
    &mut table[index]
}

impl Check {
    /// The rule that the event breaks, if any; then it is as if it had not been there.
    #[inline]
    pub(super) fn event(&mut self, event: &Event) -> Option<Rule> {
        let thread = event.owner.thread;
        if entry(&mut self.threads, thread.index(), Thread::default()).joined {
            return Some(Rule::EventAfterJoin);
        }
        let broken = self.done(thread, event.op);
        if event.op != Op::RegionBegin && (broken.is_none() || broken == Some(Rule::ReadFromUnwrittenMemory)) {
            self.threads[thread.index()].ran = true;
        }
        broken
    }

    #[inline]
    fn done(&mut self, thread: ThreadId, op: Op) -> Option<Rule> {
        match op {
            Op::Read { var } => self.read(var),
            Op::Write { var } => {
                *entry(&mut self.written, var.index(), false) = true;
                None
            }
            Op::Acquired { lock, .. } => self.acquired(thread, lock),
            Op::Released { lock, .. } => self.released(thread, lock),
            Op::Fork { child } => self.fork(thread, child),
            Op::Joined { child } => self.joined(thread, child),
            _ => None,
        }
    }

    #[inline]
    fn read(&mut self, var: VarId) -> Option<Rule> {
        let written = *entry(&mut self.written, var.index(), false);
        (!written).then_some(Rule::ReadFromUnwrittenMemory)
    }

    #[inline]
    fn acquired(&mut self, thread: ThreadId, lock: LockId) -> Option<Rule> {
        let lock = entry(&mut self.locks, lock.index(), Lock::NeverHeld);
        if let Lock::Held { .. } = lock {
            return Some(Rule::RepeatedLockAcquisition);
        }
        *lock = Lock::Held { by: thread };
        None
    }

    #[inline]
    fn released(&mut self, thread: ThreadId, lock: LockId) -> Option<Rule> {
        let lock = entry(&mut self.locks, lock.index(), Lock::NeverHeld);
        match *lock {
            Lock::Held { by } if by == thread => {
                *lock = Lock::Free { last: thread };
                None
            }
            Lock::Held { .. } => Some(Rule::ReleaseNonOwningLock),
            Lock::Free { last } if last == thread => Some(Rule::RepeatedLockRelease),
            Lock::Free { .. } | Lock::NeverHeld => Some(Rule::ReleaseNonAcquiredLock),
        }
    }

    fn fork(&mut self, thread: ThreadId, child: ThreadId) -> Option<Rule> {
        let state = entry(&mut self.threads, child.index(), Thread::default());
        if state.forked {
            return Some(Rule::RepeatedFork);
        }
        if state.ran || child == thread {
            return Some(Rule::ForkOfRunningThread);
        }
        state.forked = true;
        None
    }

    fn joined(&mut self, thread: ThreadId, child: ThreadId) -> Option<Rule> {
        let state = entry(&mut self.threads, child.index(), Thread::default());
        if state.joined {
            return Some(Rule::RepeatedJoin);
        }
        if !state.forked || child == thread {
            return Some(Rule::JoinOfUnforkedThread);
        }
        state.joined = true;
        None
    }
}
