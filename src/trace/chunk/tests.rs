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

/// A lock's first hold, with its release and without, of a transparent lock and of an opaque one; the locks are counted.
#[test]
fn first_holds_come_back() {
    let (mode, attempt) = (Mode::Exclusive, Attempt::Blocking);
    let here = |op| Event { owner: Owner::thread(ThreadId(7)), site: SiteId(1), op };
    let made = |op| Event { site: SiteId(2), ..here(op) };
    for opaque in [false, true] {
        let first = fresh_word(FAR - 1, 2, opaque);
        let whole = fresh_with_release(first).expect("it is open");
        assert_eq!([first, whole].map(is_open), [true, false]);
        assert_eq!([first, whole].map(events), [1 + u64::from(opaque), 2 + u64::from(opaque)]);
        assert_eq!([first, whole].map(|word| places_in(word).collect::<Vec<_>>()), [[FAR - 1, 2], [FAR - 1, 2]]);
        assert_eq!((with_release(first, 0), fresh_with_release(whole), is_held(first, 0)), (None, None, false));
        let expected = |number, released: bool| {
            let lock = LockId(number);
            let hidden = opaque.then_some(here(Op::DataHidden { lock }));
            let released = released.then_some(made(Op::Released { lock, mode }));
            [here(Op::Acquired { lock, mode, attempt })].into_iter().chain(hidden).chain(released).collect::<Vec<_>>()
        };
        let again = made(Op::Released { lock: LockId(5), mode });
        let words =
            [event_word(MADE, 2, 4), first, event_word(RELEASED_AGAIN, 0, 5), whole, extra_word(20), whole, first];
        let (last, told) = decode(words, 22).expect("all of it can be told");
        let all =
            [expected(5, false), vec![again], expected(6, true), expected(20, true), expected(21, false)].concat();
        assert_eq!(told, all);
        assert!(matches!(last, Item::Fresh { lock: LockId(21), site: SiteId(2) }));
        for words in [
            &words[..],
            &[first, fresh_word(FAR, 2, opaque)],
            &[fresh_word(2, FAR, opaque)],
            &[fresh_word(2, 3, opaque)],
            &[first | 1 << 62],
            &[first | 1 << 63],
            &[place_word(1 << 56), first],
            &[wide_word(1 << 30).unwrap(), first],
            &[extra_word(u32::MAX), first],
        ] {
            assert!(decode(words.iter().copied(), 21).is_err(), "{words:x?}");
        }
    }
}
