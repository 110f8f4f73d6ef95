//! Serialisability of regions: golden traces, the definition, and what is told of a cycle.

use gordian::engine::{Engine, Judge};
use gordian::event::Event;
use gordian::finding::{Finding, Kind, Tier};
use gordian::trace::TraceReader;

#[path = "../fuzz/oracles/serialisability.rs"]
mod oracle;

/// Events of STD text, and what `--engine atomicity` finds in it.
fn judge(text: &str) -> (Vec<Event>, Vec<Finding>) {
    let mut reader = TraceReader::open(text.as_bytes()).unwrap();
    let events = reader.read_to_end().unwrap();
    let mut engine = Engine::new(&[Judge::Atomicity], false);
    engine.feed(1, &events);
    (events, engine.verdict(reader.names()).findings)
}

/// 150 traces, some of which are not serialisable: right by the graph, by the clocks and by the definition, which the
/// oracle compares, and for the command.
#[test]
fn golden_traces_have_their_verdict() {
    let (mut traces, mut violations) = (0, 0);
    for trace in include_str!("traces/atomicity/golden.txt").split("== ").skip(1) {
        let (head, text) = trace.split_once('\n').unwrap();
        let (name, truth) = head.split_once(' ').unwrap();
        let (events, findings) = judge(text);
        assert_eq!(oracle::compare(&events).serialisable, truth == "serialisable", "{name}");
        let told = findings.iter().any(|finding| finding.kind == Kind::AtomicityViolation);
        assert_eq!(told, truth == "violation", "{name}: {findings:#?}");
        assert!(findings.iter().all(|finding| finding.tier == Tier::Observed), "{name}");
        traces += 1;
        violations += usize::from(told);
    }
    assert_eq!((traces, violations), (150, 27));
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
fn graph_clocks_and_definition_agree() {
    let (mut serialisable, mut cycles, mut longest) = (0, 0, 0);
    for seed in 0..6_000 {
        let outcome = oracle::check(&bytes(seed, 20 + seed as usize % 140));
        serialisable += usize::from(outcome.serialisable);
        cycles += outcome.cycles;
        longest = longest.max(outcome.longest);
    }
    assert!(serialisable > 1_000 && cycles > 2_000 && longest > 3, "{serialisable} {cycles} {longest}");
}
