//! Trace files: what is read is right or refused, with line or offset, whatever the bytes.

use std::num::NonZeroU32;

use gordian::event::*;
use gordian::trace::synthetic::{self, synthetic};
use gordian::trace::{
    Policy, Rule, StdOptions, StdWriteError, StdWriter, Tables, TraceError, TraceReader, TraceWriter,
};
use proptest::prelude::*;

#[path = "../fuzz/oracles/trace.rs"]
mod oracle;

fn read_all(bytes: &[u8]) -> Result<Vec<Event>, TraceError> {
    TraceReader::open(bytes)?.read_to_end()
}

fn binary(events: &[Event], names: &Tables) -> Vec<u8> {
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    writer.write(events, names).unwrap();
    writer.finish(names).unwrap()
}

/// Events up to the error or the end, and the error.
fn prefix(bytes: &[u8]) -> (Vec<Event>, Option<TraceError>, Option<u64>) {
    let mut reader = match TraceReader::open(bytes) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error), None),
    };
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    loop {
        match reader.next_batch(&mut batch) {
            Ok(Some(_)) => all.append(&mut batch),
            Ok(None) => return (all, None, reader.truncated()),
            Err(error) => return (all, Some(error), reader.truncated()),
        }
    }
}

fn verdict(text: &[u8], options: StdOptions) -> Option<(u64, Rule)> {
    match TraceReader::open_with(text, options).unwrap().read_to_end() {
        Ok(_) => None,
        Err(TraceError::Text { violation, .. }) => Some((violation.line, violation.rule)),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn each_wellformedness_trace_breaks_the_rule_it_is_named_after() {
    use Rule::*;
    let expected = [
        ("valid_trace", None),
        ("double_write_token", Some((3, UnknownOperation))),
        ("unsupported_character", Some((3, UnsupportedCharacter))),
        ("malformed_line", Some((3, MalformedLine))),
        ("read_from_unwritten_memory", Some((1, ReadFromUnwrittenMemory))),
        ("release_non_acquired_lock", Some((4, ReleaseNonAcquiredLock))),
        ("release_non_owning_lock", Some((4, ReleaseNonOwningLock))),
        ("repeated_lock_acquisition", Some((4, RepeatedLockAcquisition))),
        ("repeated_lock_acquisition_by_holder", Some((2, RepeatedLockAcquisition))),
        ("repeated_lock_release", Some((5, RepeatedLockRelease))),
        ("repeated_fork", Some((2, RepeatedFork))),
        ("fork_of_running_thread", Some((3, ForkOfRunningThread))),
        ("join_of_unforked_thread", Some((2, JoinOfUnforkedThread))),
        ("repeated_join", Some((3, RepeatedJoin))),
        ("event_after_join", Some((3, EventAfterJoin))),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/wellformedness");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), expected.len());
    for (name, expected) in expected {
        let text = std::fs::read(format!("{folder}/{name}.std")).unwrap();
        for strict in [false, true] {
            assert_eq!(verdict(&text, StdOptions { strict }), expected, "{name}");
        }
        oracle::check(&text);
    }
}

#[test]
fn reading_the_unwritten_is_wrong_only_in_a_wrong_trace_or_strictly() {
    let text = b"T0|r(V0)|1\nT0|w(V0)|2\n";
    assert_eq!(verdict(text, StdOptions::default()), None);
    assert_eq!(verdict(text, StdOptions { strict: true }), Some((1, Rule::ReadFromUnwrittenMemory)));
    let error = read_all(b"T0|r(V0)|1\nT0|rel(L0)|2").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 1: read-from-unwritten-memory: `T0|r(V0)|1`, and line 2: release-non-acquired-lock: `T0|rel(L0)|2`"
    );
    let error = read_all(b"T0|r(V0)|1\nT0|rel(L0)*|2").unwrap_err().to_string();
    assert_eq!(error, "line 2: unsupported-character: `T0|rel(L0)*|2` (`*` in column 11)");
}

#[test]
fn std_text_becomes_dense_events_and_keeps_its_names() {
    let text = "T6|fork(9)|a.rs:1\nT9|w(4294967298)|59\nT9|acq(lock)|?\r\nT06|r(V1)|59\nT9|begin|x y";
    let mut reader = TraceReader::open(text.as_bytes()).unwrap();
    let mut events = Vec::new();
    assert_eq!(reader.next_batch(&mut events).unwrap(), Some(1));
    let event = |thread, site, op| Event { owner: Owner::thread(ThreadId(thread)), site: SiteId(site), op };
    let acquired = Op::Acquired { lock: LockId(0), mode: Mode::Exclusive, attempt: Attempt::Blocking };
    assert_eq!(
        events,
        [
            event(0, 1, Op::Fork { child: ThreadId(1) }),
            event(1, 2, Op::Write { var: VarId(0) }),
            event(1, 0, acquired),
            event(2, 2, Op::Read { var: VarId(1) }),
            event(1, 3, Op::RegionBegin),
        ]
    );
    let names = reader.names();
    assert_eq!(names.site(SiteId(1)), Site { file: "a.rs:1".to_owned(), line: 0, column: 0 });
    assert_eq!(names.site(SiteId(0)), Site::unknown());
    let threads: Vec<_> = (0..4).map(|id| names.thread_name(ThreadId(id))).collect();
    assert_eq!(threads, [Some("T6".to_owned()), Some("T9".to_owned()), Some("T06".to_owned()), None]);
    let info = |object| names.object(object).map(|info| (info.kind, info.name.unwrap()));
    assert_eq!(info(Object::Var(VarId(0))), Some((ObjectKind::Cell, "4294967298".to_owned())));
    assert_eq!(info(Object::Lock(LockId(0))), Some((ObjectKind::Mutex, "lock".to_owned())));
}

/// An editor may put a mark before the first line, and end lines in its own way.
#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    let plain = read_all(b"T1|w(V1)|1\nT1|w(V1)|2\n").unwrap();
    assert_eq!(read_all(b"\xef\xbb\xbfT1|w(V1)|1\r\nT1|w(V1)|2\r\n").unwrap(), plain);
    let later = read_all(b"T1|w(V1)|1\n\xef\xbb\xbfT1|w(V1)|2\n").unwrap();
    assert_ne!(later[0].owner, later[1].owner, "a name like any other");
    assert_eq!(verdict(b"\xef\xbb\xbfT1|ww(V1)|1\n", StdOptions::default()), Some((1, Rule::UnknownOperation)));
}

#[test]
fn lines_that_do_not_parse_say_why() {
    let long = format!("T0|w(V0)|{}", "x".repeat(1 << 16));
    let endless = "x".repeat(1 << 20);
    for (line, rule, detail) in [
        ("", Rule::MalformedLine, "it ends too early"),
        ("T0", Rule::MalformedLine, "it ends too early"),
        ("T0|r(V0)", Rule::MalformedLine, "it ends too early"),
        ("T0|r(V0)|", Rule::MalformedLine, "it ends too early"),
        ("|r(V0)|1", Rule::MalformedLine, "`|` in column 1"),
        ("T0|r()|1", Rule::MalformedLine, "`)` in column 6"),
        ("T0|r((V0)|1", Rule::MalformedLine, "`(` in column 6"),
        ("T0|r(V0)|1|2", Rule::MalformedLine, "`|` in column 11"),
        ("T0|read(V0)|1", Rule::UnknownOperation, "`read`"),
        ("T0|r(V 0)|1", Rule::UnsupportedCharacter, "` ` in column 7"),
        ("T0\0|r(V0)|1", Rule::UnsupportedCharacter, "`\\0` in column 3"),
        (&long, Rule::LineTooLong, "more than 65536 bytes"),
        (&endless, Rule::LineTooLong, "more than 65536 bytes"),
    ] {
        let text = format!("T0|w(V0)|1\n{line}\nT0|w(V0)|1\n");
        let (events, error, _) = prefix(text.as_bytes());
        let Some(TraceError::Text { violation, then: None }) = error else { panic!("{line:.20}: {error:?}") };
        assert_eq!(events.len(), 1, "what stands before the error is yielded");
        assert_eq!((violation.line, violation.rule, violation.detail.as_str()), (2, rule, detail), "{line:.20}");
        assert!(violation.text.len() <= 200);
    }
    let (_, error, _) = prefix(b"T0|w(V\xff)|1\n");
    assert_eq!(error.unwrap().to_string(), "line 1: unsupported-character: `T0|w(V\u{fffd})|1` (not UTF-8)");
}

/// Any thread, task and future; any operation.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let id = || prop_oneof![0..5_u32, 0..2000_u32];
    let owner = (0..40_u32, prop::option::of(1..=u32::MAX), prop::option::of(1..9_u32));
    let event =
        (owner, 0..50_u32, any::<u8>(), id(), any::<u32>(), id()).prop_map(|(owner, site, pick, id, number, lock)| {
            Event {
                owner: Owner {
                    thread: ThreadId(owner.0),
                    task: owner.1.and_then(NonZeroU32::new),
                    future: owner.2.and_then(NonZeroU32::new),
                },
                site: SiteId(site),
                op: op(pick, id, number, lock),
            }
        });
    prop::collection::vec(event, 0..300)
}

fn op(pick: u8, id: u32, number: u32, other: u32) -> Op {
    let flag = number & 1 == 1;
    let mode = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable][number as usize % 4];
    let attempt = [Attempt::Blocking, Attempt::Try, Attempt::Timed][number as usize / 4 % 3];
    let order = [Order::Relaxed, Order::Acquire, Order::Release, Order::AcqRel, Order::SeqCst][number as usize % 5];
    let fence = [Order::Acquire, Order::Release, Order::AcqRel, Order::SeqCst][number as usize % 4];
    let (child, lock, condvar) = (ThreadId(id), LockId(id), CondvarId(id));
    let (channel, barrier, once, var, atomic) = (ChannelId(id), BarrierId(id), OnceId(id), VarId(id), AtomicId(id));
    match pick % 42 {
        0 => Op::Begin,
        1 => Op::End,
        2 => Op::Fork { child },
        3 => Op::JoinRequest { child },
        4 => Op::Joined { child },
        5 => Op::ParkRequest,
        6 => Op::Parked { token: flag },
        7 => Op::Unpark { thread: child },
        8 => Op::Request { lock, mode },
        9 => Op::Acquired { lock, mode, attempt },
        10 => Op::Released { lock, mode },
        11 => Op::GaveUp,
        12 => Op::CondvarRequest { condvar, lock: LockId(other) },
        13 => Op::CondvarWoken { condvar, notified: flag },
        14 => Op::Notify { condvar, all: flag, woken: number },
        15 => Op::ChannelMade { channel, capacity: flag.then_some(number) },
        16 => Op::SendRequest { channel },
        17 => Op::Sent { channel },
        18 => Op::RecvRequest { channel },
        19 => Op::Received { channel },
        20 => Op::Closed { channel, receiver: flag },
        21 => Op::SawClosed { channel },
        22 => Op::BarrierArrive { barrier, parties: number },
        23 => Op::BarrierLeave { barrier },
        24 => Op::OnceRequest { once },
        25 => Op::OnceBegin { once },
        26 => Op::OnceEnd { once, done: flag },
        27 => Op::OnceSeen { once },
        28 => Op::Read { var },
        29 => Op::Write { var },
        30 => Op::SpeculativeRead { var },
        31 => Op::AtomicLoad { atomic, order },
        32 => Op::AtomicStore { atomic, order },
        33 => Op::AtomicRmw { atomic, order },
        34 => Op::Fence { order: fence },
        35 => Op::RegionBegin,
        36 => Op::LockMissed { lock, mode },
        37 => Op::DataRead { lock },
        38 => Op::DataWrite { lock },
        39 => Op::ChannelMissed { channel },
        40 => Op::DataHidden { lock },
        _ => Op::RegionEnd,
    }
}

/// Sites for the events of [`events`], and a name and a description.
fn tables() -> Tables {
    let mut tables = Tables::default();
    for line in 1..50 {
        tables.add_site(Site::new("src/main.rs", line, line % 3));
    }
    tables.name_thread(ThreadId(1), "wörker");
    let created = Some(Site::new("src/lock.rs", 7, 1));
    tables.describe(Object::Lock(LockId(1)), ObjectInfo { kind: ObjectKind::RwLock, name: Some("L".into()), created });
    tables.describe(Object::Var(VarId(0)), ObjectInfo { kind: ObjectKind::Cell, name: None, created: None });
    tables
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_come_back_from_a_binary_trace(events in events()) {
        let names = tables();
        let bytes = binary(&events, &names);
        let mut reader = TraceReader::open(&bytes[..]).unwrap();
        prop_assert_eq!(&reader.read_to_end().unwrap(), &events);
        prop_assert_eq!(reader.truncated(), None);
        for event in &events {
            prop_assert_eq!(reader.names().site(event.site), names.site(event.site));
            prop_assert_eq!(reader.names().thread_name(event.owner.thread), names.thread_name(event.owner.thread));
            if let Op::Request { lock, .. } | Op::CondvarRequest { lock, .. } = event.op {
                prop_assert_eq!(reader.names().object(Object::Lock(lock)), names.object(Object::Lock(lock)));
            }
        }
    }

    #[test]
    fn flipped_bits_are_damage_or_a_cut(events in events(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = binary(&events, &tables());
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let (read, error, cut) = prefix(&bytes);
        // A longer length in a block's head looks like a cut; in a file header, the first byte may make it text.
        prop_assert!(error.is_some() || cut.is_some(), "byte {at}");
        prop_assert_eq!(&read[..], &events[..read.len()]);
        oracle::check(&bytes);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[T0-2|rwacqel(VL)\n*]{0,60}") {
        oracle::check(&bytes);
        oracle::check(text.as_bytes());
        let mut behind_header = binary(&[], &Tables::default())[..16].to_vec();
        behind_header.extend(&bytes);
        oracle::check(&behind_header);
    }
}

#[test]
fn a_trace_cut_at_any_byte_gives_its_beginning() {
    let events: Vec<_> = synthetic(20_000, 3, 20, 4, 20, 7).collect();
    let bytes = binary(&events, &synthetic::names());
    let mut previous = 0;
    for length in (0..bytes.len()).filter(|length| *length < 5000 || length % 251 == 0 || length + 200 > bytes.len()) {
        let (read, error, cut) = prefix(&bytes[..length]);
        assert_eq!(read, events[..read.len()]);
        assert!(read.len() >= previous);
        previous = read.len();
        if length == 0 {
            assert!(error.is_none() && read.is_empty(), "an empty file is an empty text");
        } else if length < 16 {
            assert!(matches!(error, Some(TraceError::Damaged { .. })), "{length}");
        } else {
            assert!(error.is_none() && cut.is_some_and(|cut| cut <= length as u64), "{length}: {error:?}");
        }
    }
    assert_eq!(previous, events.len(), "only the end block is missing at last");
    let (read, error, cut) = prefix(&bytes);
    assert!(read == events && error.is_none() && cut.is_none());
    let (_, error, _) = prefix(&[&bytes[..], b"x"].concat());
    assert_eq!(
        error.unwrap().to_string(),
        format!("damaged at byte {}: something behind the end of the trace", bytes.len())
    );
}

#[test]
fn versions_are_checked() {
    let mut bytes = binary(&[], &Tables::default());
    bytes[10] += 1;
    assert!(matches!(prefix(&bytes).1, Some(TraceError::NewerMinor { .. })));
    bytes[8..12].copy_from_slice(&[1, 0, 0, 0]);
    let error = prefix(&bytes).1.unwrap();
    assert!(matches!(error, TraceError::IncompatibleMajor { .. }));
    assert_eq!(
        error.to_string(),
        "format version 1.0 cannot be read, only 2.4: record the trace again, or read it with the release that wrote it"
    );
}

#[test]
fn std_text_says_what_it_can_and_refuses_the_rest() {
    let events: Vec<_> = synthetic(5000, 4, 30, 5, 10, 1).collect();
    let names = synthetic::names();
    let write = |events: &[Event], names: &Tables, policy| {
        let mut text = Vec::new();
        let mut writer = StdWriter::new(&mut text, policy);
        let result = writer.write(events, names);
        let omitted = writer.finish().unwrap();
        result.map(|()| (text, omitted))
    };
    let (text, _) = write(&events, &names, Policy::Refuse).unwrap();
    // Renumbered by first appearance, then the same for ever.
    let mut reader = TraceReader::open(&text[..]).unwrap();
    let dense = reader.read_to_end().unwrap();
    let (again, _) = write(&dense, reader.names(), Policy::Refuse).unwrap();
    assert_eq!(String::from_utf8(again), String::from_utf8(text.clone()));
    assert_eq!(read_all(&text).unwrap(), dense);
    oracle::check(&text);

    let tried = Op::Acquired { lock: LockId(0), mode: Mode::Exclusive, attempt: Attempt::Try };
    let event = |op| Event { owner: Owner::thread(ThreadId(0)), site: SiteId(0), op };
    let odd = [event(Op::Begin), event(tried), event(Op::RegionEnd)];
    assert!(matches!(write(&odd, &names, Policy::Refuse), Err(StdWriteError::Inexpressible(event)) if event == odd[0]));
    let (text, omitted) = write(&odd, &names, Policy::Omit).unwrap();
    assert_eq!((omitted.dropped, omitted.approximated), (1, 1));
    assert_eq!(text, b"T0|acq(L0)|?\nT0|end(0)|?\n");
}

#[test]
fn generated_traces_are_disciplined() {
    let (threads, vars, locks) = (5, 40, 7);
    let events: Vec<_> = synthetic(50_000, threads, vars, locks, 10, 3).collect();
    assert_eq!(events, synthetic(50_000, threads, vars, locks, 10, 3).collect::<Vec<_>>());
    let mut held = vec![Vec::new(); threads as usize];
    let (mut sync, mut nested) = (0, 0);
    for event in &events {
        let mine = &mut held[event.owner.thread.index()];
        match event.op {
            Op::Acquired { lock, .. } => {
                assert!(mine.iter().all(|other| *other < lock), "locks are taken in their order");
                nested += usize::from(!mine.is_empty());
                mine.push(lock);
                sync += 1;
            }
            Op::Released { lock, .. } => {
                mine.retain(|other| *other != lock);
                sync += 1;
            }
            Op::Read { var } | Op::Write { var } => assert!(mine.contains(&LockId(var.0 % locks)), "held: {mine:?}"),
            _ => {}
        }
    }
    assert!((4000..6000).contains(&sync) && nested > 100, "{sync} {nested}");
}

/// RapidBin: the header, and a word for each line of STD text.
fn rapid_bin(text: &str) -> Vec<u8> {
    let (mut words, mut events) = (Vec::new(), 0_u64);
    for line in text.lines() {
        let parts: Vec<&str> = line.split(['|', '(', ')']).filter(|part| !part.is_empty()).collect();
        let number = |text: &str| text.trim_start_matches(char::is_alphabetic).parse::<u64>().unwrap();
        let operations = ["acq", "rel", "r", "w", "fork", "join", "begin", "end", "req"];
        let operation = operations.iter().position(|name| *name == parts[1]).unwrap() as u64;
        let word = number(parts[3]) << 48 | number(parts[2]) << 14 | operation << 10 | number(parts[0]);
        words.extend(word.to_be_bytes());
        events += 1;
    }
    let mut bytes = Vec::new();
    bytes.extend(9_u16.to_be_bytes());
    bytes.extend(8_u32.to_be_bytes());
    bytes.extend(5_000_000_u32.to_be_bytes());
    bytes.extend(events.to_be_bytes());
    bytes.extend(words);
    bytes
}

const RAPID: &str = "T0|begin(0)|0\nT0|fork(T7)|1\nT7|req(L3)|2\nT7|acq(L3)|2\nT7|w(V9000000)|3\nT7|r(V1)|4\nT7|w(V9000000)|3\n\
                     T7|rel(L3)|5\nT0|join(T7)|6\nT0|end(0)|32767\n";

#[test]
fn rapid_bin_reads_as_its_std_text() {
    let bytes = rapid_bin(RAPID);
    let (mut binary, mut text) = (TraceReader::open(&bytes[..]).unwrap(), TraceReader::open(RAPID.as_bytes()).unwrap());
    let events = text.read_to_end().unwrap();
    assert_eq!(binary.read_to_end().unwrap(), events);
    assert_eq!((binary.truncated(), binary.is_binary()), (None, false));
    for event in &events {
        assert_eq!(binary.names().site(event.site), text.names().site(event.site));
        assert_eq!(binary.names().thread_name(event.owner.thread), text.names().thread_name(event.owner.thread));
    }
    for object in [Object::Lock(LockId(0)), Object::Var(VarId(0)), Object::Var(VarId(1))] {
        assert!(binary.names().object(object).is_some());
        assert_eq!(binary.names().object(object), text.names().object(object));
    }
    let monitor = "T0|req(L1)|1\nT0|acq(L1)|1\nT0|req(L1)|2\nT0|acq(L1)|2\nT0|rel(L1)|3\nT0|w(V1)|4\nT0|rel(L1)|5\n";
    let ops: Vec<Op> = read_all(&rapid_bin(monitor)).unwrap().iter().map(|event| event.op).collect();
    assert!(
        matches!(ops[..], [Op::Request { .. }, Op::Acquired { .. }, Op::Write { .. }, Op::Released { .. }]),
        "{ops:?}"
    );
    // Many batches.
    let long = rapid_bin(&"T0|w(V1)|7\n".repeat(40_000));
    assert_eq!(read_all(&long).unwrap().len(), 40_000);
}

#[test]
fn rapid_bin_that_is_wrong_says_where_and_why() {
    let bytes = rapid_bin(RAPID);
    let damage = |bytes: &[u8]| match prefix(bytes) {
        (events, Some(TraceError::Damaged { offset, reason }), _) => (events.len(), offset, reason),
        other => panic!("{other:?}"),
    };
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        bytes
    };
    let word = |number: usize| 18 + 8 * number;
    let said = |number: u64, offset: usize, reason: &str| (number as usize, offset as u64, reason.to_owned());
    assert_eq!(damage(&bytes[..17]), said(0, 17, "the header of the RapidBin trace ends too early"));
    assert_eq!(damage(&with(2, 0x80)), said(0, 2, "an impossible number of locks"));
    assert_eq!(damage(&with(0, 4)), said(0, 0, "an impossible number of threads"));
    assert_eq!(damage(&with(1, 1)), said(1, word(1), "more threads than the 1 that the header announces"));
    assert_eq!(damage(&with(word(4), 0x80)), said(4, word(4), "an event whose first bit is set"));
    assert_eq!(damage(&with(word(4) + 6, 0x24)), said(4, word(4), "operation 9; those known are 0 to 8"));
    assert_eq!(damage(&with(word(7) + 6, 0x84)), said(7, word(7), "release-non-acquired-lock: `T7|rel(L2)|5`"));
    assert_eq!(
        damage(&[&bytes[..], b"x"].concat()),
        said(10, bytes.len(), "something behind the last event that the header announces")
    );
    for length in 18..bytes.len() {
        let (events, error, cut) = prefix(&bytes[..length]);
        assert!(error.is_none(), "{length}: {error:?}");
        assert_eq!((events.len(), cut), ((length - 18) / 8, Some(length as u64)));
    }
    // A read before any write is wrong only for who insists.
    let strict = TraceReader::open_with(&bytes[..], StdOptions { strict: true }).unwrap().read_to_end();
    assert!(matches!(strict, Err(TraceError::Damaged { offset, .. }) if offset as usize == word(5)), "{strict:?}");
    for (at, byte) in bytes.iter().enumerate() {
        for bit in 0..8 {
            oracle::check(&with(at, byte ^ 1 << bit));
        }
    }
}

#[test]
fn regions_of_std_text_may_be_named_after_methods() {
    for region in ["begin", "begin()", "begin(0)", "begin(a.B.c(int, long[])V)", "begin(x y)"] {
        let events = read_all(format!("T0|{region}|7\n").as_bytes()).unwrap();
        assert_eq!(events[0].op, Op::RegionBegin, "{region}");
    }
    for wrong in ["begin(0", "begin(0)x", "begin)", "beginning(0)"] {
        assert!(read_all(format!("T0|{wrong}|7\n").as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn what_std_text_forbids_is_left_out() {
    let lock = LockId(0);
    let acquired = Op::Acquired { lock, mode: Mode::Exclusive, attempt: Attempt::Blocking };
    let released = Op::Released { lock, mode: Mode::Exclusive };
    let (fork, joined) = (Op::Fork { child: ThreadId(1) }, Op::Joined { child: ThreadId(1) });
    let by = |thread, op| Event { owner: Owner::thread(ThreadId(thread)), site: SiteId(0), op };
    let script = [(0, fork), (1, acquired), (1, acquired), (1, released), (0, acquired), (1, released), (1, released)];
    let script = script.into_iter().chain([(0, joined), (0, joined), (1, acquired)]);
    let events: Vec<Event> = script.map(|(thread, op)| by(thread, op)).collect();
    let mut text = Vec::new();
    let mut writer = StdWriter::new(&mut text, Policy::Omit);
    writer.write(&events, &Tables::default()).unwrap();
    assert_eq!(writer.finish().unwrap().dropped, 6);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text, "T0|fork(T1)|?\nT1|acq(L0)|?\nT1|rel(L0)|?\nT0|join(T1)|?\n");
    let mut refusing = StdWriter::new(Vec::new(), Policy::Refuse);
    refusing.write(&events[..2], &Tables::default()).unwrap();
    assert!(refusing.write(&events[2..3], &Tables::default()).is_err(), "it would not read back");
}

#[test]
fn std_text_for_rapid_has_numbers_for_locations_and_no_requests() {
    let mut reader = TraceReader::open("T0|req(L)|a.rs:1\nT0|acq(L)|a.rs:1\nT0|rel(L)|b.rs:2\n".as_bytes()).unwrap();
    let events = reader.read_to_end().unwrap();
    let mut text = Vec::new();
    let mut writer = StdWriter::for_rapid(&mut text, Policy::Omit);
    writer.write(&events, reader.names()).unwrap();
    assert_eq!(writer.finish().unwrap().dropped, 1);
    assert_eq!(String::from_utf8(text).unwrap(), "T0|acq(L)|1\nT0|rel(L)|2\n");
}
