//! Potential deadlocks from lock order, event by event: golden traces, lockdep's table, and the rules one by one.

use std::collections::HashMap;

use gordian::analysis::lock_order::{Hazard, LockOrderAnalysis, Pattern};
use gordian::event::{Attempt, Event, LockId, Mode, Op, Owner, SiteId, ThreadId};

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

#[test]
fn tmp_real() {
    for name in ["Account", "Bensalem", "Deadlock", "DiningPhil", "Transfer"] {
        let text = std::fs::read_to_string(format!("/work/shared/traces/real/{name}.std")).unwrap();
        let events = std_text(&text);
        println!("{name} {} {}", patterns(LockOrderAnalysis::ignoring_fork_join(), &events).len(), patterns(LockOrderAnalysis::new(), &events).len());
    }
}
