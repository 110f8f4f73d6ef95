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
//! | `AFTER` | 6 | thread 17, position 40: the next event stands after that many events of that thread, less the number of this thread's last `AFTER`; zigzag |
//! | `STAMP` | 7 | number 57: the next event's place among all stamped ones, less this thread's last stamp |
//! | `PLACE` | 8 | place 57: of the next event, whose own place is [`FAR`] |
//! | `MADE` | 116.. | place 27, object 30: the lock was made there; its kind is the code, in the order of `KINDS` |
//! | `RELEASED_AGAIN` | 9 | object 30, from bit 34: the lock, held exclusively, was released, where its last release of an event of its own says |
//! | `HELD` | 10, 11 | as an event: the lock was acquired exclusively, by waiting if need be |
//! | `LOOKED` | 12, 13 | as an event: the holder looks at what the lock guards |
//! | `CHANGED` | 14, 15 | as an event: the holder looks at what the lock guards, and changes it |
//!
//! With the upper code of the last three, the lock was released right after that, where the thread's last release of its own word says.
//! So a recorder that has stored the lower code may still change the word, as long as it is the thread's last: it is *open*.
//! It is not in a chunk before it is no longer that; a block of its own says what stands open, and holds until the thread's next chunk.
//! A position counts such a word as one event.
//!
//! With `AFTER`, a `WIDE` before it carries the thread's upper bits (15) and the position's (24).

use crate::event::{Attempt, Event, LockId, Mode, ObjectKind, Op, Owner, SiteId, TaskId, ThreadId};

use super::code::{self, CODE_BITS, EXTRA, FAR_OFF, FIRST_EVENT, OBJECT_SHIFT, WIDE, check_extra, low, needs_extra};
use super::tables::{KINDS, Tables};

pub(crate) const AFTER: u8 = 6;
pub(crate) const STAMP: u8 = 7;
pub(crate) const PLACE: u8 = 8;
pub(crate) const RELEASED_AGAIN: u8 = 9;
pub(crate) const HELD: u8 = 10;
pub(crate) const LOOKED: u8 = 12;
pub(crate) const CHANGED: u8 = 14;
/// In the code of a word that was open: the lock was released.
const RELEASED: u8 = 1;
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
        code @ HELD..FIRST_EVENT => 1 + (code >= CHANGED) as u64 + (code & RELEASED) as u64,
        _ => is_event(word) as u64,
    }
}

/// May the recorder still change the word, if it is the last of its thread?
#[inline]
pub(crate) const fn is_open(word: u64) -> bool {
    matches!(code::code(word), HELD | LOOKED | CHANGED)
}

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

/// A place that a word names itself; `None` if that of a `PLACE` is meant, or the word has none.
#[cfg(any(test, feature = "detect"))]
#[inline]
pub(crate) const fn place_in(word: u64) -> Option<u64> {
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
}

impl Decoder {
    pub(crate) fn new(thread: u32) -> Self {
        Self { owner: Owner::thread(ThreadId(thread)), outer: Vec::new(), wide: 0, extra: None, place: None }
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
            _ => return Err("an unknown word"),
        }
        Ok(Item::Prepared)
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
            return if object < names.ids { Ok(Item::Made { lock, kind, site }) } else { Err(FAR_OFF) };
        }
        let extra = extra.unwrap_or(0);
        check_extra(code, extra, names.ids)?;
        self.event(code, object, site, extra, names, events)
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::{extra_word, split};
    use super::*;
    use crate::event::{BarrierId, Site, VarId};

    fn decode(words: impl IntoIterator<Item = u64>, ids: u32) -> Result<(Item, Vec<Event>), &'static str> {
        let mut tables = Tables::default();
        let site = tables.add_site(Site::new("a.rs", 1, 1));
        for place in [0, FAR - 1, FAR, 1 << 56] {
            tables.add_place(place, site);
        }
        let other = tables.add_site(Site::new("b.rs", 2, 2));
        tables.add_place(2, other);
        let (mut recent, mut releases) = (Recent::default(), Releases::default());
        let mut names = Names { tables: &tables, recent: &mut recent, releases: &mut releases, ids };
        let (mut decoder, mut events) = (Decoder::new(7), Vec::new());
        let mut last = Item::Prepared;
        for word in words {
            last = decoder.step(word, &mut names, &mut events)?;
        }
        Ok((last, events))
    }

    #[test]
    fn wide_identifiers_and_far_places_come_back_and_are_limited() {
        let edges = [0, 1, (1 << 30) - 1, 1 << 30, u32::MAX - 1];
        for (place, object) in [0, FAR - 1, FAR, 1 << 56].into_iter().flat_map(|place| edges.map(|id| (place, id))) {
            let op = Op::Write { var: VarId(object) };
            let far = (place >= FAR).then(|| place_word(place));
            let word = event_word(split(op).code, place.min(FAR), object);
            assert_eq!(place_in(far.unwrap_or(word)), Some(place));
            let words = || far.into_iter().chain(wide_word(object)).chain([word]);
            let (last, events) = decode(words(), u32::MAX).expect("an event");
            assert!(matches!(last, Item::Events));
            assert_eq!(events, [Event { owner: Owner::thread(ThreadId(7)), site: SiteId(1), op }]);
            assert!(decode(words(), object).is_err());
            let made = decode(words().map(|word| as_made(word, op)), u32::MAX).map(|(last, _)| last);
            let Ok(Item::Made { lock, kind, site }) = made else { panic!("{place} {object}") };
            assert_eq!((lock, kind, site), (LockId(object), ObjectKind::RwLock, SiteId(1)));
        }
        assert!(decode([event_word(MADE, 1, 0)], 10).is_err(), "the place was not introduced");
    }

    /// The event's word as that of a reader-writer lock's making.
    fn as_made(word: u64, op: Op) -> u64 {
        let code = split(op).code;
        if code::code(word) == code { word ^ u64::from(code ^ (MADE + 1)) } else { word }
    }

    #[test]
    fn wide_orders_come_back() {
        let positions = [0, 1, 1 << 39, 1 << 40, 1 << 63, u64::MAX];
        for (last, position) in positions.into_iter().flat_map(|last| positions.map(|position| (last, position))) {
            for thread in [0, (1 << 17) - 1, 1 << 17, u32::MAX - 1] {
                let (wide, word) = after_words(last, thread, position);
                match decode(wide.into_iter().chain([word]), u32::MAX).map(|(last, _)| last) {
                    Ok(Item::After { thread: t, zigzag }) => {
                        assert_eq!((t, position_after(last, zigzag)), (thread, position));
                    }
                    other => panic!("{last} {thread} {position}: {other:?}"),
                }
            }
        }
        assert_eq!(stamp_after(5, stamp_word(3_u64.wrapping_sub(5))), 3);
    }

    /// All that a hold can be in one word, with the release and without; the release is told where the lock's last one was.
    #[test]
    fn what_was_added_to_a_word_comes_back() {
        let (lock, mode, attempt) = (LockId(5), Mode::Exclusive, Attempt::Blocking);
        let released = Op::Released { lock, mode };
        let told = event_word(split(released).code, 2, 5);
        let (read, write) = (Op::DataRead { lock }, Op::DataWrite { lock });
        let all: [(u8, &[Op]); 3] =
            [(HELD, &[Op::Acquired { lock, mode, attempt }]), (LOOKED, &[read]), (CHANGED, &[read, write])];
        for (code, ops) in all {
            let word = event_word(code, FAR - 1, 5);
            let whole = with_release(word, 5).expect("it is open");
            assert_eq!([is_open(word), is_open(whole), is_event(word), is_event(whole)], [true, false, true, true]);
            assert_eq!([word, whole].map(events), [ops.len() as u64, ops.len() as u64 + 1]);
            assert_eq!((place_in(word), place_in(whole)), (Some(FAR - 1), Some(FAR - 1)));
            let decoded = |words: &[u64]| -> Result<_, &str> {
                let (_, events) = decode(words.iter().copied(), 6)?;
                Ok(events.iter().map(|event| (event.op, event.site)).collect::<Vec<_>>())
            };
            let expected: Vec<_> = ops.iter().map(|op| (*op, SiteId(1))).collect();
            assert_eq!(decoded(&[word]), Ok(expected.clone()));
            let released = (released, SiteId(2));
            assert_eq!(decoded(&[told, whole]), Ok([&[released], &expected[..], &[released]].concat()));
            assert!(decoded(&[whole]).is_err(), "nobody has told where");
            let other_lock = event_word(split(Op::Released { lock: LockId(3), mode }).code, 2, 3);
            assert!(decoded(&[other_lock, whole]).is_err());
            assert!(decoded(&[event_word(code, FAR - 1, 6)]).is_err(), "an identifier beyond those of the file");
            for other in [with_release(whole, 5), with_release(word, 4), with_release(told, 5), with_release(0, 0)] {
                assert_eq!(other, None);
            }
            for words in [[wide_word(1 << 30).unwrap(), word], [place_word(1 << 56), event_word(code, FAR, 5)]] {
                assert!(decoded(&words).is_err(), "such a word is complete");
            }
        }
        let again = event_word(RELEASED_AGAIN, 0, 5);
        assert_eq!([told, again, event_word(MADE, 0, 0), place_word(0)].map(events), [1, 1, 0, 0]);
        assert_eq!(([again, told].map(is_open), is_event(again), place_in(again)), ([false; 2], true, None));
        let events = |words: &[u64]| decode(words.iter().copied(), 6).map(|(_, events)| events);
        let release = Event { owner: Owner::thread(ThreadId(7)), site: SiteId(2), op: released };
        assert_eq!(events(&[told, again]), Ok(vec![release; 2]));
        for words in [
            &[again][..],
            &[told, event_word(RELEASED_AGAIN, 2, 5)],
            &[told, event_word(RELEASED_AGAIN, 0, 6)],
            &[told, extra_word(1), again],
            &[told, wide_word(1 << 30).unwrap(), again],
        ] {
            assert!(events(words).is_err(), "{words:x?}");
        }
        let held = event_word(HELD, 3, 9);
        let not_held = [with_release(held, 9).unwrap(), event_word(LOOKED, 3, 9), event_word(HELD, 3, 8), 0];
        assert!(is_held(held, 9) && not_held.iter().all(|word| !is_held(*word, 9)));
        assert_eq!(of_lock(event_word(HELD, 3, 0), 9), event_word(HELD, 3, 9));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let arrive = event_word(split(Op::BarrierArrive { barrier: BarrierId(0), parties: 2 }).code, 0, 0);
        let begin = event_word(split(Op::Begin).code, 0, 0);
        assert_eq!(decode([extra_word(2), arrive], 1).map(|(_, events)| events.len()), Ok(1));
        for words in [
            &[arrive][..],
            &[extra_word(2), begin],
            &[extra_word(2), event_word(MADE, 0, 0)],
            &[place_word(1 << 56), begin],
            &[place_word(0), place_word(0)],
            &[event_word(split(Op::Begin).code, FAR, 0)],
            &[event_word(LAST_MADE + 1, 0, 0)],
            &[wide_word(1 << 30).unwrap(), extra_word(1)],
            &[u64::from(WIDE)],
            &[0],
        ] {
            assert!(decode(words.iter().copied(), 10).is_err(), "{words:x?}");
        }
    }
}
