//! The recorder's log: events of all threads into one binary trace, while the program runs.
//!
//! A thread appends words to its own [`Buffer`]: no lock, no clock, no shared cache line. One background thread
//! ([`writer`]) translates them to the words of the file (see [`crate::trace`]), packs and writes them; it also looks
//! into the buffers that are not full, every [`PERIOD`], so that the trace of a program that hangs or is killed
//! reaches almost to its end. Memory is bounded: a thread has one buffer, full ones travel through a bounded channel
//! and come back.
//!
//! # Words in memory
//!
//! | word | code | the other bits, from bit 7 upwards |
//! |---|---|---|
//! | event | 16.. | site 27, object 30 |
//! | `WIDE` | 1 | object's upper bits 2: for the next event; or as in a file, for `AFTER` |
//! | `EXTRA`, `AFTER` | 2, 6 | as in a file |
//! | `STAMP` | 7 | number 57, absolute |
//! | `PLACE` | 8 | address of the next event's [`Location`], 57 bits |
//!
//! The site of an event is the distance of its [`Location`] from one of ours, in units of its alignment: 512 MB to
//! either side with 27 bits. One further away has a `PLACE` before the event. No word is zero, and a buffer is zero
//! where it has not been written: that is how the writer sees how far a thread has got.

mod buffer;
mod writer;

use std::io;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use super::context::set_unwatched;
use super::strangers::Own;
use crate::event::{Object, ObjectInfo, Op, ThreadId};
use crate::primitive::{AtomicU64, Mutex, SyncSender, sync_channel};
use crate::trace::code::{self, CODE_BITS, OBJECT_SHIFT, Parts, WIDE, WIDE_OBJECT};
use crate::trace::tables::Entries;
use buffer::{Buffer, Handed};

/// How often the writer looks into buffers that are not full.
const PERIOD: Duration = Duration::from_millis(50);
/// Full buffers on their way to the writer.
const FULL_BUFFERS: usize = 32;
/// An address of a [`Location`] that does not fit into an event.
const PLACE: u8 = 8;
/// Words of one event with its order (two), extra, wide object and place.
const MOST_WORDS: usize = 6;
const SITE_BITS: u32 = OBJECT_SHIFT - CODE_BITS;
const HALF: usize = 1 << (SITE_BITS - 1);

/// What travels to the writer.
enum Message {
    /// A buffer that is full, or a thread's last.
    Full(Handed),
    /// Table entries.
    Tables(Entries),
    /// Write all that is there, then say so.
    Flush(SyncSender<io::Result<()>>),
    /// Write all that is there and the end block, and stop.
    Close(SyncSender<io::Result<()>>),
}

/// What the threads and the writer share.
struct Shared {
    /// The address from which the distances of sites count: taken once, for the compiler may make several copies of
    /// one [`Location`].
    origin: usize,
    sender: SyncSender<Message>,
    /// Numbers the events whose order no object knows.
    stamps: AtomicU64,
    tables: Mutex<Entries>,
    /// The buffer that each living thread writes now.
    current: Mutex<Vec<Handed>>,
    /// Buffers that were written and cleared.
    free: Mutex<Vec<Arc<Buffer>>>,
}

/// A recording in progress. Cheap to clone; all clones are the same recording. One that is not [closed](Log::close) is
/// read as one that was cut.
#[derive(Clone)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Log {
    /// Creates (or overwrites) the file and starts the writer.
    ///
    /// # Errors
    /// Of creating the file, writing its header, or starting the thread.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::start(std::fs::File::create(path)?)
    }

    /// As [`Log::open`], into any sink; the sink must not buffer if the trace is to survive the process.
    pub(crate) fn start(sink: impl io::Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(FULL_BUFFERS);
        let shared = Arc::new(Shared {
            origin: origin(),
            sender,
            stamps: AtomicU64::new(0),
            tables: Mutex::default(),
            current: Mutex::default(),
            free: Mutex::default(),
        });
        let writer = writer::Writer::new(sink, shared.clone())?;
        let handle = std::thread::Builder::new().name("gordian-writer".to_owned()).spawn(move || {
            set_unwatched();
            let _own = Own::new();
            writer.run(&receiver);
        })?;
        Ok(Self { shared, writer: Arc::new(Mutex::new(Some(handle))) })
    }

    /// The log of a thread, to be owned by it. A thread has at most one, ever.
    pub(crate) fn thread(&self, thread: ThreadId) -> ThreadLog {
        ThreadLog::new(self.shared.clone(), thread)
    }

    /// Says what an object is; any time, and again when more is known.
    pub(crate) fn describe(&self, object: Object, info: &ObjectInfo) {
        self.announce(|tables| tables.object(object, info));
    }

    /// Names a thread.
    pub(crate) fn name_thread(&self, thread: ThreadId, name: &str) {
        self.announce(|tables| tables.thread(thread, name));
    }

    fn announce(&self, entry: impl FnOnce(&mut Entries)) {
        let mut tables = self.shared.tables.lock();
        entry(&mut tables);
        if tables.is_full() {
            let full = std::mem::take(&mut *tables);
            drop(tables);
            // After the close nobody listens, and nothing is to be written.
            let _ = self.shared.sender.send(Message::Tables(full));
        }
    }

    /// Waits until everything that was logged before this call is in the file; of a thread that is swapping its buffer
    /// just now, what that buffer holds may come later.
    ///
    /// # Errors
    /// The first error of writing, from whenever it was.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.ask(Message::Flush)
    }

    /// Writes everything that was logged before this call and the end of the trace. Later events are lost, silently;
    /// a second close does nothing.
    ///
    /// # Errors
    /// The first error of writing, from whenever it was.
    pub(crate) fn close(&self) -> io::Result<()> {
        let Some(handle) = self.writer.lock().take() else { return Ok(()) };
        let result = self.ask(Message::Close);
        if handle.join().is_err() {
            return Err(io::Error::other("the writer of the trace panicked"));
        }
        result
    }

    fn ask(&self, message: fn(SyncSender<io::Result<()>>) -> Message) -> io::Result<()> {
        let (answer, result) = sync_channel(1);
        if self.shared.sender.send(message(answer)).is_err() {
            return Ok(());
        }
        result.recv().unwrap_or(Ok(()))
    }
}

/// The part of the log that one thread writes. Dropping it hands over the rest.
pub(crate) struct ThreadLog {
    buffer: Arc<Buffer>,
    next: usize,
    /// The address whose distance to a site is the site's number.
    origin: usize,
    /// Words of earlier buffers, less the words that are no events: position is this and `next`.
    earlier: u64,
    sequence: u64,
    thread: u32,
    shared: Arc<Shared>,
}

impl ThreadLog {
    fn new(shared: Arc<Shared>, thread: ThreadId) -> Self {
        let buffer = shared.fresh_buffer();
        shared.current.lock().push(Handed { thread: thread.0, sequence: 0, buffer: buffer.clone() });
        Self { buffer, next: 0, origin: shared.origin, earlier: 0, sequence: 0, thread: thread.0, shared }
    }

    /// How many events this thread has logged.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.earlier.wrapping_add(self.next as u64)
    }

    /// Is there room for an event and all that can stand before it, so that the next call only stores words?
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.next + MOST_WORDS <= buffer::WORDS
    }

    /// Logs an event of this thread. What orders it against other threads' events ([`ThreadLog::after`],
    /// [`ThreadLog::stamp`]) comes first.
    ///
    /// One or two stores where the operation's variant is known at compile time. Every 8,192 words the buffer is
    /// swapped, which may wait for the writer.
    #[inline]
    pub(crate) fn push(&mut self, op: Op, site: &'static Location<'static>) {
        let Parts { code, object, extra } = code::split(op);
        if let Some(extra) = extra {
            self.control(code::extra_word(extra));
        }
        let distance = address(site).wrapping_sub(self.origin) / align_of::<Location<'_>>();
        if distance >= 2 * HALF || object >= WIDE_OBJECT {
            return self.push_wide(code, object, site);
        }
        self.put(u64::from(code) | (distance as u64) << CODE_BITS | u64::from(object) << OBJECT_SHIFT);
    }

    /// The next event stands after the first `position` events of `thread`.
    #[inline]
    pub(crate) fn after(&mut self, thread: ThreadId, position: u64) {
        let (wide, word) = code::after_words(thread.0, position);
        if let Some(wide) = wide {
            self.control(wide);
        }
        self.control(word);
    }

    /// The next event stands where it is taken among all stamped ones. To be called where the object that the event
    /// is about cannot change; the event must follow.
    #[inline]
    pub(crate) fn stamp(&mut self) {
        let number = self.shared.stamps.fetch_add(1, Relaxed);
        self.control(code::stamp_word(number));
    }

    #[inline]
    fn control(&mut self, word: u64) {
        self.put(word);
        self.earlier = self.earlier.wrapping_sub(1);
    }

    #[inline]
    fn put(&mut self, word: u64) {
        if !self.buffer.put(self.next, word) {
            self.swap();
            self.buffer.put(0, word);
        }
        self.next += 1;
    }

    #[cold]
    fn push_wide(&mut self, code: u8, object: u32, site: &'static Location<'static>) {
        if object >= WIDE_OBJECT {
            self.control(u64::from(WIDE) | u64::from(object >> (64 - OBJECT_SHIFT)) << CODE_BITS);
        }
        self.control(u64::from(PLACE) | (address(site) as u64) << CODE_BITS);
        self.put(u64::from(code) | u64::from(object) << OBJECT_SHIFT);
    }

    /// Hands the full buffer over and goes on in an empty one.
    #[cold]
    #[inline(never)]
    fn swap(&mut self) {
        self.earlier = self.earlier.wrapping_add(self.next as u64);
        self.next = 0;
        let full = std::mem::replace(&mut self.buffer, self.shared.fresh_buffer());
        let handed = Handed { thread: self.thread, sequence: self.sequence, buffer: full };
        self.sequence += 1;
        self.shared.renew(Handed { thread: self.thread, sequence: self.sequence, buffer: self.buffer.clone() });
        // After the close nobody listens, and nothing is to be written.
        let _ = self.shared.sender.send(Message::Full(handed));
    }
}

impl Drop for ThreadLog {
    fn drop(&mut self) {
        self.shared.current.lock().retain(|handed| handed.thread != self.thread);
        let handed = Handed { thread: self.thread, sequence: self.sequence, buffer: self.buffer.clone() };
        let _ = self.shared.sender.send(Message::Full(handed));
    }
}

impl Shared {
    fn fresh_buffer(&self) -> Arc<Buffer> {
        self.free.lock().pop().unwrap_or_default()
    }

    fn renew(&self, handed: Handed) {
        let mut current = self.current.lock();
        if let Some(place) = current.iter_mut().find(|place| place.thread == handed.thread) {
            *place = handed;
        }
    }
}

/// The address from which distances to sites count: half the range below one of our own sites.
fn origin() -> usize {
    address(Location::caller()).wrapping_sub(HALF * align_of::<Location<'_>>())
}

/// The address of a site; [`writer`] makes a reference of it again.
#[inline]
fn address(site: &'static Location<'static>) -> usize {
    std::ptr::from_ref(site).expose_provenance()
}

#[cfg(test)]
mod tests;
