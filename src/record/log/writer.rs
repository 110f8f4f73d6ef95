//! The background thread that writes the file. It uses only what std and parking_lot give, so no wrapper sees it.

use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::buffer::Handed;
use super::{Message, PERIOD, PLACE, SITE_BITS, Shared};
use crate::event::Site;
use crate::primitive::Receiver;
use crate::trace::code::{self, CODE_BITS, FIRST_EVENT, OBJECT_SHIFT, STAMP, WIDE};
use crate::trace::format::{BlockKind, BlockWriter};
use crate::trace::tables::Entries;

/// How far the writer has got with a thread.
#[derive(Default)]
struct Progress {
    /// The buffer whose words come next, among this thread's.
    sequence: u64,
    /// Words of it that are in the file.
    written: usize,
    last_stamp: u64,
    /// Upper bits and place of the event that comes next.
    wide: u64,
    place: u64,
}

pub(super) struct Writer<W> {
    blocks: BlockWriter<W>,
    shared: Arc<Shared>,
    threads: FxHashMap<u32, Progress>,
    sites: Sites,
    words: Vec<u64>,
    events: u64,
    /// The first error: after it nothing is written, but buffers still come back.
    error: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(sink: W, shared: Arc<Shared>) -> io::Result<Self> {
        Ok(Self {
            blocks: BlockWriter::new(sink)?,
            sites: Sites::new(shared.origin),
            shared,
            threads: FxHashMap::default(),
            words: Vec::new(),
            events: 0,
            error: None,
        })
    }

    /// Writes until closed.
    pub(super) fn run(mut self, receiver: &Receiver<Message>) {
        let mut next_look = Instant::now() + PERIOD;
        loop {
            match receiver.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
                Ok(Message::Full(handed)) => self.full(&handed),
                Ok(Message::Tables(entries)) => self.tables(entries),
                Ok(Message::Flush(answer)) => {
                    self.look();
                    let _ = answer.send(self.result());
                }
                Ok(Message::Close(answer)) => {
                    self.close(receiver);
                    let _ = answer.send(self.result());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= next_look {
                self.look();
                next_look = Instant::now() + PERIOD;
            }
        }
    }

    fn close(&mut self, receiver: &Receiver<Message>) {
        self.look();
        // What was handed over while we looked; senders that wait behind it get an error and go on.
        while let Ok(message) = receiver.try_recv() {
            match message {
                Message::Full(handed) => self.full(&handed),
                Message::Tables(entries) => self.tables(entries),
                Message::Flush(answer) | Message::Close(answer) => drop(answer),
            }
        }
        self.look();
        let result = self.blocks.end(self.events);
        self.note(result);
    }

    /// Writes what stands in the buffers that threads are writing now.
    fn look(&mut self) {
        let current: Vec<Handed> = {
            let current = self.shared.current.lock();
            current.iter().map(Handed::clone).collect()
        };
        for handed in current {
            // A buffer whose predecessor is still on its way must wait for it.
            if self.threads.entry(handed.thread).or_default().sequence == handed.sequence {
                self.append(&handed);
            }
        }
        let entries = std::mem::take(&mut *self.shared.tables.lock());
        self.tables(entries);
        let result = self.blocks.get_mut().flush();
        self.note(result);
    }

    fn full(&mut self, handed: &Handed) {
        self.append(handed);
        let progress = self.threads.entry(handed.thread).or_default();
        progress.sequence = handed.sequence + 1;
        progress.written = 0;
        handed.buffer.clear();
        let mut free = self.shared.free.lock();
        if free.len() < super::FULL_BUFFERS {
            free.push(handed.buffer.clone());
        }
    }

    fn tables(&mut self, mut entries: Entries) {
        for (count, bytes) in entries.take() {
            let result = self.blocks.tables(count, &bytes);
            self.note(result);
        }
    }

    /// Writes the words of a buffer that are not in the file yet.
    fn append(&mut self, handed: &Handed) {
        let progress = self.threads.entry(handed.thread).or_default();
        self.words.clear();
        let mut taken = 0;
        for word in handed.buffer.read(progress.written) {
            taken += 1;
            let code = code::code(word);
            if code >= FIRST_EVENT {
                self.events += 1;
                let place = std::mem::take(&mut progress.place);
                let site = if place == 0 { self.sites.near(word) } else { self.sites.at(place as usize) };
                let high = (std::mem::take(&mut progress.wide) >> CODE_BITS) as u32;
                let object = (word >> OBJECT_SHIFT) as u32 | high << (64 - OBJECT_SHIFT);
                let (wide, word) = code::event_word(code, 0, site, object);
                self.words.extend(wide);
                self.words.push(word);
            } else if code == STAMP {
                let number = word >> CODE_BITS;
                self.words.push(code::stamp_word(number.wrapping_sub(progress.last_stamp)));
                progress.last_stamp = number;
            } else if code == PLACE {
                progress.place = word >> CODE_BITS;
            } else if code == WIDE {
                progress.wide = word;
            } else {
                if code == code::AFTER && progress.wide != 0 {
                    self.words.push(std::mem::take(&mut progress.wide));
                }
                self.words.push(word);
            }
        }
        progress.written += taken;
        if self.words.is_empty() || self.error.is_some() {
            return;
        }
        let sites = std::mem::take(&mut self.sites.entries);
        self.tables(sites);
        let words = std::mem::take(&mut self.words);
        let result = self.blocks.words(BlockKind::Chunk, handed.thread, &words);
        self.note(result);
        self.words = words;
    }

    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    fn result(&self) -> io::Result<()> {
        match &self.error {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(()),
        }
    }
}

/// Numbers sites as they turn up.
struct Sites {
    origin: usize,
    /// The last site of each of 256 groups, by its bits in a word: what a loop needs.
    recent: Box<[(u32, u32); 256]>,
    by_address: FxHashMap<usize, u32>,
    /// One source position may have several addresses.
    by_site: FxHashMap<Site, u32>,
    entries: Entries,
}

impl Sites {
    fn new(origin: usize) -> Self {
        Self {
            origin,
            recent: Box::new([(u32::MAX, 0); 256]),
            by_address: FxHashMap::default(),
            by_site: FxHashMap::default(),
            entries: Entries::default(),
        }
    }

    /// The number of the site whose distance is in an event's word.
    fn near(&mut self, word: u64) -> u32 {
        let distance = (word >> CODE_BITS) as u32 & ((1 << SITE_BITS) - 1);
        let (known, number) = self.recent[(distance & 255) as usize];
        if known == distance {
            return number;
        }
        let number = self.at(self.origin.wrapping_add(distance as usize * align_of::<Location<'_>>()));
        self.recent[(distance & 255) as usize] = (distance, number);
        number
    }

    /// The number of the site at this address.
    fn at(&mut self, address: usize) -> u32 {
        if let Some(number) = self.by_address.get(&address) {
            return *number;
        }
        let pointer = std::ptr::with_exposed_provenance::<Location<'static>>(address);
        // SAFETY: addresses come from words that only `ThreadLog::push` writes, from a `&'static Location` whose
        // provenance it exposed; the word was stored with release and loaded with acquire.
        let location = unsafe { &*pointer };
        let site = Site::new(location.file(), location.line(), location.column());
        let next = self.by_site.len() as u32 + 1;
        let entries = &mut self.entries;
        let number = *self.by_site.entry(site).or_insert_with_key(|site| {
            entries.site(site);
            next
        });
        self.by_address.insert(address, number);
        number
    }
}

#[cfg(test)]
mod models {
    use std::collections::VecDeque;

    use super::super::ThreadLog;
    use super::super::buffer::WORDS;
    use super::*;
    use crate::event::{Attempt, Event, LockId, Mode, Op, ThreadId};
    use crate::primitive::model::{check, check_within, spawn};
    use crate::primitive::{AtomicU64, Mutex, sync_channel};
    use crate::trace::TraceReader;

    const LOCK: LockId = LockId(0);
    const ACQUIRED: Op = Op::Acquired { lock: LOCK, mode: Mode::Exclusive, attempt: Attempt::Blocking };
    const RELEASED: Op = Op::Released { lock: LOCK, mode: Mode::Exclusive };

    /// A writer without its thread, so that a model says when it looks, and the file that it writes.
    fn writer() -> (Writer<Vec<u8>>, Receiver<Message>, Arc<Shared>) {
        let (sender, receiver) = sync_channel(super::super::FULL_BUFFERS);
        let shared = Arc::new(Shared {
            origin: super::super::origin(),
            sender,
            stamps: AtomicU64::new(0),
            tables: Mutex::default(),
            current: Mutex::default(),
            free: Mutex::default(),
        });
        (Writer::new(Vec::new(), shared.clone()).expect("memory can be written"), receiver, shared)
    }

    /// What the file says so far, and whether it says that it is whole.
    fn read(writer: &mut Writer<Vec<u8>>) -> (Vec<Event>, bool) {
        let mut reader = TraceReader::open(&writer.blocks.get_mut()[..]).expect("the header is there");
        let events = reader.read_to_end().expect("what is there is not damaged");
        (events, reader.truncated().is_none())
    }

    /// A thread logs more than a buffer holds while the writer looks: the file has each event once, in order.
    #[test]
    fn no_event_is_lost_or_told_twice() {
        check("no event is lost or told twice", || {
            let (mut writer, receiver, shared) = writer();
            let mut log = ThreadLog::new(Arc::clone(&shared), ThreadId(0));
            let here = Location::caller();
            let count = WORDS as u32 + 2;
            let thread = spawn(move || {
                (0..count).for_each(|lock| log.push(Op::Released { lock: LockId(lock), mode: Mode::Exclusive }, here))
            });
            writer.look();
            let (seen, _) = read(&mut writer);
            thread.join().unwrap();
            writer.close(&receiver);
            let (events, whole) = read(&mut writer);
            assert!(whole);
            assert_eq!(events[..seen.len()], seen);
            let ops = (0..count).map(|lock| Op::Released { lock: LockId(lock), mode: Mode::Exclusive });
            assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), ops.collect::<Vec<_>>());
        });
    }

    /// Two threads hand a lock on and the process is killed after the writer has looked: what is in the file alternates.
    #[test]
    fn a_cut_file_keeps_the_order() {
        check_within(3, "a cut file keeps the order", || {
            let (mut writer, receiver, shared) = writer();
            let last = Arc::new(Mutex::new(VecDeque::new()));
            let threads = [0, 1].map(|id| {
                let last = Arc::clone(&last);
                let mut log = ThreadLog::new(Arc::clone(&shared), ThreadId(id));
                let here = Location::caller();
                spawn(move || {
                    let mut last = last.lock();
                    if let Some((thread, position)) = last.pop_front() {
                        log.after(thread, position);
                    }
                    log.push(ACQUIRED, here);
                    log.push(RELEASED, here);
                    last.push_back((ThreadId(id), log.position()));
                    drop(last);
                })
            });
            writer.look();
            let (seen, _) = read(&mut writer);
            let legal = [ACQUIRED, RELEASED, ACQUIRED, RELEASED];
            assert_eq!(seen.iter().map(|event| event.op).collect::<Vec<_>>(), legal[..seen.len()]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            writer.close(&receiver);
            let (events, whole) = read(&mut writer);
            assert!(whole);
            assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), legal);
            assert_ne!(events[0].owner, events[2].owner);
        });
    }
}
