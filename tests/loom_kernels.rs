//! Kernels of real bugs, in every execution that loom can tell apart, and under the wrappers: a kernel is one source for
//! both. The buggy form fails under loom, the fixed form passes all executions, and the wrappers say so from one run.

#![allow(clippy::print_stdout, reason = "the numbers of executions are what a reader wants to know")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gordian::finding::Kind;

#[allow(clippy::duplicate_mod, reason = "the kernels are there twice: over loom and over the wrappers")]
#[path = "loom_kernels/on_gordian.rs"]
mod on_gordian;
#[allow(clippy::duplicate_mod, reason = "see above")]
#[path = "loom_kernels/on_loom.rs"]
mod on_loom;

/// Set in the process that runs a buggy form. One of its own, because loom panics in whatever thread is running, and a
/// guard that is dropped by that panic may panic again, which aborts.
const BUGGY: &str = "GORDIAN_KERNEL_BUGGY";

/// All executions of a model; returns how many they are.
fn explore(model: fn()) -> usize {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.check(move || {
        let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
        if std::env::var_os(BUGGY).is_some() {
            println!("execution {number}");
        }
        model();
    });
    executions.load(Ordering::Relaxed)
}

/// The buggy form fails with `symptom` in some execution, the fixed forms pass all of theirs.
fn verify(test: &str, buggy: fn(), symptom: &str, fixed: &[fn()]) {
    if std::env::var_os(BUGGY).is_some() {
        explore(buggy);
        return;
    }
    let program = std::env::current_exe().expect("this test is a program");
    let child = Command::new(program).args(["--exact", test, "--nocapture"]).env(BUGGY, "1").output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(!child.status.success(), "{test}: the buggy form passes all executions");
    assert!(said.contains(symptom), "{test}: {said}");
    let failed_in = told.lines().filter(|line| line.contains("execution ")).count();
    assert_ne!(failed_in, 0, "{test}: no execution in {told}");
    for &fixed in fixed {
        let executions = explore(fixed);
        println!("{test}: the buggy form fails in execution {failed_in}, a fixed one passes all {executions}");
        assert!(executions > 1, "{test}: there is nothing to choose");
    }
}

/// Kinds that the wrappers find in one run.
fn kinds(kernel: fn()) -> Vec<Kind> {
    gordian::findings_of(kernel).findings.iter().map(|finding| finding.kind).collect()
}

/// What the wrappers say of the two forms, unless this is the process of a buggy one.
fn judged(buggy: fn(), kind: Kind, fixed: &[fn()]) {
    if std::env::var_os(BUGGY).is_none() {
        let found = kinds(buggy);
        assert!(found.contains(&kind), "{found:?}");
        for &fixed in fixed {
            assert_eq!(kinds(fixed), []);
        }
    }
}

#[test]
fn ab_ba() {
    use on_loom::ab_ba::{buggy, fixed, gated};
    verify("ab_ba", buggy, "deadlock", &[fixed, gated]);
    use on_gordian::ab_ba as watched;
    judged(watched::buggy, Kind::LockOrderCycle, &[watched::fixed, watched::gated]);
}

#[test]
fn relaxed_publication() {
    use on_loom::relaxed_publication::{buggy, fixed};
    verify("relaxed_publication", buggy, "Causality violation", &[fixed]);
    use on_gordian::relaxed_publication as watched;
    judged(watched::buggy, Kind::DataRace, &[watched::fixed]);
}

#[test]
fn lost_update() {
    use on_loom::lost_update::{buggy, fixed};
    verify("lost_update", buggy, "an update is lost", &[fixed]);
    use on_gordian::lost_update as watched;
    judged(watched::buggy, Kind::LostUpdate, &[watched::fixed]);
}

#[test]
fn lost_wakeup() {
    use on_loom::lost_wakeup::{buggy, fixed};
    verify("lost_wakeup", buggy, "deadlock", &[fixed]);
    use on_gordian::lost_wakeup as watched;
    judged(watched::buggy, Kind::LostWakeup, &[watched::fixed]);
}

#[test]
fn wait_with_lock() {
    use on_loom::wait_with_lock::{buggy, fixed};
    verify("wait_with_lock", buggy, "deadlock", &[fixed]);
    use on_gordian::wait_with_lock as watched;
    judged(watched::buggy, Kind::WaitCycle, &[watched::fixed]);
}
