//! What an event says and what it constrains.

use crate::event::{
    AtomicId, Attempt, BarrierId, ChannelId, CondvarId, LockId, Mode, Names, Object, OnceId, Op, ThreadId, VarId,
};

/// How an event binds a reordering.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    /// By thread order only.
    Free,
    /// Keeps the write that it read from (`link`).
    Read,
    /// Is what later reads of the cell see.
    Write,
    /// Both: an atomic read-modify-write.
    Update,
    /// Takes a lock; `link` is the release.
    Acquire,
    /// Gives it back; `link` is the acquisition.
    Release,
    /// Is about to wait for a lock.
    Request,
    /// Comes after `link`: a join after the end of the child, an operation on an ordered object after the one before.
    After,
}

/// Declares the operations of a trace with the words that a witness uses for them.
macro_rules! words {
    ($($word:ident $sort:ident $text:literal;)*) => {
        /// An operation, without its operands.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub(super) enum Word { $($word,)* }

        impl Word {
            const fn text(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }

            pub(super) const fn sort(self) -> Sort {
                match self { $(Self::$word => Sort::$sort,)* }
            }
        }
    };
}

/// What the object of an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Sort {
    Nothing,
    Thread,
    Lock,
    /// What a lock guards; numbered as the lock.
    Data,
    Var,
    Atomic,
    Condvar,
    Channel,
    Barrier,
    Once,
}

words! {
    Begin Nothing "begins";
    End Nothing "ends";
    Fork Thread "starts";
    JoinRequest Thread "waits for the end of";
    Joined Thread "joins";
    ParkRequest Thread "is about to park";
    Parked Thread "was parked";
    Unpark Thread "unparks";
    Request Lock "asks for";
    Acquire Lock "takes";
    Try Lock "takes, by trying,";
    Release Lock "releases";
    Missed Lock "finds held";
    Hidden Lock "hides what is under";
    DataRead Data "looks into";
    DataWrite Data "changes";
    GaveUp Nothing "gives up";
    CondvarRequest Condvar "waits on";
    CondvarWoken Condvar "wakes from";
    Notify Condvar "notifies";
    ChannelMade Channel "makes";
    SendRequest Channel "is about to send to";
    Sent Channel "sends to";
    RecvRequest Channel "is about to receive from";
    Received Channel "receives from";
    Closed Channel "closes";
    SawClosed Channel "sees closed";
    ChannelMissed Channel "finds nothing to do with";
    BarrierArrive Barrier "arrives at";
    BarrierLeave Barrier "leaves";
    OnceRequest Once "waits for";
    OnceBegin Once "begins to initialise";
    OnceEnd Once "initialised";
    OnceSeen Once "sees initialised";
    Read Var "reads";
    Write Var "writes";
    Speculative Var "reads, to validate,";
    Load Atomic "loads";
    Acquiring Atomic "loads";
    Store Atomic "stores";
    Rmw Atomic "updates";
    Fence Nothing "fence";
    RegionBegin Nothing "begins an atomic region";
    RegionEnd Nothing "ends an atomic region";
}

impl Word {
    /// A plain access: one that can race.
    pub(super) const fn is_plain(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }

    /// The operation in words, `writes `balance``.
    pub(super) fn say(self, number: u32, names: &dyn Names) -> String {
        let object = match self.sort() {
            Sort::Nothing => return self.text().to_owned(),
            Sort::Thread => return format!("{} {}", self.text(), names.owner_label(ThreadId(number))),
            Sort::Lock | Sort::Data => Object::Lock(LockId(number)),
            Sort::Var => Object::Var(VarId(number)),
            Sort::Atomic => Object::Atomic(AtomicId(number)),
            Sort::Condvar => Object::Condvar(CondvarId(number)),
            Sort::Channel => Object::Channel(ChannelId(number)),
            Sort::Barrier => Object::Barrier(BarrierId(number)),
            Sort::Once => Object::Once(OnceId(number)),
        };
        format!("{} {}", self.text(), names.label(object))
    }
}

/// An operation taken apart: what it is, how it binds, the mode of a lock operation, the number of the object.
pub(super) fn encode(thread: ThreadId, op: Op) -> (Word, Kind, Mode, u32) {
    use Kind::{Acquire, After, Free, Read, Release, Request, Update, Write};
    let (word, kind, object) = match op {
        Op::Begin => (Word::Begin, Free, 0),
        Op::End => (Word::End, Free, 0),
        Op::Fork { child } => (Word::Fork, Free, child.0),
        Op::JoinRequest { child } => (Word::JoinRequest, Free, child.0),
        Op::Joined { child } => (Word::Joined, After, child.0),
        Op::ParkRequest => (Word::ParkRequest, Free, thread.0),
        Op::Parked { .. } => (Word::Parked, After, thread.0),
        Op::Unpark { thread } => (Word::Unpark, After, thread.0),
        Op::Request { lock, mode } => return (Word::Request, Request, mode, lock.0),
        Op::Acquired { lock, mode, attempt } => {
            let word = if attempt == Attempt::Blocking { Word::Acquire } else { Word::Try };
            return (word, Acquire, mode, lock.0);
        }
        Op::Released { lock, mode } => return (Word::Release, Release, mode, lock.0),
        Op::LockMissed { lock, .. } => (Word::Missed, Free, lock.0),
        Op::DataHidden { lock } => (Word::Hidden, Free, lock.0),
        Op::DataRead { lock } => (Word::DataRead, Read, lock.0),
        Op::DataWrite { lock } => (Word::DataWrite, Write, lock.0),
        Op::GaveUp => (Word::GaveUp, Free, 0),
        Op::CondvarRequest { condvar, .. } => (Word::CondvarRequest, After, condvar.0),
        Op::CondvarWoken { condvar, .. } => (Word::CondvarWoken, After, condvar.0),
        Op::Notify { condvar, .. } => (Word::Notify, After, condvar.0),
        Op::ChannelMade { channel, .. } => (Word::ChannelMade, After, channel.0),
        Op::SendRequest { channel } => (Word::SendRequest, Free, channel.0),
        Op::Sent { channel } => (Word::Sent, After, channel.0),
        Op::RecvRequest { channel } => (Word::RecvRequest, Free, channel.0),
        Op::Received { channel } => (Word::Received, After, channel.0),
        Op::Closed { channel, .. } => (Word::Closed, After, channel.0),
        Op::SawClosed { channel } => (Word::SawClosed, After, channel.0),
        Op::ChannelMissed { channel } => (Word::ChannelMissed, After, channel.0),
        Op::BarrierArrive { barrier, .. } => (Word::BarrierArrive, After, barrier.0),
        Op::BarrierLeave { barrier } => (Word::BarrierLeave, After, barrier.0),
        Op::OnceRequest { once } => (Word::OnceRequest, Free, once.0),
        Op::OnceBegin { once } => (Word::OnceBegin, After, once.0),
        Op::OnceEnd { once, .. } => (Word::OnceEnd, After, once.0),
        Op::OnceSeen { once } => (Word::OnceSeen, After, once.0),
        Op::Read { var } => (Word::Read, Read, var.0),
        Op::Write { var } => (Word::Write, Write, var.0),
        Op::SpeculativeRead { var } => (Word::Speculative, Read, var.0),
        Op::AtomicLoad { atomic, order } if order.acquires() => (Word::Acquiring, Read, atomic.0),
        Op::AtomicLoad { atomic, .. } => (Word::Load, Read, atomic.0),
        Op::AtomicStore { atomic, .. } => (Word::Store, Write, atomic.0),
        Op::AtomicRmw { atomic, .. } => (Word::Rmw, Update, atomic.0),
        Op::Fence { .. } => (Word::Fence, Free, 0),
        Op::RegionBegin => (Word::RegionBegin, Free, 0),
        Op::RegionEnd => (Word::RegionEnd, Free, 0),
    };
    (word, kind, Mode::Exclusive, object)
}
