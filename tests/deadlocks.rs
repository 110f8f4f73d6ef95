//! Potential deadlocks from lock order, event by event: golden traces, lockdep's table, and the rules one by one.

use std::collections::HashMap;

use gordian::analysis::lock_order::{Hazard, LockOrderAnalysis, Pattern};
use gordian::event::{Attempt, Event, LockId, Mode, Op, Owner, SiteId, ThreadId};

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
        let [name, count, truth] = head.split(' ').collect::<Vec<_>>()[..] else { panic!("{head}") };
        let events = std_text(body);
        let all = patterns(LockOrderAnalysis::ignoring_fork_join(), &events).len();
        assert_eq!(all, count.parse().unwrap(), "{name}");
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
