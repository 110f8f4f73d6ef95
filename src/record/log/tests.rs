use std::sync::Arc;

use super::*;
use crate::event::{AtomicId, Attempt, BarrierId, Event, LockId, Mode, Names, ObjectKind, Order, SiteId};
use crate::trace::TraceReader;

/// A file in memory that outlives its writer.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn recording() -> (Log, Sink) {
    let sink = Sink::default();
    (Log::start(sink.clone()).unwrap(), sink)
}

fn read(sink: &Sink) -> (Vec<Event>, TraceReader<io::Cursor<Vec<u8>>>) {
    let mut reader = TraceReader::open(io::Cursor::new(sink.0.lock().clone())).unwrap();
    (reader.read_to_end().unwrap(), reader)
}

const LOCK: LockId = LockId(1);
const ACQUIRED: Op = Op::Acquired { lock: LOCK, mode: Mode::Exclusive, attempt: Attempt::Blocking };
const RELEASED: Op = Op::Released { lock: LOCK, mode: Mode::Exclusive };

#[test]
fn events_sites_and_names_come_back() {
    let (log, sink) = recording();
    let mut thread = log.thread(ThreadId(3));
    log.name_thread(ThreadId(3), "worker");
    let info = ObjectInfo { kind: ObjectKind::Mutex, name: Some("m".to_owned()), created: None };
    log.describe(Object::Lock(LOCK), &info);
    let here = Location::caller();
    let far: &'static Location<'static> = Box::leak(Box::new(*here));
    let ops = [
        Op::Begin,
        Op::BarrierArrive { barrier: BarrierId(u32::MAX >> 12), parties: u32::MAX },
        Op::AtomicRmw { atomic: AtomicId(1), order: Order::SeqCst },
    ];
    for op in ops {
        thread.make_room().push(op, here);
        thread.make_room().push(op, far);
    }
    assert_eq!(thread.stand().position(), 6);
    drop(thread);
    log.close().unwrap();
    log.close().unwrap();
    let (events, reader) = read(&sink);
    assert_eq!(reader.truncated(), None);
    assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), ops.map(|op| [op, op]).concat());
    let site = crate::event::Site::new(here.file(), here.line(), here.column());
    for event in events {
        assert_eq!((event.owner.thread, event.site), (ThreadId(3), SiteId(1)), "two addresses, one place");
        assert_eq!(reader.names().site(event.site), site);
    }
    assert_eq!(reader.names().thread_name(ThreadId(3)).as_deref(), Some("worker"));
    assert_eq!(reader.names().object(Object::Lock(LOCK)), Some(info));
}

/// The hot paths: a hold that is one word, one with looks, and one that something else comes between.
#[test]
fn holds_in_few_words_come_back() {
    let (log, sink) = recording();
    let mut thread = log.thread(ThreadId(0));
    let here = Location::caller();
    let (near, held) = (thread.near(here).unwrap(), thread.origin().held(here).unwrap());
    let mut expected = Vec::new();
    for round in 0..5000 {
        let mut hold = |thread: &mut ThreadLog, looks: &[bool], between: bool| {
            let before = thread.stand();
            let _ = thread.make_room();
            thread.push_held(thread.ready().unwrap(), held.of(LOCK));
            expected.push(ACQUIRED);
            for &change in looks {
                thread.push_look(thread.ready().unwrap(), LOCK, change, near);
                expected.push(Op::DataRead { lock: LOCK });
                expected.extend(change.then_some(Op::DataWrite { lock: LOCK }));
            }
            if between {
                thread.make_room().push(Op::RegionBegin, here);
                expected.push(Op::RegionBegin);
            }
            expected.push(RELEASED);
            let added = if round > 0 { thread.last().hold(LOCK).map(|hold| thread.end_hold(hold)) } else { None };
            assert_eq!(added.is_some(), round > 0 && !between);
            let words = 1 + looks.len() as u64 + u64::from(between);
            let behind = |words| Stand(before.0 + words);
            match added {
                Some(stand) => assert_eq!((stand, stand), (thread.stand(), behind(words))),
                None if round > 0 => {
                    let stand = thread.push_released(thread.ready().unwrap(), LOCK);
                    assert_eq!((stand, stand), (thread.stand(), behind(words + 1)));
                }
                None => assert_eq!(thread.make_room().push(RELEASED, here), behind(words + 1)),
            }
        };
        hold(&mut thread, &[], false);
        hold(&mut thread, &[false], false);
        hold(&mut thread, &[true, true], false);
        hold(&mut thread, &[true], true);
    }
    assert!(thread.last().hold(LOCK).is_none(), "it is released");
    let _ = thread.make_room();
    thread.push_held(thread.ready().unwrap(), held.of(LOCK));
    assert!(thread.last().is_held(LOCK) && thread.last().hold(LOCK).is_some());
    assert!(!thread.last().is_held(LockId(LOCK.0 + 1)));
    let before = thread.stand();
    thread.close_word();
    assert!(!thread.last().is_held(LOCK) && thread.last().hold(LOCK).is_none(), "it stands as it is");
    thread.close_word();
    assert_eq!(thread.push_released(thread.ready().unwrap(), LOCK), Stand(before.0 + 1));
    expected.extend([ACQUIRED, RELEASED]);
    drop(thread);
    log.close().unwrap();
    let (events, reader) = read(&sink);
    assert_eq!((reader.truncated(), reader.dropped()), (None, 0));
    assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), expected);
    assert!(events.iter().all(|event| event.site == SiteId(1)));
}

/// Locks that are taken once: one word each, if their numbers follow one another.
#[test]
fn first_holds_in_one_word_come_back() {
    let (log, sink) = recording();
    let mut thread = log.thread(ThreadId(0));
    let here = Location::caller();
    let near = thread.near(here).unwrap();
    let mut expected = Vec::new();
    for number in (1..3000).chain(5000..8000).chain([4, 9]) {
        let (lock, opaque) = (LockId(number), number % 3 == 0);
        let _ = thread.make_room();
        thread.push_fresh(thread.ready().unwrap(), lock, near, near, opaque);
        assert!(thread.last().is_fresh() && thread.last().hold(lock).is_none());
        assert!(thread.fresh_hold(LockId(number + 1)).is_none());
        expected.push(Op::Acquired { lock, mode: Mode::Exclusive, attempt: Attempt::Blocking });
        expected.extend(opaque.then_some(Op::DataHidden { lock }));
        if number % 5 == 0 {
            thread.push_look(thread.ready().unwrap(), lock, false, near);
            expected.push(Op::DataRead { lock });
            assert!(thread.fresh_hold(lock).is_none() && !thread.last().is_fresh());
            thread.end_hold(thread.last().hold(lock).unwrap());
        } else if number % 7 == 0 {
            let _ = thread.make_room();
            assert_eq!([lock, LockId(number + 1)].map(|lock| thread.looked_at(lock)), [LockId(0), LockId(number + 1)]);
            thread.push_look(thread.ready().unwrap(), thread.looked_at(lock), true, near);
            expected.extend([Op::DataRead { lock }, Op::DataWrite { lock }]);
            assert!(thread.last().is_fresh() && thread.last().hold(lock).is_none());
            assert!(thread.fresh_hold(LockId(number + 1)).is_none());
            thread.end_hold(thread.fresh_hold(lock).unwrap());
        } else {
            if number % 701 == 0 {
                log.flush().unwrap();
                assert_eq!(read(&sink).0.len(), expected.len());
            }
            thread.end_hold(thread.fresh_hold(lock).unwrap());
        }
        expected.push(Op::Released { lock, mode: Mode::Exclusive });
    }
    drop(thread);
    log.close().unwrap();
    let (events, reader) = read(&sink);
    assert_eq!((reader.truncated(), reader.dropped()), (None, 0));
    assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), expected);
    let made = reader.names().object(Object::Lock(LockId(7000))).expect("the file says where it was made");
    assert_eq!((made.kind, made.created), (ObjectKind::Mutex, Some(reader.names().site(SiteId(1)))));
}

/// What a killed process was at is in its file, whatever would have become of it; and where it goes on, the file says what did.
#[test]
fn an_open_hold_is_in_the_file() {
    let (log, sink) = recording();
    let mut thread = log.thread(ThreadId(0));
    let here = Location::caller();
    let (near, held) = (thread.near(here).unwrap(), thread.origin().held(here).unwrap());
    let ops = |sink: &Sink| read(sink).0.iter().map(|event| event.op).collect::<Vec<_>>();
    thread.make_room().push(RELEASED, here);
    let (looked, changed) = (Op::DataRead { lock: LOCK }, Op::DataWrite { lock: LOCK });
    let mut expected = vec![RELEASED];
    for _ in 0..3 {
        thread.push_held(thread.ready().unwrap(), held.of(LOCK));
        expected.push(ACQUIRED);
        log.flush().unwrap();
        assert_eq!(ops(&sink), expected);
        let size = sink.0.lock().len();
        log.flush().unwrap();
        assert_eq!(
            (ops(&sink), sink.0.lock().len()),
            (expected.clone(), size),
            "what is told already is not told again"
        );
        thread.push_look(thread.ready().unwrap(), LOCK, true, near);
        expected.extend([looked, changed]);
        log.flush().unwrap();
        assert_eq!(ops(&sink), expected);
        thread.end_hold(thread.last().hold(LOCK).unwrap());
        expected.push(RELEASED);
        log.flush().unwrap();
        assert_eq!(ops(&sink), expected);
    }
    thread.push_held(thread.ready().unwrap(), held.of(LOCK));
    expected.push(ACQUIRED);
    log.close().unwrap();
    assert_eq!((ops(&sink), read(&sink).1.truncated()), (expected.clone(), None));
    thread.end_hold(thread.last().hold(LOCK).unwrap());
    drop(thread);
    assert_eq!((ops(&sink), read(&sink).1.truncated()), (expected, None), "what comes after the close is lost");
}

/// Runs `threads` threads that hand one lock around, and a stamped atomic beside it.
fn hand_around(log: &Log, threads: u32, rounds: u32) {
    let last = Mutex::new(Stand::NONE);
    let atomic = Mutex::new(());
    std::thread::scope(|scope| {
        for id in (0..threads).map(ThreadId) {
            let (last, atomic) = (&last, &atomic);
            scope.spawn(move || {
                let mut thread = log.thread(id);
                for _ in 0..rounds {
                    let mut last = last.lock();
                    let mut room = thread.make_room();
                    if !last.is_of(id) {
                        room.after(*last);
                    }
                    room.push(ACQUIRED, Location::caller());
                    *last = thread.make_room().push(RELEASED, Location::caller());
                    drop(last);
                    let _held = atomic.lock();
                    let mut room = thread.make_room();
                    room.stamp();
                    room.push(Op::Sent { channel: crate::event::ChannelId(0) }, Location::caller());
                }
            });
        }
    });
}

fn check_hand_around(events: &[Event]) {
    let mut holder = None;
    for event in events {
        match event.op {
            ACQUIRED => assert_eq!(holder.replace(event.owner.thread), None),
            RELEASED => assert_eq!(holder.take(), Some(event.owner.thread)),
            _ => {}
        }
    }
    assert_eq!(holder, None);
}

#[test]
fn a_lock_that_is_handed_around_is_never_held_twice() {
    let (threads, rounds) = (4, 20_000);
    let (log, sink) = recording();
    hand_around(&log, threads, rounds);
    log.close().unwrap();
    let (events, reader) = read(&sink);
    assert_eq!((reader.truncated(), reader.dropped()), (None, 0));
    assert_eq!(events.len() as u32, threads * rounds * 3);
    check_hand_around(&events);
}

#[test]
fn a_cut_anywhere_leaves_a_consistent_beginning() {
    let (log, sink) = recording();
    hand_around(&log, 3, 6000);
    log.close().unwrap();
    let bytes = sink.0.lock().clone();
    let mut lengths = Vec::new();
    for part in 1..40 {
        let cut = &bytes[..bytes.len() * part / 40];
        let mut reader = TraceReader::open(cut).unwrap();
        let events = reader.read_to_end().unwrap();
        assert!(reader.truncated().is_some());
        let mut holder = None;
        for event in &events {
            match event.op {
                ACQUIRED => assert_eq!(holder.replace(event.owner.thread), None),
                RELEASED => assert_eq!(holder.take(), Some(event.owner.thread)),
                _ => {}
            }
        }
        lengths.push(events.len());
    }
    assert!(lengths.is_sorted(), "{lengths:?}");
}

#[test]
fn what_was_flushed_is_readable_while_threads_go_on() {
    let (log, sink) = recording();
    let mut thread = log.thread(ThreadId(0));
    for round in 1..=3 {
        thread.make_room().push(Op::RegionBegin, Location::caller());
        log.flush().unwrap();
        let (events, reader) = read(&sink);
        assert_eq!(events.len(), round);
        assert_eq!(reader.truncated(), Some(sink.0.lock().len() as u64));
    }
    log.close().unwrap();
    for _ in 0..100_000 {
        thread.make_room().push(Op::RegionBegin, Location::caller());
    }
    drop(thread);
    assert_eq!(read(&sink).0.len(), 3, "what comes after the close is lost, and nothing else happens");
}

#[test]
fn a_failing_disk_is_reported_and_stops_no_thread() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() == crate::trace::format::HEADER {
                Ok(bytes.len())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::start(Full).unwrap();
    let mut thread = log.thread(ThreadId(0));
    for _ in 0..1_000_000 {
        thread.make_room().push(Op::RegionBegin, Location::caller());
    }
    drop(thread);
    assert_eq!(log.close().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// A disk so slow that it always waits for the thread: then the thread must wait, and what waits is bounded.
#[test]
fn a_slow_disk_makes_threads_wait() {
    #[derive(Clone, Default)]
    struct Slow {
        shared: Arc<std::sync::OnceLock<Arc<Shared>>>,
        done: Arc<std::sync::atomic::AtomicBool>,
        longest: Arc<Mutex<usize>>,
        sink: Sink,
    }
    impl io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            while !self.done.load(std::sync::atomic::Ordering::Acquire)
                && self.shared.get().is_some_and(|shared| !shared.outgoing.lock().is_too_much())
            {
                std::thread::yield_now();
            }
            let mut longest = self.longest.lock();
            *longest = bytes.len().max(*longest);
            self.sink.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let slow = Slow::default();
    let log = Log::start(slow.clone()).unwrap();
    slow.shared.set(log.shared.clone()).ok().unwrap();
    let mut thread = log.thread(ThreadId(0));
    // No word repeats another one.
    for lock in (0..1 << 20).map(LockId) {
        thread.make_room().push(Op::Released { lock, mode: Mode::Exclusive }, Location::caller());
    }
    slow.done.store(true, std::sync::atomic::Ordering::Release);
    drop(thread);
    log.close().unwrap();
    let (events, reader) = read(&slow.sink);
    assert_eq!((events.len(), reader.truncated()), (1 << 20, None));
    let block = 8 * buffer::WORDS + 100;
    assert!((outgoing::TOO_MUCH..outgoing::TOO_MUCH + 2 * block).contains(&slow.longest.lock()), "{:?}", slow.longest);
}

/// Threads that have logged too much for a word: what others stand behind is stamped then, and all of it comes in the order in
/// which it was.
#[test]
fn what_is_far_is_stamped() {
    let (log, sink) = recording();
    let here = Location::caller();
    let many = [(1 << 24) - 3, (1 << 24) - 2, u32::MAX - 1].map(|id| log.thread(ThreadId(id)));
    assert_eq!(
        many.map(|thread| thread.is_far()),
        [false, true, true],
        "threads that are too many are so from the start"
    );
    let mut threads = [0, 1, 2, 3].map(|id| log.thread(ThreadId(id)));
    assert!(!threads.iter().any(|thread| thread.is_far() || thread.has_events()));
    for thread in &mut threads[1..3] {
        thread.earlier += FAR_POSITION + 1;
        thread.empty();
    }
    let mut last = Stand::NONE;
    let mut order = Vec::new();
    for round in 0..3_000 {
        let place = round % 7 % 4;
        let thread = &mut threads[place];
        let mut room = thread.make_room();
        room.after(last);
        room.push(ACQUIRED, here);
        let mut room = thread.make_room();
        room.before_others();
        last = room.push(RELEASED, here);
        assert_eq!(last == Stand::STAMPED, thread.is_far());
        assert!(last == Stand::STAMPED || last.is_of(ThreadId(place as u32)));
        order.push(thread.part.thread);
    }
    assert_eq!(threads.each_ref().map(ThreadLog::is_far), [false, true, true, false]);
    assert!(threads.iter().all(ThreadLog::has_events));
    drop(threads);
    log.close().unwrap();
    let (events, reader) = read(&sink);
    assert_eq!(reader.truncated(), None);
    assert!(events.iter().step_by(2).map(|event| event.owner.thread).eq(order));
    assert!(events.chunks(2).all(|hold| hold[0].op == ACQUIRED && hold[1].op == RELEASED));
}
