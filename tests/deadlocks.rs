//! Potential deadlocks from lock order, event by event: golden traces, lockdep's table, and the rules one by one.

use std::collections::HashMap;

use gordian::analysis::lock_order::{Hazard, LockOrderAnalysis, Pattern};
use gordian::event::{
    Attempt, Event, LockId, Mode, Names, Object, ObjectInfo, ObjectKind, Op, Owner, Site, SiteId, ThreadId,
};
use gordian::finding::Kind;

#[path = "../fuzz/oracles/lock_order.rs"]
mod oracle;

/// The dense id of a name.
fn id<'a>(table: &mut HashMap<&'a str, u32>, name: &'a str) -> u32 {
    let next = table.len() as u32;
    *table.entry(name).or_insert(next)
}

/// A minimal reader of STD text, lock and thread events only; a line without a bar is skipped.
fn std_text(text: &str) -> Vec<Event> {
    let mut locks: HashMap<&str, u32> = HashMap::new();
    let mut threads: HashMap<&str, u32> = HashMap::new();
    let mut events = Vec::new();
    for line in text.lines().filter(|line| line.contains('|')) {
        let fields: Vec<&str> = line.split(['|', '(', ')']).collect();
        let thread = ThreadId(id(&mut threads, fields[0]));
        let mode = Mode::Exclusive;
        let op = match fields[1] {
            "req" => Op::Request { lock: LockId(id(&mut locks, fields[2])), mode },
            "acq" => Op::Acquired { lock: LockId(id(&mut locks, fields[2])), mode, attempt: Attempt::Blocking },
            "rel" => Op::Released { lock: LockId(id(&mut locks, fields[2])), mode },
            "fork" => Op::Fork { child: ThreadId(id(&mut threads, fields[2])) },
            "join" => Op::Joined { child: ThreadId(id(&mut threads, fields[2])) },
            _ => continue,
        };
        let site = SiteId(fields.last().and_then(|at| at.parse().ok()).unwrap_or(0));
        events.push(Event { owner: Owner::thread(thread), site, op });
    }
    events
}

fn hazards(mut analysis: LockOrderAnalysis, events: &[Event]) -> Vec<Hazard> {
    for (at, event) in events.iter().enumerate() {
        analysis.event(at as u64 + 1, event);
    }
    assert!(!analysis.order().is_cut());
    analysis.take()
}

fn patterns(analysis: LockOrderAnalysis, events: &[Event]) -> Vec<Pattern> {
    let cycle = |hazard| match hazard {
        Hazard::Cycle(pattern) => Some(pattern),
        Hazard::RecursiveRead(_) => None,
    };
    hazards(analysis, events).into_iter().filter_map(cycle).collect()
}

#[test]
fn golden_traces_have_their_abstract_patterns() {
    let text = include_str!("traces/deadlock/golden.txt");
    let (mut traces, mut deadlocks, mut filtered) = (0, 0, 0);
    for trace in text.split("== ").skip(1) {
        let (head, body) = trace.split_once('\n').unwrap();
        let [name, count, truth, ..] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{head}") };
        let events = std_text(body);
        let all = patterns(LockOrderAnalysis::ignoring_fork_join(), &events).len();
        assert_eq!(all, count.parse::<usize>().unwrap(), "{name}");
        let concurrent = patterns(LockOrderAnalysis::new(), &events).len();
        assert!(concurrent <= all, "{name}");
        assert!(truth == "free" || concurrent > 0, "{name} deadlocks and is missed");
        traces += 1;
        deadlocks += usize::from(truth == "deadlock");
        filtered += all - concurrent;
    }
    assert_eq!((traces, filtered > 0), (200, true));
    assert!(deadlocks > 50, "{deadlocks}");
}

/// Pseudo-random bytes, the same in every run (splitmix64).
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn the_graph_agrees_with_the_naive_twin() {
    let mut seen = oracle::Outcome::default();
    for seed in 0..4_000 {
        let outcome = oracle::check(&bytes(seed, 80));
        seen.patterns += outcome.patterns;
        seen.reader_patterns += outcome.reader_patterns;
        seen.recursive_reads += outcome.recursive_reads;
    }
    assert!(seen.patterns > 500 && seen.reader_patterns > 20 && seen.recursive_reads > 50, "{seen:?}");
}

/// One script of lock operations per thread, all forked by `T0` at the start and run one after another.
///
/// `L W` exclusive, `R` read in mode `read`, `r` plain read, `U` upgradable, `T` successful try of a mutex, `u` release;
/// `?W` asks and never gets. So `LA LB uB uA` takes `A` and then `B`. A trailing `uA uB` can be left out.
fn run(read: Mode, threads: &[&str]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let emit = |events: &mut Vec<Event>, thread: u32, op| {
        let site = SiteId(events.len() as u32 + 1);
        events.push(Event { owner: Owner::thread(ThreadId(thread)), site, op });
    };
    for child in 1..=threads.len() as u32 {
        emit(&mut events, 0, Op::Fork { child: ThreadId(child) });
    }
    for (thread, script) in (1..).zip(threads) {
        let mut held: Vec<(LockId, Mode)> = Vec::new();
        for word in script.split_whitespace() {
            let (what, name) = word.split_at(word.len() - 1);
            let lock = LockId(u32::from(name.as_bytes()[0] - b'A'));
            let mode = match what.trim_start_matches('?') {
                "R" => read,
                "r" => Mode::Shared,
                "U" => Mode::Upgradable,
                _ => Mode::Exclusive,
            };
            let attempt = if what == "T" { Attempt::Try } else { Attempt::Blocking };
            if what == "u" {
                let at = held.iter().rposition(|held| held.0 == lock).unwrap();
                emit(&mut events, thread, Op::Released { lock, mode: held.remove(at).1 });
            } else if what.starts_with('?') {
                emit(&mut events, thread, Op::Request { lock, mode });
                emit(&mut events, thread, Op::GaveUp);
            } else {
                emit(&mut events, thread, Op::Acquired { lock, mode, attempt });
                held.push((lock, mode));
            }
        }
        for (lock, mode) in held.into_iter().rev() {
            emit(&mut events, thread, Op::Released { lock, mode });
        }
    }
    events
}

/// How many cycles and recursive reads.
fn verdict(read: Mode, threads: &[&str]) -> (usize, usize) {
    let all = hazards(LockOrderAnalysis::new(), &run(read, threads));
    let cycles = all.iter().filter(|hazard| matches!(hazard, Hazard::Cycle(_))).count();
    (cycles, all.len() - cycles)
}

fn cycles(threads: &[&str]) -> usize {
    verdict(Mode::Shared, threads).0
}

const PLAIN: Mode = Mode::Shared;
const RECURSIVE: Mode = Mode::SharedRecursive;
/// A thread that writes every lock of a script, one at a time.
const WRITER: &str = "WA uA WB uB WC uC WD uD";

/// lockdep's selftest, each sequence on a thread of its own: in gordian an inversion on one thread is no deadlock.
///
/// Not here: `double_unlock` and `init_held`, which Rust's guards can't express; `AA`, `AA2`, `AA3` on one instance,
/// which are waits for oneself and not lock order.
#[test]
fn lockdep_orders() {
    let rows: [(&str, &[&str]); 6] = [
        ("ABBA", &["AB", "BA"]),
        ("ABBCCA", &["AB", "BC", "CA"]),
        ("ABCABC", &["AB", "CA", "BC"]),
        ("ABBCCDDA", &["AB", "BC", "CD", "DA"]),
        ("ABCDBDDA", &["AB", "CD", "BD", "DA"]),
        ("ABCDBCDA", &["AB", "CD", "BC", "DA"]),
    ];
    for (name, pairs) in rows {
        let script = |what: &str| -> Vec<String> {
            pairs.iter().map(|pair| format!("{what}{} {what}{}", &pair[..1], &pair[1..])).collect()
        };
        let judge = |what: &str, read: Mode, extra: &[&'static str]| {
            let threads = script(what);
            let threads: Vec<&str> = threads.iter().map(String::as_str).chain(extra.iter().copied()).collect();
            verdict(read, &threads)
        };
        assert_eq!(judge("L", PLAIN, &[]), (1, 0), "{name} mutex");
        assert_eq!(judge("W", PLAIN, &[]), (1, 0), "{name} wsem");
        assert_eq!(judge("R", RECURSIVE, &[WRITER]), (0, 0), "{name} rlock");
        assert_eq!(judge("R", PLAIN, &[WRITER]), (1, 0), "{name} rsem");
        // lockdep takes a writer for granted; without one, readers alone never wait.
        assert_eq!(judge("R", PLAIN, &[]), (0, 0), "{name} rsem, no writer");
    }
}

#[test]
fn lockdep_readers_and_writers() {
    // name, threads, (rlock, rsem) is a report required
    let rows: [(&str, &[&str], (bool, bool)); 3] = [
        ("read-lock/lock-write ABBA1", &["RA LB uB uA", "LB WA uA uB"], (true, true)),
        ("read-lock/lock-read ABBA2", &["RA LB uB uA", "LB RA uA uB", "WA"], (false, true)),
        ("write-lock/lock-write ABBA3", &["WA LB uB uA", "LB WA uA uB"], (true, true)),
    ];
    for (name, threads, (recursive, plain)) in rows {
        assert_eq!(verdict(RECURSIVE, threads).0 > 0, recursive, "{name} rlock");
        assert_eq!(verdict(PLAIN, threads).0 > 0, plain, "{name} rsem");
    }
    assert_eq!(verdict(PLAIN, &["RA LB uB uA", "LB RA uA uB"]), (0, 0), "ABBA2 without a writer");
    // The write request must not hide behind the read request before it, on one thread or on two.
    assert_eq!(verdict(RECURSIVE, &["RA LB uB uA", "LB RA uA uB", "LB WA"]), (1, 0), "chain-cache mixed ABBA1");
    assert_eq!(verdict(RECURSIVE, &["RA LB uB uA", "LB RA uA WA"]), (1, 0), "chain-cache mixed ABBA1");
}

#[test]
fn lockdep_three_locks_in_every_order() {
    let rows: [(&str, [&str; 3], bool); 4] = [
        ("W1R2/W2R3/W3R1", ["WA RB", "WB RC", "WC RA"], true),
        ("W1W2/R2R3/W3R1", ["WA WB", "RB RC", "WC RA"], true),
        ("W1W2/R2R3/R3W1", ["WA WB", "RB RC", "RC WA"], false),
        ("W1R2/R2R3/W3W1", ["WA RB", "RB RC", "WC WA"], false),
    ];
    for (name, [a, b, c], required) in rows {
        for threads in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            assert_eq!(verdict(RECURSIVE, &threads), (usize::from(required), 0), "{name}");
        }
    }
}

#[test]
fn lockdep_rereads_and_classes() {
    for threads in [["RA RA", "WA"], ["WA", "RA RA"]] {
        assert_eq!(verdict(PLAIN, &threads), (0, 1), "AA1 rsem, writer before or after");
        assert_eq!(verdict(RECURSIVE, &threads), (0, 0), "AA1 rlock");
    }
    assert_eq!(verdict(PLAIN, &["RA RA"]), (0, 0), "AA1 rsem: no other owner writes");
    assert_eq!(verdict(PLAIN, &["RA RA uA uA WA"]), (0, 0), "AA1 rsem: the writer is the reader");
    assert_eq!(
        verdict(PLAIN, &["RA LB RA", "LB WA"]),
        (1, 0),
        "B keeps the writer out of the reads, not out of the order"
    );
    assert_eq!(verdict(PLAIN, &["RA LB RA", "WA"]), (0, 1), "with a lock in between");
    // Gordian differs from lockdep on two instances of one class (AA, AA1B, AA2, AA3, ww block/block): parent before
    // child, or left before right, is legal; only the opposite order as well is a deadlock, and it is seen by instance.
    for script in ["LA LB", "RA RB", "RA WB", "WA RB"] {
        assert_eq!(verdict(PLAIN, &[script, WRITER]), (0, 0), "{script}");
    }
    assert_eq!(cycles(&["LA TB", "LB TA"]), 0, "ww block/try");
    assert_eq!(cycles(&["TA LB", "TB LA"]), 1, "ww try/block");
    assert_eq!(cycles(&["TA TB", "TB TA"]), 0, "ww try/try");
}

#[test]
fn what_is_no_deadlock() {
    assert_eq!(cycles(&["LG LA LB", "LG LB LA"]), 0, "gate lock");
    assert_eq!(cycles(&["LG LA LB", "LB LA"]), 1, "half a gate");
    assert_eq!(cycles(&["rG LA LB", "rG LB LA"]), 1, "two readers are no gate");
    assert_eq!(cycles(&["rG LA LB", "WG LB LA"]), 0, "a reader and a writer are");
    assert_eq!(cycles(&["LA LB uB uA LB LA"]), 0, "one thread");
    assert_eq!(cycles(&["LA LB uB uA LB LA", "LA LB"]), 1, "and another one");
    assert_eq!(cycles(&["LA LB", "LB TA"]), 0, "try_lock");
    assert_eq!(cycles(&["rA rB", "rB rA"]), 0, "readers only");
    assert_eq!(cycles(&["rA rB", "rB rA", "WA"]), 0, "a writer of one of two locks");
    assert_eq!(cycles(&["rA rB", "rB rA", "WA uA WB"]), 1, "a writer of each");
    assert_eq!(cycles(&["LG rA rB", "rB rA", "LG WA uA WB"]), 0, "the writer is kept out by a gate");
    assert_eq!(cycles(&["LA LB LA uA LC", "LC LB"]), 1, "re-entrance makes no edge, B before C stays");
    assert_eq!(cycles(&["LA LB LA", "LA LB"]), 0, "re-entrance");
}

#[test]
fn what_is_a_deadlock() {
    assert_eq!(cycles(&["LA LB uB LC", "LC LA"]), 1, "A before C after B is released");
    assert_eq!(cycles(&["LA LB LC", "LC LA"]), 1, "from every held lock");
    assert_eq!(cycles(&["LA LB uA LA", "LA LB"]), 1, "a condvar takes its mutex A again while B is held");
    assert_eq!(cycles(&["LA ?LB", "LB ?LA"]), 1, "requests that were never granted");
    assert_eq!(cycles(&["UA LB ?WA", "rA LB"]), 1, "an upgrade waits for readers");
    assert_eq!(cycles(&["UA LB", "LB rA", "WA"]), 0, "an upgradable reader lets readers in");
    assert_eq!(cycles(&["UA LB", "LB UA"]), 1, "and no other upgradable one");
}

#[test]
fn fork_and_join_order_the_parts() {
    let event = |thread, op| Event { owner: Owner::thread(ThreadId(thread)), site: SiteId::UNKNOWN, op };
    let take = |thread, locks: [u32; 2]| {
        let [first, second] = locks.map(LockId);
        let (mode, attempt) = (Mode::Exclusive, Attempt::Blocking);
        let took = |lock| event(thread, Op::Acquired { lock, mode, attempt });
        let freed = |lock| event(thread, Op::Released { lock, mode });
        vec![took(first), took(second), freed(second), freed(first)]
    };
    let fork = |child| vec![event(0, Op::Fork { child: ThreadId(child) })];
    let join = |child| vec![event(0, Op::Joined { child: ThreadId(child) })];
    let count = |parts: &[Vec<Event>]| patterns(LockOrderAnalysis::new(), &parts.concat()).len();
    assert_eq!(count(&[take(0, [0, 1]), fork(1), take(1, [1, 0])]), 0, "before the fork");
    assert_eq!(count(&[fork(1), take(1, [1, 0]), join(1), take(0, [0, 1])]), 0, "after the join");
    assert_eq!(count(&[fork(1), take(1, [1, 0]), join(1), fork(2), take(2, [0, 1])]), 0, "one after another");
    assert_eq!(count(&[fork(1), fork(2), take(1, [1, 0]), join(1), take(2, [0, 1])]), 1, "side by side");
    // An ordered instance of a pattern does not hide one that is not.
    let twice = [take(0, [0, 1]), fork(1), take(0, [0, 1]), take(1, [1, 0])];
    assert_eq!(count(&twice), 1);
}

struct Table;

impl Names for Table {
    fn site(&self, id: SiteId) -> Site {
        Site::new("a.rs", id.0, 0)
    }

    fn thread_name(&self, id: ThreadId) -> Option<String> {
        (id.0 == 1).then(|| "worker".to_owned())
    }

    fn object(&self, object: Object) -> Option<ObjectInfo> {
        let name = (object == Object::Lock(LockId(0))).then(|| "left".to_owned());
        Some(ObjectInfo { kind: ObjectKind::RwLock, name, created: Some(Site::new("made.rs", 7, 0)) })
    }
}

#[test]
fn a_hazard_becomes_a_finding() {
    let cycle = &hazards(LockOrderAnalysis::new(), &run(PLAIN, &["LA LB", "LB LA"]))[0];
    let finding = cycle.to_finding(&Table);
    assert_eq!(finding.kind, Kind::LockOrderCycle);
    assert_eq!(
        finding.message,
        "the reader-writer lock made at made.rs:7 and `left` are taken in opposite orders; \
         two threads that overlap here wait for each other for ever"
    );
    let sites: Vec<String> = finding
        .sites
        .iter()
        .map(|site| {
            format!("{} {} at {} holding {} {:?}", site.owner, site.role, site.site, site.held.len(), site.event)
        })
        .collect();
    assert_eq!(
        sites,
        [
            "thread 2 takes the reader-writer lock made at made.rs:7 at a.rs:7 holding 0 None",
            "thread 2 wants `left` at a.rs:8 holding 1 Some(8)",
            "worker takes `left` at a.rs:3 holding 0 None",
            "worker wants the reader-writer lock made at made.rs:7 at a.rs:4 holding 1 Some(4)",
        ]
    );
    let read = &hazards(LockOrderAnalysis::new(), &run(PLAIN, &["RA RA", "WA"]))[0];
    let finding = read.to_finding(&Table);
    assert_eq!((finding.kind, finding.sites.len()), (Kind::RecursiveRead, 3));
    assert!(finding.message.starts_with("`left` is read again"), "{}", finding.message);
}
