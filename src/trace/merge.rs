//! Restores one order from the words of many threads.
//!
//! The order is a linearisation of what the words say: a thread's events stand in its own order, an event that stands
//! `AFTER` another thread's n-th stands after it, and stamped events stand in the order of their stamps. It is the
//! same whenever the file is the same. A thread that cannot go on waits in the list of what it waits for, so work is
//! linear in the words; memory is linear in what cannot be ordered yet.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::event::{Event, ObjectKind};

use super::chunk::{self, Decoder, Item, Names, Recent, Releases};
use super::tables::Tables;

/// Most words that may wait to be ordered: half a gigabyte. A recorder, which writes what every thread has done at
/// least every tenth of a second, stays far below; packed nonsense need not.
const MAX_PENDING: usize = 1 << 26;

/// One thread's part.
struct Thread {
    decoder: Decoder,
    /// Words that were read and not yet done, and where in the file each block of them began.
    words: VecDeque<u64>,
    blocks: VecDeque<(u64, usize)>,
    /// Words that are events and in the order.
    done: u64,
    /// It waits for something else than more words, or is about to run.
    busy: bool,
    last_stamp: u64,
    last_after: u64,
    /// The next event has the next stamp of all.
    stamped: bool,
    /// Threads that wait for this one to have done that much.
    waiting: Vec<(u64, u32)>,
    /// The word behind all others, if it stays as it is, and where it began in the file.
    open: Option<(u64, u64)>,
}

/// Restores the order as chunks come in.
#[derive(Default)]
pub(super) struct Merge {
    threads: FxHashMap<u32, Thread>,
    ready: VecDeque<u32>,
    next_stamp: u64,
    /// Words that are not done.
    pending: usize,
    /// Threads that wait for a stamp to be the next.
    waiting_stamps: FxHashMap<u64, u32>,
    recent: Recent,
    releases: Releases,
}

/// Damage that shows only when words are put in order: offset of the block, and what is wrong.
pub(super) type Damage = (u64, &'static str);

const READY: &str = "a thread that is ready is there";

/// Why a thread stopped.
enum Stop {
    NoWords,
    Waits,
    Full,
}

impl Merge {
    /// Takes the words of a chunk that began at `offset`.
    pub(super) fn add(&mut self, thread: u32, offset: u64, words: &[u64]) -> Result<(), Damage> {
        self.pending += words.len();
        if self.pending > MAX_PENDING {
            return Err((offset, "too many events that cannot be ordered"));
        }
        let part = self.thread(thread);
        part.open = None;
        part.words.extend(words.iter().copied());
        part.blocks.push_back((offset, words.len()));
        if !std::mem::replace(&mut part.busy, true) {
            self.ready.push_back(thread);
        }
        Ok(())
    }

    /// Takes the open word of a thread, from a block that began at `offset`.
    pub(super) fn open(&mut self, thread: u32, offset: u64, word: u64) -> Result<(), Damage> {
        if !chunk::is_open(word) {
            return Err((offset, "an open word to which nothing can be added"));
        }
        self.thread(thread).open = Some((offset, word));
        Ok(())
    }

    /// There are no more blocks, and nothing is left that [`run`](Self::run) could append: appends what still stands open. Nothing
    /// stands after that: what was added to such a word is not in the file, and another thread may wait for it.
    pub(super) fn finish(&mut self, batch: &mut Vec<Event>, tables: &mut Tables, ids: u32) -> Result<(), Damage> {
        let mut last: Vec<_> = self.threads.iter_mut().filter(|(_, part)| part.is_at_end()).collect();
        last.sort_unstable_by_key(|(thread, _)| **thread);
        for (_, part) in last {
            if let Some((offset, word)) = part.open.take() {
                let mut names = Names { tables, recent: &mut self.recent, releases: &mut self.releases, ids };
                let item = part.decoder.step(word, &mut names, batch).map_err(|reason| (offset, reason))?;
                if let Item::Fresh { lock, site } = item {
                    tables.made(lock, ObjectKind::Mutex, site);
                }
            }
        }
        Ok(())
    }

    /// Appends events whose place is certain, about `most` at a time; nothing is left to append when it appends none.
    /// Threads and objects are below `ids`.
    pub(super) fn run(
        &mut self,
        batch: &mut Vec<Event>,
        most: usize,
        tables: &mut Tables,
        ids: u32,
    ) -> Result<(), Damage> {
        while let Some(thread) = self.ready.pop_front() {
            let stop = self.run_thread(thread, batch, most, tables, ids)?;
            match stop {
                Stop::NoWords => self.thread(thread).busy = false,
                Stop::Waits => {}
                Stop::Full => {
                    self.ready.push_front(thread);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Events that could not be ordered.
    pub(super) fn left(&self) -> u64 {
        let words = |part: &Thread| part.words.iter().map(|word| chunk::events(*word)).sum::<u64>();
        let open = |part: &Thread| part.open.map_or(0, |(_, word)| chunk::events(word));
        self.threads.values().map(|part| words(part) + open(part)).sum()
    }

    fn thread(&mut self, thread: u32) -> &mut Thread {
        self.threads.entry(thread).or_insert_with(|| Thread {
            decoder: Decoder::new(thread),
            words: VecDeque::new(),
            blocks: VecDeque::new(),
            done: 0,
            busy: false,
            last_stamp: 0,
            last_after: 0,
            stamped: false,
            waiting: Vec::new(),
            open: None,
        })
    }

    fn run_thread(
        &mut self,
        id: u32,
        batch: &mut Vec<Event>,
        most: usize,
        tables: &mut Tables,
        ids: u32,
    ) -> Result<Stop, Damage> {
        let mut part = self.threads.get_mut(&id).expect(READY);
        let stop = loop {
            if batch.len() >= most {
                break Stop::Full;
            }
            let Some(&word) = part.words.front() else { break Stop::NoWords };
            self.pending -= 1;
            let mut names = Names { tables, recent: &mut self.recent, releases: &mut self.releases, ids };
            match part.decoder.step(word, &mut names, batch).map_err(|reason| (part.offset(), reason))? {
                Item::Prepared => part.advance(),
                Item::Made { lock, kind, site } => {
                    part.advance();
                    tables.made(lock, kind, site);
                }
                Item::After { thread, zigzag } => {
                    part.advance();
                    part.last_after = chunk::position_after(part.last_after, zigzag);
                    let position = part.last_after;
                    if thread != id {
                        let other = self.thread(thread);
                        if other.done < position {
                            other.waiting.push((position, id));
                            break Stop::Waits;
                        }
                        part = self.threads.get_mut(&id).expect(READY);
                    }
                }
                Item::Stamp(word) => {
                    if part.stamped {
                        return Err((part.offset(), "an event with two stamps"));
                    }
                    part.last_stamp = chunk::stamp_after(part.last_stamp, word);
                    part.stamped = true;
                    let (stamp, offset) = (part.last_stamp, part.offset());
                    part.advance();
                    if stamp < self.next_stamp || self.waiting_stamps.contains_key(&stamp) {
                        return Err((offset, "a stamp that another event has"));
                    }
                    if stamp != self.next_stamp {
                        self.waiting_stamps.insert(stamp, id);
                        break Stop::Waits;
                    }
                }
                item @ (Item::Events | Item::Fresh { .. }) => {
                    if let Item::Fresh { lock, site } = item {
                        tables.made(lock, ObjectKind::Mutex, site);
                    }
                    part.advance();
                    part.done += 1;
                    let stamped = std::mem::take(&mut part.stamped);
                    if stamped {
                        self.next_stamp += 1;
                        self.ready.extend(self.waiting_stamps.remove(&self.next_stamp));
                    }
                }
            }
        };
        self.wake(id);
        Ok(stop)
    }

    /// Readies the threads that waited for what this one has done.
    fn wake(&mut self, id: u32) {
        let Some(part) = self.threads.get_mut(&id) else { return };
        let done = part.done;
        let ready = &mut self.ready;
        part.waiting.retain(|&(position, waiter)| {
            if position <= done {
                ready.push_back(waiter);
            }
            position > done
        });
    }
}

impl Thread {
    /// Is everything done that was read, and waits it for nothing?
    fn is_at_end(&self) -> bool {
        !self.busy && self.words.is_empty() && !self.stamped
    }

    fn advance(&mut self) {
        self.words.pop_front();
        if let Some((_, left)) = self.blocks.front_mut() {
            *left -= 1;
            if *left == 0 {
                self.blocks.pop_front();
            }
        }
    }

    fn offset(&self) -> u64 {
        self.blocks.front().map_or(0, |(offset, _)| *offset)
    }
}

#[cfg(test)]
mod tests;
