//! The words of a merged run: what one event becomes, and back.
//!
//! Every word is 64 bits and says itself what it is, in its lowest seven bits. An event is one word; the words that
//! prepare it (a second operand, bits that did not fit, an owner) stand before it, never after. So a stream of words may
//! be cut anywhere, and what stands before the cut is whole. The words of a thread chunk are of the same kind:
//! [`super::chunk`].
//!
//! | word | code | the other bits, from bit 7 upwards |
//! |---|---|---|
//! | event | 16.. | owner slot 5, site 22, object 30 |
//! | `WIDE` | 1 | site's upper bits 10, object's upper bits 2: for the next event |
//! | `EXTRA` | 2 | second operand 32: for the next event |
//! | `OWNER` | 3 | slot 5, thread 32: the slot now means this thread, outside any task |
//! | `TASK` | 4 | slot 5, task 32: the slot's owner is inside this task |
//! | `FUTURE` | 5 | slot 5, future 32: … and inside this future |

use std::num::NonZeroU32;

use crate::event::{
    AtomicId, Attempt, BarrierId, ChannelId, CondvarId, Event, LockId, Mode, OnceId, Op, Order, Owner, SiteId,
    ThreadId, VarId,
};

pub(crate) const WIDE: u8 = 1;
pub(crate) const EXTRA: u8 = 2;
pub(crate) const OWNER: u8 = 3;
pub(crate) const TASK: u8 = 4;
pub(crate) const FUTURE: u8 = 5;
/// The one event whose second operand is an identifier.
const CONDVAR_REQUEST: u8 = 53;
/// Plain reads; plain writes have the next code.
const READ: u8 = 74;
/// By mode, the code of [`Op::LockMissed`].
const MISSED: [u8; 4] = [85, 86, 87, 93];
/// The first code of an event.
pub(crate) const FIRST_EVENT: u8 = 16;

/// Width of the code at the bottom of every word.
pub(crate) const CODE_BITS: u32 = 7;
const SLOT_BITS: u32 = 5;
const SITE_BITS: u32 = 22;
/// Owners that a stream of words can name without introducing them again.
pub(crate) const SLOTS: usize = 1 << SLOT_BITS;
const SITE_SHIFT: u32 = CODE_BITS + SLOT_BITS;
/// Where the object of an event begins, in runs and in chunks.
pub(crate) const OBJECT_SHIFT: u32 = SITE_SHIFT + SITE_BITS;

/// The low `bits` bits of a word.
#[inline]
pub(crate) const fn low(word: u64, bits: u32) -> u64 {
    word & ((1 << bits) - 1)
}

/// The code of a word.
#[inline]
pub(crate) const fn code(word: u64) -> u8 {
    low(word, CODE_BITS) as u8
}

/// An operation taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) code: u8,
    pub(crate) object: u32,
    pub(crate) extra: Option<u32>,
}

/// Takes an operation apart. Where its variant is known at compile time this folds to constants.
#[inline(always)]
pub(crate) fn split(op: Op) -> Parts {
    let (code, object) = match op {
        Op::Begin => (16, 0),
        Op::End => (17, 0),
        Op::Fork { child } => (18, child.0),
        Op::JoinRequest { child } => (19, child.0),
        Op::Joined { child } => (20, child.0),
        Op::ParkRequest => (21, 0),
        Op::Parked { token } => (22 + token as u8, 0),
        Op::Unpark { thread } => (24, thread.0),
        Op::Request { lock, mode } => (28 + mode as u8, lock.0),
        Op::Acquired { lock, mode, attempt } => (32 + 4 * mode as u8 + attempt as u8, lock.0),
        Op::Released { lock, mode } => (48 + mode as u8, lock.0),
        Op::GaveUp => (52, 0),
        Op::CondvarRequest { condvar, lock } => return with_extra(CONDVAR_REQUEST, condvar.0, lock.0),
        Op::CondvarWoken { condvar, notified } => (54 + notified as u8, condvar.0),
        Op::Notify { condvar, all, woken } => return with_extra(56 + all as u8, condvar.0, woken),
        Op::ChannelMade { channel, capacity: Some(capacity) } => return with_extra(58, channel.0, capacity),
        Op::ChannelMade { channel, capacity: None } => (59, channel.0),
        Op::SendRequest { channel } => (60, channel.0),
        Op::Sent { channel } => (61, channel.0),
        Op::RecvRequest { channel } => (62, channel.0),
        Op::Received { channel } => (63, channel.0),
        Op::Closed { channel, receiver } => (64 + receiver as u8, channel.0),
        Op::SawClosed { channel } => (66, channel.0),
        Op::BarrierArrive { barrier, parties } => return with_extra(67, barrier.0, parties),
        Op::BarrierLeave { barrier } => (68, barrier.0),
        Op::OnceRequest { once } => (69, once.0),
        Op::OnceBegin { once } => (70, once.0),
        Op::OnceEnd { once, done } => (71 + done as u8, once.0),
        Op::OnceSeen { once } => (73, once.0),
        Op::Read { var } => (READ, var.0),
        Op::Write { var } => (READ + 1, var.0),
        Op::SpeculativeRead { var } => (76, var.0),
        Op::AtomicLoad { atomic, order } => (80 + order as u8, atomic.0),
        Op::AtomicStore { atomic, order } => (88 + order as u8, atomic.0),
        Op::AtomicRmw { atomic, order } => (96 + order as u8, atomic.0),
        Op::Fence { order } => (104 + order as u8, 0),
        Op::RegionBegin => (112, 0),
        Op::RegionEnd => (113, 0),
        Op::DataHidden { lock } => (94, lock.0),
        Op::DataRead { lock } => (77, lock.0),
        Op::DataWrite { lock } => (78, lock.0),
        Op::ChannelMissed { channel } => (79, channel.0),
        Op::LockMissed { lock, mode } => (MISSED[mode as usize], lock.0),
    };
    Parts { code, object, extra: None }
}

#[inline(always)]
const fn with_extra(code: u8, object: u32, extra: u32) -> Parts {
    Parts { code, object, extra: Some(extra) }
}

/// Does the event with this code need an [`EXTRA`] before it?
#[inline]
pub(crate) const fn needs_extra(code: u8) -> bool {
    matches!(code, 53 | 56 | 57 | 58 | 67)
}

/// Puts an operation together; `None` for a code that is no event's.
#[inline]
pub(crate) fn join(code: u8, object: u32, extra: u32) -> Option<Op> {
    let (child, lock, condvar) = (ThreadId(object), LockId(object), CondvarId(object));
    let (channel, barrier, once) = (ChannelId(object), BarrierId(object), OnceId(object));
    let (var, atomic) = (VarId(object), AtomicId(object));
    Some(match code {
        16 => Op::Begin,
        17 => Op::End,
        18 => Op::Fork { child },
        19 => Op::JoinRequest { child },
        20 => Op::Joined { child },
        21 => Op::ParkRequest,
        22..=23 => Op::Parked { token: code == 23 },
        24 => Op::Unpark { thread: child },
        28..=31 => Op::Request { lock, mode: mode(code) },
        32..=47 => Op::Acquired { lock, mode: mode((code - 32) >> 2), attempt: attempt(code)? },
        48..=51 => Op::Released { lock, mode: mode(code) },
        52 => Op::GaveUp,
        CONDVAR_REQUEST => Op::CondvarRequest { condvar, lock: LockId(extra) },
        54..=55 => Op::CondvarWoken { condvar, notified: code == 55 },
        56..=57 => Op::Notify { condvar, all: code == 57, woken: extra },
        58 => Op::ChannelMade { channel, capacity: Some(extra) },
        59 => Op::ChannelMade { channel, capacity: None },
        60 => Op::SendRequest { channel },
        61 => Op::Sent { channel },
        62 => Op::RecvRequest { channel },
        63 => Op::Received { channel },
        64..=65 => Op::Closed { channel, receiver: code == 65 },
        66 => Op::SawClosed { channel },
        67 => Op::BarrierArrive { barrier, parties: extra },
        68 => Op::BarrierLeave { barrier },
        69 => Op::OnceRequest { once },
        70 => Op::OnceBegin { once },
        71..=72 => Op::OnceEnd { once, done: code == 72 },
        73 => Op::OnceSeen { once },
        READ => Op::Read { var },
        75 => Op::Write { var },
        76 => Op::SpeculativeRead { var },
        80..=84 => Op::AtomicLoad { atomic, order: order(code) },
        88..=92 => Op::AtomicStore { atomic, order: order(code) },
        96..=100 => Op::AtomicRmw { atomic, order: order(code) },
        105..=108 => Op::Fence { order: order(code) },
        112 => Op::RegionBegin,
        113 => Op::RegionEnd,
        94 => Op::DataHidden { lock },
        77 => Op::DataRead { lock },
        78 => Op::DataWrite { lock },
        79 => Op::ChannelMissed { channel },
        85..=87 | 93 => Op::LockMissed { lock, mode: mode(if code == 93 { 3 } else { code - 85 }) },
        _ => return None,
    })
}

#[inline]
const fn mode(code: u8) -> Mode {
    match code & 3 {
        0 => Mode::Exclusive,
        1 => Mode::Shared,
        2 => Mode::SharedRecursive,
        _ => Mode::Upgradable,
    }
}

#[inline]
const fn attempt(code: u8) -> Option<Attempt> {
    match code & 3 {
        0 => Some(Attempt::Blocking),
        1 => Some(Attempt::Try),
        2 => Some(Attempt::Timed),
        _ => None,
    }
}

#[inline]
const fn order(code: u8) -> Order {
    match code & 7 {
        0 => Order::Relaxed,
        1 => Order::Acquire,
        2 => Order::Release,
        3 => Order::AcqRel,
        _ => Order::SeqCst,
    }
}

/// The word of an event, and the [`WIDE`] that must stand before it, if any.
#[inline]
pub(crate) const fn event_word(code: u8, slot: u32, site: u32, object: u32) -> (Option<u64>, u64) {
    let (site_high, object_high) = (site >> SITE_BITS, object >> (64 - OBJECT_SHIFT));
    let wide = if site_high | object_high == 0 {
        None
    } else {
        Some(WIDE as u64 | (site_high as u64) << CODE_BITS | (object_high as u64) << (CODE_BITS + 32 - SITE_BITS))
    };
    let word = code as u64
        | (slot as u64) << CODE_BITS
        | low(site as u64, SITE_BITS) << SITE_SHIFT
        | (object as u64) << OBJECT_SHIFT;
    (wide, word)
}

/// An [`EXTRA`].
#[inline]
pub(crate) const fn extra_word(extra: u32) -> u64 {
    EXTRA as u64 | (extra as u64) << CODE_BITS
}

/// An [`OWNER`], [`TASK`] or [`FUTURE`].
#[inline]
pub(crate) const fn slot_word(code: u8, slot: u32, value: u32) -> u64 {
    code as u64 | (slot as u64) << CODE_BITS | (value as u64) << SITE_SHIFT
}

/// Why an identifier in a word is not believed.
pub(crate) const FAR_OFF: &str = "an identifier far beyond the objects of this file";

/// Is the second operand of such an event believed?
pub(crate) fn check_extra(code: u8, extra: u32, ids: u32) -> Result<(), &'static str> {
    if code == CONDVAR_REQUEST && extra >= ids { Err(FAR_OFF) } else { Ok(()) }
}

/// Bounds on what words may name: a damaged file must not make anyone allocate a table for four billion objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Number of known sites.
    pub(crate) sites: u32,
    /// Threads and objects are below this.
    pub(crate) ids: u32,
}

/// Turns words into events; holds what the words so far have prepared.
pub(crate) struct Decoder {
    owners: [Owner; SLOTS],
    /// Bit per slot: has it an owner?
    known: u32,
    wide: u64,
    extra: Option<u32>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { owners: [Owner::thread(ThreadId(0)); SLOTS], known: 0, wide: 0, extra: None }
    }
}

impl Decoder {
    /// Takes the next word: an event, or what prepares a later one. An error is the reason why it cannot stand here.
    #[inline]
    pub(crate) fn step(&mut self, word: u64, limits: Limits) -> Result<Option<Event>, &'static str> {
        let code = code(word);
        if code < FIRST_EVENT || self.wide != 0 || self.extra.is_some() || needs_extra(code) {
            return self.unusual(code, word, limits);
        }
        self.event(code, word, 0, 0, limits)
    }

    /// The event, if the word is a plain access and nothing was prepared for it: most words of most traces. Two variants
    /// that differ only in their tag need no jump, which would be mispredicted, and no copy.
    #[inline(always)]
    pub(crate) fn access(&self, word: u64, limits: Limits) -> Option<Event> {
        let code = code(word);
        let slot = low(word >> CODE_BITS, SLOT_BITS) as usize;
        let site = low(word >> SITE_SHIFT, SITE_BITS) as u32;
        let object = (word >> OBJECT_SHIFT) as u32;
        let plain = code & !1 == READ && self.wide == 0 && self.extra.is_none();
        if !plain || self.known >> slot & 1 == 0 || site >= limits.sites || object >= limits.ids {
            return None;
        }
        let (owner, site, var) = (self.owners[slot], SiteId(site), VarId(object));
        let op = if code == READ { Op::Read { var } } else { Op::Write { var } };
        Some(Event { owner, site, op })
    }

    #[inline(always)]
    fn event(&self, code: u8, word: u64, wide: u64, extra: u32, limits: Limits) -> Result<Option<Event>, &'static str> {
        let slot = low(word >> CODE_BITS, SLOT_BITS) as usize;
        let site = (low(word >> SITE_SHIFT, SITE_BITS) | low(wide, 32 - SITE_BITS) << SITE_BITS) as u32;
        let object = (word >> OBJECT_SHIFT) as u32 | ((wide >> (32 - SITE_BITS)) as u32) << (64 - OBJECT_SHIFT);
        if self.known >> slot & 1 == 0 {
            return Err("an event of an owner that was not introduced");
        }
        if site >= limits.sites {
            return Err("an event at a site that was not introduced");
        }
        if object >= limits.ids {
            return Err(FAR_OFF);
        }
        match join(code, object, extra) {
            Some(op) => Ok(Some(Event { owner: self.owners[slot], site: SiteId(site), op })),
            None => Err("an unknown operation"),
        }
    }

    #[cold]
    fn unusual(&mut self, code: u8, word: u64, limits: Limits) -> Result<Option<Event>, &'static str> {
        let payload = word >> CODE_BITS;
        let wide = std::mem::take(&mut self.wide);
        if code >= FIRST_EVENT {
            if self.extra.is_some() != needs_extra(code) {
                return Err("an event with an operand too many or too few");
            }
            if wide >> (32 - SITE_BITS) >= 4 {
                return Err("an identifier of more than 32 bits");
            }
            let extra = self.extra.take().unwrap_or(0);
            check_extra(code, extra, limits.ids)?;
            return self.event(code, word, wide, extra, limits);
        }
        if wide != 0 {
            return Err("upper bits without the word that they belong to");
        }
        match code {
            WIDE if payload != 0 => self.wide = payload,
            EXTRA if self.extra.is_none() => self.extra = Some(payload as u32),
            OWNER | TASK | FUTURE => return self.introduce(code, payload, limits),
            _ => return Err("an unknown word"),
        }
        Ok(None)
    }

    fn introduce(&mut self, code: u8, payload: u64, limits: Limits) -> Result<Option<Event>, &'static str> {
        let slot = low(payload, SLOT_BITS) as usize;
        let value = (payload >> SLOT_BITS) as u32;
        if code == OWNER {
            if value >= limits.ids {
                return Err("a thread far beyond those of this file");
            }
            self.owners[slot] = Owner::thread(ThreadId(value));
            self.known |= 1 << slot;
            return Ok(None);
        }
        let number = NonZeroU32::new(value).ok_or("a task or future numbered 0")?;
        if self.known >> slot & 1 == 0 {
            return Err("a task of an owner that was not introduced");
        }
        if code == TASK {
            self.owners[slot].task = Some(number)
        } else {
            self.owners[slot].future = Some(number)
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(words: impl IntoIterator<Item = u64>, limits: Limits) -> Result<Option<Event>, &'static str> {
        let mut decoder = Decoder::default();
        let mut last = decoder.step(slot_word(OWNER, 0, 0), limits)?;
        for word in words {
            last = decoder.step(word, limits)?;
        }
        Ok(last)
    }

    #[test]
    fn wide_identifiers_come_back_and_are_limited() {
        let limits = Limits { sites: u32::MAX, ids: u32::MAX };
        let edges = [0, 1, (1 << 22) - 1, 1 << 22, (1 << 30) - 1, 1 << 30, u32::MAX - 1];
        for (site, object) in edges.into_iter().flat_map(|site| edges.map(|object| (site, object))) {
            let op = Op::Write { var: VarId(object) };
            let (wide, word) = event_word(split(op).code, 0, site, object);
            let Ok(Some(event)) = decode(wide.into_iter().chain([word]), limits) else { panic!("{site} {object}") };
            assert_eq!(event, Event { owner: Owner::thread(ThreadId(0)), site: SiteId(site), op });
            for limits in [Limits { sites: site, ..limits }, Limits { ids: object, ..limits }] {
                assert!(decode(wide.into_iter().chain([word]), limits).is_err());
            }
        }
    }
}
