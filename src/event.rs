//! The event vocabulary: closed, plain data, used by everything and using nothing of ours.
//!
//! Every source (the wrappers, a trace file, later a facade or an explored schedule) produces these events, and every
//! analysis consumes these and nothing else. The order of a stream of events is a *linearisation*: events of one owner
//! stand in program order, and operations on one object in the order in which they took effect.
//!
//! Blocking operations are two events. The request is *optional*: a stream has it where the operation did not get
//! through at once, or where the source announces every attempt. So a report can precede the hang, and a lock that was
//! free costs one event.
//!
//! # A source that has addresses
//!
//! What the compiler instruments (loads and stores of plain memory) is known by address, not as an object. Such a source
//! needs no event of its own. It gives a location the next [`VarId`] at the first access since its memory was allocated, and
//! forgets the id when the memory is freed or reused, so that two objects at one address are two; an access that spans
//! several locations is one event for each. [`Op::Read`] and [`Op::Write`] are the accesses, its place is the code address,
//! entered into the table of [`Site`]s once. Everything behind the events is as for a `Shared` cell. The live recorder does
//! this for atomics already, which have no room for an id of their own: see `record::cells`.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// Declares the dense identifiers: `u32` newtypes, numbered from 0 in creation (or first-use) order, never addresses.
macro_rules! dense_ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

dense_ids! {
    /// A thread of the program, or a [task](ThreadId::of_task).
    ThreadId, "T";
    /// A lock: mutex, reader-writer lock, reentrant mutex.
    LockId, "L";
    /// A memory cell that the program shares without a lock.
    VarId, "V";
    /// An atomic variable.
    AtomicId, "A";
    /// A condition variable.
    CondvarId, "C";
    /// A channel.
    ChannelId, "Q";
    /// A barrier.
    BarrierId, "B";
    /// A one-time initialisation (`Once`, `OnceLock`, `LazyLock`).
    OnceId, "O";
    /// A source location, an index into the stream's table of [`Site`]s. [`SiteId::UNKNOWN`] is always there.
    SiteId, "S";
}

/// The bit of a [`ThreadId`] that says that it is a task's.
const TASK: u32 = 1 << 31;

macro_rules! indices {
    ($($name:ident)*) => {$(
        impl $name {
            /// The identifier as an index into a table.
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

indices! { ThreadId LockId VarId AtomicId CondvarId ChannelId BarrierId OnceId SiteId }

impl ThreadId {
    /// The place in a table of threads *and* tasks: threads have the even ones, tasks the odd ones.
    #[inline]
    #[must_use]
    pub const fn place(self) -> usize {
        self.0.rotate_left(1) as usize
    }

    /// A task as an owner of its own: tasks and threads wait for one another in one graph, and take locks in one order, so
    /// their identifiers share one space. Threads have the lower half of it.
    #[inline]
    #[must_use]
    pub const fn of_task(task: TaskId) -> Self {
        Self(task.get() | TASK)
    }

    /// The task, if it is one.
    #[inline]
    #[must_use]
    pub const fn task(self) -> Option<TaskId> {
        if self.0 & TASK == 0 { None } else { NonZeroU32::new(self.0 & !TASK) }
    }
}

impl SiteId {
    /// The site of an event whose source is not known.
    pub const UNKNOWN: Self = Self(0);
}

/// An async task, numbered from 1. Threads have none.
pub type TaskId = NonZeroU32;
/// A future inside a task, numbered from 1 within the stream.
pub type FutureId = NonZeroU32;

/// Who does an event: a thread, and where async code runs, the task and the future inside the task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Owner {
    /// The thread on which it happened.
    pub thread: ThreadId,
    /// The task being polled, if any.
    pub task: Option<TaskId>,
    /// The future inside the task, if known.
    pub future: Option<FutureId>,
}

impl Owner {
    /// A thread outside any task.
    #[inline]
    #[must_use]
    pub const fn thread(thread: ThreadId) -> Self {
        Self { thread, task: None, future: None }
    }

    /// Who does it: the task where there is one, else the thread.
    #[inline]
    #[must_use]
    pub const fn actor(self) -> ThreadId {
        match self.task {
            Some(task) => ThreadId::of_task(task),
            None => self.thread,
        }
    }
}

/// How a lock is held or wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Mode {
    /// A mutex, or the writer of a reader-writer lock.
    Exclusive = 0,
    /// A reader that queues behind a waiting writer (std `read`, parking_lot `read`).
    Shared = 1,
    /// A reader that never waits for a queued writer (parking_lot `read_recursive`).
    SharedRecursive = 2,
    /// An upgradable reader: one at a time, beside readers (parking_lot `upgradable_read`).
    Upgradable = 3,
}

impl Mode {
    /// Can two owners hold the lock in these modes at the same time?
    #[inline]
    #[must_use]
    pub const fn compatible(self, other: Self) -> bool {
        use Mode::{Exclusive, Upgradable};
        !matches!((self, other), (Exclusive, _) | (_, Exclusive) | (Upgradable, Upgradable))
    }

    /// Is this a plain reader, of either kind?
    #[inline]
    #[must_use]
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::SharedRecursive)
    }
}

/// How an acquisition came about. Only one that could have waited makes a lock-order edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Attempt {
    /// Waits as long as it takes.
    Blocking = 0,
    /// Gives up at once (`try_lock`).
    Try = 1,
    /// Gives up after a time (`try_lock_for`).
    Timed = 2,
}

/// Memory order of an atomic operation; the legal values are those of [`std::sync::atomic::Ordering`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Order {
    /// Makes no happens-before edge by itself.
    Relaxed = 0,
    /// The load side synchronises.
    Acquire = 1,
    /// The store side synchronises.
    Release = 2,
    /// Both sides.
    AcqRel = 3,
    /// Both sides, and a place in the single total order.
    SeqCst = 4,
}

impl Order {
    /// Does the load half synchronise with a release?
    #[inline]
    #[must_use]
    pub const fn acquires(self) -> bool {
        matches!(self, Self::Acquire | Self::AcqRel | Self::SeqCst)
    }

    /// Does the store half publish?
    #[inline]
    #[must_use]
    pub const fn releases(self) -> bool {
        matches!(self, Self::Release | Self::AcqRel | Self::SeqCst)
    }
}

/// What happens. Closed: a new source makes these events, a new analysis reads them.
///
/// Waits come in pairs (`…Request`, then what ended the wait); the request may be absent where nothing had to be waited
/// for. `GaveUp` retracts the owner's pending request of whatever kind (timeout, cancelled future).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after their types; the variants say what they mean")]
pub enum Op {
    // -- threads
    /// First event of a thread.
    Begin,
    /// Last event of a thread.
    End,
    /// The owner starts `child`; everything before it happens before the child's first event.
    Fork { child: ThreadId },
    /// The owner is about to wait for the end of `child`.
    JoinRequest { child: ThreadId },
    /// `child` has ended; everything it did happens before this.
    Joined { child: ThreadId },
    /// The owner has no wake-up token and is about to park without a time limit.
    ParkRequest,
    /// `park` returned. `token`: a wake-up was consumed (an edge from the [`Op::Unpark`]s before it).
    Parked { token: bool },
    /// The owner gives `thread` a wake-up token.
    Unpark { thread: ThreadId },

    // -- locks
    /// The owner is about to wait for the lock, without a time limit.
    Request { lock: LockId, mode: Mode },
    /// The owner holds the lock.
    Acquired { lock: LockId, mode: Mode, attempt: Attempt },
    /// The owner no longer holds the lock in this mode.
    Released { lock: LockId, mode: Mode },
    /// The pending request is withdrawn.
    GaveUp,
    /// An attempt that would not wait, or not any longer, found the lock held by others.
    LockMissed { lock: LockId, mode: Mode },
    /// When holders of the lock look at what it guards, or change it, is not told.
    DataHidden { lock: LockId },
    /// The holder of the lock looks at what it guards: written once a hold.
    DataRead { lock: LockId },
    /// The holder of the lock changes, or may change, what it guards: written once a hold, after a [`Op::DataRead`].
    DataWrite { lock: LockId },

    // -- condition variables. The mutex is released and acquired by events of its own around these.
    /// The owner waits on the condvar without a time limit; it has released `lock`.
    CondvarRequest { condvar: CondvarId, lock: LockId },
    /// The wait ended; `notified` is false for a time-out or a spurious wake-up.
    CondvarWoken { condvar: CondvarId, notified: bool },
    /// One (`all == false`) or all waiters are notified; `woken` counts those that were there.
    Notify { condvar: CondvarId, all: bool, woken: u32 },

    // -- channels: first in, first out; the n-th `Received` takes what the n-th `Sent` put in.
    /// The channel exists from here; `capacity` is `None` when unbounded, `Some(0)` for a rendezvous.
    ChannelMade { channel: ChannelId, capacity: Option<u32> },
    /// The owner is about to wait for space (or for the partner of a rendezvous).
    SendRequest { channel: ChannelId },
    /// A message is in the channel.
    Sent { channel: ChannelId },
    /// The owner is about to wait for a message.
    RecvRequest { channel: ChannelId },
    /// A message was taken.
    Received { channel: ChannelId },
    /// The last sender is gone (`receiver == false`) or the receiver is.
    Closed { channel: ChannelId, receiver: bool },
    /// The owner saw that the other side is gone (an edge from [`Op::Closed`]).
    SawClosed { channel: ChannelId },
    /// An attempt that would not wait, or not any longer, found no message, or no space.
    ChannelMissed { channel: ChannelId },

    // -- barriers
    /// The owner arrives at the barrier and is about to wait for the others.
    BarrierArrive { barrier: BarrierId, parties: u32 },
    /// The owner leaves: everything before the arrivals of its generation happens before this.
    BarrierLeave { barrier: BarrierId },

    // -- one-time initialisation
    /// Another owner runs the initialiser; the owner is about to wait for it.
    OnceRequest { once: OnceId },
    /// The owner runs the initialiser.
    OnceBegin { once: OnceId },
    /// The initialiser ended; `done` is false when it panicked.
    OnceEnd { once: OnceId, done: bool },
    /// The owner saw the initialised state (an edge from [`Op::OnceEnd`]).
    OnceSeen { once: OnceId },

    // -- memory
    /// Plain read of a cell.
    Read { var: VarId },
    /// Plain write of a cell.
    Write { var: VarId },
    /// A read whose value is thrown away unless validated (the reader of a seqlock): never part of a race.
    SpeculativeRead { var: VarId },
    /// Atomic load.
    AtomicLoad { atomic: AtomicId, order: Order },
    /// Atomic store.
    AtomicStore { atomic: AtomicId, order: Order },
    /// Atomic read-modify-write that wrote.
    AtomicRmw { atomic: AtomicId, order: Order },
    /// Atomic fence; never [`Order::Relaxed`].
    Fence { order: Order },

    // -- tasks. What a thread does between the begin and the end of a poll, the task does.
    /// The owner spawns `task`; everything before it happens before the task's first poll.
    TaskSpawned { task: TaskId },
    /// The thread begins to poll the task: after its last poll, and after what woke it.
    PollBegin { task: TaskId },
    /// The poll of the task that the thread polls is over; `pending` is false when the task's future was ready, or panicked.
    PollEnd { pending: bool },
    /// The owner wakes the task.
    Woken { task: TaskId },
    /// The task does nothing more; `cancelled` is true when its future was dropped before it was ready.
    TaskEnded { task: TaskId, cancelled: bool },
    /// The owner has seen the end of the task: everything that it did happens before this.
    TaskJoined { task: TaskId },

    // -- regions that the user means to be atomic
    /// Start of an atomic region.
    RegionBegin,
    /// End of an atomic region.
    RegionEnd,
}

/// One event of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Who.
    pub owner: Owner,
    /// Where in the source.
    pub site: SiteId,
    /// What.
    pub op: Op,
}

/// A place in the user's source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Site {
    /// Path as the compiler gave it, normalised by [`Site::new`]; `?` when unknown. For STD text the trace's own
    /// location token, with line 0.
    pub file: String,
    /// 1-based line, 0 when unknown.
    pub line: u32,
    /// 1-based column, 0 when unknown.
    pub column: u32,
}

impl Site {
    /// A site, with `a/../b` in the path folded to `b` and `\` to `/`, so that one place has one name.
    #[must_use]
    pub fn new(file: &str, line: u32, column: u32) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        let file = file.replace('\\', "/");
        for part in file.split('/') {
            match (part, parts.last()) {
                (".", _) => {}
                ("..", Some(&last)) if !last.is_empty() && last != ".." => {
                    parts.pop();
                }
                _ => parts.push(part),
            }
        }
        Self { file: parts.join("/"), line, column }
    }

    /// The place of [`SiteId::UNKNOWN`].
    #[must_use]
    pub fn unknown() -> Self {
        Self { file: "?".to_owned(), line: 0, column: 0 }
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// What an object is, for reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// `Mutex` of std or parking_lot, `FairMutex`.
    Mutex,
    /// `RwLock`.
    RwLock,
    /// `ReentrantMutex`: the owner may take it again.
    ReentrantMutex,
    /// A cell (`Shared`, or a variable of a trace).
    Cell,
    /// An atomic.
    Atomic,
    /// A condition variable.
    Condvar,
    /// A channel.
    Channel,
    /// A barrier.
    Barrier,
    /// `Once`, `OnceLock`, `LazyLock`.
    Once,
    /// A semaphore of tasks.
    Semaphore,
    /// `Notify` of tokio.
    Notify,
}

impl std::fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Mutex => "mutex",
            Self::RwLock => "reader-writer lock",
            Self::ReentrantMutex => "reentrant mutex",
            Self::Cell => "cell",
            Self::Atomic => "atomic",
            Self::Condvar => "condvar",
            Self::Channel => "channel",
            Self::Barrier => "barrier",
            Self::Once => "once",
            Self::Semaphore => "semaphore",
            Self::Notify => "notify",
        })
    }
}

/// Any object of a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Object {
    /// A lock.
    Lock(LockId),
    /// A cell.
    Var(VarId),
    /// An atomic.
    Atomic(AtomicId),
    /// A condvar.
    Condvar(CondvarId),
    /// A channel.
    Channel(ChannelId),
    /// A barrier.
    Barrier(BarrierId),
    /// A once.
    Once(OnceId),
}

impl Object {
    /// What the object is when nothing more is known of it.
    #[must_use]
    pub const fn default_kind(self) -> ObjectKind {
        match self {
            Self::Lock(_) => ObjectKind::Mutex,
            Self::Var(_) => ObjectKind::Cell,
            Self::Atomic(_) => ObjectKind::Atomic,
            Self::Condvar(_) => ObjectKind::Condvar,
            Self::Channel(_) => ObjectKind::Channel,
            Self::Barrier(_) => ObjectKind::Barrier,
            Self::Once(_) => ObjectKind::Once,
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lock(id) => id.fmt(f),
            Self::Var(id) => id.fmt(f),
            Self::Atomic(id) => id.fmt(f),
            Self::Condvar(id) => id.fmt(f),
            Self::Channel(id) => id.fmt(f),
            Self::Barrier(id) => id.fmt(f),
            Self::Once(id) => id.fmt(f),
        }
    }
}

/// What is known of an object beside its events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ObjectInfo {
    /// What it is.
    pub kind: ObjectKind,
    /// The name that the user (or the trace) gave it.
    pub name: Option<String>,
    /// Where it was made: the object's *class*.
    pub created: Option<Site>,
}

/// Names and places behind the dense identifiers of one stream. The live runtime and a trace both have one.
pub trait Names {
    /// The place of a site; [`Site::unknown`] for an id that is not known.
    fn site(&self, id: SiteId) -> Site;
    /// The name of a thread, if it has one.
    fn thread_name(&self, id: ThreadId) -> Option<String>;
    /// What is known of an object.
    fn object(&self, object: Object) -> Option<ObjectInfo>;

    /// What the locks of a class are, also those that are gone: they are made at that place. `None`: mutexes, or not known.
    fn kind_of_class(&self, _class: SiteId) -> Option<ObjectKind> {
        None
    }

    /// The thread as a reader knows it: its name, else its number.
    fn owner_name(&self, id: ThreadId) -> String {
        self.thread_name(id).unwrap_or_else(|| match id.task() {
            Some(task) => format!("task {task}"),
            None => format!("thread {}", id.0),
        })
    }

    /// [`owner_name`](Self::owner_name) for use in a sentence: names are quoted.
    fn owner_label(&self, id: ThreadId) -> String {
        self.thread_name(id).map_or_else(|| self.owner_name(id), |name| format!("`{name}`"))
    }

    /// What the lock is; a mutex unless something else is known.
    fn lock_kind(&self, lock: LockId) -> ObjectKind {
        self.object(Object::Lock(lock)).map_or(ObjectKind::Mutex, |info| info.kind)
    }

    /// The object as a reader knows it: its name, else what it is and where it was made, else its number.
    fn object_name(&self, object: Object) -> String {
        match self.object(object) {
            Some(ObjectInfo { name: Some(name), .. }) => name,
            Some(ObjectInfo { name: None, created: Some(site), kind }) => format!("{kind} made at {site}"),
            _ => object.to_string(),
        }
    }

    /// [`object_name`](Self::object_name) for use in a sentence: names are quoted.
    fn label(&self, object: Object) -> String {
        match self.object(object) {
            Some(ObjectInfo { name: Some(name), .. }) => format!("`{name}`"),
            Some(ObjectInfo { created: Some(_), .. }) => format!("the {}", self.object_name(object)),
            _ => format!("`{object}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_small() {
        assert!(size_of::<Event>() <= 32, "{}", size_of::<Event>());
    }

    #[test]
    fn sites_have_one_name() {
        assert_eq!(Site::new("src/../scenarios/a.rs", 3, 4).to_string(), "scenarios/a.rs:3:4");
        assert_eq!(Site::new("./src\\a.rs", 3, 0).to_string(), "src/a.rs:3");
        assert_eq!(Site::new("../up/a.rs", 0, 0).to_string(), "../up/a.rs");
        assert_eq!(Site::new("/abs/../x.rs", 1, 1).to_string(), "/x.rs:1:1");
    }

    #[test]
    fn upgradable_stands_beside_readers_only() {
        use Mode::*;
        let compatible: Vec<_> = [Exclusive, Shared, SharedRecursive, Upgradable]
            .iter()
            .map(|a| [Exclusive, Shared, SharedRecursive, Upgradable].map(|b| a.compatible(b)))
            .collect();
        assert_eq!(
            compatible,
            [
                [false, false, false, false],
                [false, true, true, true],
                [false, true, true, true],
                [false, true, true, false]
            ]
        );
    }
}
