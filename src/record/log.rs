//! The recorder's log: events of all threads into one binary trace, while the program runs.
//!
//! A thread stores words in its own [`Buffer`]: no lock, no clock, no shared cache line. The words are those of the file (see
//! [`crate::trace::chunk`]). When the buffer is full, the thread itself packs it: that costs it less than the cache misses
//! of a buffer that another processor reads, for it stays small and near; what comes out is mostly far shorter, and goes to
//! [`Outgoing`]. A background thread ([`writer`]) writes that, and every [`PERIOD`] it also passes on what stands in
//! buffers that are not full: so the trace of a program that hangs or is killed reaches almost to its end. Memory is
//! bounded: a thread waits when too much waits to be written. A log that is [kept](Log::kept) in memory has no writer: it ends
//! by itself when it gets too long.
//!
//! The release of a lock right after its acquisition, or a look at what it guards, is added to the word of that: the thread
//! replaces its last word. So the writer leaves the last word in the buffer as long as that can be, and passes on what it was
//! when it looked as an *open* word, which holds until it passes on more.
//!
//! The place of an event is the distance of its [`Location`] from one of ours, in units of its alignment: 512 MB to either
//! side. A `Location` further away has a word of its own, with its address.

mod buffer;
mod outgoing;
mod stand;
mod words;
mod writer;

use std::io;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use super::context::set_own;
use super::strangers::Own;
use crate::event::{LockId, Object, ObjectInfo, ObjectKind, Op, ThreadId};
use crate::primitive::{self, AtomicU64, Condvar, Mutex, MutexGuard, SyncSender, sync_channel};
use crate::trace::chunk::{self, FAR, MADE, WIDE_OBJECT};
use crate::trace::code::{self, Parts};
use crate::trace::format::BlockKind;
use crate::trace::tables::{Entries, kind_number};
use buffer::Buffer;
use outgoing::{Outgoing, Packing};
use stand::FAR_POSITION;
pub(crate) use stand::Stand;
pub(crate) use words::{HeldWord, Origin};

/// How often the writer looks into buffers that are not full.
const PERIOD: Duration = Duration::from_millis(50);
/// Words of one event: itself, its order (three), extra, wide object and place, and those of a lock's making (three).
const MOST_WORDS: usize = primitive::size(10, 2);
/// Words that [`ThreadLog::ready`] makes sure of: two events, or one and two that order it.
const READY_WORDS: usize = primitive::size(3, 1);

/// What the threads and the writer share.
struct Shared {
    /// The address from which the distances of sites count: taken once, for the compiler may make several copies of
    /// one [`Location`].
    origin: usize,
    /// Numbers the events whose order no object knows.
    stamps: AtomicU64,
    /// The living threads.
    parts: Mutex<Vec<Arc<Part>>>,
    outgoing: Mutex<Outgoing>,
    /// There is something for the writer to do.
    work: Condvar,
    /// There is room for more, or nobody who reads it.
    room: Condvar,
    /// Nobody writes it: so many words are kept, and with more the log ends.
    keeps: Option<usize>,
}

/// What a thread and the writer share.
struct Part {
    thread: ThreadId,
    buffer: Buffer,
    /// Held while words are passed on, so that they come in their order; the mutex of [`Outgoing`] is taken inside.
    passed: Mutex<Passed>,
}

/// What was passed on of a thread's buffer.
#[derive(Default)]
struct Passed {
    /// So many words.
    words: usize,
    /// And the word behind them as it stood, as one that may still be replaced.
    open: Option<u64>,
}

/// What the writer is asked for.
struct Request {
    /// To write all that is there and the end block, and stop; else to write all that is there.
    close: bool,
    answer: SyncSender<io::Result<()>>,
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
        let shared = Arc::new(Shared::new());
        let writer = writer::Writer::new(sink, shared.clone())?;
        let handle = std::thread::Builder::new().name("gordian-writer".to_owned()).spawn(move || {
            set_own();
            let _own = Own::new();
            writer.run();
        })?;
        Ok(Self { shared, writer: Arc::new(Mutex::new(Some(handle))) })
    }

    /// A log of at most about so many events that stays in memory until it is [taken](Log::taken).
    pub(crate) fn kept(events: usize) -> Self {
        Self { shared: Arc::new(Shared { keeps: Some(events), ..Shared::new() }), writer: Arc::default() }
    }

    /// What a kept log has so far, as a file that ends there; `None` if it was too much. Later events are lost.
    pub(crate) fn taken(&self) -> Option<Vec<u8>> {
        let parts = self.shared.parts.lock().clone();
        for part in parts {
            part.pass_on(&self.shared, &mut Packing::default(), false);
        }
        let mut outgoing = self.shared.outgoing.lock();
        if outgoing.closed {
            return None;
        }
        let mut bytes = Vec::new();
        outgoing.end();
        outgoing.move_into(&mut bytes);
        Some(bytes)
    }

    /// A kept log is not needed any more: later events are lost, and there is nothing to be taken.
    pub(crate) fn give_up(&self) {
        self.shared.outgoing.lock().give_up();
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
        let mut outgoing = self.shared.with_room();
        if !outgoing.closed {
            outgoing.announce(entry);
            self.shared.wake(outgoing);
        }
    }

    /// Waits until everything that was logged before this call is in the file.
    ///
    /// # Errors
    /// The first error of writing, from whenever it was.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.ask(false)
    }

    /// Writes everything that was logged before this call and the end of the trace. Later events are lost, silently;
    /// a second close does nothing.
    ///
    /// # Errors
    /// The first error of writing, from whenever it was.
    pub(crate) fn close(&self) -> io::Result<()> {
        let Some(handle) = self.writer.lock().take() else { return Ok(()) };
        let result = self.ask(true);
        if handle.join().is_err() {
            return Err(io::Error::other("the writer of the trace panicked"));
        }
        result
    }

    fn ask(&self, close: bool) -> io::Result<()> {
        let (answer, result) = sync_channel(1);
        let mut outgoing = self.shared.outgoing.lock();
        if outgoing.closed {
            return Ok(());
        }
        outgoing.asked.push(Request { close, answer });
        drop(outgoing);
        self.shared.work.notify_one();
        result.recv().unwrap_or(Ok(()))
    }
}

/// The part of the log that one thread writes. Dropping it passes on the rest.
pub(crate) struct ThreadLog {
    /// That of the part.
    buffer: Buffer,
    /// The address whose distance to a site is the site's place.
    origin: usize,
    /// Words of earlier fillings, less the words that are no events: with the length of the buffer it is a [`Stand`].
    earlier: u64,
    last_stamp: u64,
    last_after: u64,
    /// The lock of the last [`Room::made`] or [`ThreadLog::push_fresh`].
    last_made: u32,
    /// See [`ThreadLog::is_over`].
    over: bool,
    /// See [`ThreadLog::is_far`].
    far: bool,
    packing: Packing,
    part: Arc<Part>,
    shared: Arc<Shared>,
}

impl ThreadLog {
    fn new(shared: Arc<Shared>, thread: ThreadId) -> Self {
        let buffer = Buffer::default();
        let part = Arc::new(Part { thread, buffer: buffer.clone(), passed: Mutex::default() });
        shared.parts.lock().push(part.clone());
        let (packing, origin) = (Packing::default(), shared.origin);
        let begin = Stand::begin(thread);
        Self {
            buffer,
            origin,
            earlier: begin.unwrap_or(Stand::NONE).0,
            last_stamp: 0,
            last_after: 0,
            last_made: 0,
            over: false,
            far: begin.is_none(),
            packing,
            part,
            shared,
        }
    }

    /// Has a kept log come to its end, as far as this thread has heard? What it logs is lost.
    #[inline(always)]
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    /// Can't what this thread does be told from elsewhere by its place among the thread's events? Then it is not for the hot
    /// paths, and events that others are ordered after are stamped.
    #[inline(always)]
    pub(crate) const fn is_far(&self) -> bool {
        self.far
    }

    /// Has the thread logged anything?
    pub(crate) fn has_events(&self) -> bool {
        self.near_stand().position() > 0
    }

    /// Behind which event this thread stands; what is one word counts as one.
    #[inline(always)]
    pub(crate) fn stand(&self) -> Stand {
        if self.far { Stand::STAMPED } else { self.near_stand() }
    }

    /// As [`stand`](Self::stand), on a hot path.
    #[inline(always)]
    fn near_stand(&self) -> Stand {
        Stand(self.earlier.wrapping_add(self.buffer.len() as u64))
    }

    /// What it counts places from.
    pub(crate) fn origin(&self) -> Origin {
        Origin(self.origin)
    }

    /// The next event stands after the first `position` events of `thread`. There is room.
    #[inline(always)]
    fn after(&mut self, (thread, position): (ThreadId, u64)) {
        let (wide, word) = chunk::after_words(self.last_after, thread.0, position);
        self.last_after = position;
        if let Some(wide) = wide {
            self.control(wide);
        }
        self.control(word);
    }

    /// Stores a word that is no event.
    #[inline(always)]
    fn control(&mut self, word: u64) {
        self.put(word);
        self.earlier = self.earlier.wrapping_sub(1);
    }

    #[inline(always)]
    fn put(&mut self, word: u64) {
        self.buffer.put(self.buffer.len(), word);
    }

    /// The distance of a site, if it is less than [`FAR`].
    #[inline(always)]
    fn place(&self, site: &'static Location<'static>) -> u64 {
        distance(self.origin, site)
    }

    /// Room for one event. Every two thousand words this packs them, which may wait for the writer.
    #[inline]
    pub(crate) fn make_room(&mut self) -> Room<'_> {
        if self.buffer.len() + MOST_WORDS > buffer::WORDS {
            self.empty();
        }
        Room(self)
    }

    #[cold]
    #[inline(never)]
    fn empty(&mut self) {
        self.over = self.shared.with_room().closed && self.shared.keeps.is_some();
        self.earlier = self.near_stand().0;
        self.far |= self.near_stand().position() > FAR_POSITION;
        self.part.pass_on(&self.shared, &mut self.packing, true);
    }
}

impl Drop for ThreadLog {
    fn drop(&mut self) {
        self.empty();
        self.shared.parts.lock().retain(|part| !Arc::ptr_eq(part, &self.part));
    }
}

/// The place of a site; one from [`FAR`] on is none.
#[inline(always)]
fn distance(origin: usize, site: &'static Location<'static>) -> u64 {
    (address(site).wrapping_sub(origin) / align_of::<Location<'_>>()) as u64
}

/// Room in a thread's buffer for one event with all that can stand before it.
pub(crate) struct Room<'a>(&'a mut ThreadLog);

impl Room<'_> {
    /// Logs the event. What orders it against other threads' events ([`Room::after`], [`Room::stamp`]) comes first. The
    /// result is where the thread stands behind it.
    #[inline]
    pub(crate) fn push(mut self, op: Op, site: &'static Location<'static>) -> Stand {
        let Parts { code, object, extra } = code::split(op);
        if let Some(extra) = extra {
            self.0.control(code::extra_word(extra));
        }
        self.put_placed(code, object, site);
        self.0.stand()
    }

    /// The event stands behind where another thread stood.
    pub(crate) fn after(&mut self, last: Stand) {
        match last.thread() {
            Some(thread) => self.0.after((thread, last.position())),
            None if last == Stand::STAMPED => self.stamp(),
            None => {}
        }
    }

    /// Others will stand [`after`](Self::after) the event: if they can't be told so, it is stamped.
    pub(crate) fn before_others(&mut self) {
        if self.0.far {
            self.stamp();
        }
    }

    /// The event stands where this is called among all stamped ones. To be called where the object that the event is
    /// about cannot change; the event must follow.
    #[inline]
    pub(crate) fn stamp(&mut self) {
        let number = self.0.shared.stamps.fetch_add(1, Relaxed);
        self.0.control(chunk::stamp_word(number.wrapping_sub(self.0.last_stamp)));
        self.0.last_stamp = number;
    }

    /// Says where a lock was made. The event must follow.
    #[inline]
    pub(crate) fn made(&mut self, lock: LockId, kind: ObjectKind, site: &'static Location<'static>) {
        self.0.last_made = lock.0;
        self.put_placed(MADE + kind_number(kind), lock.0, site);
        self.0.earlier = self.0.earlier.wrapping_sub(1);
    }

    #[inline(always)]
    fn put_placed(&mut self, code: u8, object: u32, site: &'static Location<'static>) {
        let place = self.0.place(site);
        if place >= FAR || object >= WIDE_OBJECT {
            return self.put_wide(code, object, place, site);
        }
        self.0.put(chunk::event_word(code, place, object));
    }

    #[cold]
    #[inline(never)]
    fn put_wide(&mut self, code: u8, object: u32, place: u64, site: &'static Location<'static>) {
        if place >= FAR {
            self.0.control(chunk::place_word(far_place(site)));
        }
        if let Some(wide) = chunk::wide_word(object) {
            self.0.control(wide);
        }
        self.0.put(chunk::event_word(code, place.min(FAR), object));
    }
}

impl Part {
    /// Packs and passes on what was not yet; with `empty`, which only the owning thread may say, the buffer is empty then.
    fn pass_on(&self, shared: &Shared, packing: &mut Packing, empty: bool) {
        let mut passed = self.passed.lock();
        // The thread may be about to replace the last word.
        let (closed, last) = self.buffer.closed(empty);
        if closed > passed.words {
            // SAFETY: the buffer is cleared under the same mutex only.
            let words = unsafe { self.buffer.words(passed.words..closed) };
            packing.pack(BlockKind::Chunk, self.thread, &words);
            shared.take(packing);
            *passed = Passed { words: closed, open: None };
        }
        if let Some(last) = last.filter(|last| passed.open != Some(*last)) {
            packing.pack(BlockKind::Open, self.thread, &[last]);
            shared.take(packing);
            passed.open = Some(last);
        }
        if empty {
            self.buffer.clear();
            *passed = Passed::default();
        }
    }
}

impl Shared {
    fn new() -> Self {
        let origin = origin();
        Self {
            origin,
            stamps: AtomicU64::new(0),
            parts: Mutex::default(),
            outgoing: Mutex::new(Outgoing::new(origin)),
            work: Condvar::default(),
            room: Condvar::default(),
            keeps: None,
        }
    }

    /// What was packed goes on its way.
    fn take(&self, packing: &mut Packing) {
        let mut outgoing = self.outgoing.lock();
        if !outgoing.closed {
            outgoing.take(packing);
            self.wake(outgoing);
        }
    }

    /// What is on its way out, when there is not too much of it, or nobody who would take it.
    fn with_room(&self) -> MutexGuard<'_, Outgoing> {
        let mut outgoing = self.outgoing.lock();
        if let Some(most) = self.keeps {
            outgoing.keep(most);
        }
        while self.keeps.is_none() && outgoing.is_too_much() && !outgoing.closed {
            self.room.wait(&mut outgoing);
        }
        outgoing
    }

    /// Wakes the writer if there is enough to do.
    fn wake(&self, mut outgoing: MutexGuard<'_, Outgoing>) {
        let enough = outgoing.is_enough();
        drop(outgoing);
        if enough {
            self.work.notify_one();
        }
    }
}

/// The address from which distances to sites count: half the range below one of our own sites.
fn origin() -> usize {
    address(Location::caller()).wrapping_sub(FAR as usize / 2 * align_of::<Location<'_>>())
}

/// The address of a site; [`writer`] makes a reference of it again.
#[inline]
fn address(site: &'static Location<'static>) -> usize {
    std::ptr::from_ref(site).expose_provenance()
}

/// Places from this one on are addresses.
const FAR_PLACES: u64 = 1 << 56;

/// The place of a site that is far from the origin.
fn far_place(site: &'static Location<'static>) -> u64 {
    FAR_PLACES | address(site) as u64
}

#[cfg(test)]
mod tests;
