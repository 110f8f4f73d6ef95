//! The race checker on traces with known answers, and against its definition.

#[path = "../fuzz/oracles/clocks.rs"]
mod clocks;
#[path = "races/litmus.rs"]
mod litmus;
#[path = "../fuzz/oracles/happens_before.rs"]
mod oracle;

use gordian::analysis::happens_before::{HappensBefore, Listing};
use gordian::event::{Attempt, Event, LockId, Mode, Op, Owner, SiteId, ThreadId, VarId};
use proptest::prelude::*;

/// A line `T<n>|op(X<n>)|place` of a small trace.
fn parse(line: &str) -> Event {
    let mut parts = line.split(['|', '(', ')']).filter(|part| !part.is_empty());
    let mut next = || parts.next().unwrap_or_else(|| panic!("{line}"));
    let (thread, op, operand, site) = (next(), next(), next(), next());
    let number = |text: &str| text.trim_start_matches(char::is_alphabetic).parse::<u32>().unwrap();
    let id = number(operand);
    let (lock, mode, attempt) = (LockId(id), Mode::Exclusive, Attempt::Blocking);
    let op = match op {
        "r" => Op::Read { var: VarId(id) },
        "w" => Op::Write { var: VarId(id) },
        "acq" => Op::Acquired { lock, mode, attempt },
        "rel" => Op::Released { lock, mode },
        "fork" => Op::Fork { child: ThreadId(id) },
        "join" => Op::Joined { child: ThreadId(id) },
        _ => panic!("{line}"),
    };
    Event { owner: Owner::thread(ThreadId(number(thread))), site: SiteId(number(site)), op }
}

/// 200 traces of 13 to 42 events. `shb` is the number of racy events that the vector-clock algorithm of the SHB paper
/// finds; `racy` are the lines that race in some correct reordering, from a search over all of them.
#[test]
fn golden_traces_have_their_racy_events() {
    let golden = include_str!("traces/race/golden.txt");
    let mut traces = 0;
    for trace in golden.split("== ").skip(1) {
        let (head, lines) = trace.split_once('\n').unwrap();
        let [name, shb, racy, _] = *head.split(' ').collect::<Vec<_>>() else { panic!("{head}") };
        let racy: Vec<u64> = racy["racy=".len()..].split(',').filter_map(|line| line.parse().ok()).collect();
        let events: Vec<Event> = lines.lines().map(parse).collect();
        let mut checker = HappensBefore::new(Listing::EveryEvent);
        let found: Vec<u64> = (1..)
            .zip(&events)
            .flat_map(|(line, event)| {
                checker.observe(line, event).iter().map(|race| race.later.ordinal).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(format!("shb={}", found.len()), shb, "{name}: {found:?}");
        assert!(found.iter().all(|line| racy.contains(line)), "{name}: {found:?} not all in {racy:?}");
        oracle::compare(&events);
        traces += 1;
    }
    assert_eq!(traces, 200);
}

/// Threads that are started and joined in turn use one clock component again and again, and nothing of it is lost.
#[test]
fn threads_in_turn_share_a_component() {
    let mut checker = HappensBefore::new(Listing::EveryEvent);
    let main = Owner::thread(ThreadId(0));
    let event = |owner, op| Event { owner, site: SiteId(1), op };
    let var = VarId(0);
    for round in 1..=100_000 {
        let child = ThreadId(round);
        for (owner, op) in [
            (main, Op::Write { var }),
            (main, Op::Fork { child }),
            (Owner::thread(child), Op::Write { var }),
            (Owner::thread(child), Op::End),
            (main, Op::Joined { child }),
        ] {
            assert_eq!(checker.observe(u64::from(round), &event(owner, op)), []);
        }
    }
    assert_eq!(checker.components(), 2);
    let stranger = Owner::thread(ThreadId(100_001));
    let races = checker.observe(9, &event(stranger, Op::Read { var }));
    assert_eq!(races.iter().map(|race| race.earlier.thread).collect::<Vec<_>>(), [ThreadId(100_000)]);
}

/// Destructors of thread-locals in a scoped thread run after its end was seen: they are not strangers.
#[test]
fn a_thread_may_go_on_after_its_end() {
    let (main, child, var) = (Owner::thread(ThreadId(0)), Owner::thread(ThreadId(1)), VarId(0));
    let mut checker = HappensBefore::new(Listing::EveryEvent);
    for (owner, op) in [
        (main, Op::Write { var }),
        (main, Op::Fork { child: child.thread }),
        (child, Op::Write { var: VarId(1) }),
        (child, Op::End),
        (child, Op::Read { var }),
        (main, Op::Joined { child: child.thread }),
        (child, Op::Read { var }),
        (child, Op::Write { var: VarId(1) }),
    ] {
        assert_eq!(checker.observe(1, &Event { owner, site: SiteId(1), op }), []);
    }
    let races = checker.observe(1, &Event { owner: main, site: SiteId(1), op: Op::Read { var: VarId(1) } });
    assert_eq!(races.len(), 1, "nothing orders what it did then before what comes next");
}

/// One looks whether a thread has finished, another one joins it.
#[test]
fn the_end_of_a_thread_is_known_to_each_who_saw_it() {
    let [main, child, watcher] = [0, 1, 2].map(|thread| Owner::thread(ThreadId(thread)));
    let var = VarId(0);
    let after = |joins: &[Owner]| {
        let mut checker = HappensBefore::new(Listing::EveryEvent);
        let mut script = vec![
            (main, Op::Fork { child: child.thread }),
            (main, Op::Fork { child: watcher.thread }),
            (child, Op::Write { var }),
            (child, Op::End),
        ];
        script.extend(joins.iter().map(|&owner| (owner, Op::Joined { child: child.thread })));
        script.push((main, Op::Write { var }));
        script
            .into_iter()
            .map(|(owner, op)| checker.observe(1, &Event { owner, site: SiteId(1), op }).len())
            .sum::<usize>()
    };
    assert_eq!(after(&[watcher, main]), 0);
    assert_eq!(after(&[main, watcher]), 0);
    assert_eq!(after(&[watcher]), 1);
    // No program does it, a trace may say it: each is joined by the other.
    assert_eq!(after(&[child, watcher, child, main, child]), 0);
    let mut checker = HappensBefore::new(Listing::EveryEvent);
    for (owner, of) in [(main, child), (child, main), (main, child), (watcher, main), (watcher, child), (main, child)] {
        checker.observe(1, &Event { owner, site: SiteId(1), op: Op::Joined { child: of.thread } });
    }
}

/// More threads at once than there are components: those beyond are counted, and nothing breaks.
#[test]
fn too_many_threads_are_not_followed() {
    let mut checker = HappensBefore::new(Listing::EveryEvent);
    for thread in 0..=70_000 {
        let event =
            Event { owner: Owner::thread(ThreadId(thread)), site: SiteId(1), op: Op::Read { var: VarId(thread) } };
        assert_eq!(checker.observe(1, &event), []);
    }
    assert_eq!(checker.untracked_threads(), 70_001 - 65_536);
}

/// The generator reaches what it is meant to test: without this the comparison could pass on empty streams.
#[test]
fn random_streams_are_worth_comparing() {
    let mut state: u32 = 7;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let (mut silent, mut racy) = (0, 0);
    for _ in 0..40 {
        let bytes: Vec<u8> = (0..600).map(|_| byte()).collect();
        let events = oracle::Generator::stream(&bytes);
        let races = oracle::compare(&events);
        let accesses = events.iter().filter(|event| matches!(event.op, Op::Read { .. } | Op::Write { .. })).count();
        (silent, racy) = (silent + accesses - races.len(), racy + races.len());
        for event in &events {
            let name = format!("{:?}", event.op);
            *seen.entry(name.split([' ', '{']).next().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(silent > 300 && racy > 300, "{silent} silent, {racy} racy");
    let kinds: Vec<&str> = seen.keys().map(String::as_str).collect();
    #[rustfmt::skip]
    let expected = [
        "Acquired", "AtomicLoad", "AtomicRmw", "AtomicStore", "BarrierArrive", "BarrierLeave", "ChannelMade", "Closed",
        "End", "Fence", "Fork", "Joined", "OnceBegin", "OnceEnd", "OnceSeen", "Parked", "Read", "Received", "Released",
        "SawClosed", "SendRequest", "Sent", "SpeculativeRead", "Unpark", "Write",
    ];
    assert_eq!(kinds, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn races_are_those_of_the_definition(bytes in proptest::collection::vec(any::<u8>(), 0..360)) {
        oracle::check(&bytes);
    }

    /// Streams that no program makes (events missing, order upset) are the reader's to refuse; here they do no harm.
    #[test]
    fn nonsense_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..360), turn in 0..40_usize) {
        let mut events = oracle::Generator::stream(&bytes);
        let middle = turn.min(events.len());
        events.rotate_left(middle);
        events.retain(|event| !event.site.0.is_multiple_of(5));
        events.reverse();
        let mut checker = HappensBefore::new(Listing::EveryEvent);
        for (at, event) in (0..).zip(&events) {
            for race in checker.observe(at, event) {
                prop_assert!(race.earlier.ordinal < at && race.earlier.thread != race.later.thread);
            }
        }
    }

    #[test]
    fn thread_clocks_are_sets_of_accesses(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        clocks::check_threads(&bytes);
    }

    #[test]
    fn vector_clocks_are_maps(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        clocks::check_vectors(&bytes);
    }
}
