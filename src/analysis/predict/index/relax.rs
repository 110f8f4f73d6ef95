//! The part of the order that every run keeps, whatever the threads see.
//!
//! A proof that something happens keeps all that the threads saw. A proof that something *cannot* happen must not: a value
//! that a thread looked at may be of no consequence, another message would have done as well, another thread could have
//! been the first to initialise. Without its values, and without the order among operations that only happened to come in
//! this order, the index says what is left.

use rustc_hash::FxHashMap;

use super::{Entry, Index, NONE};
use crate::analysis::predict::word::{Kind, Word};

impl Index {
    /// Drops what need not be: what reads saw, but for an atomic loaded to synchronise, and for what a lock guards if the
    /// reader has waited for one thread to change it ([`Conditions`]); the order of an object's operations, but that a
    /// barrier lets no one through before all are there, that a message is sent, if one thread sends them all, before it
    /// is received, and that a channel is closed before that is seen. Joins stay.
    ///
    /// What is found to be impossible after that is impossible; what is possible proves nothing.
    pub(in crate::analysis::predict) fn relax(&mut self) {
        self.relaxed = true;
        let mut barriers: FxHashMap<u32, Barrier> = FxHashMap::default();
        let mut channels = self.channels();
        let mut conditions = self.conditions();
        for event in 0..self.entries.len() as u32 {
            let Entry { word, thread, at, object, .. } = self.entries[event as usize];
            match word {
                // The wait is told after the lock is free again, and may come after what it waits for.
                Word::Release if self.is_for_a_wait(thread, at) => {
                    let again = conditions.waits(thread, object);
                    again.into_iter().for_each(|read| self.entries[read as usize].kind = Kind::Free);
                }
                Word::DataWrite => conditions.changed(event, thread, object),
                _ => {}
            }
            let entry = &mut self.entries[event as usize];
            let link = match (entry.kind, entry.word) {
                (Kind::Read, Word::Acquiring) | (Kind::After, Word::Joined) => continue,
                (Kind::Read, Word::DataRead) => conditions.goes_on(event, thread, object),
                (Kind::Read, _) => {
                    entry.kind = Kind::Free;
                    continue;
                }
                (Kind::Update, _) => {
                    entry.kind = Kind::Write;
                    continue;
                }
                (Kind::After, Word::BarrierArrive) => {
                    let parties = self.parties.get(&object).copied().unwrap_or(1);
                    barriers.entry(object).or_default().arrive(event, thread, parties)
                }
                (Kind::After, Word::BarrierLeave) => {
                    barriers.get(&object).and_then(|barrier| barrier.all_there(thread))
                }
                (Kind::After, Word::Sent) => {
                    channels.entry(object).or_default().sent.push(event);
                    None
                }
                (Kind::After, Word::Received) => channels.entry(object).or_default().receive(),
                (Kind::After, Word::Closed) => {
                    channels.entry(object).or_default().closed.push(event);
                    None
                }
                (Kind::After, Word::SawClosed) => channels.entry(object).or_default().saw_closed(),
                (Kind::After, _) => None,
                _ => continue,
            };
            let entry = &mut self.entries[event as usize];
            entry.link = link.unwrap_or(NONE);
            entry.kind = if link.is_some() { Kind::After } else { Kind::Free };
        }
    }

    /// Is only what must be so left?
    pub(in crate::analysis::predict) const fn is_relaxed(&self) -> bool {
        self.relaxed
    }

    /// Does the thread give a lock back here to wait on a condition variable, for nothing but a change of what that lock
    /// guards? Who looked at something else as well in this hold (a flag to stop, say) may go on because of that.
    fn is_for_a_wait(&self, thread: u32, at: u32) -> bool {
        let events = &self.threads[thread as usize].events;
        let (before, from) = events.split_at(at as usize);
        let &[release, next, ..] = from else { return false };
        let (release, next) = (self.entries[release as usize], self.entries[next as usize]);
        let of_lock = |&event: &u32| match self.entries[event as usize] {
            Entry { word: Word::DataRead | Word::DataWrite, object, .. } => object == release.object,
            Entry { word, .. } => matches!(word, Word::Fork | Word::Notify),
        };
        next.word == Word::CondvarRequest
            && before.iter().rev().take_while(|&&event| event != release.link).all(of_lock)
    }

    /// The channels, with nothing sent yet, and whether one thread is all their senders.
    fn channels(&self) -> FxHashMap<u32, Channel> {
        let mut channels: FxHashMap<u32, Channel> = FxHashMap::default();
        for entry in self.entries.iter().filter(|entry| entry.word == Word::Sent) {
            let channel = channels.entry(entry.object).or_default();
            let sender = *channel.sender.get_or_insert(entry.thread);
            channel.shared |= sender != entry.thread;
        }
        channels
    }

    /// What locks guard, with nobody waiting yet, and who changes it.
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        for entry in self.entries.iter().filter(|entry| entry.word == Word::DataWrite) {
            let writers = conditions.writers.entry(entry.object).or_default();
            if writers.len() < 3 && !writers.contains(&entry.thread) {
                writers.push(entry.thread);
            }
        }
        conditions
    }
}

/// What threads wait for on condition variables, while the stream is gone through.
///
/// A thread waits because it does not like what the lock guards. If only one other thread ever changes that, it goes on after
/// the first change that this one makes from then on, in any order: until then all is as it did not like it.
#[derive(Default)]
struct Conditions {
    /// By lock the threads that change what it guards, three at most.
    writers: FxHashMap<u32, Vec<u32>>,
    /// By lock.
    waiters: FxHashMap<u32, Vec<Waiter>>,
}

struct Waiter {
    thread: u32,
    /// The first change since it began to wait.
    change: Option<u32>,
    /// Its first look after that.
    look: Option<u32>,
}

impl Conditions {
    /// The thread waits, having given back the lock. If it did so before, that look is the result: it did not go on with it.
    fn waits(&mut self, thread: u32, lock: u32) -> Option<u32> {
        let waiters = self.waiters.entry(lock).or_default();
        let before = waiters.iter().position(|waiter| waiter.thread == thread);
        let before = before.and_then(|place| waiters.swap_remove(place).look);
        waiters.push(Waiter { thread, change: None, look: None });
        before
    }

    fn changed(&mut self, event: u32, thread: u32, lock: u32) {
        for waiter in self.waiters.get_mut(&lock).into_iter().flatten().filter(|waiter| waiter.thread != thread) {
            waiter.change.get_or_insert(event);
        }
    }

    /// The change before which the thread would not have gone on with this look.
    fn goes_on(&mut self, event: u32, thread: u32, lock: u32) -> Option<u32> {
        let waiter = self.waiters.get_mut(&lock)?.iter_mut().find(|waiter| waiter.thread == thread)?;
        if waiter.look.is_some() || self.writers[&lock].iter().filter(|&&writer| writer != thread).count() != 1 {
            return None;
        }
        waiter.look = waiter.change.and(Some(event));
        waiter.change
    }
}

/// A channel while the stream is gone through.
#[derive(Default)]
struct Channel {
    sender: Option<u32>,
    shared: bool,
    sent: Vec<u32>,
    received: usize,
    /// The drops of its last sender and of its receiver.
    closed: Vec<u32>,
}

impl Channel {
    /// The message that is received now, if no other could be.
    fn receive(&mut self) -> Option<u32> {
        let message = self.sent.get(self.received).copied();
        self.received += 1;
        message.filter(|_| !self.shared)
    }

    /// The drop that closed it, if only one side is gone: no one sees it closed before all of that side are, and so not
    /// before the one that happened to be the last.
    fn saw_closed(&self) -> Option<u32> {
        if let [closed] = self.closed[..] { Some(closed) } else { None }
    }
}

/// A barrier while the stream is gone through.
#[derive(Default)]
struct Barrier {
    arrived: u32,
    /// By generation: its newest arrival.
    generations: Vec<u32>,
    /// By thread: the generation with which it is there.
    of: FxHashMap<u32, usize>,
}

impl Barrier {
    /// Who arrives comes after those of its generation that are there, so that the last comes after all.
    fn arrive(&mut self, event: u32, thread: u32, parties: u32) -> Option<u32> {
        let generation = (self.arrived / parties) as usize;
        self.arrived += 1;
        self.of.insert(thread, generation);
        match self.generations.get_mut(generation) {
            Some(newest) => Some(std::mem::replace(newest, event)),
            None => {
                self.generations.push(event);
                None
            }
        }
    }

    /// The last arrival of the thread's generation.
    fn all_there(&self, thread: u32) -> Option<u32> {
        self.generations.get(*self.of.get(&thread)?).copied()
    }
}
