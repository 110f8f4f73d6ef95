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

/// Message and operations of the only finding.
fn only(text: &str) -> (String, Vec<String>) {
    let (events, findings) = judge(text);
    assert!(!oracle::compare(&events).serialisable);
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!((finding.kind, finding.tier), (Kind::AtomicityViolation, Tier::Observed));
    let told = |site: &gordian::finding::SiteReport| {
        let held: Vec<&str> = site.held.iter().map(|held| held.lock.as_str()).collect();
        format!("{} {} {}: {} [{}]", site.event.unwrap(), site.owner, site.site, site.role, held.join(" "))
    };
    (finding.message.clone(), finding.sites.iter().map(told).collect())
}

#[test]
fn a_cycle_is_told_with_its_operations() {
    let (message, steps) = only(
        "T0|begin(0)|10\nT0|acq(L)|11\nT0|w(X)|12\nT0|rel(L)|13\nT1|acq(L)|21\nT1|r(X)|22\nT1|w(Y)|23\nT1|rel(L)|24\n\
         T0|acq(L)|14\nT0|r(Y)|15\nT0|rel(L)|16\nT0|end(0)|17\n",
    );
    assert_eq!(message, "the region of `T0` at 10 is not atomic: `T1` reads `X` in between");
    assert_eq!(
        steps,
        [
            "10 T0 15: reads `Y`, in the region at 10 [L]",
            "3 T0 12: writes `X`, in the region at 10 [L]",
            "6 T1 22: reads `X` [L]",
            "7 T1 23: writes `Y` [L]",
        ],
        "data, though the lock closed the cycle first"
    );
}

#[test]
fn a_cycle_of_locks_alone_is_told_by_the_locks() {
    let (message, steps) =
        only("T0|begin|1\nT0|acq(L)|2\nT0|rel(L)|3\nT1|acq(L)|4\nT1|rel(L)|5\nT0|acq(L)|6\nT0|rel(L)|7\n");
    assert_eq!(message, "the region of `T0` at 1 is not atomic: `T1` takes `L` in between");
    assert_eq!(
        steps,
        [
            "6 T0 6: takes `L`, in the region at 1 []",
            "3 T0 3: releases `L`, in the region at 1 []",
            "4 T1 4: takes `L` []",
            "5 T1 5: releases `L` []"
        ]
    );
}

/// A thread that does nothing orders its start before its join all the same.
#[test]
fn a_cycle_through_an_idle_thread() {
    let (message, steps) = only("T0|begin|1\nT0|fork(T2)|2\nT1|join(T2)|3\nT1|w(X)|4\nT0|r(X)|5\nT0|end|6\n");
    assert!(message.starts_with("the region of `T0` at 1 is not atomic"), "{message}");
    assert_eq!(steps.len(), 4, "{steps:?}");
}

#[test]
fn regions_that_overlap_are_blamed_together() {
    let (message, _) = only("T1|begin|1\nT0|begin|2\nT1|w(Y)|3\nT0|w(X)|4\nT1|r(X)|5\nT0|r(Y)|6\nT0|end|7\nT1|end|8\n");
    assert_eq!(
        message,
        "the region of `T0` at 2 and the region of `T1` at 1 overlap: no order, one after the other, explains the run"
    );
}

#[test]
fn an_act_on_a_stale_look_is_one_finding() {
    let (message, steps) = only("T0|begin|1\nT0|r(X)|2\nT1|w(X)|3\nT0|w(X)|4\nT0|end|5\n");
    assert_eq!((message.as_str(), steps.len()), ("`T0` acts on `X` after its look at it became stale", 3));
}

#[test]
fn one_shape_is_told_once() {
    let round = "T0|begin|1\nT0|r(X)|2\nT1|w(X)|3\nT0|r(X)|4\nT0|end|5\n";
    assert_eq!(only(&round.repeat(100)).1.len(), 3);
}

/// What is reached from a region that stays open is remembered, and everything else forgotten, through many passages.
#[test]
fn a_region_that_stays_open_is_found_again_after_many_others() {
    let mut text = "T0|begin|1\nT0|w(X)|2\n".to_owned();
    for passage in 0..5_000 {
        let (thread, var) = (1 + passage % 3, passage % 7);
        text += &format!("T{thread}|begin|3\nT{thread}|r(X)|4\nT{thread}|w(Y{var})|5\nT{thread}|end|6\n");
    }
    let (events, findings) = judge(&text);
    assert_eq!(findings, []);
    assert_eq!(events.len(), 20_002);
    text += "T0|r(Y3)|7\n";
    let (_, findings) = judge(&text);
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!(finding.sites.len(), 4, "the shortest way");
}
