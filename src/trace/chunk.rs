//! The words of a thread chunk: what a recording thread stores is what stands in the file.
//!
//! A word is as in a run ([`super::code`]), but the thread is that of the chunk, and an event names its *place*: a number
//! that the recorder has for a source position without looking it up, and that table entries translate to sites.
//!
//! | word | code | the other bits, from bit 7 upwards |
//! |---|---|---|
//! | event | 16.. | place 27, object 30 |
//! | `WIDE` | 1 | object's upper bits 2: for the next event; or the upper 57 bits for `AFTER` |
//! | `EXTRA` | 2 | second operand 32: for the next event |
//! | `FRESH` | 4, 5 | place 27, place where the lock was made 27, opaque 1: a mutex that was never taken before was acquired exclusively, without a wait; with the last bit, it is not seen when its holders look at what it guards. Its number is one more than that of the last lock that this thread told of in a `FRESH` or `MADE`, or that in an `EXTRA` before it. It is released where it was made |
//! | `AFTER` | 6 | thread 17, position 40: the next event stands after that many events of that thread, less the number of this thread's last `AFTER`; zigzag |
//! | `STAMP` | 7 | number 57: the next event's place among all stamped ones, less this thread's last stamp |
//! | `PLACE` | 8 | place 57: of the next event, whose own place is [`FAR`] |
//! | `MADE` | 116.. | place 27, object 30: the lock was made there; its kind is the code, in the order of `KINDS` |
//! | `RELEASED_AGAIN` | 9 | object 30, from bit 34: the lock, held exclusively, was released, where its last release of an event of its own says |
//! | `HELD` | 10, 11 | as an event: the lock was acquired exclusively, by waiting if need be |
//! | `LOOKED` | 12, 13 | as an event: the holder looks at what the lock guards |
//! | `CHANGED` | 14, 15 | as an event: the holder looks at what the lock guards, and changes it |
//!
//! In the last two, object 0 is the lock of this thread's last `FRESH` or `MADE`.
//!
//! With the upper code of `FRESH` and the last three, the lock was released right after that: where it was made, or where the thread's last
//! release of its own word says.
//! So a recorder that has stored the lower code may still change the word, as long as it is the thread's last: it is *open*.
//! It is not in a chunk before it is no longer that; a block of its own says what stands open, and holds until the thread's next chunk.
//! A position counts such a word as one event.
//!
//! With `AFTER`, a `WIDE` before it carries the thread's upper bits (15) and the position's (24).

use crate::event::{Attempt, Event, LockId, Mode, ObjectKind, Op, Owner, SiteId, TaskId, ThreadId};

use super::code::{self, CODE_BITS, EXTRA, FAR_OFF, FIRST_EVENT, OBJECT_SHIFT, WIDE, check_extra, low, needs_extra};
use super::tables::{KINDS, Tables};

pub(crate) const FRESH: u8 = 4;
pub(crate) const AFTER: u8 = 6;
pub(crate) const STAMP: u8 = 7;
pub(crate) const PLACE: u8 = 8;
pub(crate) const RELEASED_AGAIN: u8 = 9;
pub(crate) const HELD: u8 = 10;
pub(crate) const LOOKED: u8 = 12;
pub(crate) const CHANGED: u8 = 14;
/// In the code of a word that was open: the lock was released.
const RELEASED: u8 = 1;
const FRESH_RELEASED: u8 = FRESH | RELEASED;
/// The code for the first of the kinds.
pub(crate) const MADE: u8 = 116;
const LAST_MADE: u8 = MADE + KINDS.len() as u8 - 1;

const PLACE_BITS: u32 = OBJECT_SHIFT - CODE_BITS;
/// Instead of a place: it is in the `PLACE` before. Places from this one on must go there.
pub(crate) const FAR: u64 = (1 << PLACE_BITS) - 1;
/// Objects from this one on need a `WIDE`.
#[cfg(any(test, feature = "detect"))]
pub(crate) const WIDE_OBJECT: u32 = 1 << OBJECT_BITS;
const OBJECT_BITS: u32 = 64 - OBJECT_SHIFT;
/// In a `FRESH`: the lock is opaque.
const OPAQUE: u64 = 1 << (OBJECT_SHIFT + PLACE_BITS);
const AFTER_THREAD_BITS: u32 = 17;
const AFTER_POSITION_BITS: u32 = 40;

/// Is the word an event, or several?
#[inline]
pub(crate) const fn is_event(word: u64) -> bool {
    let code = code::code(word);
    RELEASED_AGAIN <= code && code < MADE
}

/// How many events the word is.
pub(crate) const fn events(word: u64) -> u64 {
    match code::code(word) {
        code @ (FRESH | FRESH_RELEASED) => 1 + (word & OPAQUE != 0) as u64 + (code & RELEASED) as u64,
        code @ HELD..FIRST_EVENT => 1 + (code >= CHANGED) as u64 + (code & RELEASED) as u64,
        _ => is_event(word) as u64,
    }
}

/// May the recorder still change the word, if it is the last of its thread?
#[inline]
pub(crate) const fn is_open(word: u64) -> bool {
    matches!(code::code(word), FRESH | HELD | LOOKED | CHANGED)
}

/// Has the word the bit that none has that is [open](is_open), and the release of a lock always?
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn is_closed(word: u64) -> bool {
    word & RELEASED as u64 != 0
}

const _: () = assert!(RELEASED_AGAIN & RELEASED != 0 && (FRESH | HELD | LOOKED | CHANGED) & RELEASED == 0);

/// The word with this lock instead of 0.
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn of_lock(word: u64, lock: u32) -> u64 {
    word + ((lock as u64) << OBJECT_SHIFT)
}

/// Is it a `HELD` of this lock, without its release?
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn is_held(word: u64, lock: u32) -> bool {
    const MASK: u64 = low(u64::MAX, CODE_BITS) | u64::MAX << OBJECT_SHIFT;
    word & MASK == HELD as u64 | (lock as u64) << OBJECT_SHIFT
}

/// The word with the release of the lock, if it is an open one of the lock. It is no `PLACE`.
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn with_release(word: u64, lock: u32) -> Option<u64> {
    // What the lower codes have in common, and no other but `PLACE` has.
    const COMMON: u64 = (HELD & LOOKED & CHANGED) as u64;
    const MASK: u64 = low(!6, CODE_BITS) | u64::MAX << OBJECT_SHIFT;
    if word & MASK == COMMON | (lock as u64) << OBJECT_SHIFT { Some(word | RELEASED as u64) } else { None }
}

/// A `FRESH`; the places are less than [`FAR`].
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn fresh_word(place: u64, made: u64, opaque: bool) -> u64 {
    FRESH as u64 | place << CODE_BITS | made << OBJECT_SHIFT | if opaque { OPAQUE } else { 0 }
}

/// The word with the release, if it is an open one of the lock that was told of last, not by its number.
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn fresh_with_release(word: u64) -> Option<u64> {
    // All that looks have in common that don't name their lock.
    const MASK: u64 = low(!((LOOKED ^ CHANGED) as u64), CODE_BITS) | u64::MAX << OBJECT_SHIFT;
    if code::code(word) == FRESH || word & MASK == LOOKED as u64 { Some(word | RELEASED as u64) } else { None }
}

/// An event or a `MADE`; `place` is at most [`FAR`].
#[cfg(any(test, feature = "detect"))]
#[inline(always)]
pub(crate) const fn event_word(code: u8, place: u64, object: u32) -> u64 {
    code as u64 | place << CODE_BITS | (object as u64) << OBJECT_SHIFT
}

/// The `WIDE` that an event on such an object needs, if any.
#[cfg(any(test, feature = "detect"))]
#[inline]
pub(crate) const fn wide_word(object: u32) -> Option<u64> {
    let high = object >> OBJECT_BITS;
    if high == 0 { None } else { Some(WIDE as u64 | (high as u64) << CODE_BITS) }
}

/// A `PLACE`; at most 57 bits.
#[cfg(any(test, feature = "detect"))]
pub(crate) const fn place_word(place: u64) -> u64 {
    PLACE as u64 | place << CODE_BITS
}

/// The places that a word names itself.
#[cfg(any(test, feature = "detect"))]
#[inline]
pub(crate) fn places_in(word: u64) -> impl Iterator<Item = u64> {
    let fresh = matches!(code::code(word), FRESH | FRESH_RELEASED);
    let both = || [low(word >> CODE_BITS, PLACE_BITS), low(word >> OBJECT_SHIFT, PLACE_BITS)].map(Some);
    let places = if fresh { both() } else { [place_in(word), None] };
    places.into_iter().flatten()
}

/// A place that a word names itself; `None` if that of a `PLACE` is meant, or the word has none. Of a `FRESH` see [`places_in`].
#[cfg(any(test, feature = "detect"))]
#[inline]
const fn place_in(word: u64) -> Option<u64> {
    let code = code::code(word);
    let place = if code == PLACE { word >> CODE_BITS } else { low(word >> CODE_BITS, PLACE_BITS) };
    if code >= HELD && place != FAR || code == PLACE { Some(place) } else { None }
}

/// A `STAMP`; numbers are taken modulo 2^57.
#[cfg(any(test, feature = "detect"))]
#[inline]
pub(crate) const fn stamp_word(number: u64) -> u64 {
    STAMP as u64 | number << CODE_BITS
}

/// The number of a `STAMP`, from the last one of the same thread.
#[inline]
pub(crate) const fn stamp_after(last: u64, word: u64) -> u64 {
    low(last.wrapping_add(word >> CODE_BITS), 64 - CODE_BITS)
}

/// An `AFTER`, and the `WIDE` that must stand before it, if any; `last` is the position of this thread's last one.
#[cfg(any(test, feature = "detect"))]
#[inline]
pub(crate) const fn after_words(last: u64, thread: u32, position: u64) -> (Option<u64>, u64) {
    let distance = position.wrapping_sub(last) as i64;
    let position = (distance << 1 ^ distance >> 63) as u64;
    let (thread_high, position_high) = (thread >> AFTER_THREAD_BITS, position >> AFTER_POSITION_BITS);
    let wide = if thread_high == 0 && position_high == 0 {
        None
    } else {
        let shift = CODE_BITS + 32 - AFTER_THREAD_BITS;
        Some(WIDE as u64 | (thread_high as u64) << CODE_BITS | position_high << shift)
    };
    let word =
        AFTER as u64 | low(thread as u64, AFTER_THREAD_BITS) << CODE_BITS | position << (CODE_BITS + AFTER_THREAD_BITS);
    (wide, word)
}

/// The position of an `AFTER`, from the last one of the same thread.
#[inline]
pub(crate) const fn position_after(last: u64, zigzag: u64) -> u64 {
    last.wrapping_add(zigzag >> 1 ^ (zigzag & 1).wrapping_neg())
}

/// What a word turned out to be.
#[derive(Debug)]
pub(crate) enum Item {
    /// It prepared a later word.
    Prepared,
    /// The next event stands after so many events of `thread`; the number is still relative.
    After { thread: u32, zigzag: u64 },
    /// The next event is stamped; the number is still relative.
    Stamp(u64),
    /// Says where a lock was made.
    Made { lock: LockId, kind: ObjectKind, site: SiteId },
    /// An event, or several.
    Events,
    /// The same, and where the lock was made, a mutex, that they are about.
    Fresh { lock: LockId, site: SiteId },
}

/// What words may name.
pub(crate) struct Names<'a> {
    pub(crate) tables: &'a Tables,
    /// Places that were looked up last.
    pub(crate) recent: &'a mut Recent,
    /// Where locks were released last, by word of their own.
    pub(crate) releases: &'a mut Releases,
    /// Threads and objects are below this.
    pub(crate) ids: u32,
}

/// Places and their sites: a direct-mapped cache before the tables.
pub(crate) struct Recent([(u64, SiteId); Self::SIZE]);

impl Recent {
    const SIZE: usize = 256;
}

impl Default for Recent {
    fn default() -> Self {
        Self([(u64::MAX, SiteId::UNKNOWN); Self::SIZE])
    }
}

/// For each lock, where an exclusive hold of it ended last: always at one place, the one where it was made.
#[derive(Default)]
pub(crate) struct Releases(Vec<SiteId>);

impl Releases {
    /// No file has so many sites.
    const NOWHERE: SiteId = SiteId(u32::MAX);

    #[inline]
    fn note(&mut self, lock: u32, site: SiteId) {
        match self.0.get_mut(lock as usize) {
            Some(slot) => *slot = site,
            None => self.note_first(lock as usize, site),
        }
    }

    #[cold]
    fn note_first(&mut self, lock: usize, site: SiteId) {
        self.0.resize(lock + 1, Self::NOWHERE);
        self.0[lock] = site;
    }

    #[inline]
    fn site(&self, lock: u32) -> Option<SiteId> {
        self.0.get(lock as usize).copied().filter(|site| *site != Self::NOWHERE)
    }
}

impl Names<'_> {
    #[inline]
    fn site(&mut self, place: u64) -> Result<SiteId, &'static str> {
        let slot = &mut self.recent.0[place as usize % Recent::SIZE];
        if slot.0 != place {
            *slot = (place, self.tables.site_of(place).ok_or("an event at a place that was not introduced")?);
        }
        Ok(slot.1)
    }

    #[inline]
    fn released(&self, lock: u32) -> Result<SiteId, &'static str> {
        self.releases.site(lock).ok_or("a release at a place that was not told before")
    }
}

/// Turns the words of a thread into what they say; holds what the words so far have prepared.
pub(crate) struct Decoder {
    owner: Owner,
    /// The tasks whose polls surround that of the owner's.
    outer: Vec<Option<TaskId>>,
    wide: u64,
    extra: Option<u32>,
    place: Option<u64>,
    /// The lock of the last `MADE` or `FRESH`.
    made: u32,
}

impl Decoder {
    pub(crate) fn new(thread: u32) -> Self {
        Self { owner: Owner::thread(ThreadId(thread)), outer: Vec::new(), wide: 0, extra: None, place: None, made: 0 }
    }

    /// Takes the next word; adds the events that it is to `events`. An error is the reason why it cannot stand here.
    #[inline]
    pub(crate) fn step(
        &mut self,
        word: u64,
        names: &mut Names<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Item, &'static str> {
        let prepared = self.wide != 0 || self.extra.is_some() || self.place.is_some();
        let (code, place) = (code::code(word), low(word >> CODE_BITS, PLACE_BITS));
        if !is_event(word) || prepared || place == FAR || needs_extra(code) {
            return self.unusual(code, word, names, events);
        }
        if code == RELEASED_AGAIN {
            return self.released_again((word >> OBJECT_SHIFT) as u32, place, names, events);
        }
        let (object, site) = ((word >> OBJECT_SHIFT) as u32, names.site(place)?);
        if code < FIRST_EVENT {
            let object = if code >= LOOKED && object == 0 { self.made } else { object };
            return self.of_a_hold(code, object, site, names, events);
        }
        self.event(code, object, site, 0, names, events)
    }

    #[inline(always)]
    fn event(
        &mut self,
        code: u8,
        object: u32,
        site: SiteId,
        extra: u32,
        names: &mut Names<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Item, &'static str> {
        if object >= names.ids {
            return Err(FAR_OFF);
        }
        let op = code::join(code, object, extra).ok_or("an unknown operation")?;
        events.push(Event { owner: self.owner, site, op });
        match op {
            Op::Released { mode: Mode::Exclusive, .. } => names.releases.note(object, site),
            Op::PollBegin { .. } | Op::PollEnd { .. } => self.polls(op)?,
            _ => {}
        }
        Ok(Item::Events)
    }

    /// An acquisition or a look, and what was added to its word.
    #[inline]
    fn of_a_hold(
        &self,
        code: u8,
        object: u32,
        site: SiteId,
        names: &Names<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Item, &'static str> {
        if object >= names.ids {
            return Err(FAR_OFF);
        }
        let (owner, lock, mode) = (self.owner, LockId(object), Mode::Exclusive);
        let first = match code {
            ..LOOKED => Op::Acquired { lock, mode, attempt: Attempt::Blocking },
            _ => Op::DataRead { lock },
        };
        events.push(Event { owner, site, op: first });
        if code >= CHANGED {
            events.push(Event { owner, site, op: Op::DataWrite { lock } });
        }
        if code & RELEASED != 0 {
            events.push(Event { owner, site: names.released(object)?, op: Op::Released { lock, mode } });
        }
        Ok(Item::Events)
    }

    /// The release of a lock held exclusively, where the last one was.
    #[inline]
    fn released_again(
        &self,
        object: u32,
        place: u64,
        names: &Names<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Item, &'static str> {
        if object >= names.ids {
            return Err(FAR_OFF);
        }
        if place != 0 {
            return Err("a release with a place, where the last one's is meant");
        }
        let op = Op::Released { lock: LockId(object), mode: Mode::Exclusive };
        events.push(Event { owner: self.owner, site: names.released(object)?, op });
        Ok(Item::Events)
    }

    /// The next events are another owner's.
    #[cold]
    fn polls(&mut self, op: Op) -> Result<(), &'static str> {
        self.owner.task = match op {
            Op::PollBegin { task } => {
                self.outer.push(self.owner.task);
                Some(task)
            }
            _ => self.outer.pop().ok_or("the end of a poll that has not begun")?,
        };
        Ok(())
    }

    #[cold]
    fn unusual(
        &mut self,
        code: u8,
        word: u64,
        names: &mut Names<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Item, &'static str> {
        let payload = word >> CODE_BITS;
        if code >= FIRST_EVENT {
            return self.prepared(code, word, names, events);
        }
        let wide = std::mem::take(&mut self.wide);
        if wide != 0 && code != AFTER {
            return Err("upper bits without the word that they belong to");
        }
        match code {
            WIDE if payload != 0 => self.wide = payload,
            EXTRA if self.extra.is_none() => self.extra = Some(payload as u32),
            PLACE if self.place.is_none() => self.place = Some(payload),
            AFTER => {
                let thread = low(payload, AFTER_THREAD_BITS) | low(wide, 32 - AFTER_THREAD_BITS) << AFTER_THREAD_BITS;
                let high = wide >> (32 - AFTER_THREAD_BITS);
                let zigzag = low(payload >> AFTER_THREAD_BITS, AFTER_POSITION_BITS) | high << AFTER_POSITION_BITS;
                if thread >= u64::from(names.ids) || high >> (64 - AFTER_POSITION_BITS) != 0 {
                    return Err("an order after a thread or event far beyond those of this file");
                }
                return Ok(Item::After { thread: thread as u32, zigzag });
            }
            STAMP => return Ok(Item::Stamp(word)),
            FRESH | FRESH_RELEASED => return self.fresh(word, names, events),
            _ => return Err("an unknown word"),
        }
        Ok(Item::Prepared)
    }

    /// The first acquisition of a lock, and what was added to its word.
    fn fresh(&mut self, word: u64, names: &mut Names<'_>, events: &mut Vec<Event>) -> Result<Item, &'static str> {
        let number = self.extra.take().unwrap_or_else(|| self.made.wrapping_add(1));
        let [place, made] = [CODE_BITS, OBJECT_SHIFT].map(|shift| low(word >> shift, PLACE_BITS));
        if self.place.is_some() || place == FAR || made == FAR || word >= OPAQUE << 1 {
            return Err("the first acquisition of a lock with a place too many or too few");
        }
        if number >= names.ids {
            return Err(FAR_OFF);
        }
        self.made = number;
        let (lock, mode, owner) = (LockId(number), Mode::Exclusive, self.owner);
        let (site, made) = (names.site(place)?, names.site(made)?);
        events.push(Event { owner, site, op: Op::Acquired { lock, mode, attempt: Attempt::Blocking } });
        if word & OPAQUE != 0 {
            events.push(Event { owner, site, op: Op::DataHidden { lock } });
        }
        names.releases.note(number, made);
        if code::code(word) == FRESH_RELEASED {
            events.push(Event { owner, site: made, op: Op::Released { lock, mode } });
        }
        Ok(Item::Fresh { lock, site: made })
    }

    /// An event or a `MADE`, with what was prepared for it.
    fn prepared(
        &mut self,
        code: u8,
        word: u64,
        names: &mut Names<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Item, &'static str> {
        let (wide, extra) = (std::mem::take(&mut self.wide), self.extra.take());
        let place = match (low(word >> CODE_BITS, PLACE_BITS), self.place.take()) {
            (FAR, Some(place)) => place,
            (FAR, None) => return Err("an event without its place"),
            (_, Some(_)) => return Err("an event with two places"),
            (place, None) => place,
        };
        let site = names.site(place)?;
        if wide >> (32 - OBJECT_BITS) != 0 {
            return Err("an identifier of more than 32 bits");
        }
        let object = (word >> OBJECT_SHIFT) as u32 | (wide as u32) << OBJECT_BITS;
        if extra.is_some() != needs_extra(code) {
            return Err("an event with an operand too many or too few");
        }
        if (MADE..=LAST_MADE).contains(&code) {
            let kind = KINDS[usize::from(code - MADE)];
            let lock = LockId(object);
            self.made = object;
            return if object < names.ids { Ok(Item::Made { lock, kind, site }) } else { Err(FAR_OFF) };
        }
        let extra = extra.unwrap_or(0);
        check_extra(code, extra, names.ids)?;
        self.event(code, object, site, extra, names, events)
    }
}

#[cfg(test)]
mod tests;
