//! The part of the order that every run keeps, whatever the threads see.
//!
//! A proof that something happens keeps all that the threads saw. A proof that something *cannot* happen must not: a value
//! that a thread looked at may be of no consequence, another message would have done as well, another thread could have
//! been the first to initialise. Without its values, and without the order among operations that only happened to come in
//! this order, the index says what is left.

use rustc_hash::FxHashMap;

use super::{Index, NONE};
use crate::analysis::predict::word::{Kind, Word};

impl Index {
    /// Drops what need not be: what reads saw, but for an atomic loaded to synchronise; the order of an object's
    /// operations, but that a barrier lets no one through before all are there, that a message is sent, if one thread
    /// sends them all, before it is received, and that a channel is closed before that is seen. Joins stay.
    ///
    /// What is found to be impossible after that is impossible; what is possible proves nothing.
    pub(in crate::analysis::predict) fn relax(&mut self) {
        self.relaxed = true;
        let mut barriers: FxHashMap<u32, Barrier> = FxHashMap::default();
        let mut channels = self.channels();
        for event in 0..self.entries.len() as u32 {
            let entry = &mut self.entries[event as usize];
            let (thread, object) = (entry.thread, entry.object);
            let link = match (entry.kind, entry.word) {
                (Kind::Read, Word::Acquiring) | (Kind::After, Word::Joined) => continue,
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
